"""Quirks as the administration API shows them: what, how it is known, and what the hub does about it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator

from hub.admin.wire import Output
from hub.ocpi.timestamps import format_timestamp
from hub.registry.quirks import QUIRKS, Quirk, Source
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
    first_seen: str
    last_seen: str
    count: int
    #: Of an exchange in which it was seen: `ocpi-hub trace` shows it.
    correlation_id: str | None
    #: What is done about it.
    done: str


def quirks_shown(rows: Iterable[QuirkRow]) -> list[QuirkShown]:
    """The quirks among what is known: what is as OCPI wants it is none, unless it is pinned."""
    return [
        QuirkShown(
            name=row.name,
            about=row.about,
            value=row.value,
            usual=QUIRKS[Quirk(row.name)].usual,
            source=row.source,
            first_seen=_moment(row.first_seen),
            last_seen=_moment(row.last_seen),
            count=row.count,
            correlation_id=row.correlation_id,
            done=QUIRKS[Quirk(row.name)].done,
        )
        for row in rows
        if row.source == Source.PINNED or row.value != QUIRKS[Quirk(row.name)].usual
    ]


def _moment(moment: datetime) -> str:
    return format_timestamp(moment)


def _pinnable(pins: dict[Quirk, str]) -> dict[Quirk, str | None]:
    return {quirk: None if value == AUTO else value for quirk, value in pins.items()}


#: Values to pin, by quirk; `auto` lets one be found out again.
Pins = Annotated[dict[Quirk, str], AfterValidator(_pinnable)]
