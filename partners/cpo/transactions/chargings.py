"""What the CPO does when a charge point tells something: store it, work out what follows, then answer.

fact -> one database transaction: the log, the Session, the CDR -> the answer to the charge point
                                                                -> the lanes: the eMSP hears of it soon
"""

import logging
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from hub.ocpi.party import Party
from partners.cpo.charging.charging_events import (
    Alarm,
    AuthorizationStatus,
    BootInfo,
    ConnectorStatus,
    IdTagInfo,
    StartAnswer,
    StartedTransaction,
    StoppedTransaction,
    TransactionEvent,
)
from partners.cpo.charging.charging_log import Charging, ChargingLog, ConnectorState
from partners.cpo.charging.meter_values import MeterSample
from partners.cpo.charging.metering import StateChange
from partners.cpo.charging.presence import Presence
from partners.cpo.charging.registers import register_agreed
from partners.cpo.configuration import Plug
from partners.cpo.tokens.authorization import Verdict
from partners.cpo.tokens.local_lists import LocalLists
from partners.cpo.transactions.entries import Entries, answer_to
from partners.cpo.transactions.transactions import Transactions
from partners.cpo.transactions.unplugging import Unplugging, running
from partners.database import Database
from schemas.v2_2_1 import TokenType

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chargings:
    """The `ChargingEvents` of this CPO."""

    database: Database
    presence: Presence
    charging_log: ChargingLog
    entries: Entries
    transactions: Transactions
    local_lists: LocalLists
    unplugging: Unplugging

    # The charge point itself.

    async def connected(self, charge_point: str) -> None:
        """A link is up."""
        self.presence.came(charge_point)
        with self.database.grouped():
            self.entries.refresh(charge_point)
        self.local_lists.came(charge_point)

    async def disconnected(self, charge_point: str) -> None:
        """The link is lost; what it means for the EVSEs is seen after the grace."""
        self.presence.left(charge_point)
        self.local_lists.left(charge_point)
        self.entries.owe()

    async def booted(self, charge_point: str, boot: BootInfo) -> None:
        """The charge point says who it is."""
        with self.database.grouped():
            self.charging_log.booted(charge_point, boot)
        self.local_lists.came(charge_point)
        self.entries.owe()
        await self.database.on_disk()

    async def status_changed(
        self, charge_point: str, connector_id: int, status: ConnectorStatus, error_code: str, at: datetime
    ) -> None:
        """A connector changed; during a transaction its state says whether the car asks for power."""
        plug = Plug(charge_point, connector_id)
        known = self.charging_log.connector(plug)
        before = None if known is None else known.status
        owed: list[Party | None] = []
        with self.database.grouped():
            is_news = self.charging_log.status_changed(ConnectorState(plug, status, error_code, at), known)
            if is_news:
                self._enter_state(plug, StateChange(at, status))
                owed = self.unplugging.status_changed(plug, status, at)
            if is_news and before is not status:
                self.entries.promises.status_changed(plug, before, status, at)
                self.entries.refresh(charge_point)
        self.entries.owe(*owed)
        await self.database.on_disk()

    # Drivers.

    async def authorize(
        self, charge_point: str, id_tag: str, token_type: TokenType = TokenType.RFID
    ) -> IdTagInfo:
        """May this id tag charge here?"""
        here = self.entries.here(charge_point)
        verdict = await self.entries.authorization.of(id_tag, here, token_type)
        return self.entries.authorization.id_tag_info(verdict)

    async def transaction_started(self, started: StartedTransaction) -> StartAnswer:
        """A transaction has begun; the same one told again is the same one."""
        known = self.charging_log.told_before(started)
        if known is not None:
            return StartAnswer(known.id, IdTagInfo(known.status))
        here = self.entries.here(started.charge_point)
        plug = Plug(started.charge_point, started.connector_id)
        if self.entries.locations.place(plug) is None:
            log.error("%s is not configured: nobody can charge there", plug)
            verdict = Verdict(AuthorizationStatus.INVALID)
        else:
            authorization = self.entries.authorization
            verdict = await authorization.of_start(
                started.id_tag,
                here,
                started.connector_id,
                was_offline=authorization.was_offline(started.at),
            )
        early = self.entries.promises.meant_by(started)
        with self.database.transaction():
            owed = [self.entries.abandon(each) for each in self.entries.left_open(plug, started.at)]
            owed += self.unplugging.begins(plug, started.at)
            charging = self.charging_log.start(started, answer_to(verdict, early))
            self.entries.conclude(charging, verdict, early)
            charging = self._stopped_before(charging)
            owed.append(self.entries.bookkeeping.enter(charging))
        self.entries.owe(*owed)
        self.entries.refresh(started.charge_point)
        info = self.entries.authorization.id_tag_info(verdict)
        return StartAnswer(charging.id, replace(info, status=charging.status))

    async def meter_values(
        self,
        charge_point: str,
        connector_id: int,
        transaction_id: int | None,
        samples: tuple[MeterSample, ...],
    ) -> None:
        """Measurements of a transaction, by its id or by the connector; others are nobody's."""
        plug = Plug(charge_point, connector_id)
        charging = self._measured(plug, transaction_id, samples)
        if charging is None:
            with self.database.grouped():
                self.charging_log.idled(plug, samples)
            await self.database.on_disk()
            return
        with self.database.grouped():
            self.charging_log.measured(charging, samples)
            self.entries.reckoning.soon(charging)
        self.entries.owe()
        await self.database.on_disk()

    async def transaction_stopped(self, stopped: StoppedTransaction) -> IdTagInfo | None:
        """A transaction has ended; also what is wrong is answered, else the charge point repeats it."""
        charging = self.charging_log.stopped_by(stopped)
        if charging is None:
            log.error(
                "%s ends transaction %s, which nobody knows", stopped.charge_point, stopped.transaction_id
            )
            self.charging_log.keep_orphan(stopped)
            return None
        if charging.stopped is not None:
            self.entries.stopped_again(charging, stopped)
            self.transactions.correct(charging)
            return None
        with self.database.transaction():
            self.charging_log.measured(charging, stopped.samples)
            register = register_agreed(stopped.samples, charging.meter_start, stopped.meter_stop_wh)
            ended = self.charging_log.stop(charging, stopped.at, register, stopped.reason)
            stays = self.unplugging.stays(ended, stopped)
            owed = self.entries.bookkeeping.enter(running(ended) if stays else ended)
        self.entries.owe(owed)
        self.entries.refresh(stopped.charge_point)
        return None

    def transaction_event(self, event: TransactionEvent) -> Coroutine[Any, Any, IdTagInfo | None]:
        """Something happened in a transaction of OCPP 2.x."""
        return self.transactions.tell(event)

    async def reservation_ended(self, charge_point: str, number: int) -> None:
        """A station keeps a reservation no longer (OCPP 2.x)."""
        self.entries.promises.given_up(charge_point, number)

    async def alarmed(self, charge_point: str, connector_id: int, alarm: Alarm) -> None:
        """It changes no status and no transaction; what was written of it is on disk before the answer."""
        said = "over" if alarm.told is None else alarm.told
        log.info("%s, connector %s: %s: %s", charge_point, connector_id, alarm.about, said)
        await self.database.on_disk()

    async def signature_checked(
        self, charge_point: str, connector_id: int, what: str, *, is_right: bool
    ) -> None:
        """Whether something was signed as it should be: for the operator."""
        if not is_right:
            log.warning("%s, connector %s: a signature failed: %s", charge_point, connector_id, what)

    def _enter_state(self, plug: Plug, change: StateChange) -> None:
        """The state of a connector says what its transaction does; in 2.x the transaction says so itself."""
        charging = self._open(plug, change.at)
        if charging is None or charging.transaction_id is not None:
            return
        if self.charging_log.state_at(charging, change.at) is not change.status:
            self.charging_log.changed_state(charging, change)
            self.entries.reckoning.soon(charging)

    def _stopped_before(self, charging: Charging) -> Charging:
        """A stop that came before its start, under a number that nobody knew, ends it."""
        stopped = self.charging_log.take_orphan(charging)
        if stopped is None:
            return charging
        log.info("transaction %s was ended before its start was told", charging.id)
        return self.charging_log.stop(charging, stopped.at, stopped.meter_stop_wh, stopped.reason)

    def _open(self, plug: Plug, at: datetime) -> Charging | None:
        """The transaction under way at a connector at an instant."""
        found = self.charging_log.open_at(*plug)
        return found[-1] if found and found[-1].started <= at else None

    def _measured(
        self, plug: Plug, transaction_id: int | None, samples: tuple[MeterSample, ...]
    ) -> Charging | None:
        """The transaction that was measured: a wrong or missing id is made good by connector and time."""
        if not samples:
            return None
        named = None if transaction_id is None else self.charging_log.find(transaction_id, plug.charge_point)
        if named is not None:
            return named if named.stopped is None else None
        return self._open(plug, samples[-1].at)
