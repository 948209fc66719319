"""One connector: the cable, the car at it, the meter behind it, the transaction on it. No messages."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from partners.charger import curve
from partners.charger.curve import ChargingCurve, Progress
from partners.charger.reservation import Reservation
from partners.charger.smart_charging import FOREVER, VOLTAGE, Limit
from partners.charger.states import Cause, Status, Token
from partners.charger.vehicle import Vehicle, charging_curve


class Reading(NamedTuple):
    """What the meter shows at an instant."""

    at: datetime
    #: Never falls, Wh.
    register_wh: int
    power_w: Decimal
    #: In each phase that is used, A.
    current_a: Decimal
    #: 0 to 1; None without a car.
    soc: Decimal | None
    #: Among which the current is divided.
    phases: int = 3


@dataclass(slots=True)
class Flow:
    """Energy on its way into a car, from the moment it is released until it is cut off."""

    begun_at: datetime
    curve: ChargingCurve
    #: What smart charging allows at an instant.
    limit: Callable[[datetime], Limit]
    progress: Progress = field(default_factory=Progress)

    @property
    def now(self) -> datetime:
        """How far it has come."""
        return self.begun_at + self.progress.elapsed

    @property
    def limited_curve(self) -> ChargingCurve:
        """The curve under the limit of the moment."""
        watt = self.limit(self.now).watt
        most = self.curve.max_power_w
        return self.curve if watt is None else replace(self.curve, max_power_w=min(watt, most))

    @property
    def is_held_back(self) -> bool:
        """Whether smart charging gives the car nothing at all."""
        return self.limit(self.now).watt == 0

    @property
    def is_full(self) -> bool:
        """Whether the car takes nothing more."""
        return curve.is_full(self.curve, self.progress)

    def advance(self, now: datetime) -> None:
        """Let energy flow until now, each stretch under its own limit."""
        while self.now < now:
            until = min(self.limit(self.now).until, now)
            self.progress = curve.advanced(self.limited_curve, self.progress, until - self.now)


@dataclass(slots=True)
class Transaction:
    """Somebody charges, or is about to, or has done so and is still there."""

    connector_id: int
    started_at: datetime
    meter_start_wh: int
    #: None as long as nobody has said who it is.
    token: Token | None = None
    #: While energy is released.
    flow: Flow | None = None
    #: Delivered in flows that are over, Wh.
    delivered_wh: Decimal = Decimal(0)
    #: Of the reservation that it uses.
    reservation_id: int | None = None
    #: Of the remote start that it comes from.
    remote_start_id: int | None = None
    #: By which the central system knows it; None until it is known.
    transaction_id: int | str | None = None
    #: Messages about it so far.
    told: int = 0
    #: Why it will be over when the car leaves.
    cause: Cause | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def id_tag(self) -> str | None:
        """Who charges, as text."""
        return None if self.token is None else self.token.id

    @property
    def energy_wh(self) -> Decimal:
        """Delivered so far."""
        return self.delivered_wh + (self.flow.progress.energy_wh if self.flow else 0)


@dataclass(slots=True)
class Connector:
    """A connector and all that hangs on it.

    Attributes:
        connector_id: From 1.
        max_power_w: What it can give.
        phases: Among which the current is divided.
        register_wh: Of the meter, over its whole life.
        authorized: Who may begin as soon as there is a car.
    """

    connector_id: int
    max_power_w: Decimal
    phases: int = 3
    register_wh: Decimal = Decimal(0)
    status: Status = Status.AVAILABLE
    vehicle: Vehicle | None = None
    transaction: Transaction | None = None
    authorized: Token | None = None
    #: With `authorized`, of the remote start that it comes from.
    remote_start_id: int | None = None
    #: With `authorized`, a charging profile for what is to come.
    awaited_profile: Mapping[str, Any] | None = None
    reservation: Reservation | None = None
    out_of_order: bool = False
    #: Delivered in the transaction before this one, Wh.
    last_energy_wh: Decimal = Decimal(0)

    @property
    def is_free(self) -> bool:
        """Whether somebody new could begin here."""
        return (
            (self.transaction is None or self.transaction.token is None)
            and self.authorized is None
            and (
                self.status in {Status.AVAILABLE, Status.PREPARING}
                or (self.status is Status.RESERVED and self.reservation is not None)
            )
        )

    def is_free_for(self, token: Token) -> bool:
        """Whether this token could begin here: nobody else has reserved it."""
        return self.is_free and (self.reservation is None or self.reservation.is_for(token.id))

    def open(self, at: datetime) -> Transaction:
        """Count from now on as a transaction what happens here."""
        if self.transaction is not None:
            raise NotPossible("there is a transaction already")
        self.transaction = Transaction(self.connector_id, at, int(self.register_wh))
        return self.transaction

    def identify(self, token: Token) -> None:
        """Know whose transaction it is; uses up a reservation."""
        if self.transaction is None:
            raise NotPossible("there is no transaction")
        self.transaction.token = token
        self.transaction.reservation_id = None if self.reservation is None else self.reservation.id
        self.transaction.remote_start_id = self.remote_start_id
        self.authorized = self.reservation = self.remote_start_id = None

    def release(self, at: datetime, limit: "LimitOf | None" = None) -> None:
        """Let energy flow into the car that is plugged in."""
        transaction = self.transaction
        if transaction is None or self.vehicle is None or transaction.flow is not None:
            raise NotPossible("energy flows once, in a transaction, into a car")
        allowed, part = limit or _no_limit, Decimal(self.used_phases) / self.phases
        transaction.flow = Flow(
            at,
            charging_curve(self.vehicle, self.max_power_w * part),
            # The current of each phase is limited; who uses one of three gets a third of the power.
            lambda now: allowed(transaction, now).for_part(part),
        )

    def begin(self, token: Token, at: datetime, limit: "LimitOf | None" = None) -> Transaction:
        """Open a transaction, know whose it is, and release the energy, all at once."""
        if self.vehicle is None:
            raise NotPossible("a transaction needs a car")
        transaction = self.open(at)
        self.identify(token)
        self.release(at, limit)
        return transaction

    def advance(self, now: datetime) -> None:
        """Let energy flow until now."""
        flow = self.transaction.flow if self.transaction else None
        if flow is not None:
            before = flow.progress.energy_wh
            flow.advance(now)
            self.register_wh += flow.progress.energy_wh - before

    def cut_off(self, now: datetime) -> None:
        """Let no more energy flow; the car keeps what it got."""
        self.advance(now)
        transaction = self.transaction
        if transaction is None or transaction.flow is None or self.vehicle is None:
            return
        flow, transaction.flow = transaction.flow, None
        self.vehicle = replace(self.vehicle, soc=curve.soc(flow.curve, flow.progress))
        transaction.delivered_wh += flow.progress.energy_wh

    def end(self, now: datetime) -> Transaction:
        """Cut the energy off, and count no longer."""
        self.cut_off(now)
        transaction = self.transaction
        if transaction is None:
            raise NotPossible("there is no transaction to end")
        self.transaction = None
        self.last_energy_wh = transaction.energy_wh
        transaction.ended.set()
        return transaction

    def reading(self, now: datetime) -> Reading:
        """What the meter shows; lets energy flow until now."""
        self.advance(now)
        power, phases = Decimal(0), self.used_phases
        charge = self.vehicle.soc if self.vehicle else None
        flow = self.transaction.flow if self.transaction else None
        if flow is not None:
            power = curve.power_w(flow.limited_curve, flow.progress)
            charge = curve.soc(flow.curve, flow.progress)
        return Reading(now, int(self.register_wh), power, power / (phases * VOLTAGE), charge, phases)

    @property
    def used_phases(self) -> int:
        """On how many phases the car at it charges."""
        return self.phases if self.vehicle is None else min(self.phases, self.vehicle.phases)

    @property
    def flow(self) -> Flow | None:
        """Energy that flows, or could, if car and smart charging wanted it to."""
        return self.transaction.flow if self.transaction else None

    @property
    def car_is_full(self) -> bool:
        """Whether the car at it takes nothing more."""
        return self.flow is not None and self.flow.is_full


#: What smart charging allows a transaction at an instant.
LimitOf = Callable[[Transaction, datetime], Limit]


def _no_limit(_transaction: Transaction, _at: datetime) -> Limit:
    return Limit(None, FOREVER)


class NotPossible(ValueError):
    """Nobody could do this at a real charger, as things stand there."""
