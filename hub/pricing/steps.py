"""step_size: what is billed beyond what was used, once a session for energy and once for time (CDR-12)."""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil
from typing import Final

from hub.pricing.usage import Kind, Usage
from schemas.v2_2_1.tariffs import TariffDimensionType

#: A kWh in the Wh, an hour in the seconds, in which steps are counted (TAR-16).
_STEPS_A_UNIT: Final = {
    TariffDimensionType.ENERGY: 1000,
    TariffDimensionType.TIME: 3600,
    TariffDimensionType.PARKING_TIME: 3600,
}

#: Each of these is rounded up once: charging and parking time together, the time of a reservation by itself.
_ROUNDED_TOGETHER: Final = (
    frozenset({Kind.ENERGY}),
    frozenset({Kind.TIME, Kind.PARKING}),
    frozenset({Kind.RESERVATION}),
)


def billed(usages: Sequence[Usage]) -> list[Fraction]:
    """The quantity of each usage that is billed, in the same order.

    Only the last usage of energy, and the last one of time, grows: by what the total of its dimension over
    the session lacks to a multiple of its step size. Charging that parking follows is billed as it was.
    """
    quantities = [usage.quantity for usage in usages]
    for kinds in _ROUNDED_TOGETHER:
        last = next(
            (place for place in reversed(range(len(usages))) if _has_steps(usages[place], kinds)), None
        )
        if last is not None:
            same = (usage.quantity for usage in usages if usage.key == usages[last].key)
            quantities[last] += _lacking(sum(same, Fraction(0)), usages[last])
    return quantities


def _has_steps(usage: Usage, kinds: frozenset[Kind]) -> bool:
    return usage.kind in kinds and usage.component.dimension is not TariffDimensionType.FLAT


def _lacking(total: Fraction, last: Usage) -> Fraction:
    """What the total lacks to the next multiple of the step size."""
    step = Fraction(last.component.step_size, _STEPS_A_UNIT[last.component.dimension])
    return ceil(total / step) * step - total
