"""Taking back a CDR that was wrong: a Credit CDR, and perhaps a new one. A CDR itself is never changed.

Sources: 2.2.1, CDRs, Credit CDRs; CDR-01, CDR-05 to CDR-08.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from partners.cpo.billing.bookkeeping import Bookkeeping
from partners.cpo.billing.cdrs import credit_cdr
from partners.cpo.billing.contracts import Contracts
from partners.cpo.billing.outbox import Outbox, StoredCdr
from partners.cpo.charging.charging_log import Charging, ChargingLog
from partners.database import Database
from schemas.v2_2_1 import CDR

log = logging.getLogger(__name__)


class CannotCorrect(Exception):
    """A CDR cannot be taken back; the message says why."""


@dataclass(frozen=True, slots=True)
class Corrections:
    """What an operator may do about a wrong CDR."""

    database: Database
    outbox: Outbox
    contracts: Contracts
    charging_log: ChargingLog
    bookkeeping: Bookkeeping
    clock: Clock
    #: An eMSP is to hear of it.
    owe: Callable[[Party], None]

    def credit(self, cdr_id: str) -> CDR:
        """Take a CDR back.

        Raises:
            CannotCorrect: There is none, it is a credit, or it was taken back before.
        """
        original = self._original(cdr_id)
        with self.database.transaction():
            credit = self._credit(original)
        self._owe(credit)
        return credit

    def correct(self, cdr_id: str, meter_stop_wh: Decimal | None = None) -> tuple[CDR, CDR]:
        """Take a CDR back, and bill anew by all that is known now; the credit and the new CDR.

        What the charge point told after the session was closed counts, too.

        Args:
            cdr_id: Of the wrong CDR.
            meter_stop_wh: The register at the end as somebody read it, Wh; None: as the charge point told it.

        Raises:
            CannotCorrect: As for `credit`; or it is of a reservation, of which nothing is measured.
        """
        original = self._original(cdr_id)
        charging_id = None if original.session_id is None else self.contracts.charging_of(original.session_id)
        if charging_id is None:
            raise CannotCorrect(f"CDR {cdr_id} is not of a charging session: credit it")
        with self.database.transaction():
            charging = self._known_better(self.charging_log.charging(charging_id), meter_stop_wh)
            new = self.bookkeeping.cdr_anew(charging, meter_stop_wh)
            if new is None:
                raise CannotCorrect(f"the session of CDR {cdr_id} cannot be priced")
            credit = self._credit(original)
            self.outbox.put_cdr(new)
        self._owe(credit)
        return credit, new

    def known_better(self, charging: Charging) -> Charging:
        """A transaction that was closed without an end, with the end that was told later; kept nowhere."""
        late = None if charging.meter_stop is not None else self.charging_log.late_stop(charging)
        if late is None:
            return charging
        return replace(charging, stopped=late.at, meter_stop=late.meter_stop_wh)

    def _known_better(self, charging: Charging, meter_stop_wh: Decimal | None) -> Charging:
        if charging.stopped is None:
            raise CannotCorrect("the session is not over")
        late = self.known_better(charging)
        if late is not charging and late.stopped is not None:
            charging = self.charging_log.stop(
                charging, late.stopped, late.meter_stop, charging.reason or "Other"
            )
        if meter_stop_wh is None:
            return charging
        if charging.meter_start is not None and meter_stop_wh < charging.meter_start:
            raise CannotCorrect(f"the register stood at {charging.meter_start} Wh at the start")
        return self.charging_log.stop(charging, charging.stopped or charging.started, meter_stop_wh, "Other")

    def _original(self, cdr_id: str) -> CDR:
        stored: StoredCdr | None = self.outbox.cdr(cdr_id)
        if stored is None:
            raise CannotCorrect(f"there is no CDR {cdr_id}")
        original = CDR.model_validate(stored.current, context={"tolerant": True})
        if original.credit:
            raise CannotCorrect(f"CDR {cdr_id} is a credit itself")
        if (before := self.outbox.credit_of(original.id)) is not None:
            raise CannotCorrect(f"CDR {cdr_id} was taken back by {before.current['id']}")
        return original

    def _credit(self, original: CDR) -> CDR:
        credit = credit_cdr(original, self.clock())
        self.outbox.put_cdr(credit)
        log.info("CDR %s is taken back by %s", original.id, credit.id)
        return credit

    def _owe(self, credit: CDR) -> None:
        self.owe(Party(credit.cdr_token.country_code, credit.cdr_token.party_id))
