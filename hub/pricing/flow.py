"""Power and current as restrictions: on which side of a bound a period lies (TAR-12, CDR-10).

A CPO begins a charging period whenever a level crosses a bound that matters, so a period lies on one side as
a whole, and any value that was measured tells which. Where the values disagree nothing tells when the bound
was crossed: the average decides, and the statement says so.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction

from hub.pricing.errors import CannotBePriced
from hub.pricing.exact import MICROSECONDS_AN_HOUR, figures, microseconds
from hub.pricing.periods import UNMEASURED, Activity, ChargedPeriod, Level


def power_reaches(kilowatts: Decimal, period: ChargedPeriod) -> bool:
    """Whether the power was at least this; what was not measured is energy over time.

    Raises:
        CannotBePriced: Energy flowed in no time.
    """
    reached = _reaches(period.power, kilowatts)
    return _average_power(period) >= Fraction(kilowatts) if reached is None else reached


def current_reaches(amperes: Decimal, period: ChargedPeriod) -> bool:
    """Whether the current was at least this.

    Raises:
        CannotBePriced: It was not measured, or only on both sides of the bound.
    """
    reached = _reaches(period.current, amperes)
    if reached is None and period.activity is not Activity.CHARGING:
        return amperes <= 0
    if reached is None:
        raise CannotBePriced(
            f"{period.pointer}/dimensions", f"nothing here says whether the current was at least {amperes} A"
        )
    return reached


def power_shown(period: ChargedPeriod) -> str:
    """The power of a period, for people."""
    return _level(period.power, "kW") or f"{_rounded(_average_power(period))} kW on average"


def current_shown(period: ChargedPeriod) -> str:
    """The current of a period, for people."""
    return _level(period.current, "A") or "none"


def flow_remarks(
    period: ChargedPeriod, kilowatts: Iterable[Decimal], amperes: Iterable[Decimal]
) -> Iterator[str]:
    """What had to be assumed to say on which side of its tariff's bounds a period lies.

    Args:
        period: The period.
        kilowatts: The bounds of power in its tariff.
        amperes: Those of current.
    """
    if period.activity is not Activity.CHARGING:
        return
    powers = sorted(kilowatts)
    if powers and period.power == UNMEASURED and period.energy:
        yield f"{period.pointer}: no power was measured; energy over time counts, {power_shown(period)}"
    for name, unit, level, bounds in (
        ("power", "kW", period.power, powers),
        ("current", "A", period.current, sorted(amperes)),
    ):
        for bound in bounds:
            if _lies_on_both_sides(level, bound):
                yield (
                    f"{period.pointer}: its {name} was below and above {figures(bound)} {unit}, and nothing"
                    " says when it changed; the average counts for all of it"
                )


def _reaches(level: Level, bound: Decimal) -> bool | None:
    """Whether the level was at least the bound throughout, or on average; None: not known."""
    sides = {value >= bound for value in level.measured}
    if len(sides) == 1:
        return sides.pop()
    return None if level.average is None else level.average >= bound


def _lies_on_both_sides(level: Level, bound: Decimal) -> bool:
    return len({value >= bound for value in level.measured}) > 1


def _average_power(period: ChargedPeriod) -> Fraction:
    """kW: the energy over the time."""
    if not period.energy:
        return Fraction(0)
    if not period.duration:
        raise CannotBePriced(f"{period.pointer}/dimensions", "nothing here says what the power was")
    return Fraction(period.energy) * MICROSECONDS_AN_HOUR / microseconds(period.duration)


def _level(level: Level, unit: str) -> str | None:
    told = {"at least": level.lowest, "at most": level.highest, "on average": level.average}
    return ", ".join(f"{figures(value)} {unit} {how}" for how, value in told.items() if value is not None)


def _rounded(power: Fraction) -> str:
    return figures(round(power, 3))
