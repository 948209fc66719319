"""The session in segments, within each of which no restriction begins or ceases to hold."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from hub.pricing.clock import strikes
from hub.pricing.exact import MICROSECONDS_A_SECOND, Exact, energy_units, microseconds, quotient
from hub.pricing.moment import Moment
from hub.pricing.periods import OF_A_RESERVATION, Activity, ChargedPeriod
from hub.pricing.restrictions import Turns

_SECOND: Final = timedelta(seconds=1)


class Segment(NamedTuple):
    """A part of a charged period."""

    #: Its first instant.
    moment: Moment
    start: datetime
    end: datetime
    #: In the least unit of energy.
    energy: Exact
    #: Microseconds
    duration: Exact
    #: Whether the period was divided here at an amount of energy, so that the time of it is interpolated.
    at_energy: bool = False
    #: Whether the period was divided here at a time, so that the energy before and after is interpolated.
    at_time: bool = False
    #: Whether this is no time at all but the instant at which a reservation expires.
    expiry: bool = False


@dataclass(frozen=True, slots=True)
class _Course:
    """The session as a whole: what is counted from its beginning."""

    session_start: datetime | None
    reservation_start: datetime | None
    #: Ordered instants at which the clock or the elapsed time may matter.
    instants: tuple[datetime, ...]
    #: Since the session began, in the least unit of energy.
    amounts: frozenset[int]
    time_zone: ZoneInfo

    def local(self, instant: datetime) -> datetime:
        """What clock and calendar at the location show."""
        return instant.astimezone(self.time_zone)

    def elapsed(self, period: ChargedPeriod) -> int:
        """Microseconds from the beginning of the session, or of the reservation, to that of the period."""
        origin = self.reservation_start if period.activity in OF_A_RESERVATION else self.session_start
        return microseconds(period.start - (origin or period.start))

    def instants_within(self, period: ChargedPeriod) -> Sequence[datetime]:
        """The instants inside the period."""
        first = bisect_right(self.instants, period.start)
        return self.instants[first : bisect_left(self.instants, period.end, first)]

    def amounts_between(self, before: int, after: int) -> Sequence[int]:
        """The amounts of energy between two, exclusive."""
        return [amount for amount in self.amounts if before < amount < after]


def segments(periods: Sequence[ChargedPeriod], turns: Turns, time_zone: ZoneInfo) -> list[Segment]:
    """The periods, divided wherever a restriction may turn; energy is divided as evenly as time passes.

    Args:
        periods: In order of time.
        turns: Of all tariffs that are relevant.
        time_zone: Of the location.

    Raises:
        CannotBePriced: The session is longer than a year, and the time of day matters.
    """
    course = _course(periods, turns, time_zone)
    expiring = next((period for period in reversed(periods) if period.activity is Activity.EXPIRED), None)
    charged = 0
    found: list[Segment] = []
    for period in periods:
        energy = energy_units(period.energy)
        found += _divided(period, charged, energy, course)
        charged += energy
        if period is expiring:
            found.append(_expiry(period, course))
    return found


def _course(periods: Sequence[ChargedPeriod], turns: Turns, time_zone: ZoneInfo) -> _Course:
    session = _first(period.start for period in periods if period.activity not in OF_A_RESERVATION)
    reservation = _first(period.start for period in periods if period.activity in OF_A_RESERVATION)
    origins = [origin for origin in (session, reservation) if origin]
    end = periods[-1].end
    instants = {
        origin + elapsed * _SECOND
        for origin in origins
        for elapsed in turns.elapsed
        if 0 < elapsed * MICROSECONDS_A_SECOND < microseconds(end - origin)
    }
    if turns.clock:
        instants.update(strikes(turns.clock, periods[0].start, end, time_zone))
    return _Course(session, reservation, tuple(sorted(instants)), turns.energy, time_zone)


def _first(starts: Iterable[datetime]) -> datetime | None:
    return next(iter(starts), None)


class _Place(NamedTuple):
    """How far into a period: microseconds, and energy in its least unit; both grow together."""

    time: Exact
    energy: Exact


def _divided(period: ChargedPeriod, charged: int, energy: int, course: _Course) -> list[Segment]:
    """The segments of one period with so much energy, before which so much was charged."""
    duration = microseconds(period.end - period.start)
    elapsed = course.elapsed(period)
    instants = course.instants_within(period)
    amounts = course.amounts_between(charged, charged + energy)
    if not instants and not amounts:  # most periods by far
        moment = Moment(course.local(period.start), charged, elapsed, period)
        return [Segment(moment, period.start, period.end, energy, duration)]
    at_times = {_at_time(microseconds(each - period.start), energy, duration) for each in instants}
    at_amounts = {_at_amount(each - charged, energy, duration) for each in amounts}
    places = (_Place(0, 0), *sorted(at_times | at_amounts), _Place(duration, energy))
    starts = [_instant(period, place) for place in places]
    return [
        Segment(
            Moment(course.local(start), charged + place.energy, elapsed + place.time, period),
            start,
            end,
            energy=until.energy - place.energy,
            duration=until.time - place.time,
            at_energy=place in at_amounts and place not in at_times,
            at_time=place in at_times and place not in at_amounts,
        )
        for (place, start), (until, end) in pairwise(zip(places, starts, strict=True))
    ]


def _at_time(time: int, energy: int, duration: int) -> _Place:
    return _Place(time, quotient(energy * time, duration))


def _at_amount(amount: int, energy: int, duration: int) -> _Place:
    return _Place(quotient(duration * amount, energy), amount)


def _expiry(period: ChargedPeriod, course: _Course) -> Segment:
    moment = Moment(
        local=course.local(period.end),
        energy=0,
        elapsed=course.elapsed(period) + microseconds(period.duration),
        period=period,
    )
    return Segment(moment, period.end, period.end, 0, 0, expiry=True)


def _instant(period: ChargedPeriod, place: _Place) -> datetime:
    """The instant at a place, cut to the microsecond; divisions at a time come out exact."""
    return period.start + timedelta(microseconds=int(place.time))
