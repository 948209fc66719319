"""Running Sessions, worked out anew as time allows: at once where little happens, in turn where much does.

What a charge point told is on disk when it is answered; what follows for the Session of a transaction that
goes on may come a little later. A share of the time is spent on it, so that a thousand stations that all
measure at once are all answered. What begins or ends a transaction is worked out with it, and never waits.
"""

import asyncio
import logging
from collections.abc import Callable
from time import perf_counter, thread_time
from typing import Final

from hub.ocpi.party import Party
from partners.cpo.billing.bookkeeping import Bookkeeping
from partners.cpo.charging.charging_log import Charging, ChargingLog
from partners.database import Database

log = logging.getLogger(__name__)

#: Of all time.
_SHARE: Final = 0.05
#: Seconds that may be saved up, so that a quiet node does everything at once.
_SAVED_UP: Final = 0.5
#: Of them, for what is worked out before the answer: when all stations measure at once nobody waits longer.
_AT_ONCE: Final = 0.03


class Reckoning:
    """What is to be worked out, and the time for it.

    Args:
        database: Of the node.
        charging_log: What was told.
        bookkeeping: Works it out.
        owe: Told whom something is owed now.
        seconds: The time that goes by.
        worked: The time for which this thread worked.
    """

    def __init__(
        self,
        database: Database,
        charging_log: ChargingLog,
        bookkeeping: Bookkeeping,
        owe: Callable[[Party], None],
        seconds: Callable[[], float] = perf_counter,
        worked: Callable[[], float] = thread_time,
    ) -> None:
        self._database = database
        self._charging_log = charging_log
        self._bookkeeping = bookkeeping
        self._owe = owe
        self._seconds = seconds
        self._worked = worked
        self._credit = _SAVED_UP
        self._counted_at = seconds()
        #: Transactions, the one that waits longest first.
        self._waiting: dict[int, None] = {}
        self._more = asyncio.Event()

    def soon(self, charging: Charging) -> None:
        """Something was told of a transaction that goes on."""
        if not self._waiting and self._has_time() and self._credit > _SAVED_UP - _AT_ONCE:
            self._work_out(charging.id)
            return
        self._waiting[charging.id] = None
        self._more.set()

    async def run(self) -> None:
        """For ever: work out what waits, one after the other."""
        while True:
            await self._more.wait()
            while self._waiting:
                if not self._has_time():
                    await asyncio.sleep(-self._credit / _SHARE + 0.001)
                await self._database.quiet()
                charging_id = next(iter(self._waiting))
                del self._waiting[charging_id]
                self._work_out(charging_id)
                await asyncio.sleep(0)
            self._more.clear()

    def _has_time(self) -> bool:
        now = self._seconds()
        self._credit = min(self._credit + (now - self._counted_at) * _SHARE, _SAVED_UP)
        self._counted_at = now
        return self._credit > 0

    def _work_out(self, charging_id: int) -> None:
        began = self._worked()
        try:
            with self._database.grouped():
                charging = self._charging_log.charging(charging_id)
                owed = None if charging.stopped is not None else self._bookkeeping.enter(charging)
        except Exception:  # one transaction that goes wrong must not keep the others from theirs
            log.exception("transaction %s cannot be worked out", charging_id)
        else:
            if owed is not None:
                self._owe(owed)
        self._credit -= self._worked() - began
