"""`ocpi-hub agreement …`: who may exchange what with whom."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.text import Text

from hub.cli.asking import Asking, asks_hub
from hub.cli.words import pairs, say, shown, table
from hub.directory.agreements import AgreementState, CdrTreatment

app = typer.Typer(
    help="Sign, look at and end agreements between parties (for `serve --policy agreements`).",
    no_args_is_help=True,
)

_STYLES = {"in-force": "green", "planned": "cyan", "over": "yellow", "ended": "yellow"}

IdArgument = Annotated[int, typer.Argument(metavar="ID", min=0, help="As `agreement list` shows it.")]
PartyArgument = Annotated[str, typer.Argument(metavar="PARTY", help="Such as NL/TNM; '*' is anybody.")]


@app.command()
@asks_hub
def add(
    ask: Asking,
    party: PartyArgument,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The other party; '*' is anybody.")],
    *,
    modules: Annotated[
        str | None,
        typer.Option(metavar="MODULES", help="Such as locations,tariffs; all if left out."),
    ] = None,
    begins: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="MOMENT", help="2027-01-01T00:00:00Z, or 2027-01-01; now if left out."
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="MOMENT", help="The moment it ends; never if left out.")
    ] = None,
    cdrs: Annotated[
        CdrTreatment, typer.Option(help="What becomes of a CDR with a bad verdict (docs/cdr-verdicts.md).")
    ] = CdrTreatment.RECORD,
) -> None:
    """Sign an agreement: two parties may exchange messages, whoever begins.

    Each is told of the other (HubClientInfo), and of the locations, tariffs or
    tokens that the hub has of the other.

    For example:

        ocpi-hub agreement add NL/TNM BE/BEC

        ocpi-hub agreement add NL/TNM '*' --modules locations,tariffs --until 2027-01-01

        ocpi-hub agreement add NL/TNM DE/ABC --cdrs hold
    """
    body = {
        "parties": [party, other],
        "modules": [each.strip() for each in (modules or "").split(",") if each.strip()],
        "from": begins,
        "until": until,
        "cdrs": cdrs,
    }
    ask.answer(ask.hub.post("/agreements", body), _signed)


@app.command("list")
@asks_hub
def list_agreements(
    ask: Asking,
    *,
    party: Annotated[str | None, typer.Option(help="Only those that name this party.")] = None,
    state: Annotated[AgreementState | None, typer.Option(help="Only those that stand so.")] = None,
) -> None:
    """List the agreements, also those that are over.

    For example:

        ocpi-hub agreement list --party NL/TNM --state in-force
    """
    ask.answer(ask.hub.get("/agreements", {"party": party, "state": state}), _list)


@app.command()
@asks_hub
def show(ask: Asking, number: IdArgument) -> None:
    """Show an agreement.

    For example:

        ocpi-hub agreement show 7
    """
    ask.answer(ask.hub.get(f"/agreements/{number}"), _one)


@app.command()
@asks_hub
def end(ask: Asking, number: IdArgument) -> None:
    """End an agreement now.

    If no other agreement covers the two, each is told that the other is PLANNED
    (HubClientInfo), and tariffs are taken back.

    For example:

        ocpi-hub agreement end 7
    """
    ask.answer(
        ask.hub.post(f"/agreements/{number}/end"), lambda ended: say(f"Agreement {ended['id']} has ended.")
    )


def _signed(agreement: Mapping[str, Any]) -> None:
    state = agreement["state"].replace("-", " ")
    say(f"Agreement {agreement['id']} is {state}: {_between(agreement)}, {_about(agreement)}.")
    for party in agreement["unknown_parties"]:
        say(Text(f"No partner has registered {party} yet.", style="yellow"))
    _warn_if_open(agreement)


def _list(answer: Mapping[str, Any]) -> None:
    table(
        ("id", "between", "about", "state", "from", "until"),
        (
            (
                each["id"],
                _between(each),
                _about(each),
                shown(each["state"], _STYLES.get(each["state"], "")),
                each["from"] or each["signed_at"],
                each["ended_at"] or each["until"],
            )
            for each in answer["agreements"]
        ),
    )
    if not answer["agreements"]:
        say("There is no such agreement.")
    _warn_if_open(answer)


def _one(agreement: Mapping[str, Any]) -> None:
    pairs(
        {
            "agreement": agreement["id"],
            "between": _between(agreement),
            "about": _about(agreement),
            "state": agreement["state"],
            "from": agreement["from"] or agreement["signed_at"],
            "until": agreement["until"],
            "bad CDRs": agreement["cdrs"],
            "signed at": agreement["signed_at"],
            "ended at": agreement["ended_at"],
            "not registered": ", ".join(agreement["unknown_parties"]),
        }
    )
    _warn_if_open(agreement)


def _between(agreement: Mapping[str, Any]) -> str:
    return " and ".join(agreement["parties"])


def _about(agreement: Mapping[str, Any]) -> str:
    return ", ".join(agreement["modules"]) or "all modules"


def _warn_if_open(answer: Mapping[str, Any]) -> None:
    if answer["policy"] == "open":
        say(
            Text(
                "This hub is open: agreements mean nothing to it. See serve --policy agreements.",
                style="yellow",
            )
        )
