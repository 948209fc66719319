"""A car that comes to be charged."""

from dataclasses import dataclass
from decimal import Decimal

from partners.charger.curve import ChargingCurve


@dataclass(frozen=True, slots=True)
class Vehicle:
    """What a charger finds out about the car at its cable."""

    #: Of the battery, Wh.
    capacity_wh: Decimal = Decimal(60_000)
    #: On arrival, 0 to 1.
    soc: Decimal = Decimal("0.3")
    #: What it can take, W.
    max_power_w: Decimal = Decimal(150_000)
    #: State of charge from which it takes less and less.
    taper_from: Decimal = Decimal("0.8")
    #: On how many phases it charges at most, at alternating current.
    phases: int = 3


def charging_curve(vehicle: Vehicle, max_power_w: Decimal) -> ChargingCurve:
    """How this car charges at a connector that gives so much, W."""
    return ChargingCurve(
        max_power_w=min(vehicle.max_power_w, max_power_w),
        capacity_wh=vehicle.capacity_wh,
        soc_at_start=vehicle.soc,
        taper_from=vehicle.taper_from,
    )
