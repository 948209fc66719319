"""step_size: what is billed beyond what was used, once a session for energy and once for time (CDR-12)."""

from collections.abc import Sequence
from typing import Final

from hub.pricing.exact import MICROSECONDS_A_SECOND, UNITS_A_KWH, Exact
from hub.pricing.usage import Kind, Usage
from schemas.v2_2_1.tariffs import TariffDimensionType

#: A Wh and a second, in which steps are counted, in the least units, in which quantities are (TAR-16).
_UNIT: Final = {
    TariffDimensionType.ENERGY: UNITS_A_KWH // 1000,
    TariffDimensionType.TIME: MICROSECONDS_A_SECOND,
    TariffDimensionType.PARKING_TIME: MICROSECONDS_A_SECOND,
}

#: What is rounded up once: energy, charging and parking time together, the time of a reservation by itself.
_ROUNDED_WITH: Final = {
    Kind.ENERGY: Kind.ENERGY,
    Kind.TIME: Kind.TIME,
    Kind.PARKING: Kind.TIME,
    Kind.RESERVATION: Kind.RESERVATION,
}


def billed(usages: Sequence[Usage]) -> list[Exact]:
    """The quantity of each usage that is billed, in the same order and unit.

    Only the last usage of energy, and the last one of time, grows: by what the total of its dimension over
    the session lacks to a multiple of its step size. Charging that parking follows is billed as it was.
    """
    quantities = [usage.quantity for usage in usages]
    rounded: set[Kind] = set()
    for place in reversed(range(len(usages))):
        last = usages[place]
        if last.component.dimension is TariffDimensionType.FLAT or _ROUNDED_WITH[last.kind] in rounded:
            continue
        rounded.add(_ROUNDED_WITH[last.kind])
        total = sum(usage.quantity for usage in usages if usage.key == last.key)
        quantities[place] += _lacking(total, last)
    return quantities


def _lacking(total: Exact, last: Usage) -> Exact:
    """What the total lacks to the next multiple of the step size."""
    return -total % (last.component.step_size * _UNIT[last.component.dimension])
