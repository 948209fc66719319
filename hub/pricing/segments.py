"""The session in segments, within each of which no restriction begins or ceases to hold."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from hub.pricing.clock import local, strikes
from hub.pricing.exact import MICROSECONDS_A_SECOND, Exact, energy_units, microseconds
from hub.pricing.moment import Moment
from hub.pricing.periods import Activity, ChargedPeriod
from hub.pricing.restrictions import Turns

_BEGIN: Final = Fraction(0)
_WHOLE: Final = Fraction(1)
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

    def elapsed(self, period: ChargedPeriod) -> int:
        """Microseconds from the beginning of the session, or of the reservation, to that of the period."""
        origin = self.reservation_start if period.activity.of_a_reservation else self.session_start
        return microseconds(period.start - (origin or period.start))

    def instants_within(self, period: ChargedPeriod) -> Sequence[datetime]:
        """The instants inside the period."""
        first = bisect_right(self.instants, period.start)
        return self.instants[first : bisect_left(self.instants, period.end, first)]

    def amounts_between(self, before: int, after: int) -> Sequence[int]:
        """The amounts of energy between two, exclusive."""
        return [amount for amount in self.amounts if before < amount < after]


def segments(periods: Sequence[ChargedPeriod], turns: Turns, time_zone: ZoneInfo) -> Iterator[Segment]:
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
    for period in periods:
        energy = energy_units(period.energy)
        yield from _divided(period, charged, energy, course)
        charged += energy
        if period is expiring:
            yield _expiry(period, course)


def _course(periods: Sequence[ChargedPeriod], turns: Turns, time_zone: ZoneInfo) -> _Course:
    session = _first(period.start for period in periods if not period.activity.of_a_reservation)
    reservation = _first(period.start for period in periods if period.activity.of_a_reservation)
    origins = [origin for origin in (session, reservation) if origin]
    end = periods[-1].end
    instants = {
        origin + elapsed * _SECOND
        for origin in origins
        for elapsed in turns.elapsed
        if elapsed * MICROSECONDS_A_SECOND < microseconds(end - origin)
    }
    if turns.clock:
        instants.update(strikes(turns.clock, periods[0].start, end, time_zone))
    return _Course(session, reservation, tuple(sorted(instants)), turns.energy, time_zone)


def _first(starts: Iterable[datetime]) -> datetime | None:
    return next(iter(starts), None)


def _divided(period: ChargedPeriod, charged: int, energy: int, course: _Course) -> Iterator[Segment]:
    """The segments of one period with so much energy, before which so much was charged.

    A place in it is a fraction of its way from start to end.
    """
    duration = microseconds(period.end - period.start)
    elapsed = course.elapsed(period)
    instants = course.instants_within(period)
    amounts = course.amounts_between(charged, charged + energy)
    if not instants and not amounts:  # most periods by far
        moment = Moment(local(period.start, course.time_zone), charged, elapsed, period)
        yield Segment(moment, period.start, period.end, energy, duration)
        return
    at_times = {Fraction(microseconds(instant - period.start), duration) for instant in instants}
    at_amounts = {Fraction(amount - charged, energy) for amount in amounts}
    places = (_BEGIN, *sorted(at_times | at_amounts), _WHOLE)
    for place, until in pairwise(places):
        start = _instant(period, place)
        yield Segment(
            moment=Moment(
                local=local(start, course.time_zone),
                energy=charged + place * energy,
                elapsed=elapsed + place * duration,
                period=period,
            ),
            start=start,
            end=_instant(period, until),
            energy=(until - place) * energy,
            duration=(until - place) * duration,
            at_energy=place in at_amounts and place not in at_times,
            at_time=place in at_times and place not in at_amounts,
        )


def _expiry(period: ChargedPeriod, course: _Course) -> Segment:
    moment = Moment(
        local=local(period.end, course.time_zone),
        energy=0,
        elapsed=course.elapsed(period) + microseconds(period.duration),
        period=period,
    )
    return Segment(moment, period.end, period.end, 0, 0, expiry=True)


def _instant(period: ChargedPeriod, place: Fraction) -> datetime:
    """The instant at a place, cut to the microsecond; divisions at a time come out exact."""
    if place == _WHOLE:
        return period.end
    return period.start + period.duration * place.numerator // place.denominator
