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
from hub.pricing.exact import seconds
from hub.pricing.periods import Activity, ChargedPeriod
from hub.pricing.restrictions import Moment, Turns

_BEGIN: Final = Fraction(0)
_WHOLE: Final = Fraction(1)


class Segment(NamedTuple):
    """A part of a charged period."""

    #: Its first instant.
    moment: Moment
    start: datetime
    end: datetime
    #: kWh
    energy: Fraction
    #: Seconds
    duration: Fraction
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
    time_zone: ZoneInfo

    def elapsed(self, period: ChargedPeriod) -> Fraction:
        """Seconds from the beginning of the session, or of the reservation, to that of the period."""
        origin = self.reservation_start if period.activity.of_a_reservation else self.session_start
        return seconds(period.start - (origin or period.start))

    def within(self, period: ChargedPeriod) -> Sequence[datetime]:
        """The instants inside the period."""
        first = bisect_right(self.instants, period.start)
        return self.instants[first : bisect_left(self.instants, period.end, first)]


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
    charged = Fraction(0)
    for period in periods:
        yield from _divided(period, charged, turns.energy, course)
        charged += Fraction(period.energy)
        if period is expiring:
            yield _expiry(period, course)


def _course(periods: Sequence[ChargedPeriod], turns: Turns, time_zone: ZoneInfo) -> _Course:
    session = _first(period.start for period in periods if not period.activity.of_a_reservation)
    reservation = _first(period.start for period in periods if period.activity.of_a_reservation)
    origins = [origin for origin in (session, reservation) if origin]
    end = periods[-1].end
    instants = {
        origin + timedelta(seconds=elapsed)
        for origin in origins
        for elapsed in turns.elapsed
        if elapsed < seconds(end - origin)
    }
    if turns.clock:
        instants.update(strikes(turns.clock, periods[0].start, end, time_zone))
    return _Course(session, reservation, tuple(sorted(instants)), time_zone)


def _first(starts: Iterable[datetime]) -> datetime | None:
    return next(iter(starts), None)


def _divided(
    period: ChargedPeriod, charged: Fraction, amounts: Iterable[Fraction], course: _Course
) -> Iterator[Segment]:
    """The segments of one period; a place in it is a fraction of its way from start to end."""
    duration, energy = seconds(period.duration), Fraction(period.energy)
    elapsed = course.elapsed(period)
    at_times = {seconds(instant - period.start) / duration for instant in course.within(period)}
    at_amounts = {(amount - charged) / energy for amount in amounts if charged < amount < charged + energy}
    if not at_times and not at_amounts:  # most periods by far
        moment = Moment(local(period.start, course.time_zone), charged, elapsed, period)
        yield Segment(moment, period.start, period.end, energy, duration)
        return
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
        energy=Fraction(0),
        elapsed=course.elapsed(period) + seconds(period.duration),
        period=period,
    )
    return Segment(moment, period.end, period.end, Fraction(0), Fraction(0), expiry=True)


def _instant(period: ChargedPeriod, place: Fraction) -> datetime:
    """The instant at a place, cut to the microsecond; divisions at a time come out exact."""
    if place == _WHOLE:
        return period.end
    return period.start + period.duration * place.numerator // place.denominator
