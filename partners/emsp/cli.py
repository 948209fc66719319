"""`ocpi-node emsp`: run an eMSP, and be its driver or its operator from another terminal."""

import asyncio
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer
from pydantic import ValidationError

from hub.ocpi.validation import refusal
from partners.emsp import screens
from partners.emsp.app import EmspNode
from partners.emsp.settings import ADMIN_PORT, emsp_settings
from partners.remote import Json, Key, Node, RemoteNode, console, give_up, show
from partners.serving import serve as serve_until_stopped
from partners.settings import SettingsWrong
from partners.tables import fields
from schemas.findings import findings

DEFAULT_NODE = f"http://127.0.0.1:{ADMIN_PORT}"
EXAMPLE = """\
[node]
party = "NL/EMA"
name = "Example eMSP"
# The key of the node's own API, which the commands of `ocpi-node emsp` show.
admin_key = "change-me"
# Where it listens; behind a proxy, public_url is how the hub reaches it.
port = 8020
admin_port = 8021
# public_url = "https://emsp.example"
database = "emsp.sqlite"

# The hub that it registers at; or use `ocpi-node emsp register`.
# [hub]
# versions_url = "https://hub.example/ocpi/versions"
# token = "the token A that the hub gave us"

[[tokens]]
uid = "04A1B2C3D4E5F6"
visual_number = "EMA-0001"

[[tokens]]
uid = "app-0001"
type = "APP_USER"
"""

app = typer.Typer(no_args_is_help=True, help="A reference eMSP: serve drivers, charge at others' chargers.")

Owner = Annotated[
    str | None, typer.Option("--owner", help="The CPO, as NL/CPO, where several have such an id.")
]


@app.command()
def example() -> None:
    """Print a configuration to start from: ocpi-node emsp example > emsp.toml."""
    typer.echo(EXAMPLE, nl=False)


@app.command()
def serve(config: Annotated[Path, typer.Argument(help="The TOML file with the node's settings.")]) -> None:
    """Run the eMSP until it is stopped."""
    try:
        node = EmspNode(emsp_settings(config))
    except SettingsWrong as error:
        give_up(str(error))

    def said() -> None:
        console().print(f"OCPI      {node.versions_url}")
        console().print(f"Commands  ocpi-node emsp locations --node {node.admin_url} --key {node.admin_key}")

    try:
        asyncio.run(serve_until_stopped(node, node.keep_in_step, said))
    except OSError as error:
        give_up(f"cannot listen: {error}")
    except ValidationError as error:
        give_up(f"{config}: [[tokens]]: {refusal(findings(error)).message}")


@app.command()
def locations(
    token: Annotated[str | None, typer.Option(help="Show what the owner of this token may see, too.")] = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,  # noqa: FBT002 typer options are given by name
) -> None:
    """Where one can charge, and at what price."""
    query = "" if token is None else "?" + urlencode({"token": token})
    show(_ask(node, key, "GET", "/locations" + query), as_json=as_json, table=screens.locations)


@app.command()
def start(
    token: Annotated[str, typer.Argument(help="One of our tokens.")],
    location: Annotated[str, typer.Argument(help="The location's id.")],
    evse: Annotated[str | None, typer.Argument(help="The EVSE's uid.")] = None,
    connector: Annotated[str | None, typer.Argument(help="The connector's id.")] = None,
    owner: Owner = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,  # noqa: FBT002 typer options are given by name
) -> None:
    """Start charging. Exit status 1 if the charger does not."""
    value = _given(token=token, location=location, evse=evse, connector=connector, owner=owner)
    _command(_ask(node, key, "POST", "/sessions", value), as_json=as_json)


@app.command()
def stop(
    session: Annotated[str, typer.Argument(help="The session's id, as `sessions` shows it.")],
    owner: Owner = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,  # noqa: FBT002 typer options are given by name
) -> None:
    """Stop charging. Exit status 1 if the charger does not."""
    path = f"/sessions/{quote(session, safe='')}"
    _command(_ask(node, key, "DELETE", path, _given(owner=owner)), as_json=as_json)


@app.command()
def reserve(
    token: Annotated[str, typer.Argument(help="One of our tokens.")],
    location: Annotated[str, typer.Argument(help="The location's id.")],
    until: Annotated[str, typer.Argument(help="Until when, as 2026-01-31T12:00:00Z.")],
    evse: Annotated[str | None, typer.Argument(help="The EVSE's uid.")] = None,
    owner: Owner = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,  # noqa: FBT002 typer options are given by name
) -> None:
    """Have an EVSE kept free. Exit status 1 if it is not."""
    value = _given(token=token, location=location, until=until, evse=evse, owner=owner)
    _command(_ask(node, key, "POST", "/reservations", value), as_json=as_json)


@app.command()
def cancel(
    reservation: Annotated[str, typer.Argument(help="The reservation's id, as `reserve` printed it.")],
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,  # noqa: FBT002 typer options are given by name
) -> None:
    """Give a reservation up."""
    path = f"/reservations/{quote(reservation, safe='')}"
    _command(_ask(node, key, "DELETE", path), as_json=as_json)


@app.command()
def unlock(
    location: Annotated[str, typer.Argument(help="The location's id.")],
    evse: Annotated[str, typer.Argument(help="The EVSE's uid.")],
    connector: Annotated[str, typer.Argument(help="The connector's id.")],
    owner: Owner = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,  # noqa: FBT002 typer options are given by name
) -> None:
    """Release a cable that is stuck: for the help desk."""
    value = _given(location=location, evse=evse, connector=connector, owner=owner)
    _command(_ask(node, key, "POST", "/unlock", value), as_json=as_json)


@app.command()
def sessions(
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,  # noqa: FBT002 typer options are given by name
) -> None:
    """The sessions of our drivers."""
    show(_ask(node, key, "GET", "/sessions"), as_json=as_json, table=screens.sessions)


@app.command()
def bills(
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,  # noqa: FBT002 typer options are given by name
) -> None:
    """A bill for each CDR: lines, VAT, total, and whether our own reckoning agrees."""
    show(_ask(node, key, "GET", "/bills"), as_json=as_json, table=screens.bills)


@app.command()
def tokens(
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,  # noqa: FBT002 typer options are given by name
) -> None:
    """The tokens that we have issued."""
    show(_ask(node, key, "GET", "/tokens"), as_json=as_json, table=screens.tokens)


@app.command()
def issue(
    uid: Annotated[str, typer.Argument(help="The token's uid.")],
    kind: Annotated[str, typer.Option("--type", help="RFID, APP_USER, AD_HOC_USER or OTHER.")] = "RFID",
    whitelist: Annotated[str | None, typer.Option(help="ALWAYS, ALLOWED, ALLOWED_OFFLINE or NEVER.")] = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,  # noqa: FBT002 typer options are given by name
) -> None:
    """Issue a token, and tell all CPOs."""
    value = {"uid": uid, "type": kind, **_given(whitelist=whitelist)}
    show([_ask(node, key, "POST", "/tokens", value)], as_json=as_json, table=screens.tokens)


@app.command()
def block(
    uid: Annotated[str, typer.Argument(help="The token's uid.")],
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,  # noqa: FBT002 typer options are given by name
) -> None:
    """Take a token out of use, and tell all CPOs."""
    answer = _ask(node, key, "DELETE", f"/tokens/{quote(uid, safe='')}")
    show([answer], as_json=as_json, table=screens.tokens)


@app.command()
def pull(
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,  # noqa: FBT002 typer options are given by name
) -> None:
    """Read all tariffs and locations anew."""
    show(_ask(node, key, "POST", "/pull"), as_json=as_json, table=fields)


@app.command()
def register(
    versions_url: Annotated[str, typer.Argument(help="The hub's versions URL.")],
    token: Annotated[str, typer.Option(prompt="Token A", hide_input=True, help="The token A it gave us.")],
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,  # noqa: FBT002 typer options are given by name
) -> None:
    """Register at a hub."""
    value = {"versions_url": versions_url, "token": token}
    show(_ask(node, key, "POST", "/register", value), as_json=as_json, table=fields)


@app.command()
def invite(
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,  # noqa: FBT002 typer options are given by name
) -> None:
    """Make a token A with which a hub may register with us."""
    show(_ask(node, key, "POST", "/invitation"), as_json=as_json, table=fields)


@app.command()
def state(
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,  # noqa: FBT002 typer options are given by name
) -> None:
    """Who the node is, and with whom it is registered."""
    show(_ask(node, key, "GET", "/state"), as_json=as_json, table=fields)


def _ask(node: str, key: str, method: str, path: str, value: dict[str, Any] | None = None) -> Any:
    return RemoteNode(node, key).ask(method, path, value)


def _command(answer: dict[str, Any], *, as_json: bool) -> None:
    show(answer, as_json=as_json, table=screens.command)
    if not answer["accepted"]:
        raise typer.Exit(1)


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
