"""Stretches of time and sets of them, exact: what overlaps counts once, however it was cut."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

_MICROSECOND: Final = timedelta(microseconds=1)
_MICROSECONDS_A_MINUTE: Final = 60_000_000
#: All offsets of time zones, and so all hours of all clocks, begin at one of these.
_QUARTER: Final = timedelta(minutes=15)


class Span(NamedTuple):
    """From an instant up to another, which does not belong to it."""

    start: datetime
    end: datetime

    @property
    def duration(self) -> timedelta:
        """How long it is."""
        return max(self.end - self.start, timedelta())

    def within(self, other: "Span") -> "Span":
        """What both have; perhaps nothing."""
        start = max(self.start, other.start)
        return Span(start, max(min(self.end, other.end), start))


def union(spans: Iterable[Span]) -> list[Span]:
    """The same time, in order, without overlaps."""
    merged: list[Span] = []
    for span in sorted(each for each in spans if each.duration):
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def common(one: Iterable[Span], other: Iterable[Span]) -> list[Span]:
    """The time that belongs to both."""
    others = union(other)
    return union(each.within(that) for each in union(one) for that in others)


def without(one: Iterable[Span], other: Iterable[Span]) -> list[Span]:
    """The time that belongs to the one and not to the other."""
    left = union(one)
    for hole in union(other):
        left = [
            part
            for each in left
            for part in (
                Span(each.start, min(each.end, max(hole.start, each.start))),
                Span(max(each.start, min(hole.end, each.end)), each.end),
            )
            if part.duration
        ]
    return left


def total(spans: Iterable[Span]) -> timedelta:
    """How long all of it is."""
    return sum((each.duration for each in union(spans)), timedelta())


def minutes(duration: timedelta) -> Decimal:
    """Minutes, exact."""
    return Decimal(duration // _MICROSECOND) / _MICROSECONDS_A_MINUTE


def days(since: date, until: date, zone: ZoneInfo) -> Span:
    """From the midnight in which a day begins up to that of another, on the clocks of a place."""
    return Span(_midnight(since, zone), _midnight(until, zone))


def months(since: date, until: date, zone: ZoneInfo) -> Iterator[tuple[str, Span]]:
    """The months that these days touch, each with as much of it as they have; a month with 743 hours, too."""
    first = since.replace(day=1)
    while first < until:
        following = (first + timedelta(days=32)).replace(day=1)
        yield f"{first:%Y-%m}", days(max(first, since), min(following, until), zone)
        first = following


def by_hour(span: Span, zone: ZoneInfo) -> list[timedelta]:
    """How much of it lies in each of the 24 hours of the clock of a place."""
    hours = [timedelta()] * 24
    at = span.start
    while at < span.end:
        following = min(_next_quarter(at), span.end)
        hours[at.astimezone(zone).hour] += following - at
        at = following
    return hours


def _next_quarter(at: datetime) -> datetime:
    whole = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
    return whole + _QUARTER


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def clipped(spans: Sequence[Span], window: Span) -> list[Span]:
    """What of them lies in a window."""
    return union(each.within(window) for each in spans)
