"""One connector: the cable, the car at it, the meter behind it, the transaction on it. No messages."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from ocpp.v16.enums import ChargePointStatus as Status

from partners.charger import curve
from partners.charger.curve import ChargingCurve, Progress
from partners.charger.reservation import Reservation
from partners.charger.smart_charging import FOREVER, VOLTAGE, Limit
from partners.charger.vehicle import Vehicle, charging_curve


class Reading(NamedTuple):
    """What the meter shows at an instant."""

    at: datetime
    #: Never falls, Wh.
    register_wh: int
    power_w: Decimal
    #: In each phase, A.
    current_a: Decimal
    #: 0 to 1; None without a car.
    soc: Decimal | None


@dataclass(slots=True)
class Transaction:
    """Somebody charges, from the moment the energy is released to its end."""

    connector_id: int
    id_tag: str
    started_at: datetime
    meter_start_wh: int
    curve: ChargingCurve
    #: What smart charging allows at an instant.
    limit: "LimitOf"
    #: Of the reservation that it uses.
    reservation_id: int | None = None
    #: The central system's number for it; None until it has answered.
    transaction_id: int | None = None
    progress: Progress = field(default_factory=Progress)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def energy_wh(self) -> Decimal:
        """Delivered so far."""
        return self.progress.energy_wh

    @property
    def now(self) -> datetime:
        """How far it has come."""
        return self.started_at + self.progress.elapsed

    @property
    def limited_curve(self) -> ChargingCurve:
        """The curve under the limit of the moment."""
        watt = self.limit(self, self.now).watt
        most = self.curve.max_power_w
        return self.curve if watt is None else replace(self.curve, max_power_w=min(watt, most))

    @property
    def is_held_back(self) -> bool:
        """Whether smart charging gives the car nothing at all."""
        return self.limit(self, self.now).watt == 0

    def advance(self, now: datetime) -> None:
        """Let energy flow until now, each stretch under its own limit."""
        while self.now < now:
            until = min(self.limit(self, self.now).until, now)
            self.progress = curve.advanced(self.limited_curve, self.progress, until - self.now)


@dataclass(slots=True)
class Connector:
    """A connector and all that hangs on it.

    Attributes:
        connector_id: From 1.
        max_power_w: What it can give.
        phases: Among which the current is divided.
        register_wh: Of the meter, over its whole life.
        authorized: Id tag that may begin as soon as there is a car.
    """

    connector_id: int
    max_power_w: Decimal
    phases: int = 3
    register_wh: Decimal = Decimal(0)
    status: Status = Status.available
    vehicle: Vehicle | None = None
    transaction: Transaction | None = None
    authorized: str | None = None
    reservation: Reservation | None = None
    out_of_order: bool = False
    #: Delivered in the transaction before this one, Wh.
    last_energy_wh: Decimal = Decimal(0)

    @property
    def is_free(self) -> bool:
        """Whether a new transaction could begin here."""
        return (
            self.transaction is None
            and self.authorized is None
            and (
                self.status in {Status.available, Status.preparing}
                or (self.status is Status.reserved and self.reservation is not None)
            )
        )

    def is_free_for(self, id_tag: str) -> bool:
        """Whether this id tag could begin here: nobody else has reserved it."""
        return self.is_free and (self.reservation is None or self.reservation.is_for(id_tag))

    def begin(self, id_tag: str, at: datetime, limit: "LimitOf | None" = None) -> Transaction:
        """Release the energy to the car that is plugged in; uses up a reservation."""
        if self.vehicle is None or self.transaction is not None:
            raise NotPossible("a transaction needs a car, and a connector that has none yet")
        self.authorized = None
        self.transaction = Transaction(
            connector_id=self.connector_id,
            id_tag=id_tag,
            started_at=at,
            meter_start_wh=int(self.register_wh),
            curve=charging_curve(self.vehicle, self.max_power_w),
            limit=limit or _no_limit,
            reservation_id=None if self.reservation is None else self.reservation.id,
        )
        self.reservation = None
        return self.transaction

    def advance(self, now: datetime) -> None:
        """Let energy flow until now."""
        if self.transaction is None:
            return
        before = self.transaction.progress
        self.transaction.advance(now)
        self.register_wh += self.transaction.progress.energy_wh - before.energy_wh

    def end(self, now: datetime) -> Transaction:
        """Cut the energy off; the car keeps what it got."""
        self.advance(now)
        transaction = self.transaction
        if transaction is None or self.vehicle is None:
            raise NotPossible("there is no transaction to end")
        self.vehicle = replace(self.vehicle, soc=curve.soc(transaction.curve, transaction.progress))
        self.transaction = None
        self.last_energy_wh = transaction.energy_wh
        transaction.ended.set()
        return transaction

    def reading(self, now: datetime) -> Reading:
        """What the meter shows; lets energy flow until now."""
        self.advance(now)
        power = Decimal(0)
        charge = self.vehicle.soc if self.vehicle else None
        if self.transaction is not None:
            power = curve.power_w(self.transaction.limited_curve, self.transaction.progress)
            charge = curve.soc(self.transaction.curve, self.transaction.progress)
        current = power / (self.phases * VOLTAGE)
        return Reading(now, int(self.register_wh), power, current, charge)

    @property
    def car_is_full(self) -> bool:
        """Whether the car at it takes nothing more."""
        return self.transaction is not None and curve.is_full(
            self.transaction.curve, self.transaction.progress
        )


#: What smart charging allows a transaction at an instant.
LimitOf = Callable[[Transaction, datetime], Limit]


def _no_limit(_transaction: Transaction, _at: datetime) -> Limit:
    return Limit(None, FOREVER)


class NotPossible(ValueError):
    """Nobody could do this at a real charger, as things stand there."""
