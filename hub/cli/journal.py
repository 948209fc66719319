"""`ocpi-hub journal` and `ocpi-hub trace`: what happened, leg by leg."""

import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.text import Text

from hub.cli.asking import Asking, asks_hub
from hub.cli.words import plain, say, shown, write_json

#: Seconds between two looks at the journal of `--follow`.
LOOK_EVERY = 0.5
_HTTP_ERROR = 400
_OCPI_SUCCESS = range(1000, 2000)


class DirectionChoice(StrEnum):
    """Which way a request went."""

    IN = "in"
    OUT = "out"


@asks_hub
def journal(
    ask: Asking,
    *,
    platform: Annotated[
        str | None, typer.Option("--partner", "--platform", help="Legs to or from this partner.")
    ] = None,
    module: Annotated[str | None, typer.Option(help="locations, sessions, commands, …")] = None,
    party: Annotated[str | None, typer.Option(help="Sent by or to this party, such as NL/TNM.")] = None,
    correlation_id: Annotated[str | None, typer.Option(help="Legs of this exchange.")] = None,
    direction: Annotated[
        DirectionChoice | None, typer.Option(help="in: the hub was called; out: it called.")
    ] = None,
    outcome: Annotated[
        str | None, typer.Option(help="ok, failed, an HTTP status (404, 5xx) or an OCPI code (2001, 2xxx).")
    ] = None,
    since: Annotated[str | None, typer.Option(help="2026-01-31T12:00:00Z, or 90s, 15m, 2h, 7d ago.")] = None,
    until: Annotated[str | None, typer.Option(help="The same, for the end.")] = None,
    text: Annotated[str | None, typer.Option(help="Stands in URL, note or bodies.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Legs at most.")] = 50,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what happens, until Ctrl-C.")
    ] = False,
) -> None:
    """Show what the hub received and sent, newest first.

    Each line is one leg: when, how long, whom it came from (←) or went to (→),
    what was asked, HTTP status and OCPI code of the answer, sender and
    receiver party, correlation id.

    For example:

        ocpi-hub journal --outcome failed --since 15m

        ocpi-hub journal --party DE/ABC --module sessions

        ocpi-hub journal --follow --json | jq .url
    """
    wanted = {
        "platform": platform,
        "module": module,
        "party": party,
        "correlation_id": correlation_id,
        "direction": direction,
        "outcome": outcome,
        "since": since,
        "until": until,
        "text": text,
    }
    found = ask.hub.get("/journal", {**wanted, "limit": limit})
    if not follow:
        ask.answer(found, lambda answer: _lines(answer["legs"]))
        return
    _tell(ask, found["legs"][::-1])
    while True:
        time.sleep(LOOK_EVERY)
        found = ask.hub.get("/journal", {**wanted, "after": found["next_after"], "limit": 1000})
        _tell(ask, found["legs"])


@asks_hub
def trace(
    ask: Asking,
    correlation_id: Annotated[str, typer.Argument(help="As it stands in journal, log or X-Correlation-ID.")],
    *,
    bodies: Annotated[bool, typer.Option("--bodies", help="Show what was sent, too.")] = False,
) -> None:
    """Show every leg of one exchange, in order: who, to whom, what, how it ended.

    For example:

        ocpi-hub trace 5f0c9d1e-7c1b-4d5e-9a53-6f0f2d3c9b1a --bodies
    """
    found = ask.hub.get("/trace", {"correlation_id": correlation_id, "bodies": str(bodies).lower()})
    ask.answer(found, lambda answer: _story(answer["legs"]))


def _tell(ask: Asking, legs: list[Mapping[str, Any]]) -> None:
    for leg in legs:
        if ask.as_json:
            write_json(leg)
        else:
            _line(leg)


def _lines(legs: list[Mapping[str, Any]]) -> None:
    for leg in legs:
        _line(leg)
    if not legs:
        say("The journal has nothing like that.")


def _line(leg: Mapping[str, Any]) -> None:
    say(
        Text(f"{leg['at']}  {leg['milliseconds']:>5} ms  ", style="dim"),
        f"{'←' if leg['direction'] == 'in' else '→'} {leg['platform'] or '?'}  ",
        f"{leg['method']} {leg['url']}  ",
        _ending(leg),
        f"  {_parties(leg)}" if _parties(leg) else "",
        Text(f"  {plain(leg['correlation_id'])}", style="dim"),
        f"  {leg['note']}" if leg["note"] else "",
    )


def _story(legs: list[Mapping[str, Any]]) -> None:
    for number, leg in enumerate(legs, start=1):
        partner = leg["platform"] or "?"
        way = f"{partner} → hub" if leg["direction"] == "in" else f"hub → {partner}"
        say(
            Text(f"{number:>2}  ", style="bold"),
            Text(f"{leg['at']}  ", style="dim"),
            Text(plain(way), style="bold"),
            f"  ({leg['purpose']}{', ' + _parties(leg) if _parties(leg) else ''})",
        )
        say(f"    {leg['method']} {leg['url']}")
        say("    ", _ending(leg), f"  {leg['milliseconds']} ms")
        for name, style in (("note", "yellow"), ("request_body", ""), ("reply_body", "")):
            if leg.get(name):
                label = "" if name == "note" else f"{name.removesuffix('_body')}: "
                say("    ", label, shown(leg[name], style))


def _ending(leg: Mapping[str, Any]) -> Text:
    http, ocpi = leg["http_status"], leg["status_code"]
    if http is None:
        return Text("no answer", style="bold red")
    is_well = http < _HTTP_ERROR and (ocpi is None or ocpi in _OCPI_SUCCESS)
    text = f"HTTP {http}" if ocpi is None else f"HTTP {http} OCPI {ocpi}"
    return Text(text, style="green" if is_well else "red")


def _parties(leg: Mapping[str, Any]) -> str:
    if leg["from_party"] is None and leg["to_party"] is None:
        return ""
    return f"{leg['from_party'] or '?'} → {leg['to_party'] or '?'}"
