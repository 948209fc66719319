"""A record whose periods tell of no energy, although it has a total: never priced as if none had flowed."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from hub.pricing.errors import CannotBePriced
from schemas.v2_2_1.cdrs import CdrDimension, CdrDimensionType, ChargingPeriod
from schemas.v2_2_1.tariffs import Tariff, TariffDimensionType, TariffRestrictions

#: Dimensions that say how much flowed.
_OF_ENERGY: Final = frozenset(
    {CdrDimensionType.ENERGY, CdrDimensionType.ENERGY_IMPORT, CdrDimensionType.ENERGY_EXPORT}
)
#: Dimensions of time in which no energy flows, or need not.
_WITHOUT_ENERGY: Final = frozenset({CdrDimensionType.PARKING_TIME, CdrDimensionType.RESERVATION_TIME})


class Attributed(NamedTuple):
    """Periods, with the energy of the whole where it can only belong."""

    periods: Sequence[ChargingPeriod]
    #: The energy of a record whose price does not depend on where it flowed; None: the periods tell it.
    energy: Decimal | None = None
    notes: tuple[str, ...] = ()


def with_energy(
    periods: Sequence[ChargingPeriod], total_energy: Decimal | None, tariffs: Iterable[Tariff]
) -> Attributed:
    """The periods with the energy that only the record as a whole tells of.

    Where one period alone charged, it flowed there. Where several did, its place is not known, which does no
    harm if no tariff asks for it.

    Args:
        periods: Those of the record, each with its tariff.
        total_energy: kWh in all; None: not told.
        tariffs: The tariffs known.

    Raises:
        CannotBePriced: the price depends on where the energy flowed.
    """
    if not total_energy or total_energy < 0 or any(map(_tells, periods)):
        return Attributed(periods)
    charging = [place for place, period in enumerate(periods) if _may_charge(period)]
    if len(charging) == 1:
        (place,) = charging
        note = f"/charging_periods/{place}: tells of no energy; all of /total_energy was taken as its own"
        return Attributed(
            [*periods[:place], _with(periods[place], total_energy), *periods[place + 1 :]], notes=(note,)
        )
    named = {period.tariff_id.lower() for period in periods if period.tariff_id is not None}
    if any(_asks(tariff) for tariff in tariffs if tariff.id.lower() in named):
        raise CannotBePriced(
            "/total_energy",
            f"{total_energy} kWh, but no charging period tells of energy: where it flowed is not known",
        )
    return Attributed(periods, total_energy, ("/total_energy: no charging period tells of energy",))


def _tells(period: ChargingPeriod) -> bool:
    return any(dimension.type in _OF_ENERGY for dimension in period.dimensions)


def _may_charge(period: ChargingPeriod) -> bool:
    told = {dimension.type for dimension in period.dimensions if dimension.volume}
    return CdrDimensionType.TIME in told or told.isdisjoint(_WITHOUT_ENERGY)


def _with(period: ChargingPeriod, energy: Decimal) -> ChargingPeriod:
    told = CdrDimension(type=CdrDimensionType.ENERGY, volume=energy)
    return period.model_copy(update={"dimensions": (*period.dimensions, told)})


def _asks(tariff: Tariff) -> bool:
    """Whether a price depends on energy, or on the power with which it flowed."""
    return any(
        component.type == TariffDimensionType.ENERGY
        for element in tariff.elements
        for component in element.price_components
    ) or any(
        _restricts(element.restrictions) for element in tariff.elements if element.restrictions is not None
    )


def _restricts(restrictions: TariffRestrictions) -> bool:
    bounds = (
        restrictions.min_kwh,
        restrictions.max_kwh,
        restrictions.min_power,
        restrictions.max_power,
        restrictions.min_current,
        restrictions.max_current,
    )
    return any(bound is not None for bound in bounds)
