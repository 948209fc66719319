"""Quirks as the administration API shows them: what, how it is known, and what the hub does about it."""

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import AfterValidator

from hub.admin.wire import Output
from hub.directory.quirks import QUIRKS, Known, Place, Quirk, Quirks, Source
from hub.ocpi.timestamps import format_timestamp
from hub.store.tables import QuirkRow

#: How an operator says that a quirk is to be found out.
AUTO = "auto"


class QuirkShown(Output):
    """Where a platform does otherwise than OCPI says, or what an operator has pinned."""

    name: str
    #: Empty for the whole platform, else such as `locations RECEIVER`.
    about: str
    value: str
    #: What OCPI wants.
    usual: str
    #: `observed` or `pinned`.
    source: str
    #: None for a moment, when it has just ended.
    first_seen: str | None
    last_seen: str | None
    count: int
    #: Of an exchange in which it was seen: `ocpi-hub trace` shows it.
    correlation_id: str | None
    #: What is done about it.
    done: str


def quirks_shown(quirks: Quirks, rows: Iterable[QuirkRow]) -> list[QuirkShown]:
    """The quirks in force; what is as OCPI wants it is none, unless it is pinned."""
    by_place = {(row.name, row.about): row for row in rows}
    return [
        _shown(place, known, by_place.get(place))
        for place, known in sorted(quirks.known.items())
        if known.source is Source.PINNED or known.value != QUIRKS[place[0]].usual
    ]


def _shown(place: Place, known: Known, row: QuirkRow | None) -> QuirkShown:
    quirk, about = place
    return QuirkShown(
        name=quirk,
        about=about,
        value=known.value,
        usual=QUIRKS[quirk].usual,
        source=known.source,
        first_seen=None if row is None else format_timestamp(row.first_seen),
        last_seen=None if row is None else format_timestamp(row.last_seen),
        count=0 if row is None else row.count,
        correlation_id=None if row is None else row.correlation_id,
        done=QUIRKS[quirk].done,
    )


def _known_names(pins: dict[str, str]) -> dict[str, str]:
    unknown = [name for name in pins if name not in set(Quirk)]
    if unknown:
        raise ValueError(f"{unknown[0]}: expected one of {', '.join(Quirk)}")
    return pins


def pinned(pins: Mapping[str, str]) -> dict[Quirk, str | None]:
    """What to pin, by quirk; None for what is to be found out again."""
    return {Quirk(name): None if value == AUTO else value for name, value in pins.items()}


#: Values to pin, by quirk; `auto` lets one be found out again.
Pins = Annotated[dict[str, str], AfterValidator(_known_names)]
