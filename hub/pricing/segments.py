"""The session in segments, within each of which no restriction begins or ceases to hold."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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
        last = bisect_left(self.instants, period.end, first)
        return self.instants[first:last] if first < last else ()

    def amounts_between(self, before: int, after: int) -> Sequence[int]:
        """The amounts of energy between two, exclusive."""
        return [amount for amount in self.amounts if before < amount < after] if self.amounts else ()


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
        instants, amounts = course.instants_within(period), course.amounts_between(charged, charged + energy)
        if instants or amounts:
            found += _divided(period, charged, energy, course, instants, amounts)
        else:  # most periods by far
            moment = Moment(course.local(period.start), charged, course.elapsed(period), period)
            found.append(Segment(moment, period.start, period.end, energy, microseconds(period.duration)))
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


class _Cut(NamedTuple):
    """Where a period is divided."""

    place: _Place
    #: Whether it is at a time alone, so that the energy there is interpolated.
    at_time: bool = False
    #: Whether it is at an amount of energy alone, so that the time is.
    at_energy: bool = False


def _divided(
    period: ChargedPeriod,
    charged: int,
    energy: int,
    course: _Course,
    instants: Iterable[datetime],
    amounts: Iterable[int],
) -> Iterator[Segment]:
    """The segments of one period with so much energy, before which so much was charged."""
    duration = microseconds(period.duration)
    elapsed = course.elapsed(period)
    cuts = _cuts(
        [_at_time(microseconds(each - period.start), energy, duration) for each in instants],
        [_at_amount(each - charged, energy, duration) for each in amounts],
    )
    ends = [
        *((cut.place, _instant(period, cut.place)) for cut in cuts),
        (_Place(duration, energy), period.end),
    ]
    place, start = _Place(0, 0), period.start
    for cut, (end_place, end) in zip((_Cut(place), *cuts), ends, strict=True):
        yield Segment(
            Moment(course.local(start), charged + place.energy, elapsed + place.time, period),
            start,
            end,
            energy=end_place.energy - place.energy,
            duration=end_place.time - place.time,
            at_energy=cut.at_energy,
            at_time=cut.at_time,
        )
        place, start = end_place, end


def _cuts(at_times: Iterable[_Place], at_amounts: Iterable[_Place]) -> list[_Cut]:
    """The places in their order; where a time and an amount fall together, nothing is interpolated."""
    places = [*((each, True) for each in at_times), *((each, False) for each in at_amounts)]
    cuts: list[_Cut] = []
    for place, at_time in sorted(places):
        if cuts and cuts[-1].place == place:
            cuts[-1] = _Cut(place)
        else:
            cuts.append(_Cut(place, at_time=at_time, at_energy=not at_time))
    return cuts


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
