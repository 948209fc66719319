"""A simulated OCPP 1.6J charge point: what its connectors do, and what it says about it.

It keeps a link to its central system and says everything in order (`Outbox`); what belongs to a
transaction waits there while the link is down. Energy flows by `curve`, in simulated time.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import unquote, urlsplit

from ocpp.v16 import call, call_result
from ocpp.v16.enums import (
    AuthorizationStatus,
    AvailabilityStatus,
    AvailabilityType,
    CancelReservationStatus,
    ChargingProfileStatus,
    ChargingRateUnitType,
    ClearChargingProfileStatus,
    GetCompositeScheduleStatus,
    MessageTrigger,
    ReadingContext,
    Reason,
    RemoteStartStopStatus,
    ReservationStatus,
    ResetStatus,
    ResetType,
    TriggerMessageStatus,
    UnlockStatus,
)
from ocpp.v16.enums import ChargePointStatus as Status
from ocpp.v16.enums import ChargingProfilePurposeType as Purpose

from partners.changes import Changes
from partners.charger import messages
from partners.charger.central_system_link import Consequence, LinkLost, NotAnswered
from partners.charger.configuration import Configuration
from partners.charger.connector import Connector, NotPossible, Reading, Transaction
from partners.charger.outbox import Message, Outbox
from partners.charger.reservation import Reservation
from partners.charger.settings import ChargerSettings
from partners.charger.simulated_time import SimulatedTime
from partners.charger.smart_charging import Limit, Profile, Profiles, composite, read_profile
from partners.charger.uplink import Uplink
from partners.charger.vehicle import Vehicle


class ConnectorState(NamedTuple):
    """How a connector is at this moment."""

    status: Status
    #: None without a transaction, or as long as it has no number.
    transaction_id: int | None
    id_tag: str | None
    #: Delivered in the present transaction, Wh.
    energy_wh: Decimal
    #: Delivered in the transaction before, Wh.
    last_energy_wh: Decimal
    register_wh: Decimal
    #: What flows now, W.
    power_w: Decimal
    #: Whether the car takes nothing more.
    car_is_full: bool


class Happening(NamedTuple):
    """Something that an onlooker may want to know."""

    at: datetime
    charge_point: str
    #: In a few words.
    what: str
    connector_id: int | None = None


class ChargerSimulator:
    """One charge point, switched on as long as the context is open.

    Args:
        url: `ws://…/ocpp/CP001`; the last segment is its identity.
        settings: What kind of charge point it is.
        time: Its (simulated) time.
        onlooker: Told what happens.
        jitter: A share of the back-off, 0 to 1, that is added to it.
    """

    def __init__(
        self,
        url: str,
        settings: ChargerSettings | None = None,
        *,
        time: SimulatedTime,
        onlooker: Callable[[Happening], None] = lambda _: None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.charge_point = unquote(urlsplit(url).path.rsplit("/", 1)[-1])
        self.settings = settings or ChargerSettings()
        self.configuration = Configuration.standard(self.settings.connectors)
        self.time = time
        self._onlooker = onlooker
        self._connectors = {
            number: Connector(
                number, self.settings.max_power_w, self.settings.phases, self.settings.register_wh
            )
            for number in range(1, self.settings.connectors + 1)
        }
        #: Reservations of any connector, none in particular.
        self._seats: dict[int, Reservation] = {}
        self._profiles = Profiles()
        self._outbox = Outbox()
        self._changes = Changes()
        self._uplink = Uplink(url, self, self._outbox, jitter)
        self._tasks: set[asyncio.Task[None]] = set()
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        self._do(self._uplink.stay_up())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._uplink.switch_off()
        for task in self._tasks:
            task.cancel()
        # The group must know of a cancellation; any other error goes on as it is.
        cancelled = isinstance(error, asyncio.CancelledError)
        await self._group.__aexit__(*((kind, error, traceback) if cancelled else (None, None, None)))

    # What people do

    def plug_in(self, connector_id: int, vehicle: Vehicle | None = None) -> None:
        """A car comes, and is connected; a transaction begins if one was allowed before."""
        connector = self._connector(connector_id)
        if connector.vehicle is not None:
            raise NotPossible("there is a car already")
        connector.vehicle = vehicle or self.settings.vehicle
        self._tell("a car is plugged in", connector)
        if connector.authorized is not None:
            self._begin(connector, connector.authorized)
        elif connector.status is Status.available:
            self._set_status(connector, Status.preparing)

    async def tap(self, connector_id: int, id_tag: str) -> AuthorizationStatus:
        """A card is shown: it begins a transaction, or ends the one that it began.

        Returns:
            What the reader shows; Invalid also for a card that does not belong to the transaction.
        """
        connector = self._connector(connector_id)
        if connector.transaction is not None and connector.transaction.id_tag == id_tag:
            self._end(connector, Reason.local, id_tag)
            return AuthorizationStatus.accepted
        is_free = self._is_free(connector, id_tag)
        status = await self._authorize(id_tag) if is_free else AuthorizationStatus.invalid
        self._tell(f"card {id_tag}: {status}", connector)
        if status is AuthorizationStatus.accepted and self._is_free(connector, id_tag):
            self._release(connector, id_tag)
        return status

    def unplug(self, connector_id: int) -> None:
        """The car leaves; ends a transaction that is under way."""
        connector = self._connector(connector_id)
        if connector.vehicle is None:
            raise NotPossible("there is no car")
        if connector.transaction is not None:
            self._end(connector, Reason.ev_disconnected)
        connector.vehicle = None
        self._tell("the car has left", connector)
        self._set_status(connector, _idle(connector))

    def break_down(self, connector_id: int) -> None:
        """The connector becomes faulty; ends a transaction that is under way."""
        connector = self._connector(connector_id)
        if connector.transaction is not None:
            self._end(connector, Reason.other)
        connector.authorized = connector.reservation = None
        self._set_status(connector, Status.faulted)

    # What can be seen

    @property
    def is_connected(self) -> bool:
        """Whether there is a link on which the central system has accepted it."""
        return self._uplink.is_up

    def connector(self, connector_id: int) -> ConnectorState:
        """How a connector is now."""
        connector = self._connector(connector_id)
        reading = connector.reading(self.time.now())
        transaction = connector.transaction
        return ConnectorState(
            status=connector.status,
            transaction_id=transaction.transaction_id if transaction else None,
            id_tag=transaction.id_tag if transaction else None,
            energy_wh=transaction.energy_wh if transaction else Decimal(0),
            last_energy_wh=connector.last_energy_wh,
            register_wh=connector.register_wh,
            power_w=reading.power_w,
            car_is_full=connector.car_is_full,
        )

    async def until(self, is_true: Callable[[], bool]) -> None:
        """Wait for anything that can be seen at this charge point."""
        await self._changes.until(is_true, patience=None)

    async def until_connected(self) -> None:
        """Wait for a link."""
        await self.until(lambda: self.is_connected)

    async def until_status(self, connector_id: int, status: Status) -> None:
        """Wait for a connector to get into a state."""
        await self.until(lambda: self._connector(connector_id).status is status)

    async def until_numbered(self, connector_id: int) -> int:
        """Wait until the central system has given a number to the transaction, and return it."""
        return await self._changes.until(lambda: self.connector(connector_id).transaction_id, patience=None)

    async def until_energy(self, connector_id: int, wh: Decimal) -> None:
        """Wait until so much was delivered in the present transaction, or the car is full."""

        def enough() -> bool:
            state = self.connector(connector_id)
            return state.energy_wh >= wh or state.car_is_full

        await self.until(enough)

    async def until_told(self) -> None:
        """Wait until the central system has heard everything."""
        await self.until(lambda: self.is_connected and not len(self._outbox))

    # What the central system wants

    def remote_start(
        self, id_tag: str, connector_id: int | None
    ) -> tuple[RemoteStartStopStatus, Consequence]:
        """RemoteStartTransaction: yes, if a connector is free."""
        connector = self._free_connector(connector_id, id_tag)
        if connector is None:
            return RemoteStartStopStatus.rejected, _nothing
        connector.authorized = id_tag
        return RemoteStartStopStatus.accepted, lambda: self._do(self._start_remotely(connector, id_tag))

    def remote_stop(self, transaction_id: int) -> tuple[RemoteStartStopStatus, Consequence]:
        """RemoteStopTransaction: yes, if that transaction is under way."""
        for connector in self._connectors.values():
            if connector.transaction and connector.transaction.transaction_id == transaction_id:
                return RemoteStartStopStatus.accepted, partial(self._end, connector, Reason.remote)
        return RemoteStartStopStatus.rejected, _nothing

    def unlock(self, connector_id: int) -> tuple[UnlockStatus, Consequence]:
        """UnlockConnector: as the settings say; ends a transaction."""
        connector = self._connectors.get(connector_id)
        if connector is None:
            return UnlockStatus.not_supported, _nothing
        if self.settings.unlock is not UnlockStatus.unlocked or connector.transaction is None:
            return self.settings.unlock, _nothing
        return UnlockStatus.unlocked, partial(self._end, connector, Reason.unlock_command)

    def trigger(
        self, requested: MessageTrigger, connector_id: int | None
    ) -> tuple[TriggerMessageStatus, Consequence]:
        """TriggerMessage: boot, heartbeat, status and meter values can be had."""
        if connector_id is not None and connector_id not in {0, *self._connectors}:
            return TriggerMessageStatus.rejected, _nothing
        connectors = [self._connectors[connector_id]] if connector_id else list(self._connectors.values())
        triggered: dict[MessageTrigger, Consequence] = {
            MessageTrigger.boot_notification: lambda: self._say(
                messages.boot_notification(self.charge_point)
            ),
            MessageTrigger.heartbeat: lambda: self._say(call.Heartbeat()),
            MessageTrigger.status_notification: lambda: self._say_status(connectors),
            MessageTrigger.meter_values: lambda: self._say_meter_values(connectors),
        }
        if requested not in triggered:
            return TriggerMessageStatus.not_implemented, _nothing
        return TriggerMessageStatus.accepted, triggered[requested]

    def reset(self, kind: ResetType) -> tuple[ResetStatus, Consequence]:
        """Reset: transactions end, and it boots again."""
        return ResetStatus.accepted, lambda: self._do(self._start_anew(kind))

    def change_availability(
        self, connector_id: int, kind: AvailabilityType
    ) -> tuple[AvailabilityStatus, Consequence]:
        """ChangeAvailability: at once, or when the transaction is over."""
        if connector_id not in {0, *self._connectors}:
            return AvailabilityStatus.rejected, _nothing
        connectors = [self._connectors[connector_id]] if connector_id else list(self._connectors.values())
        later = kind is AvailabilityType.inoperative and any(c.transaction for c in connectors)
        answer = AvailabilityStatus.scheduled if later else AvailabilityStatus.accepted
        return answer, lambda: self._become_available(connectors, kind)

    def reserve(self, connector_id: int, reservation: Reservation) -> tuple[ReservationStatus, Consequence]:
        """ReserveNow: yes, if the connector (0: any) is free; the same id replaces a reservation."""
        refused = self._why_not_reserved(connector_id, reservation.id)
        if refused is not None:
            return refused, _nothing
        return ReservationStatus.accepted, lambda: self._keep_free(connector_id, reservation)

    def cancel_reservation(self, reservation_id: int) -> tuple[CancelReservationStatus, Consequence]:
        """CancelReservation: yes, if there is one with this id."""
        if reservation_id in self._seats or self._reserved(reservation_id) is not None:
            return CancelReservationStatus.accepted, partial(self._let_go, reservation_id)
        return CancelReservationStatus.rejected, _nothing

    def set_profile(self, connector_id: int, profile: Mapping[str, Any]) -> ChargingProfileStatus:
        """SetChargingProfile: at once; a TxProfile needs the transaction that it is for."""
        try:
            read = read_profile(connector_id, profile, self.settings.phases)
        except ValueError:
            return ChargingProfileStatus.rejected
        if not self._can_follow(read):
            return ChargingProfileStatus.rejected
        self._flow_until_now()
        self._profiles.install(read)
        self._show_all_flows()
        return ChargingProfileStatus.accepted

    def clear_profiles(
        self, profile_id: int | None, connector_id: int | None, purpose: str | None, stack_level: int | None
    ) -> ClearChargingProfileStatus:
        """ClearChargingProfile: those that match all that is said."""
        self._flow_until_now()
        were_some = self._profiles.remove(
            lambda each: (
                each.id == profile_id
                if profile_id is not None
                else connector_id in {None, each.connector_id}
                and purpose in {None, each.purpose.value}
                and stack_level in {None, each.stack_level}
            )
        )
        self._show_all_flows()
        return ClearChargingProfileStatus.accepted if were_some else ClearChargingProfileStatus.unknown

    def composite_schedule(
        self, connector_id: int, seconds: int, unit: ChargingRateUnitType
    ) -> call_result.GetCompositeSchedule:
        """GetCompositeSchedule: of one connector."""
        connector = self._connectors.get(connector_id)
        if connector is None:
            return call_result.GetCompositeSchedule(GetCompositeScheduleStatus.rejected)
        now, transaction = self.time.now(), connector.transaction
        number = None if transaction is None else transaction.transaction_id
        began = now if transaction is None else transaction.started_at
        steps = composite(
            lambda at: self._profiles.limit(connector_id, number, at, began),
            connector.max_power_w,
            now,
            timedelta(seconds=seconds),
        )
        return messages.composite_schedule(connector_id, now, seconds, steps, unit, self.settings.phases)

    # What it does

    def _why_not_reserved(self, connector_id: int, reservation_id: int) -> ReservationStatus | None:
        if connector_id == 0:
            free = sum(each.is_free and each.reservation is None for each in self._connectors.values())
            others = len(self._seats.keys() - {reservation_id})
            if not self.configuration.truth("ReserveConnectorZeroSupported"):
                return ReservationStatus.rejected
            return None if free > others else ReservationStatus.occupied
        connector = self._connectors.get(connector_id)
        if connector is None:
            return ReservationStatus.rejected
        if connector.status in {Status.faulted, Status.unavailable}:
            return ReservationStatus(connector.status.value)
        is_anothers = connector.reservation is not None and connector.reservation.id != reservation_id
        if is_anothers or not connector.is_free or connector.vehicle is not None:
            return ReservationStatus.occupied
        return None

    def _keep_free(self, connector_id: int, reservation: Reservation) -> None:
        self._let_go(reservation.id)
        if connector_id == 0:
            self._seats[reservation.id] = reservation
        else:
            connector = self._connector(connector_id)
            connector.reservation = reservation
            self._set_status(connector, Status.reserved)
        self._tell(f"reserved for {reservation.id_tag}")
        self._do(self._expire(reservation))

    async def _expire(self, reservation: Reservation) -> None:
        await self.time.sleep(max(reservation.expires - self.time.now(), timedelta()))
        connector = self._reserved(reservation.id)
        current = self._seats.get(reservation.id) if connector is None else connector.reservation
        if current is reservation:
            self._let_go(reservation.id)

    def _reserved(self, reservation_id: int) -> Connector | None:
        return next(
            (
                each
                for each in self._connectors.values()
                if each.reservation is not None and each.reservation.id == reservation_id
            ),
            None,
        )

    def _let_go(self, reservation_id: int) -> None:
        self._seats.pop(reservation_id, None)
        connector = self._reserved(reservation_id)
        if connector is not None:
            connector.reservation = None
            self._set_status(connector, Status.preparing if connector.vehicle else _idle(connector))

    def _can_follow(self, profile: Profile) -> bool:
        if profile.purpose == Purpose.charge_point_max_profile:
            return profile.connector_id == 0
        connector = self._connectors.get(profile.connector_id)
        if profile.purpose == Purpose.tx_default_profile:
            return profile.connector_id == 0 or connector is not None
        transaction = None if connector is None else connector.transaction
        return transaction is not None and profile.transaction_id in {None, transaction.transaction_id}

    def _limit(self, transaction: Transaction, at: datetime) -> Limit:
        return self._profiles.limit(
            transaction.connector_id, transaction.transaction_id, at, transaction.started_at
        )

    def _flow_until_now(self) -> None:
        for connector in self._connectors.values():
            connector.advance(self.time.now())

    def _show_all_flows(self) -> None:
        for connector in self._connectors.values():
            self._show_flow(connector)
        self._changes.announce()

    def _connector(self, connector_id: int) -> Connector:
        try:
            return self._connectors[connector_id]
        except KeyError:
            raise NotPossible(f"there is no connector {connector_id}") from None

    def _free_connector(self, connector_id: int | None, id_tag: str) -> Connector | None:
        """The one that is named; else one with a car, else any that is free."""
        wanted = [c for c in self._connectors.values() if connector_id in {None, c.connector_id}]
        free = [connector for connector in wanted if self._is_free(connector, id_tag)]
        return next((c for c in free if c.vehicle), next(iter(free), None))

    def _is_free(self, connector: Connector, id_tag: str) -> bool:
        """Whether this id tag could begin there: nobody reserved it, nor the last one that is free."""
        others = sum(not seat.is_for(id_tag) for seat in self._seats.values())
        free = sum(each.is_free and each.reservation is None for each in self._connectors.values())
        is_own = connector.reservation is not None
        return connector.is_free_for(id_tag) and (is_own or free > others)

    async def _authorize(self, id_tag: str) -> AuthorizationStatus:
        offline = self.configuration.truth("AllowOfflineTxForUnknownId")
        try:
            answer: call_result.Authorize = await self._uplink.ask(call.Authorize(id_tag))
        except LinkLost:
            return AuthorizationStatus.accepted if offline else AuthorizationStatus.invalid
        except NotAnswered:
            return AuthorizationStatus.invalid
        return _authorization(answer)

    async def _start_remotely(self, connector: Connector, id_tag: str) -> None:
        if self.configuration.truth("AuthorizeRemoteTxRequests"):
            status = await self._authorize(id_tag)
            if status is not AuthorizationStatus.accepted:
                connector.authorized = None
                return
        if connector.vehicle is None and self.settings.car_comes_on_remote_start:
            self.plug_in(connector.connector_id)
        elif connector.authorized == id_tag:
            self._release(connector, id_tag)

    def _release(self, connector: Connector, id_tag: str) -> None:
        """Begin now if there is a car, else when it comes, if it comes soon."""
        if connector.vehicle is not None:
            self._begin(connector, id_tag)
            return
        connector.authorized = id_tag
        self._set_status(connector, Status.preparing)
        self._do(self._give_up_waiting(connector, id_tag))

    async def _give_up_waiting(self, connector: Connector, id_tag: str) -> None:
        await self.time.sleep(self.configuration.duration("ConnectionTimeOut"))
        if connector.authorized == id_tag:
            connector.authorized = None
            self._set_status(connector, _idle(connector))

    def _begin(self, connector: Connector, id_tag: str) -> None:
        if connector.reservation is None:
            seat = next((each.id for each in self._seats.values() if each.is_for(id_tag)), None)
            connector.reservation = None if seat is None else self._seats.pop(seat)
        transaction = connector.begin(id_tag, self.time.now(), self._limit)
        started = partial(messages.start_transaction, transaction)
        self._outbox.put(Message(started, partial(self._start_answered, connector, transaction)))
        self._tell(f"a transaction of {id_tag} begins", connector)
        self._show_flow(connector)
        self._do(self._measure(connector, transaction))

    def _start_answered(
        self, connector: Connector, transaction: Transaction, answer: call_result.StartTransaction
    ) -> None:
        transaction.transaction_id = answer.transaction_id
        refused = _authorization(answer) is not AuthorizationStatus.accepted
        still_on = connector.transaction is transaction
        if refused and still_on and self.configuration.truth("StopTransactionOnInvalidId"):
            self._end(connector, Reason.de_authorized)

    async def _measure(self, connector: Connector, transaction: Transaction) -> None:
        while not transaction.ended.is_set():
            interval = self.configuration.duration("MeterValueSampleInterval")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.time.real_seconds(interval)):
                    await transaction.ended.wait()
            if transaction.ended.is_set():
                return
            self._sample(connector, transaction)

    def _sample(self, connector: Connector, transaction: Transaction) -> None:
        reading = connector.reading(self.time.now())
        self._say_measured(connector, reading, ReadingContext.sample_periodic, transaction)
        self._show_flow(connector)
        self._changes.announce()

    def _show_flow(self, connector: Connector) -> None:
        """Say whether energy flows, and if not, on which side that lies."""
        if connector.transaction is None:
            return
        held = Status.suspended_evse if connector.transaction.is_held_back else Status.charging
        self._set_status(connector, Status.suspended_ev if connector.car_is_full else held)

    def _end(self, connector: Connector, reason: Reason, id_tag: str | None = None) -> None:
        if connector.transaction is None:
            return
        now = self.time.now()
        transaction = connector.end(now)
        own = transaction.transaction_id
        self._profiles.remove(lambda each: each.purpose == Purpose.tx_profile and each.transaction_id == own)
        meter_stop_wh = int(connector.register_wh)
        self._outbox.put(
            Message(partial(messages.stop_transaction, transaction, meter_stop_wh, now, reason, id_tag))
        )
        self._tell(f"the transaction ends ({reason}) after {transaction.energy_wh:.0f} Wh", connector)
        self._set_status(connector, Status.finishing)

    async def _start_anew(self, kind: ResetType) -> None:
        reason = Reason.soft_reset if kind is ResetType.soft else Reason.hard_reset
        for connector in self._connectors.values():
            self._end(connector, reason)
        if kind is ResetType.soft:
            await self.until(lambda: not len(self._outbox) or not self.is_connected)
        await self._uplink.start_anew()

    def _become_available(self, connectors: Sequence[Connector], kind: AvailabilityType) -> None:
        for connector in connectors:
            connector.out_of_order = kind is AvailabilityType.inoperative
            if connector.transaction is None:
                plugged = Status.preparing if connector.vehicle and not connector.out_of_order else None
                self._set_status(connector, plugged or _idle(connector))

    # What it says

    def _set_status(self, connector: Connector, status: Status) -> None:
        if connector.status is not status:
            connector.status = status
            self._say_status([connector])
            self._tell(status.value, connector)

    def _say(self, question: Any) -> None:
        """Say something that is worth nothing on a later link."""
        if self.is_connected:
            self._outbox.put(Message(lambda: question, outlives_the_link=False))

    def _say_status(self, connectors: Sequence[Connector]) -> None:
        for connector in connectors:
            number = connector.connector_id
            self._say(messages.status_notification(number, connector.status, self.time.now()))

    def _say_meter_values(self, connectors: Sequence[Connector]) -> None:
        for connector in connectors:
            reading = connector.reading(self.time.now())
            self._say_measured(connector, reading, ReadingContext.trigger, connector.transaction)

    def _say_measured(
        self,
        connector: Connector,
        reading: Reading,
        context: ReadingContext,
        transaction: Transaction | None,
    ) -> None:
        unit, phases = self.settings.energy_unit, self.settings.phases
        measured = messages.meter_value(reading, context, unit, phases)
        told = partial(messages.meter_values, connector.connector_id, measured, transaction)
        self._outbox.put(Message(told, outlives_the_link=transaction is not None))

    # What its uplink tells it

    def connected(self, *, after_boot: bool) -> None:
        """The central system has accepted us on a new link."""
        self._tell("connected")
        if after_boot or self.settings.tells_status_when_back:
            self._say(messages.status_notification(0, Status.available, self.time.now()))
            self._say_status(list(self._connectors.values()))

    def disconnected(self) -> None:
        """The link is lost."""
        self._tell("the link is lost")

    def unreachable(self, why: str) -> None:
        """There is no link to be had."""
        self._tell(f"no link to the central system: {why}")

    def told(self) -> None:
        """A message was answered."""
        self._changes.announce()

    # Small change

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tell(self, what: str, connector: Connector | None = None) -> None:
        number = connector.connector_id if connector else None
        self._onlooker(Happening(self.time.now(), self.charge_point, what, number))
        self._changes.announce()


def _nothing() -> None:
    """No consequence."""


def _idle(connector: Connector) -> Status:
    """How a connector is without a car."""
    if connector.out_of_order:
        return Status.unavailable
    return Status.available if connector.reservation is None else Status.reserved


def _authorization(answer: call_result.Authorize | call_result.StartTransaction) -> AuthorizationStatus:
    # The package leaves nested values as dicts, whatever their annotation says.
    info: Any = answer.id_tag_info
    return AuthorizationStatus(info["status"])
