"""Cars that stay at their cable when their transaction is over, where the operator bills until they go.

| after StopTransaction (1.6), with `bill_until_unplug`      | the Session ends                          |
|------------------------------------------------------------|-------------------------------------------|
| Available or Reserved; Unavailable or Faulted              | then: the cable is out; nobody can say    |
| another transaction begins at the connector                | then                                      |
| nothing of it for `unplug_within_seconds`                  | then                                      |
| the reason is EVDisconnected; the stop is told late, or    | with the transaction                      |
| the connector was told free after it                       |                                           |

Until then the Session is ACTIVE with all of its energy, and what is between is parking. In 2.x a station says
so itself: a transaction that is billed until the cable is out has the TxStopPoint EVConnected.

Source: 2.2.1, Sessions, `end_date_time`; CDRs, PARKING_TIME.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock, format_timestamp, parse_timestamp
from partners.cpo.charging.charging_events import ConnectorStatus, StoppedTransaction
from partners.cpo.charging.charging_log import Charging, ChargingLog
from partners.cpo.charging.meter_values import MeterSample
from partners.cpo.charging.metering import StateChange
from partners.cpo.configuration import Plug
from partners.cpo.transactions.entries import Entries
from partners.database import Database

TABLES: Final = """
-- Transactions that are over while the car is still plugged in, and until when that is waited for at most.
CREATE TABLE IF NOT EXISTS plugged_in (
    charging INTEGER PRIMARY KEY REFERENCES charging (id),
    until TEXT NOT NULL
);
"""

#: The cable is out, or nobody can say. Some chargers say Preparing while the cable is still in.
_GONE: Final = frozenset(
    {
        ConnectorStatus.AVAILABLE,
        ConnectorStatus.RESERVED,
        ConnectorStatus.UNAVAILABLE,
        ConnectorStatus.FAULTED,
    }
)
#: A context of its own: what the charger told of its end stays as it was told.
_AT_THE_END: Final = "Unplugging"
#: How often it is looked for those that have stayed for too long, in seconds.
_LOOK_EVERY: Final = 60.0
_UNPLUGGED: Final = "EVDisconnected"


class _Waiting(NamedTuple):
    charging: Charging
    until: datetime


class Unplugging:
    """Waits for them.

    Args:
        database: The node's.
        charging_log: What was told.
        entries: Writes Sessions and CDRs.
        clock: The present instant.
        within: How long a car is billed at most after its transaction; None: not at all.
    """

    def __init__(
        self,
        database: Database,
        charging_log: ChargingLog,
        entries: Entries,
        clock: Clock,
        within: timedelta | None,
    ) -> None:
        self._database = database
        self._log = charging_log
        self._entries = entries
        self._clock = clock
        self._within = within
        database.define(TABLES)
        #: What is in the table; statuses are many, and seldom about one of these.
        self._waiting: dict[int, _Waiting] | None = None
        database.undone.append(self._forget)

    def stays(self, ended: Charging, stopped: StoppedTransaction) -> bool:
        """Whether a transaction that has just been ended goes on as a Session; called where it is stored."""
        if self._within is None or ended.stopped is None or stopped.reason == _UNPLUGGED:
            return False
        if self._entries.contracts.of(ended.id) is None:
            return False
        state = self._log.connector(ended.plug)
        is_gone = state is not None and state.at >= stopped.at and state.status in _GONE
        if is_gone or self._entries.authorization.was_offline(stopped.at):
            return False
        until = ended.stopped + self._within
        self._database.execute(
            "INSERT OR REPLACE INTO plugged_in (charging, until) VALUES (?, ?)",
            (ended.id, format_timestamp(until)),
        )
        self._all()[ended.id] = _Waiting(ended, until)
        self._parks(ended, stopped)
        return True

    def status_changed(self, plug: Plug, status: ConnectorStatus, at: datetime) -> list[Party | None]:
        """A connector says how it is; who is owed something, where a car has gone."""
        return self._gone(self._at(plug, at), at) if status in _GONE else []

    def begins(self, plug: Plug, at: datetime) -> list[Party | None]:
        """Another transaction begins at a connector; who is owed something."""
        return self._gone(self._at(plug, at), at)

    async def watch(self) -> None:
        """For ever: look now and then."""
        while True:
            self.look()
            await asyncio.sleep(_LOOK_EVERY)

    def look(self) -> None:
        """Wait no longer for those that have stayed for too long."""
        now = self._clock()
        late = [each for each in self._all().values() if each.until <= now]
        if late:
            with self._database.transaction():
                owed = self._gone(late, now)
            self._entries.owe(*owed)

    def _at(self, plug: Plug, at: datetime) -> list[_Waiting]:
        """Those at a connector; what is told of a time before their end says nothing about them."""
        waiting = self._all().values()
        return [each for each in waiting if each.charging.plug == plug and _end(each) <= at]

    def _gone(self, gone: Iterable[_Waiting], at: datetime) -> list[Party | None]:
        owed = []
        for each in list(gone):
            end = max(min(at, each.until), _end(each))
            self._database.execute("DELETE FROM plugged_in WHERE charging = ?", (each.charging.id,))
            self._all().pop(each.charging.id, None)
            owed.append(self._entries.bookkeeping.enter(self._log.unplugged(each.charging, end)))
        return owed

    def _parks(self, ended: Charging, stopped: StoppedTransaction) -> None:
        """From the stop on nothing flows, and it parks: by its states, or by power if it tells none."""
        has_states = bool(self._log.states(ended))
        if has_states:
            self._log.changed_state(ended, StateChange(stopped.at, ConnectorStatus.FINISHING))
        power = None if has_states else Decimal(0)
        last = MeterSample(stopped.at, ended.meter_stop, power_w=power, context=_AT_THE_END)
        self._log.measured(ended, [last])

    def _forget(self) -> None:
        """What was written was undone."""
        self._waiting = None

    def _all(self) -> dict[int, _Waiting]:
        if self._waiting is None:
            rows = self._database.rows("SELECT * FROM plugged_in ORDER BY charging")
            self._waiting = {
                row["charging"]: _Waiting(self._log.charging(row["charging"]), parse_timestamp(row["until"]))
                for row in rows
            }
        return self._waiting


def running(ended: Charging) -> Charging:
    """A transaction that is over, as its Session sees it while the car is there."""
    return replace(ended, stopped=None)


def _end(waiting: _Waiting) -> datetime:
    """When its transaction ended."""
    return waiting.charging.stopped or waiting.charging.started
