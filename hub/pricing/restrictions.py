"""When a tariff element applies: each restriction as a condition on a moment (TAR-12 … TAR-15)."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from hub.pricing.errors import CannotBePriced
from hub.pricing.exact import (
    MICROSECONDS_A_SECOND,
    UNITS_A_KWH,
    as_decimal,
    energy_units,
    figures,
    plausible,
)
from hub.pricing.flow import current_reaches, current_shown, power_reaches, power_shown
from hub.pricing.moment import Moment
from schemas.findings import pointer as place
from schemas.v2_2_1.tariffs import DayOfWeek, ReservationRestrictionType, TariffRestrictions

_MIDNIGHT: Final = time(0)
_WEEK: Final = tuple(DayOfWeek)
_AMOUNTS: Final = ("min_kwh", "max_kwh", "min_power", "max_power", "min_current", "max_current")
_DURATIONS: Final = ("min_duration", "max_duration")


class Condition(NamedTuple):
    """One restriction of an element."""

    #: The field or fields of `TariffRestrictions`.
    name: str
    holds: Callable[[Moment], bool]
    #: What it wants, for people.
    wanted: str
    #: What it found instead, for people.
    shown: Callable[[Moment], str]


class Broken(NamedTuple):
    """Why an element did not apply."""

    #: The field or fields of `TariffRestrictions`.
    restriction: str
    #: In words.
    reason: str


@dataclass(frozen=True, slots=True)
class Turns:
    """Where a restriction may begin or cease to hold."""

    #: Times of day at the location: a period is divided there.
    clock: frozenset[time] = frozenset()
    #: Least units of energy: a period is divided there.
    energy: frozenset[int] = frozenset()
    #: Seconds: a period is divided there.
    elapsed: frozenset[int] = frozenset()
    #: kW: a period lies on one side as a whole.
    power: frozenset[Decimal] = frozenset()
    #: A: a period lies on one side as a whole.
    current: frozenset[Decimal] = frozenset()

    def __or__(self, other: "Turns") -> "Turns":
        return Turns(
            self.clock | other.clock,
            self.energy | other.energy,
            self.elapsed | other.elapsed,
            self.power | other.power,
            self.current | other.current,
        )


class Restrictions(NamedTuple):
    """The restrictions of one element, understood."""

    conditions: tuple[Condition, ...]
    turns: Turns
    reservation: ReservationRestrictionType | None

    def broken_by(self, moment: Moment) -> Broken | None:
        """The first restriction that does not hold at a moment; None: the element applies."""
        for name, holds, wanted, shown in self.conditions:
            if not holds(moment):
                return Broken(name, f"it wants {wanted}, and it was {shown(moment)}")
        return None


UNRESTRICTED: Final = Restrictions((), Turns(), None)


def understood(restrictions: TariffRestrictions | None, pointer: str) -> Restrictions:
    """The restrictions of an element; all of them must hold (TAR-12).

    Raises:
        CannotBePriced: A restriction is unknown or has no meaning.
    """
    if restrictions is None:
        return UNRESTRICTED
    for unknown in restrictions.model_extra or {}:
        raise CannotBePriced(f"{pointer}{place((unknown,))}", "no restriction of OCPI 2.2.1 has this name")
    for name in (*_AMOUNTS, *_DURATIONS):
        if (amount := getattr(restrictions, name)) is not None:
            plausible(Decimal(amount), f"{pointer}/{name}")
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
        energy=frozenset(map(energy_units, _known(restrictions.min_kwh, restrictions.max_kwh))),
        elapsed=frozenset(
            bound for bound in (restrictions.min_duration, restrictions.max_duration) if bound is not None
        ),
        power=frozenset(_known(restrictions.min_power, restrictions.max_power)),
        current=frozenset(_known(restrictions.min_current, restrictions.max_current)),
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
        yield Condition(
            "day_of_week",
            lambda moment: moment.local.weekday() in days,
            " or ".join(_WEEK[day] for day in sorted(days)),
            lambda moment: _WEEK[moment.local.weekday()],
        )


def _dates(restrictions: TariffRestrictions, pointer: str) -> Iterator[Condition]:
    def shown(moment: Moment) -> str:
        return f"{moment.local:%Y-%m-%d}"

    if restrictions.start_date:
        first = _date(restrictions.start_date, f"{pointer}/start_date")
        yield Condition("start_date", lambda moment: moment.local.date() >= first, f"{first} or later", shown)
    if restrictions.end_date:
        over = _date(restrictions.end_date, f"{pointer}/end_date")
        yield Condition("end_date", lambda moment: moment.local.date() < over, f"a day before {over}", shown)


def _hours(restrictions: TariffRestrictions, pointer: str) -> Iterator[Condition]:
    """Time of day (TAR-13): the end is exclusive, 00:00 ends the day, an end before the start wraps."""
    if not (restrictions.start_time or restrictions.end_time):
        return
    start = _time(restrictions.start_time) if restrictions.start_time else _MIDNIGHT
    end = _time(restrictions.end_time) if restrictions.end_time else _MIDNIGHT

    def inside(moment: Moment) -> bool:
        return start <= moment.local.time() < end

    def after(moment: Moment) -> bool:
        return moment.local.time() >= start

    def not_between(moment: Moment) -> bool:
        return not end <= moment.local.time() < start

    name = "start_time, end_time"
    if end == _MIDNIGHT:
        name, holds = "start_time", after
    elif start == end:
        raise CannotBePriced(f"{pointer}/end_time", "equals start_time: no time at all, or the whole day?")
    elif start < end:
        name, holds = name if restrictions.start_time else "end_time", inside
    else:
        holds = not_between
    yield Condition(
        name,
        holds,
        f"{start:%H:%M} to {end:%H:%M}",
        lambda moment: f"{moment.local.time().isoformat('seconds')} there",
    )


def _durations(restrictions: TariffRestrictions) -> Iterator[Condition]:
    def shown(moment: Moment) -> str:
        return f"{timedelta(microseconds=int(moment.elapsed))}"

    if restrictions.min_duration is not None:
        least = restrictions.min_duration * MICROSECONDS_A_SECOND
        yield Condition(
            "min_duration",
            lambda moment: moment.elapsed >= least,
            f"{restrictions.min_duration} s or more",
            shown,
        )
    if restrictions.max_duration is not None:
        most = restrictions.max_duration * MICROSECONDS_A_SECOND
        yield Condition(
            "max_duration",
            lambda moment: moment.elapsed < most,
            f"less than {restrictions.max_duration} s",
            shown,
        )


def _energies(restrictions: TariffRestrictions) -> Iterator[Condition]:
    def shown(moment: Moment) -> str:
        return f"{figures(as_decimal(moment.energy, UNITS_A_KWH))} kWh"

    if restrictions.min_kwh is not None:
        least = energy_units(restrictions.min_kwh)
        yield Condition(
            "min_kwh",
            lambda moment: moment.energy >= least,
            f"{figures(restrictions.min_kwh)} kWh or more",
            shown,
        )
    if restrictions.max_kwh is not None:
        most = energy_units(restrictions.max_kwh)
        yield Condition(
            "max_kwh",
            lambda moment: moment.energy < most,
            f"less than {figures(restrictions.max_kwh)} kWh",
            shown,
        )


def _powers(restrictions: TariffRestrictions) -> Iterator[Condition]:
    def shown(moment: Moment) -> str:
        return power_shown(moment.period)

    if (least := restrictions.min_power) is not None:
        yield Condition(
            "min_power",
            lambda moment: power_reaches(least, moment.period),
            f"{figures(least)} kW or more",
            shown,
        )
    if (most := restrictions.max_power) is not None:
        yield Condition(
            "max_power",
            lambda moment: not power_reaches(most, moment.period),
            f"less than {figures(most)} kW",
            shown,
        )


def _currents(restrictions: TariffRestrictions) -> Iterator[Condition]:
    def shown(moment: Moment) -> str:
        return current_shown(moment.period)

    if (least := restrictions.min_current) is not None:
        yield Condition(
            "min_current",
            lambda moment: current_reaches(least, moment.period),
            f"{figures(least)} A or more",
            shown,
        )
    if (most := restrictions.max_current) is not None:
        yield Condition(
            "max_current",
            lambda moment: not current_reaches(most, moment.period),
            f"less than {figures(most)} A",
            shown,
        )


def _time(text: str) -> time:
    return time.fromisoformat(text)


def _date(text: str, pointer: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CannotBePriced(pointer, f"{text} is no day of the calendar") from error
