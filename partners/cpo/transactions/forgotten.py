"""Transactions whose end is never told: closed with the last that is known, so that no Session runs for ever.

| how things stand                                                   | closed                             |
|--------------------------------------------------------------------|------------------------------------|
| connected, and its connector has been Available for a while        | 1.6: then                          |
|                                                                    | 2.x: unless the station says that  |
|                                                                    | it goes on (GetTransactionStatus)  |
| the same with Preparing, after it had charged                      | 1.6: then                          |
| no link, and nothing was heard of it for days                      | then; the station may come back    |
| another one begins at the connector                                | at once (`Entries.left_open`)      |

Not at a boot: many chargers go on after one. An end that is told later takes the CDR back, and makes a right
one. An end of 2.x that waits for what is missing before it waits no longer where the station has nothing more
to say of it. Decision 0058.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from hub.ocpi.timestamps import Clock
from partners.cpo.charging.charging_events import ConnectorStatus
from partners.cpo.charging.charging_log import Charging, ChargingLog, ConnectorState
from partners.cpo.transactions.entries import Entries
from partners.database import Database
from partners.ocpp.link import Refused, Unanswered
from partners.ocpp.versions import Version

log = logging.getLogger(__name__)

#: How often it is looked, in seconds.
_LOOK_EVERY: Final = 60.0
#: States of which Preparing is no beginning.
_CHARGED: Final = frozenset(
    {
        ConnectorStatus.CHARGING,
        ConnectorStatus.SUSPENDED_EV,
        ConnectorStatus.SUSPENDED_EVSE,
        ConnectorStatus.FINISHING,
    }
)


class Stations(Protocol):
    """What is needed of the central system."""

    def is_connected(self, charge_point: str) -> bool:
        """Whether there is a link."""

    def version(self, charge_point: str) -> Version | None:
        """Of its link."""

    async def ask(self, charge_point: str, action: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send any CALL, and wait for its result."""


class Forgotten:
    """Looks for them.

    Args:
        database: The node's.
        charging_log: What was told.
        entries: Closes them, and tells their eMSPs.
        end_now: Ends one whose end was told, by what is known.
        stations: Who can be asked.
        clock: Tells the time.
        free_for: How long a connector must have been free.
        silent_for: How long nothing was heard of one without a link.
    """

    def __init__(
        self,
        *,
        database: Database,
        charging_log: ChargingLog,
        entries: Entries,
        end_now: Callable[[Charging], None],
        stations: Stations,
        clock: Clock,
        free_for: timedelta,
        silent_for: timedelta,
    ) -> None:
        self._database = database
        self._charging_log = charging_log
        self._entries = entries
        self._end_now = end_now
        self._stations = stations
        self._clock = clock
        self._free_for = free_for
        self._silent_for = silent_for
        #: Since when its connector is seen to be free: by our own clock, a charger's may be wrong.
        self._free_since: dict[int, datetime] = {}

    async def watch(self) -> None:
        """For ever: look now and then."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_EVERY)

    async def look(self) -> None:
        """Close what is forgotten."""
        running, now = self._charging_log.running(), self._clock()
        free = [each for each in running if self._is_free(each)]
        self._free_since = {each.id: self._free_since.get(each.id, now) for each in free}
        for charging in running:
            if await self._is_forgotten(charging, now):
                self._close(charging)
        for charging in self._charging_log.awaited():
            if await self._has_no_more(charging):
                self._end(charging)

    async def _has_no_more(self, charging: Charging) -> bool:
        """Whether its station says that nothing more of it will come."""
        told = await self._told(charging)
        return told is not None and not told["messagesInQueue"]

    def _end(self, charging: Charging) -> None:
        if charging.id in [each.id for each in self._charging_log.open_at(*charging.plug)]:
            log.info("transaction %s has gaps, and its station nothing to fill them with", charging.id)
            self._end_now(charging)

    async def _told(self, charging: Charging) -> Mapping[str, Any] | None:
        """What its station says of it; None: nothing, or 1.6, which cannot be asked."""
        charge_point = charging.plug.charge_point
        version = self._stations.version(charge_point)
        if version is None or version.is_1_6:
            return None
        question = {"transactionId": charging.name}
        try:
            return await self._stations.ask(charge_point, "GetTransactionStatus", question)
        except Unanswered as error:
            log.info("%s does not tell of transaction %s: %r", charge_point, charging.id, error)
            return None

    async def _is_forgotten(self, charging: Charging, now: datetime) -> bool:
        if not self._stations.is_connected(charging.plug.charge_point):
            return now - self._last_word(charging) >= self._silent_for
        since = self._free_since.get(charging.id)
        if since is None or now - since < self._free_for:
            return False
        return not await self._goes_on(charging)

    def _is_free(self, charging: Charging) -> bool:
        """Whether its connector was told to be free since it began, and it has said nothing after that."""
        state = self._charging_log.connector(charging.plug)
        if state is None or state.at < charging.started:
            return False
        is_free = state.status is ConnectorStatus.AVAILABLE or self._is_taken_anew(charging, state)
        return is_free and all(each.at <= state.at for each in self._charging_log.samples(charging))

    def _is_taken_anew(self, charging: Charging, state: ConnectorState) -> bool:
        """Whether somebody prepares there after it had charged; what begins, and 2.x, says Preparing, too."""
        if state.status is not ConnectorStatus.PREPARING or charging.transaction_id is not None:
            return False
        return any(each.status in _CHARGED for each in self._charging_log.states(charging))

    async def _goes_on(self, charging: Charging) -> bool:
        """Whether its station says so, or does not say; 1.6 cannot be asked."""
        charge_point = charging.plug.charge_point
        version = self._stations.version(charge_point)
        if version is None or version.is_1_6:
            return version is None
        try:
            told = await self._stations.ask(
                charge_point, "GetTransactionStatus", {"transactionId": charging.name}
            )
        except Refused as refused:
            return not refused.is_for_want_of_support
        except Unanswered:
            return True
        return bool(told.get("ongoingIndicator") or told["messagesInQueue"])

    def _last_word(self, charging: Charging) -> datetime:
        told = [each.at for each in self._charging_log.samples(charging)]
        told += [each.at for each in self._charging_log.states(charging)]
        return max(told, default=charging.started)

    def _close(self, charging: Charging) -> None:
        still_open = self._charging_log.open_at(*charging.plug)
        if charging.id not in [each.id for each in still_open]:
            return  # its end came while its station was asked
        with self._database.transaction():
            emsp = self._entries.abandon(charging)
        self._entries.owe(emsp)
        self._entries.refresh(charging.plug.charge_point)
