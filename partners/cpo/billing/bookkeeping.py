"""From what was measured to what is owed: every fact gives the Session anew, the last one gives the CDR."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum, auto

from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from hub.pricing import CannotBePriced
from partners.cpo.billing.cdrs import cdr, is_billable, reservation_cdr
from partners.cpo.billing.contracts import Contract, Contracts
from partners.cpo.billing.costs import Cost, Terms, cost, reservation_cost, running_cost
from partners.cpo.billing.early_sessions import EarlySession
from partners.cpo.billing.outbox import Outbox
from partners.cpo.billing.sessions import Pace, is_news, session, session_before_start, session_never_begun
from partners.cpo.charging.charging_log import Charging, ChargingLog
from partners.cpo.charging.evidence import Evidence, evidence
from partners.cpo.charging.metering import Use
from partners.cpo.charging.signed_values import left_out, signed_data
from schemas.v2_2_1 import CDR, ChargingPeriod, Session

log = logging.getLogger(__name__)


class Ending(Enum):
    """How a Session ends that never began."""

    #: Its time is over; of a reservation: nobody came.
    EXPIRED = auto()
    #: The driver has given it up.
    CANCELLED = auto()
    #: The CPO or its charge point cannot keep the promise: that costs nothing.
    BROKEN = auto()


_REMARKS = {Ending.EXPIRED: "reservation not used", Ending.CANCELLED: "reservation cancelled"}


@dataclass(frozen=True, slots=True)
class Bookkeeping:
    """Keeps Sessions and CDRs in step with the charging log, in the transaction that stores a fact."""

    charging_log: ChargingLog
    contracts: Contracts
    outbox: Outbox
    clock: Clock
    new_id: Callable[[], str]
    pace: Pace
    #: The longest charging period of a running Session.
    longest_period: timedelta

    def enter(self, charging: Charging) -> Party | None:
        """Work out the Session of a transaction, and its CDR when it is over.

        Returns:
            The eMSP that is owed something now.
        """
        contract = self.contracts.of(charging.id)
        if contract is None:
            return None
        found = self._evidence(charging, contract)
        used = found.used
        priced, running = self._priced(charging, found, contract.terms)
        is_over = charging.stopped is not None
        is_free = is_over and not is_billable(used, was_reserved=contract.reserved is not None)
        current = session(contract, charging, used, priced, running, self.clock(), is_free=is_free)
        is_owed = self._enter_session(current)
        if is_over and found.held is not None:
            log.error("transaction %s is not billed: %s", charging.id, found.held)
            self.outbox.hold(contract.session_id, found.held)
        if is_over and priced is not None and not is_free:
            self._enter_cdr(contract, charging, used, priced)
        return contract.emsp if is_owed or is_over else None

    def enter_early(self, early: EarlySession) -> Party:
        """Keep the Session of something that has not begun; the eMSP is owed it."""
        self.outbox.put_session(session_before_start(early, self.clock()), is_owed=True)
        return early.contract.emsp

    def close_early(self, early: EarlySession, at: datetime, ending: Ending) -> Party | None:
        """Say the last word on a Session that never began, and bill a reservation that has a price.

        Returns:
            The eMSP that is owed something now; None if it never heard of the Session.
        """
        if not early.is_told:
            return None
        end = min(max(at.replace(microsecond=0), early.created), early.until)
        priced = self._reserved(early, end, ending)
        last = session_never_begun(
            early, end, priced, self.clock(), is_free=early.is_reservation and ending is Ending.BROKEN
        )
        self.outbox.put_session(last, is_owed=True)
        if priced is not None and priced.statement.total_cost.excl_vat:
            self.outbox.put_cdr(
                reservation_cdr(self.new_id(), early, end, priced, _REMARKS.get(ending), self.clock())
            )
        return early.contract.emsp

    def _reserved(self, early: EarlySession, end: datetime, ending: Ending) -> Cost | None:
        if not early.is_reservation or ending is Ending.BROKEN:
            return None
        try:
            return reservation_cost(early.contract.terms, end, is_expired=ending is Ending.EXPIRED)
        except CannotBePriced:
            log.exception("reservation %s cannot be priced", early.session_id)
            return None

    def cdr_anew(self, charging: Charging, most_wh: Decimal | None = None) -> CDR | None:
        """The CDR of a transaction by all that is known now, after another one was taken back (CDR-07).

        Args:
            charging: The transaction, over.
            most_wh: What a person read at the end: no sample beyond it is believed.
        """
        contract = self.contracts.of(charging.id)
        if contract is None or charging.stopped is None:
            return None
        found = self._evidence(charging, contract, most_wh)
        priced, _ = self._priced(charging, found, contract.terms)
        return None if priced is None else self._cdr(contract, charging, found.used, priced)

    def _evidence(self, charging: Charging, contract: Contract, most_wh: Decimal | None = None) -> Evidence:
        samples = self.charging_log.samples(charging)
        if most_wh is not None:
            samples = tuple(each for each in samples if each.energy_wh is None or each.energy_wh <= most_wh)
        # What somebody read is taken at its word.
        max_power = contract.max_power if most_wh is None else None
        return evidence(charging, samples, self.charging_log.states(charging), max_power)

    def _priced(
        self, charging: Charging, found: Evidence, terms: Terms
    ) -> tuple[Cost | None, tuple[ChargingPeriod, ...]]:
        if found.held is not None:
            return None, ()
        try:
            if charging.stopped is None:
                return running_cost(found.used, terms, self.longest_period)
            return cost(found.used, terms), ()
        except CannotBePriced:
            # The configuration was checked; what still goes wrong must not lose the session itself.
            log.exception("transaction %s cannot be priced", charging.id)
            return None, ()

    def _enter_session(self, current: Session) -> bool:
        known = self.outbox.session(current.id)
        told = None if known is None else known.heard
        since = (
            timedelta() if known is None or known.taken_at is None else current.last_updated - known.taken_at
        )
        is_owed = is_news(told, current.to_wire(), since, self.pace)
        self.outbox.put_session(current, is_owed=is_owed)
        return is_owed

    def _enter_cdr(self, contract: Contract, charging: Charging, used: Use, priced: Cost) -> None:
        if self.outbox.cdr_of(contract.session_id) is None:
            self.outbox.put_cdr(self._cdr(contract, charging, used, priced))

    def _cdr(self, contract: Contract, charging: Charging, used: Use, priced: Cost) -> CDR:
        signed = self.charging_log.signed(charging)
        if missing := left_out(signed):
            log.error("transaction %s: %s signed values do not fit into a CDR", charging.id, missing)
        found = signed_data(signed, self.charging_log.meter_key(charging.plug))
        return cdr(self.new_id(), contract, charging, used, priced, self.clock(), signed=found)
