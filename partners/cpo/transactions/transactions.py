"""Transactions that their stations number themselves (OCPP 2.x): from events in any order to what 1.6 gives.

    event -> whose is it? -> one database transaction: the event, its samples and state,
                             when it began, the end, the Session, the CDR       -> the answer

| told                                     | here                                                            |
|------------------------------------------|-----------------------------------------------------------------|
| the same event again                     | nothing new, the same answer                                    |
| Started without a token                  | kept inside; a Session as soon as a token is told               |
| Updated or Ended before Started          | opened by what it says, put right when Started comes            |
| Ended, and a sequence number is missing  | waited for, for minutes; for a day if it was offline            |
| anything after the CDR                   | if it changes what is to be paid: Credit CDR, and a new one     |
| a token other than the one that started  | answered for itself; who pays stays who paid                    |

Sources: 2.2.1, Sessions; CDR-01, CDR-06, CDR-07, SES-12.
"""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from partners.changes import Changes
from partners.cpo.billing.corrections import CannotCorrect, Corrections
from partners.cpo.billing.early_sessions import EarlySession
from partners.cpo.charging.charging_events import (
    AuthorizationStatus,
    ConnectorStatus,
    IdTagInfo,
    Phase,
    StartedTransaction,
    StoppedTransaction,
    TransactionEvent,
)
from partners.cpo.charging.charging_log import Charging, ChargingLog
from partners.cpo.charging.event_log import EventLog, Told, beginning, is_complete
from partners.cpo.charging.metering import StateChange
from partners.cpo.charging.registers import register_at_end
from partners.cpo.configuration import Plug
from partners.cpo.promises.remote_starts import RemoteStarts
from partners.cpo.tokens.authorization import Verdict
from partners.cpo.transactions.entries import Entries, answer_to
from partners.database import Database

log = logging.getLogger(__name__)

#: The car is there, but asks for nothing: parking, once it has charged.
_NOT_CHARGING = frozenset({ConnectorStatus.PREPARING, ConnectorStatus.AVAILABLE})
#: It has charged, or would.
_ASKS = frozenset({ConnectorStatus.CHARGING, ConnectorStatus.SUSPENDED_EV, ConnectorStatus.SUSPENDED_EVSE})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an end waits for what is missing before it."""

    online: timedelta = timedelta(minutes=5)
    #: Where something of the transaction happened without a link.
    offline: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Transactions:
    """The flow of events into the charging log."""

    database: Database
    charging_log: ChargingLog
    event_log: EventLog
    remote_starts: RemoteStarts
    entries: Entries
    corrections: Corrections
    changes: Changes
    clock: Clock
    patience: Patience

    def tell(self, event: TransactionEvent) -> Coroutine[Any, Any, IdTagInfo | None]:
        """Keep an event, and all that follows from it; the answer is about the event's id tag."""
        known = self.charging_log.named(event.charge_point, event.transaction_id)
        id_tag = self._id_tag(event, known)
        if known is not None and event.phase is Phase.UPDATED and id_tag is None:
            return self._go_on(known, event)
        return self._tell(known, event, id_tag)

    async def _tell(
        self, known: Charging | None, event: TransactionEvent, id_tag: str | None
    ) -> IdTagInfo | None:
        plug = self._plug(event, known)
        verdict = None
        if id_tag is not None and not _is_settled(known, id_tag):
            # An event is begun without a task (`partners.ocpp.beginning`); whoever asks others needs one.
            await asyncio.sleep(0)
            verdict = await self._verdict(event, plug, id_tag)
        early = self.entries.promises.meant_by(_start(event, plug, id_tag)) if verdict is not None else None
        with self.database.transaction():
            is_new = self.event_log.put(event, id_tag)
            owed = [] if known is not None else self._abandon_others(event, plug)
            charging = known or self.charging_log.open_named(plug, event.transaction_id, event.at)
            was_over = charging.stopped is not None
            if verdict is not None and not _is_accepted(charging):
                charging = self._identify(charging, id_tag or "", verdict, early)
            charging = self._enter(charging, event)
            owed.append(self.entries.bookkeeping.enter(charging))
        self.entries.owe(*owed)
        if is_new and was_over:
            self.correct(charging)
        if known is None or event.phase is Phase.ENDED:
            self.entries.refresh(event.charge_point)
        return self._answer(event, charging, verdict)

    async def _go_on(self, known: Charging, event: TransactionEvent) -> None:
        """Keep an event that says how a transaction goes on: it may be on disk together with others."""
        with self.database.grouped():
            is_new_and_late = known.stopped is not None and self.event_log.put(event, None)
            if known.stopped is None:
                self.event_log.keep(event)
            charging = self._enter(known, event)
            if charging.stopped is None:
                self.entries.reckoning.soon(charging)
            else:
                self.entries.owe(self.entries.bookkeeping.enter(charging))
        self.entries.owe()
        if is_new_and_late:
            self.correct(charging)
        if charging.stopped is not known.stopped:
            self.entries.refresh(event.charge_point)
        await self.database.on_disk()

    async def begun(self, charge_point: str, transaction_id: str) -> None:
        """A remote start is of a transaction that is under way already: it is known now whose it is."""
        charging = self.charging_log.named(charge_point, transaction_id)
        id_tag = self.remote_starts.id_tag(charge_point, None, transaction_id)
        if charging is None or id_tag is None or _is_settled(charging, id_tag):
            return
        here = self.entries.here(charge_point)
        verdict = await self.entries.authorization.of_start(id_tag, here, charging.plug.number)
        charging = self.charging_log.charging(charging.id)
        if _is_accepted(charging):
            return
        early = self.entries.promises.early.waiting_for(charging.plug, id_tag)
        with self.database.transaction():
            charging = self._identify(charging, id_tag, verdict, early)
            charging = self.charging_log.begun(charging, self._events(charging)[-1].at)
            owed = self.entries.bookkeeping.enter(charging)
        self.entries.owe(owed)

    async def watch(self) -> None:
        """For ever: end what is waited for no longer."""
        while True:
            now = self.clock()
            waiting = self.charging_log.awaited()
            for charging in [each for each in waiting if each.ends_by is not None and each.ends_by <= now]:
                log.warning("transaction %s has gaps: ended with what is known", charging.id)
                self.end_now(charging)
            due = next(
                (each.ends_by for each in waiting if each.ends_by is not None and each.ends_by > now), None
            )
            with contextlib.suppress(TimeoutError):
                pause = None if due is None else max(due - self.clock(), timedelta())
                await self.changes.until(partial(self._is_news, due), pause)

    # Whose is it, and where?

    def _id_tag(self, event: TransactionEvent, known: Charging | None) -> str | None:
        """Who is told, or for whom we asked."""
        if event.id_tag is not None or (known is not None and known.id_tag and event.phase is Phase.UPDATED):
            return event.id_tag
        return self.remote_starts.id_tag(event.charge_point, event.remote_start_id, event.transaction_id)

    def _plug(self, event: TransactionEvent, known: Charging | None) -> Plug:
        """The connector; where nobody says, the only one, or that at which somebody is."""
        if known is not None:
            return known.plug
        if event.connector_id is not None:
            return Plug(event.charge_point, event.connector_id)
        plugs = list(self.entries.configuration.at(event.charge_point))
        states = [state for each in plugs if (state := self.charging_log.connector(each)) is not None]
        used = [each for each in states if each.status is ConnectorStatus.PREPARING]
        if used:
            return max(used, key=lambda each: each.at).plug
        return plugs[0] if plugs else Plug(event.charge_point, 1)

    async def _verdict(self, event: TransactionEvent, plug: Plug, id_tag: str) -> Verdict:
        if self.entries.locations.place(plug) is None:
            log.error("%s is not configured: nobody can charge there", plug)
            return Verdict(AuthorizationStatus.INVALID)
        here = self.entries.here(event.charge_point)
        return await self.entries.authorization.of_start(
            id_tag, here, plug.number, event.token_type, was_offline=event.is_offline
        )

    def _identify(
        self, charging: Charging, id_tag: str, verdict: Verdict, early: EarlySession | None
    ) -> Charging:
        charging = self.charging_log.identified(charging, id_tag, answer_to(verdict, early))
        self.entries.conclude(charging, verdict, early)
        return charging

    def _answer(
        self, event: TransactionEvent, charging: Charging, verdict: Verdict | None
    ) -> IdTagInfo | None:
        if event.id_tag is None:
            return None
        if verdict is None:
            return IdTagInfo(charging.status)
        info = self.entries.authorization.id_tag_info(verdict)
        is_payer = charging.id_tag.upper() == event.id_tag.upper()
        return replace(info, status=charging.status) if is_payer else info

    # What follows, inside the database transaction.

    def _abandon_others(self, event: TransactionEvent, plug: Plug) -> list[Party | None]:
        """A connector has one transaction at a time."""
        return [
            self.entries.abandon(each) if each.ends_by is None else self._ended(each, self._events(each))
            for each in self.entries.left_open(plug, event.at)
        ]

    def _enter(self, charging: Charging, event: TransactionEvent) -> Charging:
        before = None if event.state is None else self.charging_log.state_at(charging, event.at)
        self.charging_log.measured(charging, event.samples)
        self._enter_state(charging, event, before)
        # Nothing was plugged in until now: then it may begin only now.
        was_idle = event.state is not None and before in {None, ConnectorStatus.AVAILABLE}
        if self._is_ordinary(charging, event, was_idle=was_idle):
            return charging
        events = self._events(charging)
        if charging.id_tag and (began := beginning(events, charging.id_tag)) != charging.started:
            charging = self.charging_log.begun(charging, began)
        elif not charging.id_tag and events[0].at < charging.started:
            charging = self.charging_log.begun(charging, events[0].at)
        if event.phase is Phase.ENDED and charging.stopped is not None:
            self._ended_again(charging, event)
        return self._ending(charging, events)

    @staticmethod
    def _is_ordinary(charging: Charging, event: TransactionEvent, *, was_idle: bool) -> bool:
        """Whether an event only tells how a transaction goes on: its begin and end stay as they are."""
        return (
            event.phase is Phase.UPDATED
            and event.id_tag is None
            and charging.stopped is None
            and charging.ends_by is None
            and event.at > charging.started
            and not was_idle
        )

    def _enter_state(
        self, charging: Charging, event: TransactionEvent, before: ConnectorStatus | None
    ) -> None:
        if event.state is None:
            return
        status = event.state
        if status in _NOT_CHARGING and (before is ConnectorStatus.FINISHING or before in _ASKS):
            status = ConnectorStatus.FINISHING
        if status is not before:
            self.charging_log.changed_state(charging, StateChange(event.at, status))

    def _ending(self, charging: Charging, events: Sequence[Told]) -> Charging:
        """End the transaction if its end was told and nothing is missing, or begin to wait."""
        if charging.stopped is not None or not any(each.phase is Phase.ENDED for each in events):
            return charging
        if is_complete(events):
            return self._stop(charging, events)
        if charging.ends_by is not None:
            return charging
        was_offline = any(each.is_offline for each in events)
        patience = self.patience.offline if was_offline else self.patience.online
        log.info("transaction %s has ended, and something before it is missing", charging.id)
        return self.charging_log.awaits(charging, self.clock() + patience)

    def _stop(self, charging: Charging, events: Sequence[Told]) -> Charging:
        end = [each for each in events if each.phase is Phase.ENDED][-1]
        at = max(end.at, charging.started)
        register = register_at_end(self.charging_log.samples(charging), at)
        return self.charging_log.stop(charging, at, register, end.reason)

    def _ended_again(self, charging: Charging, event: TransactionEvent) -> None:
        register = register_at_end(event.samples, event.at)
        if register is not None and charging.meter_stop is None:
            self.entries.stopped_again(
                charging,
                StoppedTransaction(event.charge_point, charging.id, register, event.at, event.reason),
            )

    def _ended(self, charging: Charging, events: Sequence[Told]) -> Party | None:
        return self.entries.bookkeeping.enter(self._stop(charging, events))

    # Later.

    def end_now(self, charging: Charging) -> None:
        """End a transaction whose end was told by what is known of it, whatever is missing."""
        with self.database.transaction():
            owed = self._ended(charging, self._events(charging))
        self.entries.owe(owed)
        self.entries.refresh(charging.plug.charge_point)

    def correct(self, charging: Charging) -> None:
        """What is told after the CDR changes it if it changes what is to be paid (CDR-07)."""
        contract = self.entries.contracts.of(charging.id)
        billed = None if contract is None else self.entries.bookkeeping.outbox.cdr_of(contract.session_id)
        if billed is None or charging.ends_by is not None:
            return
        current = billed.current
        anew = self.entries.bookkeeping.cdr_anew(self.corrections.known_better(charging))
        if anew is None or (anew.total_energy, anew.total_time) == (
            current["total_energy"],
            current["total_time"],
        ):
            return
        try:
            credit, new = self.corrections.correct(current["id"])
        except CannotCorrect as why:
            log.warning("CDR %s is wrong by what came late: %s", current["id"], why)
        else:
            log.warning("CDR %s: told late; %s takes it back, %s is right", current["id"], credit.id, new.id)

    def _events(self, charging: Charging) -> list[Told]:
        return self.event_log.of(charging.plug.charge_point, charging.name)

    def _is_news(self, due: datetime | None) -> bool:
        waiting = self.charging_log.awaited()
        return (waiting[0].ends_by if waiting else None) != due or (due is not None and due <= self.clock())


def _is_accepted(charging: Charging | None) -> bool:
    return charging is not None and charging.status is AuthorizationStatus.ACCEPTED


def _is_settled(charging: Charging | None, id_tag: str) -> bool:
    """Whether this id tag has been decided about in this transaction."""
    return charging is not None and charging.id_tag.upper() == id_tag.upper()


def _start(event: TransactionEvent, plug: Plug, id_tag: str | None) -> StartedTransaction:
    """The event as the start that 1.6 would have told."""
    return StartedTransaction(
        charge_point=plug.charge_point,
        connector_id=plug.number,
        id_tag=id_tag or "",
        meter_start_wh=Decimal(0),  # nobody reads it: what was promised is found by id tag and place
        at=event.at,
        reservation_id=event.reservation_id,
    )
