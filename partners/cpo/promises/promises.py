"""What was promised to drivers who have not begun: keeps it, and ends what comes to nothing.

    START_SESSION accepted  -> PENDING      -> a transaction begins        -> ACTIVE
                                            -> the time is over            -> INVALID
    RESERVE_NOW accepted    -> RESERVATION  -> its token begins there      -> ACTIVE
                                            -> expired, or cancelled       -> COMPLETED, and a CDR if it costs
                                            -> broken by us or a fault     -> COMPLETED, for nothing, and
                                               CANCELED_RESERVATION on the response_url of the RESERVE_NOW

Sources: 2.2.1, Sessions, Reservation; 2.2.1, Commands, Flow; SES-10, SES-11, CMD-18, CMD-19, AM-40.
"""

import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from hub.ocpi.timestamps import Clock
from partners.changes import Changes
from partners.cpo.billing.bookkeeping import Bookkeeping, Ending
from partners.cpo.billing.contracts import Contract, applicable_tariff, cdr_token
from partners.cpo.billing.early_sessions import ANY_CONNECTOR, EarlySession, EarlySessions
from partners.cpo.charging.charging_events import ConnectorStatus, StartedTransaction
from partners.cpo.configuration import Place, Plug
from partners.cpo.handing_over.handover import Handover
from partners.cpo.locations import Locations
from partners.cpo.promises.callbacks import Callback, post
from partners.cpo.promises.reservations import Reservation, Reservations
from partners.cpo.tokens.grants import Grant
from partners.database import Database
from partners.link import Link
from schemas.text import NOT_AVAILABLE
from schemas.v2_2_1 import CommandResult, CommandResultType, SessionStatus

log = logging.getLogger(__name__)

_BROKEN = frozenset({ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE})


@dataclass(frozen=True, slots=True)
class Promises:
    """Early Sessions and reservations, from the command to the transaction or the end."""

    database: Database
    early: EarlySessions
    reservations: Reservations
    locations: Locations
    bookkeeping: Bookkeeping
    handover: Handover
    link: Link
    changes: Changes
    clock: Clock
    new_id: Callable[[], str]
    #: How long after a remote start its transaction may begin.
    start_within: timedelta
    #: Lets something be done after the answer.
    spawn: Callable[[Coroutine[Any, Any, None]], None]
    #: Numbers of reservations that an eMSP is cancelling now: their charge point's word says nothing new.
    _being_cancelled: set[int] = field(default_factory=set)

    # Remote starts.

    def start_asked(self, grant: Grant, plug: Plug) -> str | None:
        """A charge point is asked to start: the id of the new Session, None where one waits there already."""
        waiting = self.early.waiting_for(plug, grant.id_tag)
        if waiting is not None and waiting.is_told:
            return None
        now = self.clock()
        contract = self._contract(self.new_id(), grant, plug)
        until, created = now + self.start_within, now.replace(microsecond=0)
        self.early.put(EarlySession(SessionStatus.PENDING, plug, grant.id_tag, contract, created, until))
        self.changes.announce()
        return contract.session_id

    def start_accepted(self, session_id: str | None) -> None:
        """The charge point will start: the eMSP hears of a PENDING Session, unless it is ACTIVE by now."""
        waiting = None if session_id is None else self.early.get(session_id)
        if waiting is not None:
            self._tell(self.early.told(waiting))

    def start_refused(self, session_id: str | None) -> None:
        """The charge point will not start: there was no Session."""
        if session_id is not None:
            self.early.remove(session_id)

    def stop_when_begun(self, waiting: EarlySession) -> None:
        """OCPP cannot take a remote start back: what begins is stopped at once."""
        self.early.put(replace(waiting, stops_at_once=True))

    # Reservations.

    def reserved(
        self, number: int, grant: Grant, plug: Plug, expires: datetime, there: Callback
    ) -> EarlySession:
        """A charge point keeps a connector free, for a new reservation or in place of one with its number."""
        before = self.reservations.by_number(number)
        known = None if before is None else self.early.get(before.session_id)
        now = self.clock().replace(microsecond=0)
        session_id = self.new_id() if known is None else known.session_id
        since = now if known is None else known.created
        contract = replace(self._contract(session_id, grant, plug), reserved=since)
        made = EarlySession(
            SessionStatus.RESERVATION, plug, grant.id_tag, contract, since, expires, is_told=True
        )
        with self.database.transaction():
            self.early.put(made)
            self.reservations.opened(number, session_id, there)
            emsp = self.bookkeeping.enter_early(made)
        self.handover.owe(emsp)
        self.changes.announce()
        return made

    @contextlib.contextmanager
    def cancelling(self, reservation: Reservation) -> Iterator[None]:
        """While this lasts, the charge point's giving it up is no surprise."""
        self._being_cancelled.add(reservation.number)
        try:
            yield
        finally:
            self._being_cancelled.discard(reservation.number)

    def cancelled(self, reservation: Reservation) -> None:
        """The driver has given a reservation up."""
        waiting = self.early.get(reservation.session_id)
        if waiting is not None:
            self.end(waiting, self.clock(), Ending.CANCELLED)

    def given_up(self, charge_point: str, number: int) -> None:
        """The charge point keeps a reservation no longer: its time is over, or it cannot (OCPP 2.x)."""
        reservation = self.reservations.by_number(number)
        waiting = None if reservation is None else self.early.get(reservation.session_id)
        if waiting is None or waiting.plug.charge_point != charge_point or number in self._being_cancelled:
            return
        now = self.clock()
        self.end(waiting, now, Ending.EXPIRED if now >= waiting.until else Ending.BROKEN)

    def broken(self, reservation: Reservation) -> None:
        """We cannot keep a reservation."""
        waiting = self.early.get(reservation.session_id)
        if waiting is not None:
            self.end(waiting, self.clock(), Ending.BROKEN)

    def status_changed(
        self, plug: Plug, before: ConnectorStatus | None, status: ConnectorStatus, at: datetime
    ) -> None:
        """A connector that was reserved may be so no more: OCPP 1.6 does not say why, time and state do."""
        for reservation in self.reservations.all():
            waiting = self.early.get(reservation.session_id)
            if waiting is None or waiting.plug != plug or reservation.number in self._being_cancelled:
                continue
            if status in _BROKEN:
                self.end(waiting, at, Ending.BROKEN)
            elif before is ConnectorStatus.RESERVED and status is ConnectorStatus.AVAILABLE:
                self.end(waiting, at, Ending.EXPIRED if at >= waiting.until else Ending.BROKEN)

    # A transaction begins, or the time is over.

    def meant_by(self, started: StartedTransaction) -> EarlySession | None:
        """What a transaction is the beginning of: the reservation it names, or what waits for its id tag."""
        named = (
            None if started.reservation_id is None else self.reservations.by_number(started.reservation_id)
        )
        waiting = None if named is None else self.early.get(named.session_id)
        if waiting is not None and waiting.id_tag.upper() == started.id_tag.upper():
            return waiting
        return self.early.waiting_for(Plug(started.charge_point, started.connector_id), started.id_tag)

    def begun(self, waiting: EarlySession) -> None:
        """Its transaction has begun; in the transaction of the database that stores this."""
        self.early.remove(waiting.session_id)
        self.reservations.over(waiting.session_id)

    def end(self, waiting: EarlySession, at: datetime, ending: Ending) -> None:
        """It will not begin: the last word on its Session."""
        with self.database.transaction():
            if not self.early.remove(waiting.session_id):
                return
            reservation = self.reservations.over(waiting.session_id)
            emsp = self.bookkeeping.close_early(waiting, at, ending)
        log.info("session %s ended before it began: %s", waiting.session_id, ending.name)
        if emsp is not None:
            self.handover.owe(emsp)
        if reservation is not None and ending is Ending.BROKEN:
            canceled = CommandResult(result=CommandResultType.CANCELED_RESERVATION)
            self.spawn(post(self.link, reservation.callback, canceled))
        self.changes.announce()

    async def watch(self) -> None:
        """For ever: end what has not begun in time."""
        while True:
            for waiting in self.early.due(self.clock()):
                self.end(waiting, waiting.until, Ending.EXPIRED)
            due = self.early.next_due()
            with contextlib.suppress(TimeoutError):
                pause = None if due is None else max(due - self.clock(), timedelta())
                await self.changes.until(partial(self._is_news, due), pause)

    def _is_news(self, due: datetime | None) -> bool:
        """Whether something else is due next, or this is by now."""
        return self.early.next_due() != due or (due is not None and due <= self.clock())

    def _tell(self, waiting: EarlySession) -> None:
        self.handover.owe(self.bookkeeping.enter_early(waiting))
        self.changes.announce()

    def _contract(self, session_id: str, grant: Grant, plug: Plug) -> Contract:
        """The terms as far as they are known: without a connector, those of the first that may be meant."""
        places = self.locations.places(plug.charge_point)
        place = places[0] if plug.number == ANY_CONNECTOR else self.locations.place(plug) or places[0]
        location = self.locations.snapshot(place)
        tariffs = self.locations.tariffs(place)
        if plug.number == ANY_CONNECTOR:
            place = Place(place.location_id, NOT_AVAILABLE, NOT_AVAILABLE)
        return Contract(
            session_id=session_id,
            token=cdr_token(grant.token),
            auth_method=grant.auth_method,
            authorization_reference=grant.authorization_reference,
            location=location,
            place=place,
            tariff=applicable_tariff(tariffs, grant.token.type, grant.given),
            meter_id=None,
            offered=tuple(tariffs),
        )
