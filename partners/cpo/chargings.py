"""What the CPO does when a charge point tells something: store it, work out what follows, then answer.

fact -> one database transaction: the log, the Session, the CDR -> the answer to the charge point
                                                                -> the lanes: the eMSP hears of it soon
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from hub.ocpi.party import Party
from partners.changes import Changes
from partners.cpo.authorization import Authorization, Here, Verdict
from partners.cpo.bookkeeping import Bookkeeping
from partners.cpo.charging_events import (
    AuthorizationStatus,
    BootInfo,
    ConnectorStatus,
    IdTagInfo,
    StartAnswer,
    StartedTransaction,
    StoppedTransaction,
)
from partners.cpo.charging_log import Charging, ChargingLog, ConnectorState
from partners.cpo.configuration import Configuration, Plug
from partners.cpo.contracts import Contract, Contracts, applicable_tariff, cdr_token
from partners.cpo.early_sessions import EarlySession
from partners.cpo.handover import Handover
from partners.cpo.locations import Locations
from partners.cpo.meter_values import MeterSample
from partners.cpo.metering import StateChange
from partners.cpo.presence import Presence
from partners.cpo.promises import Promises
from partners.database import Database
from schemas.text import NOT_AVAILABLE

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chargings:
    """The `ChargingEvents` of this CPO."""

    database: Database
    configuration: Configuration
    locations: Locations
    presence: Presence
    charging_log: ChargingLog
    contracts: Contracts
    authorization: Authorization
    bookkeeping: Bookkeeping
    handover: Handover
    promises: Promises
    changes: Changes
    new_id: Callable[[], str]

    # The charge point itself.

    async def connected(self, charge_point: str) -> None:
        """A link is up."""
        self.presence.came(charge_point)
        self.refresh(charge_point)

    async def disconnected(self, charge_point: str) -> None:
        """The link is lost; what it means for the EVSEs is seen after the grace."""
        self.presence.left(charge_point)
        self.changes.announce()

    async def booted(self, charge_point: str, boot: BootInfo) -> None:
        """The charge point says who it is."""
        self.charging_log.booted(charge_point, boot)
        self.changes.announce()

    async def status_changed(
        self, charge_point: str, connector_id: int, status: ConnectorStatus, error_code: str, at: datetime
    ) -> None:
        """A connector changed; during a transaction its state says whether the car asks for power."""
        plug = Plug(charge_point, connector_id)
        owed: Party | None = None
        known = self.charging_log.connector(plug)
        with self.database.transaction():
            is_news = self.charging_log.status_changed(ConnectorState(plug, status, error_code, at))
            if is_news and (charging := self._open(plug, at)) is not None:
                self.charging_log.changed_state(charging, StateChange(at, status))
                owed = self.bookkeeping.enter(charging)
        self._owe(owed)
        if is_news:
            self.promises.status_changed(plug, None if known is None else known.status, status, at)
        self.refresh(charge_point)

    # Drivers.

    async def authorize(self, charge_point: str, id_tag: str) -> IdTagInfo:
        """May this id tag charge here?"""
        verdict = await self.authorization.of(id_tag, self._here(charge_point))
        return self.authorization.id_tag_info(verdict)

    async def transaction_started(self, started: StartedTransaction) -> StartAnswer:
        """A transaction has begun; the same one told again is the same one."""
        known = self.charging_log.told_before(started)
        if known is not None:
            return StartAnswer(known.id, IdTagInfo(known.status))
        here = self._here(started.charge_point)
        plug = Plug(started.charge_point, started.connector_id)
        if self.locations.place(plug) is None:
            log.error("%s is not configured: nobody can charge there", plug)
            verdict = Verdict(AuthorizationStatus.INVALID)
        else:
            verdict = await self.authorization.of_start(started.id_tag, here, started.connector_id)
        early = self.promises.meant_by(started)
        with self.database.transaction():
            owed = [self._abandon(each) for each in self._left_open(started)]
            charging = self.charging_log.start(started, _answer(verdict, early))
            self._conclude(charging, verdict, early)
            owed.append(self.bookkeeping.enter(charging))
        self._owe(*owed)
        self.refresh(started.charge_point)
        info = self.authorization.id_tag_info(verdict)
        return StartAnswer(charging.id, replace(info, status=charging.status))

    async def meter_values(
        self,
        charge_point: str,
        connector_id: int,
        transaction_id: int | None,
        samples: tuple[MeterSample, ...],
    ) -> None:
        """Measurements of a transaction, by its id or by the connector; others are nobody's."""
        charging = self._measured(Plug(charge_point, connector_id), transaction_id, samples)
        if charging is None:
            return
        with self.database.transaction():
            self.charging_log.measured(charging, samples)
            owed = self.bookkeeping.enter(charging)
        self._owe(owed)

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
            self._stopped_again(charging, stopped)
            return None
        with self.database.transaction():
            self.charging_log.measured(charging, stopped.samples)
            ended = self.charging_log.stop(charging, stopped.at, stopped.meter_stop_wh, stopped.reason)
            owed = self.bookkeeping.enter(ended)
        self._owe(owed)
        self.refresh(stopped.charge_point)
        return None

    # What follows.

    def refresh(self, charge_point: str) -> None:
        """Tell everybody which EVSEs of a charge point have another status now."""
        for location, evse_uid in self.locations.refresh(charge_point):
            self.handover.owe_status(location, evse_uid)
        self.changes.announce()

    def _owe(self, *emsps: Party | None) -> None:
        """What was stored becomes known."""
        for emsp in emsps:
            if emsp is not None:
                self.handover.owe(emsp)
        self.changes.announce()

    def _conclude(self, charging: Charging, verdict: Verdict, early: EarlySession | None) -> None:
        """Write down who pays, if somebody does."""
        place = self.locations.place(charging.plug)
        if place is None or not verdict.is_welcome or verdict.token is None:
            log.info("transaction %s of id tag %s is not welcome", charging.id, charging.id_tag)
            return
        tariffs = self.locations.tariffs(place)
        contract = Contract(
            session_id=self.new_id() if early is None else early.session_id,
            token=cdr_token(verdict.token),
            auth_method=verdict.auth_method,
            authorization_reference=verdict.authorization_reference,
            location=self.locations.snapshot(place),
            place=place,
            tariff=applicable_tariff(tariffs, verdict.token.type, charging.started),
            meter_id=self.charging_log.meter_id(charging.plug.charge_point),
            offered=tuple(tariffs),
        )
        if early is not None:
            contract = _after(early, contract)
            self.promises.begun(early)
        self.contracts.put(charging.id, contract)
        self.authorization.used(charging.plug, charging.id_tag)

    def _left_open(self, started: StartedTransaction) -> list[Charging]:
        """Transactions of the connector whose end was never told: there can only be one at a time."""
        return self.charging_log.open_at(started.charge_point, started.connector_id)

    def _stopped_again(self, charging: Charging, stopped: StoppedTransaction) -> None:
        """A CDR is final (CDR-01): what comes after a transaction was closed is for the operator to judge."""
        if charging.meter_stop is None:
            log.error(
                "transaction %s ended after it had been closed; ocpi-node cpo cdr correct bills it anew",
                charging.id,
            )
            self.charging_log.keep_orphan(stopped)
        else:
            log.info("transaction %s ended once more", charging.id)

    def _abandon(self, charging: Charging) -> Party | None:
        """End a transaction with the last thing that is known of it."""
        log.warning("transaction %s was never ended: closed with the last that is known", charging.id)
        known = [sample.at for sample in self.charging_log.samples(charging)]
        known += [change.at for change in self.charging_log.states(charging)]
        ended = self.charging_log.stop(charging, max(known, default=charging.started), None, "Other")
        return self.bookkeeping.enter(ended)

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

    def _here(self, charge_point: str) -> Here:
        places = [
            place for plug, place in self.configuration.places.items() if plug.charge_point == charge_point
        ]
        location_id = places[0].location_id if places else ""
        return Here(charge_point, location_id, tuple(dict.fromkeys(place.evse_uid for place in places)))


def _answer(verdict: Verdict, early: EarlySession | None) -> AuthorizationStatus:
    """What the charge point is told: a remote start that was given up ends as one whose tag is refused."""
    given_up = early is not None and early.stops_at_once
    return AuthorizationStatus.INVALID if given_up else verdict.status


def _after(early: EarlySession, contract: Contract) -> Contract:
    """The contract of what was promised before: reserved prices stay, the last reference counts (SES-12)."""
    agreed = early.contract
    is_assigned = agreed.place.evse_uid != NOT_AVAILABLE
    return replace(
        contract,
        reserved=agreed.reserved,
        tariff=agreed.tariff if early.is_reservation and is_assigned else contract.tariff,
        authorization_reference=contract.authorization_reference or agreed.authorization_reference,
    )
