"""What stations of OCPP 2.x say is wrong with their components, until they say that it is over.

Kept on disk: a station tells it once, and a restart of the node must not make it forgotten. Whatever a
station makes up, there are only so many of one station at a time.
"""

from datetime import datetime
from typing import Final, NamedTuple

from partners.cpo.charging.charging_events import Alarm
from partners.cpo.configuration import Plug
from partners.cpo.health.charger_log import microseconds, moment
from partners.database import Database

TABLES = """
CREATE TABLE IF NOT EXISTS standing_alarm (
    charge_point TEXT NOT NULL,
    -- 0: the charger as a whole.
    connector INTEGER NOT NULL,
    about TEXT NOT NULL,
    told TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (charge_point, connector, about)
) WITHOUT ROWID;
"""

#: Of one station at a time; what it tells beyond is answered, and nothing else.
MOST: Final = 32


class Subject(NamedTuple):
    """Of what an alarm is."""

    plug: Plug
    #: Component and variable.
    about: str


class Standing(NamedTuple):
    """An alarm that is not over; the instant is ours."""

    told: str
    since: datetime


class Alarms:
    """Those that stand, in the node's database and in memory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._standing: dict[str, dict[Subject, Standing]] = {}
        database.define(TABLES)
        self._read()
        database.undone.append(self._read)

    def at(self, charge_point: str) -> dict[Subject, Standing]:
        """Those of one charger."""
        return self._standing.get(charge_point, {})

    def told(self, plug: Plug, alarm: Alarm, now: datetime) -> bool:
        """A station says that something is wrong, or over; whether that is news."""
        subject, standing = Subject(plug, alarm.about), self.at(plug.charge_point)
        if alarm.told is None:
            return self.over(subject)
        if subject in standing or len(standing) >= MOST:
            return False
        self._standing.setdefault(plug.charge_point, {})[subject] = Standing(alarm.told, now)
        self._database.execute(
            "INSERT OR REPLACE INTO standing_alarm (charge_point, connector, about, told, since)"
            " VALUES (?, ?, ?, ?, ?)",
            (*plug, alarm.about, alarm.told, microseconds(now)),
        )
        return True

    def over(self, subject: Subject) -> bool:
        """It stands no longer; whether it did."""
        standing = self._standing.get(subject.plug.charge_point, {})
        if standing.pop(subject, None) is None:
            return False
        self._database.execute(
            "DELETE FROM standing_alarm WHERE charge_point = ? AND connector = ? AND about = ?",
            (*subject.plug, subject.about),
        )
        return True

    def _read(self) -> None:
        self._standing = {}
        for row in self._database.rows("SELECT * FROM standing_alarm"):
            plug = Plug(row["charge_point"], row["connector"])
            of_charger = self._standing.setdefault(plug.charge_point, {})
            of_charger[Subject(plug, row["about"])] = Standing(row["told"], moment(row["since"]))
