"""The physical charger: connectors, cars, cards, meters, limits. What it says of it is up to a dialect.

One state machine for all versions of OCPP. A transaction is what `TxStart` and `TxStop` make it: with 1.6
from the release of the energy to its end, with 2.x perhaps from the first plug to the last.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from partners.charger.card_reader import CardReader
from partners.charger.central_system_link import Consequence
from partners.charger.configuration import Configuration
from partners.charger.connector import Connector, NotPossible, Transaction
from partners.charger.limits import Limits
from partners.charger.meter import Meter, Shown
from partners.charger.ocmf import Signer
from partners.charger.onlooker import ConnectorState
from partners.charger.reservation import Reservation
from partners.charger.reservations import Reservations
from partners.charger.settings import ChargerSettings
from partners.charger.simulated_time import SimulatedTime
from partners.charger.smart_charging import Profile
from partners.charger.states import (
    Cause,
    Context,
    Outcome,
    Status,
    Token,
    Trigger,
    TxStart,
    TxStop,
    Verdict,
)
from partners.charger.vehicle import Vehicle
from partners.charger.voice import Occasion, Voice


class Station:
    """One charger.

    Args:
        identity: Its name; its meters are called after it.
        settings: What kind it is.
        configuration: What can be set from afar.
        time: Its (simulated) time.
        start: Runs something that takes its time.
        tell: Tells onlookers what happens, and that something has changed.
    """

    #: Set once, before anything happens.
    voice: Voice

    def __init__(
        self,
        identity: str,
        settings: ChargerSettings,
        configuration: Configuration,
        time: SimulatedTime,
        start: Callable[[Coroutine[Any, Any, None]], None],
        tell: Callable[[str | None, Connector | None], None],
    ) -> None:
        self.identity = identity
        self.settings = settings
        self.configuration = configuration
        self.time = time
        self.reader = CardReader(configuration, self._ask)
        self.connectors = {
            number: Connector(number, settings.max_power_w, settings.phases, settings.register_wh)
            for number in range(1, settings.connectors + 1)
        }
        self.meters = {
            number: Meter(settings.energy_unit, self._signer(number)) for number in self.connectors
        }
        self.reservations = Reservations(self.connectors)
        self.limits = Limits(self.connectors, settings.phases)
        self._start = start
        self._tell = tell

    def _signer(self, number: int) -> Signer | None:
        if not self.settings.signs:
            return None
        return Signer.of(f"M-{self.identity}-{number}", self.settings.key_seed)

    # What people do

    def plug_in(self, connector_id: int, vehicle: Vehicle | None = None) -> None:
        """A car comes, and is connected; energy flows if that was allowed before."""
        connector = self.connector(connector_id)
        if connector.vehicle is not None:
            raise NotPossible("there is a car already")
        connector.vehicle = vehicle or self.settings.vehicle
        self._tell("a car is plugged in", connector)
        if connector.authorized is not None:
            is_remote = connector.remote_start_id is not None
            trigger = Trigger.REMOTE_START if is_remote else Trigger.CABLE_PLUGGED_IN
            self._charge(connector, connector.authorized, trigger)
        elif connector.transaction is not None and connector.transaction.token is not None:
            self._charge(connector, connector.transaction.token, Trigger.CABLE_PLUGGED_IN)
        elif connector.status is Status.AVAILABLE:
            self._set_status(connector, Status.PREPARING)
            if self._starts_at(TxStart.EV_CONNECTED):
                self._open(connector, Trigger.CABLE_PLUGGED_IN)

    async def tap(self, connector_id: int, token: Token) -> Verdict:
        """A card is shown: it begins a transaction, or ends the one that it began.

        Returns:
            What the reader shows; Invalid also for a card that does not belong to the transaction.
        """
        connector = self.connector(connector_id)
        transaction = connector.transaction
        if transaction is not None and token.is_same(transaction.token) and transaction.cause is None:
            self.stop(connector, Cause.LOCAL, Trigger.STOP_AUTHORIZED, token)
            return Verdict.ACCEPTED
        is_free = self.reservations.is_free(connector, token)
        verdict = await self.reader.verdict(token) if is_free else Verdict.INVALID
        self._tell(f"card {token.id}: {verdict}", connector)
        if verdict is Verdict.ACCEPTED and self.reservations.is_free(connector, token):
            self._let(connector, token, Trigger.AUTHORIZED)
        return verdict

    def unplug(self, connector_id: int) -> None:
        """The car leaves; ends a transaction that is under way, unless that shall wait for it."""
        connector = self.connector(connector_id)
        if connector.vehicle is None:
            raise NotPossible("there is no car")
        transaction = connector.transaction
        if transaction is not None and self._waits_for_car(transaction):
            self._suspend(connector, transaction)
            return
        if transaction is not None:
            cause = transaction.cause or Cause.EV_DISCONNECTED
            self._end(connector, cause, Trigger.EV_COMMUNICATION_LOST)
        connector.vehicle = None
        self._tell("the car has left", connector)
        self._set_status(connector, _idle(connector))

    def _waits_for_car(self, transaction: Transaction) -> bool:
        """Whether a transaction goes on when its car is unplugged at the car's side."""
        known = self.configuration
        is_over = transaction.token is None or transaction.cause is not None
        ends = TxStop.EV_CONNECTED in known.members("TxStopPoint")
        return not (is_over or ends or known.truth("StopTransactionOnEVSideDisconnect"))

    def _suspend(self, connector: Connector, transaction: Transaction) -> None:
        connector.cut_off(self.time.now())
        connector.vehicle = None
        self._tell("the car has left, and may come back", connector)
        self.voice.went_on(connector, transaction, self._occasion(Trigger.EV_COMMUNICATION_LOST))
        self._set_status(connector, Status.SUSPENDED_EV)

    def break_down(self, connector_id: int) -> None:
        """The connector becomes faulty; ends a transaction that is under way."""
        connector = self.connector(connector_id)
        if connector.transaction is not None:
            self._end(connector, Cause.OTHER, Trigger.ABNORMAL_CONDITION)
        connector.authorized = connector.reservation = None
        self._set_status(connector, Status.FAULTED)

    def repair(self, connector_id: int) -> None:
        """The connector works again."""
        connector = self.connector(connector_id)
        if connector.status is Status.FAULTED:
            self._set_status(connector, Status.PREPARING if connector.vehicle else _idle(connector))

    def go_dark(self, *, ends_transactions: bool) -> None:
        """The power fails: nothing flows; transactions end at once, or go on when it is back."""
        self._flow_until_now()
        if ends_transactions:
            for connector in self.connectors.values():
                self._end(connector, Cause.POWER_LOSS, Trigger.ABNORMAL_CONDITION)
        self.limits.is_dark = True
        self._tell("the power has failed", None)

    def light_up(self) -> None:
        """The power is back."""
        self._flow_until_now()
        self.limits.is_dark = False
        self._tell("the power is back", None)

    # What can be seen

    def connector(self, connector_id: int) -> Connector:
        """The connector with this number.

        Raises:
            NotPossible: There is none.
        """
        try:
            return self.connectors[connector_id]
        except KeyError:
            raise NotPossible(f"there is no connector {connector_id}") from None

    def state(self, connector_id: int) -> ConnectorState:
        """How a connector is now."""
        connector = self.connector(connector_id)
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
            is_plugged=connector.vehicle is not None,
        )

    def transaction(self, transaction_id: int | str) -> tuple[Connector, Transaction] | None:
        """A transaction that is under way, by the central system's name for it."""
        for connector in self.connectors.values():
            if connector.transaction and connector.transaction.transaction_id == transaction_id:
                return connector, connector.transaction
        return None

    def shown(self, connector: Connector, context: Context, at: datetime | None = None) -> Shown:
        """What its meter shows, now or at an instant that has just been."""
        transaction = connector.transaction
        begin_wh = transaction.meter_start_wh if transaction else None
        reading = connector.reading(at or self.time.now())
        return self.meters[connector.connector_id].shown(reading, context, begin_wh)

    # What the central system wants: an outcome at once, the rest when it has been told

    def remote_start(
        self,
        token: Token,
        connector_id: int | None,
        remote_start_id: int | None = None,
        profile: Mapping[str, Any] | None = None,
    ) -> tuple[Outcome, Consequence]:
        """Let somebody charge, by a profile if one is given; yes, if a connector is free."""
        connector = self._free_connector(connector_id, token)
        if connector is None:
            return Outcome.REJECTED, _nothing
        connector.authorized = token
        connector.remote_start_id = remote_start_id
        connector.awaited_profile = profile
        return Outcome.ACCEPTED, lambda: self._start(self._start_remotely(connector, token))

    def remote_stop(self, transaction_id: int | str) -> tuple[Outcome, Consequence]:
        """Stop a transaction; yes, if it is under way."""
        found = self.transaction(transaction_id)
        if found is None:
            return Outcome.REJECTED, _nothing
        return Outcome.ACCEPTED, partial(self.stop, found[0], Cause.REMOTE, Trigger.REMOTE_STOP)

    def unlock(self, connector_id: int) -> tuple[Outcome, Consequence]:
        """Let go of the cable, as the settings say; ends a transaction."""
        connector = self.connectors.get(connector_id)
        if connector is None:
            return Outcome.NOT_SUPPORTED, _nothing
        outcome = Outcome(self.settings.unlock)
        if outcome is not Outcome.UNLOCKED or connector.transaction is None:
            return outcome, _nothing
        return outcome, partial(self.stop, connector, Cause.UNLOCK_COMMAND, Trigger.UNLOCK_COMMAND)

    def change_availability(self, connector_id: int, *, in_use: bool) -> tuple[Outcome, Consequence]:
        """Take a connector (0: all) into or out of use, at once or when its transaction is over."""
        connectors = self.meant(connector_id)
        if connectors is None:
            return Outcome.REJECTED, _nothing
        later = not in_use and any(each.transaction for each in connectors)
        outcome = Outcome.SCHEDULED if later else Outcome.ACCEPTED
        return outcome, lambda: self._take_into_use(connectors, in_use=in_use)

    def reserve(self, connector_id: int, reservation: Reservation) -> tuple[Outcome, Consequence]:
        """Keep a connector (0: any) free; the same id replaces a reservation."""
        seats_allowed = self.configuration.truth("ReserveConnectorZeroSupported")
        refused = self.reservations.why_not(connector_id, reservation.id, seats_allowed=seats_allowed)
        if refused is not None:
            return refused, _nothing
        return Outcome.ACCEPTED, lambda: self._keep_free(connector_id, reservation)

    def cancel_reservation(self, reservation_id: int) -> tuple[Outcome, Consequence]:
        """Keep it free no longer; yes, if there is a reservation with this id."""
        if self.reservations.current(reservation_id) is None:
            return Outcome.REJECTED, _nothing
        return Outcome.ACCEPTED, partial(self._let_go, reservation_id)

    def set_profile(self, connector_id: int, value: Mapping[str, Any]) -> Outcome:
        """Charge by a profile from now on; a TxProfile needs the transaction that it is for."""
        self._flow_until_now()
        accepted = self.limits.install(connector_id, value)
        self._show_all_flows()
        return Outcome.ACCEPTED if accepted else Outcome.REJECTED

    def clear_profiles(self, is_meant: Callable[[Profile], bool]) -> Outcome:
        """Forget the profiles that are meant; Unknown, if there are none."""
        self._flow_until_now()
        were_some = self.limits.remove(is_meant)
        self._show_all_flows()
        return Outcome.ACCEPTED if were_some else Outcome.UNKNOWN

    def meant(self, connector_id: int | None) -> list[Connector] | None:
        """The connectors that a number stands for (none, 0: all); None: there is no such connector."""
        if not connector_id:
            return list(self.connectors.values())
        connector = self.connectors.get(connector_id)
        return None if connector is None else [connector]

    @property
    def is_busy(self) -> bool:
        """Whether there is any transaction."""
        return any(each.transaction for each in self.connectors.values())

    # What it does

    def stop(self, connector: Connector, cause: Cause, trigger: Trigger, token: Token | None = None) -> None:
        """Cut the energy off; the transaction is over with it, or when the car has left."""
        transaction = connector.transaction
        if transaction is None:
            return
        lasts = TxStop.AUTHORIZED not in (self.configuration.members("TxStopPoint") or [TxStop.AUTHORIZED])
        if connector.vehicle is None or not lasts:
            self._end(connector, cause, trigger, token)
        elif transaction.cause is None:
            connector.cut_off(self.time.now())
            transaction.cause = cause
            self.voice.went_on(connector, transaction, self._occasion(trigger))
            self._tell(f"the energy is cut off ({cause})", connector)
            self._set_status(connector, Status.FINISHING)

    def refuse(self, connector: Connector, transaction: Transaction) -> None:
        """The central system does not want somebody who has begun already."""
        if connector.transaction is transaction and self.configuration.truth("StopTransactionOnInvalidId"):
            self.stop(connector, Cause.DE_AUTHORIZED, Trigger.DEAUTHORIZED)

    def end_all(self, cause: Cause, trigger: Trigger) -> None:
        """End all transactions."""
        for connector in self.connectors.values():
            self._end(connector, cause, trigger)

    def say_status(self, connector_id: int | None = None) -> None:
        """Tell again how a connector is (none: all)."""
        self.voice.status_changed(self.meant(connector_id) or [])

    async def tell_by_the_clock(self) -> None:
        """For ever: tell what the meters show, each `ClockAlignedDataInterval` from midnight (UTC) on."""
        told = self.time.now()
        while True:
            self.configuration.changed.clear()
            interval = self.configuration.duration("ClockAlignedDataInterval")
            # A timer may go off a little early: nothing is told twice.
            now = max(self.time.now(), told)
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
            due = now + _A_DAY if not interval else now + interval - (now - midnight) % interval
            try:
                async with asyncio.timeout(self.time.real_seconds(due - now)):
                    await self.configuration.changed.wait()
            except TimeoutError:
                told = due
                if interval and not self.limits.is_dark:
                    self._tell_all_meters(due)

    def _tell_all_meters(self, at: datetime) -> None:
        for connector in self.connectors.values():
            shown, transaction = self.shown(connector, Context.CLOCK, at), connector.transaction
            if transaction is None:
                self.voice.measured(connector, shown)
            else:
                occasion = Occasion(at, Trigger.METER_VALUE_CLOCK, (shown,))
                self.voice.went_on(connector, transaction, occasion)

    async def _ask(self, token: Token) -> Verdict:
        return await self.voice.authorize(token)

    async def _start_remotely(self, connector: Connector, token: Token) -> None:
        if self.configuration.truth("AuthorizeRemoteTxRequests"):
            verdict = await self.reader.verdict(token)
            if verdict is not Verdict.ACCEPTED:
                connector.authorized = None
                self._tell(f"card {token.id}: {verdict}", connector)
                return
        if connector.vehicle is None and self.settings.car_comes_on_remote_start:
            self.plug_in(connector.connector_id)
        elif token.is_same(connector.authorized):
            self._let(connector, token, Trigger.REMOTE_START)

    def _let(self, connector: Connector, token: Token, trigger: Trigger) -> None:
        """Charge now if there is a car, else when it comes, if it comes soon."""
        if connector.vehicle is not None:
            self._charge(connector, token, trigger)
            return
        connector.authorized = token
        self._set_status(connector, Status.PREPARING)
        if self._starts_at(TxStart.AUTHORIZED):
            self._open(connector, trigger, token)
        self._start(self._give_up_waiting(connector, token))

    async def _give_up_waiting(self, connector: Connector, token: Token) -> None:
        await self.time.sleep(self.configuration.duration("ConnectionTimeOut"))
        if connector.vehicle is not None:
            return
        transaction = connector.transaction
        if transaction is not None and token.is_same(transaction.token):
            self._end(connector, Cause.TIMEOUT, Trigger.EV_CONNECT_TIMEOUT)
        elif token.is_same(connector.authorized):
            connector.authorized = None
            self._set_status(connector, _idle(connector))

    def _starts_at(self, point: TxStart) -> bool:
        return point in self.configuration.members("TxStartPoint")

    def _open(self, connector: Connector, trigger: Trigger, token: Token | None = None) -> None:
        """There is a transaction from now on, though no energy yet."""
        now = self.time.now()
        transaction = connector.open(now)
        if token is not None:
            self.reservations.take_seat(connector, token)
            connector.identify(token)
        self._begun(connector, transaction, trigger, now)

    def _charge(self, connector: Connector, token: Token, trigger: Trigger) -> None:
        """Let energy flow to somebody's car, in the transaction that there is, or in a new one."""
        self.reservations.take_seat(connector, token)
        now, earlier = self.time.now(), connector.transaction
        transaction = earlier or connector.open(now)
        if transaction.token is None:
            connector.identify(token)
        connector.release(now, self.limits.of)
        if earlier is None:
            self._begun(connector, transaction, trigger, now)
        else:
            self.voice.went_on(connector, transaction, self._occasion(trigger))
        self._install_awaited(connector)
        self._show_flow(connector)

    def _install_awaited(self, connector: Connector) -> None:
        """Charge by the profile that a remote start has brought; one that nobody can follow is dropped."""
        profile, connector.awaited_profile = connector.awaited_profile, None
        transaction = connector.transaction
        if profile is not None and transaction is not None:
            own = {} if transaction.transaction_id is None else {"transactionId": transaction.transaction_id}
            self.set_profile(connector.connector_id, {**profile, **own})

    def _begun(self, connector: Connector, transaction: Transaction, trigger: Trigger, now: datetime) -> None:
        # Of the instant at which it began: where time flies, something has flowed since.
        shown = self.shown(connector, Context.BEGIN, now)
        shown = self.meters[connector.connector_id].signed_begin(shown, now)
        self.voice.began(connector, transaction, Occasion(now, trigger, (shown,)))
        self._tell(f"a transaction of {transaction.id_tag or 'somebody'} begins", connector)
        self._start(self._measure(connector, transaction))

    def _end(self, connector: Connector, cause: Cause, trigger: Trigger, token: Token | None = None) -> None:
        if connector.transaction is None:
            return
        now = self.time.now()
        shown = self.shown(connector, Context.END)
        transaction = connector.end(now)
        self.limits.ended(transaction)
        shown = self.meters[connector.connector_id].signed_end(shown, now, transaction.id_tag)
        occasion = Occasion(now, trigger, (shown,))
        self.voice.ended(connector, transaction, occasion, cause, token)
        self._tell(f"the transaction ends ({cause}) after {transaction.energy_wh:.0f} Wh", connector)
        self._set_status(connector, Status.FINISHING if connector.vehicle else _idle(connector))

    async def _measure(self, connector: Connector, transaction: Transaction) -> None:
        while not transaction.ended.is_set():
            interval = self.configuration.duration("MeterValueSampleInterval")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.time.real_seconds(interval or timedelta(days=1))):
                    await transaction.ended.wait()
            if transaction.ended.is_set():
                return
            if interval and not self.limits.is_dark:
                self._sample(connector, transaction)

    def _sample(self, connector: Connector, transaction: Transaction) -> None:
        shown = self.shown(connector, Context.PERIODIC)
        self.voice.went_on(connector, transaction, self._occasion(Trigger.METER_VALUE_PERIODIC, shown))
        self._show_flow(connector)
        self._tell(None, None)

    def _show_flow(self, connector: Connector) -> None:
        """Say whether energy flows, and if not, on which side that lies."""
        transaction, flow = connector.transaction, connector.flow
        if transaction is None or flow is None:
            return
        held = Status.SUSPENDED_EVSE if flow.is_held_back else Status.CHARGING
        before = connector.status
        self._set_status(connector, Status.SUSPENDED_EV if flow.is_full else held)
        if before in _FLOWING and before is not connector.status:
            self.voice.went_on(connector, transaction, self._occasion(Trigger.CHARGING_STATE_CHANGED))

    def _show_all_flows(self) -> None:
        for connector in self.connectors.values():
            self._show_flow(connector)
        self._tell(None, None)

    def _flow_until_now(self) -> None:
        for connector in self.connectors.values():
            connector.advance(self.time.now())

    def _occasion(self, trigger: Trigger, *shown: Shown) -> Occasion:
        return Occasion(self.time.now(), trigger, shown)

    def _free_connector(self, connector_id: int | None, token: Token) -> Connector | None:
        """The one that is named; else one with a car, else any that is free."""
        wanted = [c for c in self.connectors.values() if connector_id in {None, c.connector_id}]
        free = [each for each in wanted if self.reservations.is_free(each, token)]
        return next((each for each in free if each.vehicle), next(iter(free), None))

    def _keep_free(self, connector_id: int, reservation: Reservation) -> None:
        self._let_go(reservation.id)
        self.reservations.keep(connector_id, reservation)
        if connector_id:
            self._set_status(self.connector(connector_id), Status.RESERVED)
        self._tell(f"reserved for {reservation.id_tag}", None)
        self._start(self._expire(reservation))

    async def _expire(self, reservation: Reservation) -> None:
        await self.time.sleep(max(reservation.expires - self.time.now(), timedelta()))
        if self.reservations.current(reservation.id) is reservation:
            self._let_go(reservation.id)
            self.voice.reservation_over(reservation)

    def _let_go(self, reservation_id: int) -> None:
        connector = self.reservations.drop(reservation_id)
        if connector is not None:
            self._set_status(connector, Status.PREPARING if connector.vehicle else _idle(connector))

    def _take_into_use(self, connectors: Iterable[Connector], *, in_use: bool) -> None:
        for connector in connectors:
            connector.out_of_order = not in_use
            if connector.transaction is None:
                plugged = Status.PREPARING if connector.vehicle and in_use else None
                self._set_status(connector, plugged or _idle(connector))

    def _set_status(self, connector: Connector, status: Status) -> None:
        if connector.status is not status:
            connector.status = status
            self.voice.status_changed([connector])
            self._tell(status.value, connector)


_A_DAY = timedelta(days=1)
#: States between which energy comes and goes.
_FLOWING = frozenset({Status.CHARGING, Status.SUSPENDED_EV, Status.SUSPENDED_EVSE})


def _nothing() -> None:
    """No consequence."""


def _idle(connector: Connector) -> Status:
    """How a connector is without a car."""
    if connector.out_of_order:
        return Status.UNAVAILABLE
    return Status.AVAILABLE if connector.reservation is None else Status.RESERVED
