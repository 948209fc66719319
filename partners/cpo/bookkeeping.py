"""From what was measured to what is owed: every fact gives the Session anew, the last one gives the CDR."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from hub.pricing import CannotBePriced
from partners.cpo.cdrs import cdr, is_billable
from partners.cpo.charging_log import Charging, ChargingLog
from partners.cpo.contracts import Contract, Contracts
from partners.cpo.costs import Cost, Terms, cost, running_periods
from partners.cpo.metering import Metered, Use, use
from partners.cpo.outbox import Outbox
from partners.cpo.sessions import Pace, is_news, session
from schemas.v2_2_1 import ChargingPeriod

log = logging.getLogger(__name__)


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
        used = self._use(charging, contract)
        terms = Terms(contract.tariff, contract.location.time_zone)
        priced, running = self._priced(charging, used, terms)
        is_owed = self._enter_session(contract, charging, used, priced, running)
        if charging.stopped is not None and priced is not None and is_billable(used):
            self._enter_cdr(contract, charging, used, priced)
        return contract.emsp if is_owed or charging.stopped is not None else None

    def _use(self, charging: Charging, contract: Contract) -> Use:
        return use(
            Metered(
                start=charging.started,
                meter_start=charging.meter_start,
                samples=self.charging_log.samples(charging),
                states=self.charging_log.states(charging),
                stop=charging.stopped,
                meter_stop=charging.meter_stop,
                max_power=contract.max_power,
            )
        )

    def _priced(
        self, charging: Charging, used: Use, terms: Terms
    ) -> tuple[Cost | None, tuple[ChargingPeriod, ...]]:
        try:
            running = () if charging.stopped else running_periods(used, terms, self.longest_period)
            return cost(used, terms), running
        except CannotBePriced:
            # The configuration was checked; what still goes wrong must not lose the session itself.
            log.exception("transaction %s cannot be priced", charging.id)
            return None, ()

    def _enter_session(
        self,
        contract: Contract,
        charging: Charging,
        used: Use,
        priced: Cost | None,
        running: tuple[ChargingPeriod, ...],
    ) -> bool:
        now = self.clock()
        current = session(contract, charging, used, priced, running, now)
        known = self.outbox.session(contract.session_id)
        told = None if known is None else known.heard
        since = timedelta() if known is None or known.taken_at is None else now - known.taken_at
        is_owed = is_news(told, current.to_wire(), since, self.pace)
        self.outbox.put_session(current, is_owed=is_owed)
        return is_owed

    def _enter_cdr(self, contract: Contract, charging: Charging, used: Use, priced: Cost) -> None:
        if self.outbox.cdr_of(contract.session_id) is None:
            self.outbox.put_cdr(cdr(self.new_id(), contract, charging, used, priced, self.clock()))
