"""What every transaction goes through, whatever version of OCPP told of it: who pays, and who hears."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from hub.ocpi.party import Party
from partners.changes import Changes
from partners.cpo.billing.bookkeeping import Bookkeeping
from partners.cpo.billing.contracts import Contract, Contracts, applicable_tariff, cdr_token
from partners.cpo.billing.early_sessions import EarlySession
from partners.cpo.billing.reckoning import Reckoning
from partners.cpo.charging.charging_events import AuthorizationStatus, StoppedTransaction
from partners.cpo.charging.charging_log import Charging, ChargingLog
from partners.cpo.configuration import Configuration, Plug
from partners.cpo.handing_over.handover import Handover
from partners.cpo.locations import Locations
from partners.cpo.promises.promises import Promises
from partners.cpo.tokens.authorization import Authorization, Here, Verdict
from schemas.text import NOT_AVAILABLE

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entries:
    """The steps; those that write do so in the database transaction of whoever calls."""

    configuration: Configuration
    locations: Locations
    charging_log: ChargingLog
    contracts: Contracts
    authorization: Authorization
    bookkeeping: Bookkeeping
    reckoning: Reckoning
    handover: Handover
    promises: Promises
    changes: Changes
    new_id: Callable[[], str]

    def here(self, charge_point: str) -> Here:
        """Where a charge point stands."""
        places = self.locations.places(charge_point)
        location_id = places[0].location_id if places else ""
        return Here(charge_point, location_id, tuple(dict.fromkeys(place.evse_uid for place in places)))

    def conclude(self, charging: Charging, verdict: Verdict, early: EarlySession | None) -> None:
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

    def left_open(self, plug: Plug, at: datetime) -> list[Charging]:
        """Transactions of a connector whose end was never told before another began: there can only be one.

        What began later is not touched by a start that is told late.
        """
        return [each for each in self.charging_log.open_at(*plug) if each.started <= at]

    def stopped_again(self, charging: Charging, stopped: StoppedTransaction) -> None:
        """A transaction ended that was closed already: that counts if nobody told the end before."""
        if charging.meter_stop is None:
            log.warning("transaction %s ended after it had been closed", charging.id)
            self.charging_log.keep_orphan(replace(stopped, transaction_id=charging.id))
        else:
            log.info("transaction %s ended once more", charging.id)

    def abandon(self, charging: Charging) -> Party | None:
        """End a transaction with the last thing that is known of it."""
        log.warning("transaction %s was never ended: closed with the last that is known", charging.id)
        known = [sample.at for sample in self.charging_log.samples(charging)]
        known += [change.at for change in self.charging_log.states(charging)]
        ended = self.charging_log.stop(charging, max(known, default=charging.started), None, "Other")
        return self.bookkeeping.enter(ended)

    # What follows.

    def refresh(self, charge_point: str) -> None:
        """Tell everybody which EVSEs of a charge point have another status now."""
        for location, evse_uid in self.locations.refresh(charge_point):
            self.handover.owe_status(location, evse_uid)
        self.changes.announce()

    def owe(self, *emsps: Party | None) -> None:
        """What was stored becomes known."""
        if not any(emsps):  # it may be one of very many things that chargers say
            self.changes.soon()
            return
        for emsp in emsps:
            if emsp is not None:
                self.handover.owe(emsp)
        self.changes.announce()


def answer_to(verdict: Verdict, early: EarlySession | None) -> AuthorizationStatus:
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
