"""Alerts: one for each charger, connector, rule and subject, from when it is ill until it has proved well."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from hub.ocpi.timestamps import format_timestamp
from partners.cpo.configuration import Plug
from partners.cpo.health.charger_log import microseconds, moment
from partners.cpo.health.ladder import RESETS, Rung, Step
from partners.cpo.health.rules import Rule
from partners.cpo.health.thresholds import Thresholds
from partners.database import Database

TABLES = """
CREATE TABLE IF NOT EXISTS health_alert (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    charge_point TEXT NOT NULL,
    connector INTEGER NOT NULL,
    rule TEXT NOT NULL,
    about TEXT NOT NULL DEFAULT '',
    since INTEGER NOT NULL,
    why TEXT NOT NULL,
    raised_at INTEGER NOT NULL,
    cleared_at INTEGER,
    cleared_by TEXT,
    rung INTEGER NOT NULL DEFAULT 0,
    needs_human INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS health_alert_open ON health_alert (charge_point, connector, rule, about)
    WHERE cleared_at IS NULL;
CREATE INDEX IF NOT EXISTS health_alert_raised ON health_alert (charge_point, connector, rule, raised_at);
CREATE TABLE IF NOT EXISTS health_repair (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    alert INTEGER NOT NULL REFERENCES health_alert (id),
    charge_point TEXT NOT NULL,
    step TEXT NOT NULL,
    begun_at INTEGER NOT NULL,
    -- NULL: it is under way, or was when the node stopped.
    ended_at INTEGER,
    outcome TEXT
);
CREATE INDEX IF NOT EXISTS health_repair_of ON health_repair (charge_point, begun_at);
CREATE INDEX IF NOT EXISTS health_repair_for ON health_repair (alert);
-- Chargers at which an operator wants no repairs.
CREATE TABLE IF NOT EXISTS health_pause (charge_point TEXT PRIMARY KEY, since INTEGER NOT NULL) WITHOUT ROWID;
"""

#: Outcomes of steps that the charger never heard of.
NEVER_SENT: Final = ("left out", "a driver came")
_A_DAY: Final = timedelta(days=1)
#: Doubled so often, any calm is beyond its bound.
_MOST_DOUBLINGS: Final = 20


class Key(NamedTuple):
    """Of what there is one alert at a time."""

    plug: Plug
    rule: Rule
    #: Component and variable, where a station of 2.x names them.
    about: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert."""

    id: int
    key: Key
    #: Since when it has been ill, as far as is known.
    since: datetime
    why: str
    raised_at: datetime
    cleared_at: datetime | None = None
    cleared_by: str | None = None
    #: How far its ladder was climbed.
    next_rung: int = 0
    needs_human: bool = False

    @property
    def rung(self) -> Rung:
        """How far it has climbed."""
        return Rung(self.next_rung, self.raised_at, self.needs_human)


class Repair(NamedTuple):
    """One step that was tried."""

    id: int
    alert: int
    charge_point: str
    step: Step
    begun_at: datetime
    ended_at: datetime | None
    outcome: str | None

    def told(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"step": self.step.value, "at": format_timestamp(self.begun_at), "outcome": self.outcome}


def calm_after(recent: int, thresholds: Thresholds) -> timedelta:
    """How long a charger must be well before an alert ends, after so many of the same in a day."""
    doubled: timedelta = thresholds.calm * 2 ** min(recent, _MOST_DOUBLINGS)
    return min(doubled, max(thresholds.calm_at_most, thresholds.calm))


class AlertBook:
    """Alerts and repairs, in the node's database; those that are open also in memory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.define(TABLES)
        self._open: dict[Key, Alert] = {}
        self._ill: Counter[str] = Counter()
        self._paused: set[str] = set()
        self._read()
        database.undone.append(self._read)

    def _read(self) -> None:
        rows = self._database.rows("SELECT * FROM health_alert WHERE cleared_at IS NULL ORDER BY id")
        self._open = {(alert := _alert(row)).key: alert for row in rows}
        self._ill = Counter(each.plug.charge_point for each in self._open)
        self._paused = {
            row["charge_point"] for row in self._database.rows("SELECT charge_point FROM health_pause")
        }

    # Alerts.

    def open(self, key: Key) -> Alert | None:
        """The alert that is open."""
        return self._open.get(key)

    def all_open(self) -> list[Alert]:
        """All that are open, oldest first."""
        return list(self._open.values())

    def open_at(self, charge_point: str) -> list[Alert]:
        """Those of one charger, oldest first; most have none, and that is seen at once."""
        if not self._ill[charge_point]:
            return []
        return [each for each in self._open.values() if each.key.plug.charge_point == charge_point]

    def newest(self, count: int) -> list[Alert]:
        """The last so many, open or not, newest first."""
        rows = self._database.rows("SELECT * FROM health_alert ORDER BY id DESC LIMIT ?", (count,))
        return [_alert(row) for row in rows]

    def find(self, alert_id: int) -> Alert | None:
        """An alert by its number."""
        row = self._database.row("SELECT * FROM health_alert WHERE id = ?", (alert_id,))
        return None if row is None else _alert(row)

    def raised_recently(self, key: Key, now: datetime) -> int:
        """How many alerts of this kind were raised in the last day, and have been cleared."""
        row = self._database.row(
            "SELECT count(*) AS count FROM health_alert WHERE charge_point = ? AND connector = ?"
            " AND rule = ? AND about = ? AND raised_at >= ? AND cleared_at IS NOT NULL",
            (*key.plug, key.rule.value, key.about, microseconds(now - _A_DAY)),
        )
        return 0 if row is None else int(row["count"])

    def raise_(self, key: Key, since: datetime, why: str, now: datetime) -> Alert:
        """Open an alert."""
        alert_id = self._database.insert(
            "INSERT INTO health_alert (charge_point, connector, rule, about, since, why, raised_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*key.plug, key.rule.value, key.about, microseconds(since), why, microseconds(now)),
        )
        alert = self._open[key] = Alert(alert_id, key, since, why, now)
        self._ill[key.plug.charge_point] += 1
        return alert

    def clear(self, alert: Alert, now: datetime, by: str) -> Alert:
        """Close it."""
        self._database.execute(
            "UPDATE health_alert SET cleared_at = ?, cleared_by = ? WHERE id = ?",
            (microseconds(now), by, alert.id),
        )
        if self._open.pop(alert.key, None) is not None:
            self._ill[alert.key.plug.charge_point] -= 1
        return replace(alert, cleared_at=now, cleared_by=by)

    def forget(self, before: datetime) -> None:
        """Drop what was over before an instant, and the steps that were tried about it."""
        over = "SELECT id FROM health_alert WHERE cleared_at < ?"
        with self._database.transaction():
            self._database.execute(
                f"DELETE FROM health_repair WHERE alert IN ({over})",  # noqa: S608 nothing from outside
                (microseconds(before),),
            )
            self._database.execute("DELETE FROM health_alert WHERE cleared_at < ?", (microseconds(before),))

    def climb(self, alert: Alert) -> Alert:
        """The next rung is another one."""
        return self._changed(replace(alert, next_rung=alert.next_rung + 1))

    def call_human(self, alert: Alert) -> Alert:
        """A person has to look at it."""
        return self._changed(replace(alert, needs_human=True))

    def _changed(self, alert: Alert) -> Alert:
        self._database.execute(
            "UPDATE health_alert SET rung = ?, needs_human = ? WHERE id = ?",
            (alert.next_rung, alert.needs_human, alert.id),
        )
        if alert.key in self._open:
            self._open[alert.key] = alert
        return alert

    # Repairs.

    def begin(self, alert: Alert, step: Step, now: datetime) -> int:
        """A step is about to be tried; its number."""
        return self._database.insert(
            "INSERT INTO health_repair (alert, charge_point, step, begun_at) VALUES (?, ?, ?, ?)",
            (alert.id, alert.key.plug.charge_point, step.value, microseconds(now)),
        )

    def end(self, repair: int, now: datetime, outcome: str) -> None:
        """What became of it."""
        self._database.execute(
            "UPDATE health_repair SET ended_at = ?, outcome = ? WHERE id = ?",
            (microseconds(now), outcome, repair),
        )

    def repairs(self, alert: Alert) -> list[Repair]:
        """All steps that were tried about an alert, oldest first."""
        rows = self._database.rows("SELECT * FROM health_repair WHERE alert = ? ORDER BY id", (alert.id,))
        return [_repair(row) for row in rows]

    def unfinished(self) -> list[Repair]:
        """Steps of which nobody knows what became of them: the node stopped meanwhile."""
        rows = self._database.rows("SELECT * FROM health_repair WHERE ended_at IS NULL ORDER BY id")
        return [_repair(row) for row in rows]

    def last(self, charge_point: str) -> Repair | None:
        """The last step at a charger, whatever it was about."""
        row = self._database.row(
            "SELECT * FROM health_repair WHERE charge_point = ? AND step <> ? ORDER BY id DESC LIMIT 1",
            (charge_point, Step.HUMAN.value),
        )
        return None if row is None else _repair(row)

    def resets(self, charge_point: str, now: datetime) -> int:
        """How many resets were sent to a charger in the last 24 hours."""
        row = self._database.row(
            "SELECT count(*) AS count FROM health_repair WHERE charge_point = ? AND begun_at >= ?"
            " AND step IN (?, ?) AND coalesce(outcome, '') NOT IN (?, ?)",
            (charge_point, microseconds(now - _A_DAY), *(step.value for step in RESETS), *NEVER_SENT),
        )
        return 0 if row is None else int(row["count"])

    def tally(self) -> list[tuple[str, str, int]]:
        """How often each step came to each outcome."""
        rows = self._database.rows(
            "SELECT step, coalesce(outcome, 'under way') AS outcome, count(*) AS count FROM health_repair"
            " GROUP BY step, outcome ORDER BY step, outcome"
        )
        return [(row["step"], row["outcome"], row["count"]) for row in rows]

    # What operators want.

    def is_paused(self, charge_point: str) -> bool:
        """Whether no repairs are wanted there."""
        return charge_point in self._paused

    def paused(self) -> list[str]:
        """Where no repairs are wanted."""
        return sorted(self._paused)

    def pause(self, charge_point: str, now: datetime) -> None:
        """Try no repairs there until `resume`."""
        self._database.execute(
            "INSERT OR IGNORE INTO health_pause (charge_point, since) VALUES (?, ?)",
            (charge_point, microseconds(now)),
        )
        self._paused.add(charge_point)

    def resume(self, charge_point: str) -> None:
        """Try them again."""
        self._database.execute("DELETE FROM health_pause WHERE charge_point = ?", (charge_point,))
        self._paused.discard(charge_point)


def _alert(row: Any) -> Alert:
    return Alert(
        id=row["id"],
        key=Key(Plug(row["charge_point"], row["connector"]), Rule(row["rule"]), row["about"]),
        since=moment(row["since"]),
        why=row["why"],
        raised_at=moment(row["raised_at"]),
        cleared_at=None if row["cleared_at"] is None else moment(row["cleared_at"]),
        cleared_by=row["cleared_by"],
        next_rung=row["rung"],
        needs_human=bool(row["needs_human"]),
    )


def _repair(row: Any) -> Repair:
    return Repair(
        row["id"],
        row["alert"],
        row["charge_point"],
        Step(row["step"]),
        moment(row["begun_at"]),
        None if row["ended_at"] is None else moment(row["ended_at"]),
        row["outcome"],
    )
