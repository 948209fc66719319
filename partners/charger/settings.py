"""What kind of charge point is simulated."""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from ocpp.v16.enums import UnitOfMeasure, UnlockStatus

from partners.charger.vehicle import Vehicle


@dataclass(frozen=True, slots=True)
class ChargerSettings:
    """Everything about a simulated charge point that may differ; the rest is like any other."""

    connectors: int = 1
    #: What each connector can give, W.
    max_power_w: Decimal = Decimal(22_000)
    phases: int = 3
    #: What the meters show at first, Wh.
    register_wh: Decimal = Decimal(1_000_000)
    #: Spelling of energies on the wire: Wh or kWh.
    energy_unit: UnitOfMeasure = UnitOfMeasure.wh
    #: The car that comes when nothing else is said.
    vehicle: Vehicle = field(default_factory=Vehicle)
    #: Whether a car is plugged in when somebody starts remotely at an empty connector.
    car_comes_on_remote_start: bool = False
    #: The answer to UnlockConnector.
    unlock: UnlockStatus = UnlockStatus.unlocked
    #: Whether it says how its connectors are when it is back on a link; many chargers do not.
    tells_status_when_back: bool = True
    #: Real time from a lost link to the first attempt; doubled with each further one.
    reconnect_after: timedelta = timedelta(seconds=1)
    reconnect_at_most: timedelta = timedelta(seconds=30)
    #: Real time that the central system may take to answer.
    answer_within: timedelta = timedelta(seconds=30)
    #: Simulated time after a refused transaction message, multiplied by the number of refusals.
    retry_after: timedelta = timedelta(seconds=10)
