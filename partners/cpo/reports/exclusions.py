"""Time that does not count against a charger, as the operator says; whether it may is for the law to say."""

from enum import StrEnum
from typing import Any, NamedTuple

from partners.cpo.configuration import Plug
from partners.cpo.health.charger_log import WHOLE, microseconds, moment
from partners.cpo.reports.spans import Span
from partners.database import Database

TABLES = """
CREATE TABLE IF NOT EXISTS exclusion (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    charge_point TEXT NOT NULL,
    -- 0: all of them.
    connector INTEGER NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL,
    reason TEXT NOT NULL,
    note TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS exclusion_of ON exclusion (charge_point);
"""


class Reason(StrEnum):
    """Why."""

    PLANNED = "planned"
    GRID = "grid"
    NETWORK = "network"
    VANDALISM = "vandalism"
    VEHICLE = "vehicle"
    DISASTER = "disaster"
    #: Outside of its opening hours.
    CLOSED = "closed"


class Exclusion(NamedTuple):
    """One stretch."""

    id: int
    plug: Plug
    span: Span
    reason: Reason
    note: str


class Exclusions:
    """The table."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.define(TABLES)

    def add(self, plug: Plug, span: Span, reason: Reason, note: str = "") -> Exclusion:
        """Keep one; connector 0 stands for all of the charger."""
        number = self._database.insert(
            "INSERT INTO exclusion (charge_point, connector, since, until, reason, note)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (*plug, microseconds(span.start), microseconds(span.end), reason.value, note),
        )
        return Exclusion(number, plug, span, reason, note)

    def remove(self, number: int) -> bool:
        """Forget one; False if there is none."""
        return bool(self._database.execute("DELETE FROM exclusion WHERE id = ?", (number,)))

    def all(self) -> list[Exclusion]:
        """All, oldest first."""
        return [_read(row) for row in self._database.rows("SELECT * FROM exclusion ORDER BY since, id")]

    def of(self, plug: Plug) -> list[Span]:
        """What does not count for a connector."""
        rows = self._database.rows(
            "SELECT * FROM exclusion WHERE charge_point = ? AND connector IN (?, ?)", (*plug, WHOLE)
        )
        return [_read(row).span for row in rows]


def _read(row: Any) -> Exclusion:
    return Exclusion(
        row["id"],
        Plug(row["charge_point"], row["connector"]),
        Span(moment(row["since"]), moment(row["until"])),
        Reason(row["reason"]),
        row["note"],
    )
