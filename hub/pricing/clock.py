"""The clock at the location: when it shows a time of day, and when it is put forward or back (TAR-13)."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from hub.pricing.errors import CannotBePriced

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)

#: A session that lasts longer is a mistake, and dividing it by the hours of its days a burden.
LONGEST_SESSION: Final = timedelta(days=366)

#: A year in which something may change each half hour.
_MOST_STRIKES: Final = 366 * 48

#: Days whose strikes are remembered.
_REMEMBERED: Final = 256


@cache
def zone(name: str) -> ZoneInfo:
    """The time zone with a name of the IANA database, as in `Location.time_zone`.

    Raises:
        CannotBePriced: Nobody knows it.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # unknown, not a key at all, a directory of zones
        raise CannotBePriced("/time_zone", f"{name!r} is no time zone that anybody knows") from error


def strikes(
    wanted: frozenset[time], start: datetime, end: datetime, time_zone: ZoneInfo
) -> Iterator[datetime]:
    """The instants, on the days from start to end, at which the clock shows one of the times or jumps.

    A time that comes twice, when the clock is put back, is there twice.

    Raises:
        CannotBePriced: This is longer than `LONGEST_SESSION`, or too many times are asked for.
    """
    if end - start > LONGEST_SESSION:
        raise CannotBePriced("/charging_periods", f"{end - start} is longer than any session")
    if len(wanted) * (end - start) > _MOST_STRIKES * _DAY:
        raise CannotBePriced(
            "/tariffs", f"{len(wanted)} times a day, for {end - start}, are too many to look at"
        )
    first, last = start.astimezone(time_zone).date(), end.astimezone(time_zone).date()
    for number in range((last - first).days + 1):
        yield from _strikes_of(first + number * _DAY, wanted, time_zone)


@lru_cache(maxsize=_REMEMBERED)
def _strikes_of(day: date, wanted: frozenset[time], time_zone: ZoneInfo) -> tuple[datetime, ...]:
    """Those of one day; most sessions are on the same few days."""
    shown = (
        datetime.combine(day, each.replace(fold=fold), time_zone).astimezone(UTC)
        for each in wanted
        for fold in (0, 1)
    )
    return (*_jumps(day, time_zone), *shown)


def _jumps(day: date, time_zone: ZoneInfo) -> Iterator[datetime]:
    """The instant on this day from which the clock runs with another offset, to the second."""
    before = datetime.combine(day, time(), time_zone).astimezone(UTC)
    after = before + _DAY + timedelta(hours=3)
    offset = before.astimezone(time_zone).utcoffset()
    if after.astimezone(time_zone).utcoffset() == offset:
        return
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        if middle.astimezone(time_zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    yield after.replace(microsecond=0)
