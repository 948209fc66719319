"""`ocpi-hub objects`: what the hub keeps of what its partners sent."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from hub.cli.asking import Asking, asks_hub
from hub.cli.words import say, say_json, table


@asks_hub
def objects(
    ask: Asking,
    module: Annotated[
        str, typer.Argument(help="locations, sessions, cdrs, tariffs, tokens or hubclientinfo.")
    ],
    object_id: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="Show the object with this id, whole; needs --party."),
    ] = None,
    *,
    party: Annotated[str | None, typer.Option(help="Only objects of this owner, such as NL/TNM.")] = None,
    variant: Annotated[
        str | None, typer.Option(help="With an id: the type of a token; by default RFID.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Last updated then or later: 2026-01-31T12:00:00Z, or 15m, 2h, 7d ago.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Last updated before.")] = None,
    offset: Annotated[int, typer.Option(min=0, help="Leave out so many.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Objects at most.")] = 50,
) -> None:
    """List the objects of a module that the hub keeps, or show one.

    For example:

        ocpi-hub objects locations --party NL/TNM --since 1h

        ocpi-hub objects tokens 04A1B2C3 --party DE/ABC
    """
    if object_id is not None:
        if party is None:
            raise typer.BadParameter("an id needs the party that owns the object", param_hint="--party")
        one = {"party": party, "id": object_id, "variant": variant}
        found = ask.hub.get(f"/objects/{_quoted(module)}/one", one)
        ask.answer(found, lambda answer: say_json(answer["object"]))
        return
    wanted = {"party": party, "since": since, "until": until, "offset": offset, "limit": limit}
    ask.answer(ask.hub.get(f"/objects/{_quoted(module)}", wanted), _list)


def _list(answer: Mapping[str, Any]) -> None:
    table(
        ("party", "id", "what", "last updated"),
        (
            (
                f"{each.get('country_code', '?')}/{each.get('party_id', '?')}",
                _id(each),
                _what(each),
                each.get("last_updated"),
            )
            for each in answer["objects"]
        ),
    )
    say(f"{len(answer['objects'])} of {answer['total']}")


def _id(thing: Mapping[str, Any]) -> Any:
    return thing.get("id", thing.get("uid", thing.get("role")))


def _what(thing: Mapping[str, Any]) -> Any:
    """What tells most about an object in a word or two."""
    for name in ("status", "name", "type", "currency"):
        if isinstance(thing.get(name), str):
            return thing[name]
    return None


def _quoted(module: str) -> str:
    return quote(module, safe="")
