"""When a tariff element applies: each restriction as a condition on a moment (TAR-12 … TAR-15)."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from hub.pricing.errors import CannotBePriced
from hub.pricing.exact import hours, plausible, seconds
from hub.pricing.periods import Activity, ChargedPeriod, Level
from schemas.v2_2_1.tariffs import DayOfWeek, ReservationRestrictionType, TariffRestrictions

_MIDNIGHT: Final = time(0)
_WEEK: Final = tuple(DayOfWeek)
_AMOUNTS: Final = ("min_kwh", "max_kwh", "min_power", "max_power", "min_current", "max_current")


class Moment(NamedTuple):
    """An instant of the session, with all that a restriction may ask about it."""

    #: On the clock at the location, without a zone.
    local: datetime
    #: kWh since the charging session began.
    energy: Fraction
    #: Seconds since the charging session began; before it, since the reservation was made.
    elapsed: Fraction
    period: ChargedPeriod


class Condition(NamedTuple):
    """One restriction of an element."""

    #: The field or fields of `TariffRestrictions`.
    name: str
    holds: Callable[[Moment], bool]


@dataclass(frozen=True, slots=True)
class Turns:
    """Where a restriction may begin or cease to hold: a period is divided there."""

    #: Times of day at the location.
    clock: frozenset[time] = frozenset()
    #: kWh
    energy: frozenset[Fraction] = frozenset()
    #: Seconds
    elapsed: frozenset[int] = frozenset()

    def __or__(self, other: "Turns") -> "Turns":
        return Turns(self.clock | other.clock, self.energy | other.energy, self.elapsed | other.elapsed)


class Restrictions(NamedTuple):
    """The restrictions of one element, understood."""

    conditions: tuple[Condition, ...]
    turns: Turns
    reservation: ReservationRestrictionType | None

    def broken_by(self, moment: Moment) -> str | None:
        """The first restriction that does not hold at a moment; None: the element applies."""
        return next((condition.name for condition in self.conditions if not condition.holds(moment)), None)


UNRESTRICTED: Final = Restrictions((), Turns(), None)


def understood(restrictions: TariffRestrictions | None, pointer: str) -> Restrictions:
    """The restrictions of an element; all of them must hold (TAR-12).

    Raises:
        CannotBePriced: A restriction is unknown or has no meaning.
    """
    if restrictions is None:
        return UNRESTRICTED
    for unknown in restrictions.model_extra or {}:
        raise CannotBePriced(f"{pointer}/{unknown}", "no restriction of OCPI 2.2.1 has this name")
    for name in _AMOUNTS:
        if (amount := getattr(restrictions, name)) is not None:
            plausible(amount, f"{pointer}/{name}")
    conditions = (
        *_days(restrictions, pointer),
        *_dates(restrictions, pointer),
        *_hours(restrictions, pointer),
        *_durations(restrictions),
        *_energies(restrictions),
        *_powers(restrictions),
        *_currents(restrictions),
    )
    return Restrictions(conditions, _turns(restrictions), _reservation(restrictions, pointer))


def _turns(restrictions: TariffRestrictions) -> Turns:
    clock = {_time(text) for text in (restrictions.start_time, restrictions.end_time) if text}
    if clock or restrictions.day_of_week or restrictions.start_date or restrictions.end_date:
        clock.add(_MIDNIGHT)
    return Turns(
        clock=frozenset(clock),
        energy=frozenset(Fraction(kwh) for kwh in _known(restrictions.min_kwh, restrictions.max_kwh)),
        elapsed=frozenset(
            bound for bound in (restrictions.min_duration, restrictions.max_duration) if bound is not None
        ),
    )


def _known(*values: Decimal | None) -> Iterable[Decimal]:
    return (value for value in values if value is not None)


def _reservation(restrictions: TariffRestrictions, pointer: str) -> ReservationRestrictionType | None:
    kind = restrictions.reservation
    if kind is not None and not isinstance(kind, ReservationRestrictionType):
        raise CannotBePriced(f"{pointer}/reservation", f"{kind} is no kind of reservation in OCPI 2.2.1")
    return kind


def _days(restrictions: TariffRestrictions, pointer: str) -> Iterator[Condition]:
    for number, day in enumerate(restrictions.day_of_week or ()):
        if not isinstance(day, DayOfWeek):
            raise CannotBePriced(f"{pointer}/day_of_week/{number}", f"{day} is no day of the week")
    if days := frozenset(_WEEK.index(day) for day in restrictions.day_of_week or ()):
        yield Condition("day_of_week", lambda moment: moment.local.weekday() in days)


def _dates(restrictions: TariffRestrictions, pointer: str) -> Iterator[Condition]:
    if restrictions.start_date:
        first = _date(restrictions.start_date, f"{pointer}/start_date")
        yield Condition("start_date", lambda moment: moment.local.date() >= first)
    if restrictions.end_date:
        over = _date(restrictions.end_date, f"{pointer}/end_date")
        yield Condition("end_date", lambda moment: moment.local.date() < over)


def _hours(restrictions: TariffRestrictions, pointer: str) -> Iterator[Condition]:
    """Time of day (TAR-13): the end is exclusive, 00:00 ends the day, an end before the start wraps."""
    if not (restrictions.start_time or restrictions.end_time):
        return
    start = _time(restrictions.start_time) if restrictions.start_time else _MIDNIGHT
    end = _time(restrictions.end_time) if restrictions.end_time else _MIDNIGHT
    if end == _MIDNIGHT:
        yield Condition("start_time", lambda moment: moment.local.time() >= start)
    elif start == end:
        raise CannotBePriced(f"{pointer}/end_time", "equals start_time: no time at all, or the whole day?")
    elif start < end:
        name = "start_time, end_time" if restrictions.start_time else "end_time"
        yield Condition(name, lambda moment: start <= moment.local.time() < end)
    else:
        yield Condition("start_time, end_time", lambda moment: not end <= moment.local.time() < start)


def _durations(restrictions: TariffRestrictions) -> Iterator[Condition]:
    if (least := restrictions.min_duration) is not None:
        yield Condition("min_duration", lambda moment: moment.elapsed >= least)
    if (most := restrictions.max_duration) is not None:
        yield Condition("max_duration", lambda moment: moment.elapsed < most)


def _energies(restrictions: TariffRestrictions) -> Iterator[Condition]:
    if restrictions.min_kwh is not None:
        least = Fraction(restrictions.min_kwh)
        yield Condition("min_kwh", lambda moment: moment.energy >= least)
    if restrictions.max_kwh is not None:
        most = Fraction(restrictions.max_kwh)
        yield Condition("max_kwh", lambda moment: moment.energy < most)


def _powers(restrictions: TariffRestrictions) -> Iterator[Condition]:
    if (least := restrictions.min_power) is not None:
        yield Condition("min_power", lambda moment: _power_reaches(least, moment.period))
    if (most := restrictions.max_power) is not None:
        yield Condition("max_power", lambda moment: not _power_reaches(most, moment.period))


def _currents(restrictions: TariffRestrictions) -> Iterator[Condition]:
    if (least := restrictions.min_current) is not None:
        yield Condition("min_current", lambda moment: _current_reaches(least, moment.period))
    if (most := restrictions.max_current) is not None:
        yield Condition("max_current", lambda moment: not _current_reaches(most, moment.period))


def _power_reaches(kilowatts: Decimal, period: ChargedPeriod) -> bool:
    reached = _reaches(period.power, kilowatts)
    if reached is None:
        reached = _average_power(period) >= Fraction(kilowatts)
    return reached


def _current_reaches(amperes: Decimal, period: ChargedPeriod) -> bool:
    reached = _reaches(period.current, amperes)
    if reached is None and period.activity is not Activity.CHARGING:
        return amperes <= 0
    if reached is None:
        raise CannotBePriced(
            f"{period.pointer}/dimensions", f"nothing here says whether the current was at least {amperes} A"
        )
    return reached


def _reaches(level: Level, bound: Decimal) -> bool | None:
    """Whether the level was at least the bound throughout; None: not known.

    A period begins whenever a level crosses a bound that matters (CDR-10), so it lies on one side as a whole,
    and any value that was measured tells which. If the values disagree, the average decides.
    """
    sides = {value >= bound for value in level.measured}
    if len(sides) == 1:
        return sides.pop()
    return None if level.average is None else level.average >= bound


def _average_power(period: ChargedPeriod) -> Fraction:
    """kW: the energy over the time."""
    if not period.energy:
        return Fraction(0)
    if not period.duration:
        raise CannotBePriced(f"{period.pointer}/dimensions", "nothing here says what the power was")
    return Fraction(period.energy) / hours(seconds(period.duration))


def _time(text: str) -> time:
    return time.fromisoformat(text)


def _date(text: str, pointer: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CannotBePriced(pointer, f"{text} is no day of the calendar") from error
