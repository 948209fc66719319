"""`ocpi-hub partner …`: who is connected, and who may."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.text import Text

from hub.cli.asking import Asking, asks_hub
from hub.cli.deliveries import progress
from hub.cli.words import pairs, plain, say, shown, table
from hub.directory.directory import BadBodies, HubRole, Pull, WhenUnreachable

app = typer.Typer(help="Invite, register, look at and suspend partners.", no_args_is_help=True)

_WEIGHTS = {"error": "red", "warning": "yellow", "note": "cyan"}
_STYLES = {"CONNECTED": "green", "PLANNED": "cyan", "OFFLINE": "yellow", "SUSPENDED": "red"}

HubOption = Annotated[
    bool,
    typer.Option("--hub", help="It may be another hub, which speaks for parties that do not register here."),
]
NameArgument = Annotated[str, typer.Argument(help="The partner's name, as `partner list` shows it.")]


@app.command()
@asks_hub
def invite(
    ask: Asking,
    name: Annotated[str, typer.Argument(help="What you call the partner; any name that is not taken.")],
    *,
    again: Annotated[
        bool, typer.Option("--again", help="For a known partner that lost its tokens: they stop working.")
    ] = False,
    hub: HubOption = False,
) -> None:
    """Make a token A for a partner that will register here.

    The partner begins the handshake. (To begin it yourself: `partner register`.)

    For example:

        ocpi-hub partner invite acme
    """
    if again and hub:
        raise typer.BadParameter("of a known partner it is set with: partner set NAME --hub allowed")
    path = f"/platforms/{_quoted(name)}/invite" if again else "/platforms"
    found = ask.hub.post(path, None if again else {"name": name, "hub_role": _hub_role(hub)})
    ask.answer(found, _invitation)


@app.command()
@asks_hub
def register(
    ask: Asking,
    name: Annotated[str, typer.Argument(help="What you call the partner; any name that is not taken.")],
    *,
    versions_url: Annotated[str, typer.Option(metavar="URL", help="The partner's versions URL.")],
    token: Annotated[
        str,
        typer.Option(
            metavar="TOKEN_A", help="The token A that the partner gave you.", envvar="OCPI_HUB_TOKEN_A"
        ),
    ],
    raw_token: Annotated[
        bool, typer.Option("--raw-token", help="The partner wants tokens as they are, without Base64.")
    ] = False,
    hub: HubOption = False,
) -> None:
    r"""Register the hub at a partner that gave you a token A.

    The hub begins the handshake. (To let the partner begin: `partner invite`.)

    For example:

        ocpi-hub partner register acme \
            --versions-url https://acme.example/ocpi/versions --token TOKEN_A
    """
    body = {
        "name": name,
        "versions_url": versions_url,
        "token": token,
        "token_encoding": "raw" if raw_token else "base64",
        "hub_role": _hub_role(hub),
    }
    found = ask.hub.post("/platforms/register", body)
    ask.answer(found, lambda platform: say(f"{platform['name']} is registered: {_roles(platform)}"))


@app.command()
@asks_hub
def rotate(
    ask: Asking,
    name: NameArgument,
    *,
    revoke_old: Annotated[
        bool, typer.Option("--revoke-old", help="The old tokens may have leaked: they stop working at once.")
    ] = False,
) -> None:
    """Exchange new tokens with a registered partner, and read its endpoints anew.

    The tokens before work on until the partner has shown its new one, so that
    a lost answer locks nobody out.

    For example:

        ocpi-hub partner rotate acme
    """
    body = {"revoke_old": True} if revoke_old else None
    found = ask.hub.post(f"/platforms/{_quoted(name)}/rotate", body)
    ask.answer(found, lambda platform: say(f"{platform['name']} has new tokens: {_roles(platform)}"))


@app.command()
@asks_hub
def tokens(ask: Asking, name: NameArgument) -> None:
    """Show which tokens work between the hub and a partner, without the tokens themselves.

    For example:

        ocpi-hub partner tokens acme
    """
    ask.answer(ask.hub.get(f"/platforms/{_quoted(name)}/tokens"), _tokens)


@app.command()
@asks_hub
def unregister(ask: Asking, name: NameArgument) -> None:
    """End the registration at a partner and here, and keep what is known of it.

    For example:

        ocpi-hub partner unregister acme
    """
    found = ask.hub.post(f"/platforms/{_quoted(name)}/unregister")
    ask.answer(found, lambda platform: say(f"The registration with {platform['name']} has ended."))


@app.command("list")
@asks_hub
def list_partners(ask: Asking) -> None:
    """List the partners: status, version, parties, changes waiting and refused.

    For example:

        ocpi-hub partner list --json | jq '.platforms[] | select(.status != "CONNECTED")'
    """
    ask.answer(ask.hub.get("/platforms"), _list)


@app.command()
@asks_hub
def show(ask: Asking, name: NameArgument) -> None:
    """Show what the hub knows of a partner: parties, endpoints, token encoding, deliveries.

    For example:

        ocpi-hub partner show acme
    """
    ask.answer(ask.hub.get(f"/platforms/{_quoted(name)}"), _platform)


@app.command()
@asks_hub
def suspend(ask: Asking, name: NameArgument) -> None:
    """Let nothing through to or from a partner, until `partner resume`.

    The other partners are told (HubClientInfo).

    For example:

        ocpi-hub partner suspend acme
    """
    found = ask.hub.post(f"/platforms/{_quoted(name)}/suspend")
    ask.answer(found, lambda platform: say(f"{platform['name']} is suspended."))


@app.command()
@asks_hub
def resume(ask: Asking, name: NameArgument) -> None:
    """Undo `suspend`.

    For example:

        ocpi-hub partner resume acme
    """
    found = ask.hub.post(f"/platforms/{_quoted(name)}/resume")
    ask.answer(found, lambda platform: say(f"{platform['name']} is {platform['status']} again."))


@app.command("set")
@asks_hub
def arrange(
    ask: Asking,
    name: NameArgument,
    *,
    when_unreachable: Annotated[
        WhenUnreachable | None,
        typer.Option(help="While it is away: `state` keeps it the newest states, `none` keeps it nothing."),
    ] = None,
    bad_bodies: Annotated[
        BadBodies | None,
        typer.Option(help="Bodies for it that break the schema: `relay` them, or `refuse` them with 2001."),
    ] = None,
    pull: Annotated[
        Pull | None,
        typer.Option(
            help="Read its lists: `auto` (at connecting; later if it does not push), `always`, `never`."
        ),
    ] = None,
    rate_limit: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=1_000_000,
            help="Requests a second that it may send of each module; 0 for the hub's limit.",
        ),
    ] = None,
    hub: Annotated[
        HubRole | None,
        typer.Option(help="Whether it may be another hub, which speaks for parties that are not here."),
    ] = None,
    quirk: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Pin a quirk, whatever is observed, or let it be found out: NAME=auto. May be repeated.",
        ),
    ] = None,
) -> None:
    """Set how a partner is dealt with; what you do not give stays as it is.

    For example:

        ocpi-hub partner set acme --when-unreachable none --bad-bodies refuse
        ocpi-hub partner set acme --quirk patch=no --quirk token=auto
    """
    given = {
        "when_unreachable": when_unreachable,
        "bad_bodies": bad_bodies,
        "pull": pull,
        "rate_limit": rate_limit,
        "hub_role": hub,
    }
    body: dict[str, Any] = {field: value for field, value in given.items() if value is not None}
    if quirk:
        body["quirks"] = dict(map(_named_value, quirk))
    if not body:
        raise typer.BadParameter("say what shall be set, such as --pull always; see --help")
    ask.answer(ask.hub.patch(f"/platforms/{_quoted(name)}", body), _platform)


@app.command()
@asks_hub
def remove(
    ask: Asking,
    name: NameArgument,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Forget a partner.

    Its tokens stop working, its parties may be registered by others.

    For example:

        ocpi-hub partner remove acme --yes
    """
    if not yes:
        typer.confirm(f"Remove {name}? Its tokens stop working at once.", abort=True, err=True)
    found = ask.hub.delete(f"/platforms/{_quoted(name)}")
    ask.answer(found, lambda removed: say(f"{removed['name']} is removed."))


@app.command()
@asks_hub
def check(ask: Asking, name: NameArgument) -> None:
    """Look at a registered partner now, and list what is wrong with it.

    Its versions, version details and credentials are read, with its token and
    without. Nothing there is changed. The exit code is 1 when there are errors.

    For example:

        ocpi-hub partner check acme
    """
    found = ask.hub.post(f"/platforms/{_quoted(name)}/check")
    ask.answer(found, _check)
    if found["has_errors"]:
        raise typer.Exit(1)


def _invitation(invitation: Mapping[str, Any]) -> None:
    pairs(
        {
            "partner": invitation["name"],
            "versions URL": invitation["versions_url"],
            "token A": invitation["token"],
        }
    )
    say(
        "Hand both to the partner in a safe way. The token is shown only now, and works for one registration."
    )


def _list(answer: Mapping[str, Any]) -> None:
    rows = (
        (
            platform["name"],
            _status(platform),
            platform["version"],
            _roles(platform),
            max((each["waiting"] for each in platform["deliveries"]), default=0),
            sum(each["dead_letters"] for each in platform["deliveries"]),
        )
        for platform in answer["platforms"]
    )
    table(("partner", "status", "version", "parties", "waiting", "refused"), rows)
    if not answer["platforms"]:
        say("Nobody is connected yet: ocpi-hub partner invite NAME")


def _platform(platform: Mapping[str, Any]) -> None:
    pairs(
        {
            "partner": platform["name"],
            "status": platform["status"] + (" by an operator" if platform["is_suspended"] else ""),
            "version": platform["version"],
            "versions URL": platform["versions_url"],
            "token encoding": platform["token_encoding"],
            "when unreachable": platform["when_unreachable"],
            "bad bodies": platform["bad_bodies"],
            "pulling": platform["pull"],
            "rate limit": f"{platform['traffic']['rate_limit']} requests a second of each module",
            "circuit": _circuit(platform["traffic"]),
            "role HUB": platform["hub_role"],
            "pushes": platform["pushes"],
        }
    )
    table(
        ("role", "party", "business"),
        ((each["role"], each["party"], each["business_details"].get("name")) for each in platform["roles"]),
    )
    table(
        ("module", "interface", "URL"),
        ((each["module"], each["interface"], each["url"]) for each in platform["endpoints"]),
    )
    progress(platform["deliveries"])
    _quirks(platform)


def _quirks(platform: Mapping[str, Any]) -> None:
    rows = (
        (
            f"{each['name']} {each['about']}".rstrip(),
            each["value"],
            each["source"],
            each["count"],
            each["last_seen"],
            each["done"],
            each["correlation_id"],
        )
        for each in platform["quirks"]
    )
    table(("quirk", "value", "known", "seen", "last", "what the hub does", "correlation id"), rows)
    if not platform["quirks"]:
        say("No quirks are known.")


def _named_value(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise typer.BadParameter(f"expected NAME=VALUE, got {text!r}", param_hint="--quirk")
    return name, value


def _tokens(found: Mapping[str, Any]) -> None:
    rows = (
        (f"the {each['shown_by']}", each["fingerprint"], each["since"], each["state"])
        for each in found["tokens"]
    )
    table(("shown by", "fingerprint", "since", "state"), rows)
    if not found["tokens"]:
        say(f"There are no tokens: {found['name']} is not registered.")
    if any(each["is_due"] for each in found["tokens"]):
        say(f"More than a month old: ocpi-hub partner rotate {found['name']}")


def _check(found: Mapping[str, Any]) -> None:
    for each in found["findings"]:
        say(
            Text(f"{each['weight']:<8}", style=_WEIGHTS.get(each["weight"], "")),
            f"{each['subject']}: {each['message']}",
            Text(f"  ({plain(each['chapter'])})", style="dim"),
        )
    if not found["findings"]:
        say(f"{found['name']} answers, and nothing is wrong.")
    say(Text(f"Each call: ocpi-hub trace {found['correlation_id']}", style="dim"))


def _status(platform: Mapping[str, Any]) -> Text:
    return shown(platform["status"], _STYLES.get(platform["status"], ""))


def _circuit(traffic: Mapping[str, Any]) -> str:
    until = traffic["circuit_open_until"]
    peace = [f"wants fewer {each['module']} until {each['until']}" for each in traffic["peace"]]
    return "; ".join([traffic["circuit"] + (f" until {until}" if until else ""), *peace])


def _roles(platform: Mapping[str, Any]) -> str:
    return ", ".join(f"{each['party']} {each['role']}" for each in platform["roles"])


def _hub_role(hub: bool) -> HubRole:  # noqa: FBT001 the shape that typer gives
    return HubRole.ALLOWED if hub else HubRole.REFUSED


def _quoted(name: str) -> str:
    return quote(name, safe="")
