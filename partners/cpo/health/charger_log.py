"""What happened at each charger, line by line: the one log from which alerts and uptime are explained.

Only ever appended to; what is older than its retention is dropped. Instants are ours, not the charger's: many
chargers have a wrong clock, and what is told late must not change what was known before.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from partners.cpo.configuration import Plug
from partners.database import Database
from schemas import exact_json

TABLES = """
CREATE TABLE IF NOT EXISTS charger_event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    charge_point TEXT NOT NULL,
    -- 0: the charger as a whole.
    connector INTEGER NOT NULL,
    -- Microseconds since 1970.
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS charger_event_of ON charger_event (charge_point, at);
CREATE INDEX IF NOT EXISTS charger_event_at ON charger_event (at);
-- When the node was last known to run: after a crash, links ended then.
CREATE TABLE IF NOT EXISTS charger_log_mark (name TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
"""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
#: Number of the charger as a whole.
WHOLE: Final = 0


class Kind(StrEnum):
    """What can happen at a charger."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    BOOTED = "booted"
    #: It was connected and said nothing for too long; written when it speaks again.
    SILENT = "silent"
    #: Of a connector; Faulted has its error code.
    STATUS = "status"
    SESSION_BEGAN = "session began"
    SESSION_ENDED = "session ended"
    #: A card was not accepted.
    REFUSED = "authorization refused"
    BAD_SIGNATURE = "signature failed"
    GOOD_SIGNATURE = "signature verified"
    #: A register grew while there was no session.
    UNMETERED = "energy without session"
    #: Somebody who could not prove to be this charger; a certificate, a setting that it does not take.
    SECURITY = "security"
    #: It said something that OCPP does not allow; the 1st, 10th, 100th … since the node's start.
    BAD_FRAME = "bad frame"
    #: Its clock is off, and by what its times are corrected from now on.
    CLOCK = "clock off"
    #: A station says that a component of it is not well, or well again (OCPP 2.x).
    ALARM = "alarm"
    ALERT = "alert"
    REPAIR = "repair"


class Event(NamedTuple):
    """One line of the log."""

    plug: Plug
    at: datetime
    kind: Kind
    detail: Mapping[str, Any]


class ChargerLog:
    """The log, in the node's database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.define(TABLES)

    def put(self, plug: Plug, at: datetime, kind: Kind, **detail: Any) -> None:
        """Write a line; within `grouped` it goes to disk together with what it is about."""
        told = {name: value for name, value in detail.items() if value is not None}
        self._database.put(
            "INSERT INTO charger_event (charge_point, connector, at, kind, detail) VALUES (?, ?, ?, ?, ?)",
            (*plug, microseconds(at), kind.value, exact_json.encode(told).decode()),
        )

    def newest(self, charge_point: str, count: int) -> list[Event]:
        """The last so many lines of a charger, oldest first."""
        rows = self._database.rows(
            "SELECT * FROM charger_event WHERE charge_point = ? ORDER BY id DESC LIMIT ?",
            (charge_point, count),
        )
        return [_event(row) for row in reversed(rows)]

    def between(
        self, charge_point: str, since: datetime, until: datetime, kinds: Iterable[Kind]
    ) -> list[Event]:
        """The lines of some kinds in an interval, oldest first."""
        wanted = [kind.value for kind in kinds]
        # Nothing of the statement comes from outside; values are parameters.
        query = (
            "SELECT * FROM charger_event WHERE charge_point = ? AND at >= ? AND at < ?"  # noqa: S608
            f" AND kind IN ({', '.join('?' * len(wanted))}) ORDER BY at, id"
        )
        parameters = (charge_point, microseconds(since), microseconds(until), *wanted)
        return [_event(row) for row in self._database.rows(query, parameters)]

    def last_before(self, plug: Plug, at: datetime, kinds: Iterable[Kind]) -> Event | None:
        """The last line of some kinds about a connector before an instant."""
        wanted = [kind.value for kind in kinds]
        query = (
            "SELECT * FROM charger_event WHERE charge_point = ? AND connector = ? AND at < ?"  # noqa: S608
            f" AND kind IN ({', '.join('?' * len(wanted))}) ORDER BY at DESC, id DESC LIMIT 1"
        )
        row = self._database.row(query, (*plug, microseconds(at), *wanted))
        return None if row is None else _event(row)

    def first(self, charge_point: str) -> datetime | None:
        """Since when there is a log of a charger."""
        row = self._database.row(
            "SELECT min(at) AS at FROM charger_event WHERE charge_point = ?", (charge_point,)
        )
        return None if row is None or row["at"] is None else moment(row["at"])

    def forget(self, before: datetime) -> int:
        """Drop what is older; how many lines that were.

        The last word about each link and connector stays: it says how things were when the rest begins.
        """
        return self._database.execute(
            "DELETE FROM charger_event WHERE at < ? AND id NOT IN (SELECT max(id) FROM charger_event"
            " WHERE kind IN ('connected', 'disconnected', 'status') AND at < ?"
            " GROUP BY charge_point, connector, kind = 'status')",
            (microseconds(before), microseconds(before)),
        )

    def mark(self, at: datetime) -> None:
        """The node runs at this instant."""
        self._database.execute(
            "INSERT OR REPLACE INTO charger_log_mark (name, at) VALUES ('runs', ?)", (microseconds(at),)
        )

    def resume(self, charge_points: Iterable[str], now: datetime) -> None:
        """After a start: a link that the log has as being up ended when the node was last known to run."""
        row = self._database.row("SELECT at FROM charger_log_mark WHERE name = 'runs'")
        ran = now if row is None else min(moment(row["at"]), now)
        with self._database.transaction():
            for charge_point in charge_points:
                whole = Plug(charge_point, WHOLE)
                last = self.last_before(whole, now, (Kind.CONNECTED, Kind.DISCONNECTED))
                if last is not None and last.kind is Kind.CONNECTED:
                    self.put(whole, max(ran, last.at), Kind.DISCONNECTED, reason="the node stopped")
            self.mark(now)


def microseconds(at: datetime) -> int:
    """An instant as a number that sorts."""
    return (at - _EPOCH) // _MICROSECOND


def moment(told: int) -> datetime:
    """The instant of such a number."""
    return _EPOCH + told * _MICROSECOND


def _event(row: Any) -> Event:
    return Event(
        Plug(row["charge_point"], row["connector"]),
        moment(row["at"]),
        Kind(row["kind"]),
        exact_json.decode(row["detail"]),
    )
