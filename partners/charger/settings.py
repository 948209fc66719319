"""What kind of charge point is simulated."""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from partners.charger.states import EnergyUnit, Outcome, TxStart, TxStop
from partners.charger.vehicle import Vehicle


@dataclass(frozen=True, slots=True)
class ChargerSettings:
    """Everything about a simulated charge point that may differ; the rest is like any other."""

    #: Of OCPP: 1.6, 2.0.1 or 2.1.
    version: str = "1.6"
    connectors: int = 1
    #: What it shows when it connects (basic authentication); None: nothing.
    password: str | None = None
    #: What each connector can give, W.
    max_power_w: Decimal = Decimal(22_000)
    phases: int = 3
    #: What the meters show at first, Wh.
    register_wh: Decimal = Decimal(1_000_000)
    #: Spelling of energies on the wire: Wh or kWh.
    energy_unit: EnergyUnit = EnergyUnit.WH
    #: Whether its meters sign the readings at the begin and the end of a transaction.
    signs: bool = False
    #: With `signs`: keys that are the same each time; None: new ones.
    key_seed: int | None = None
    #: What 2.x counts as a transaction.
    tx_start: TxStart = TxStart.POWER_PATH_CLOSED
    tx_stop: TxStop = TxStop.AUTHORIZED
    #: The car that comes when nothing else is said.
    vehicle: Vehicle = field(default_factory=Vehicle)
    #: Whether a car is plugged in when somebody starts remotely at an empty connector.
    car_comes_on_remote_start: bool = False
    #: The answer to UnlockConnector: Unlocked, UnlockFailed or (1.6) NotSupported.
    unlock: Outcome = Outcome.UNLOCKED
    #: Whether it says how its connectors are when it is back on a link; many chargers do not.
    tells_status_when_back: bool = True
    #: Whether it says how it is as a whole: connector 0, EVSE 0. None: as its version wants it, 1.6 so.
    tells_status_of_the_whole: bool | None = None
    #: Whether each message about a transaction of 2.x has a seqNo of its own; some chargers repeat it.
    repeats_seq_no: bool = False
    #: Whether 2.x tells which remote start a transaction comes from.
    tells_remote_start_id: bool = True
    #: Real time from a lost link to the first attempt; doubled with each further one.
    reconnect_after: timedelta = timedelta(seconds=1)
    reconnect_at_most: timedelta = timedelta(seconds=30)
    #: Real time that the central system may take to answer.
    answer_within: timedelta = timedelta(seconds=30)
    #: Settings, under 1.6's names, that it answers RebootRequired, and takes when it boots.
    takes_at_boot: frozenset[str] = frozenset()
    #: Settings that it answers RebootRequired, and never takes.
    loses_at_boot: frozenset[str] = frozenset()
