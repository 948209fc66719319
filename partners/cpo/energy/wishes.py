"""What drivers told of their departure and of the energy that they need; a restart forgets neither.

Source: 2.2.1, Sessions, Set: Charging Preferences.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from hub.ocpi.timestamps import format_timestamp, parse_timestamp
from partners.database import Database
from schemas.v2_2_1 import ChargingPreferences

TABLES = """
CREATE TABLE IF NOT EXISTS driver_wish (
    charging INTEGER PRIMARY KEY REFERENCES charging (id),
    departs TEXT,
    need_wh TEXT,
    -- What the register showed when it was told, Wh.
    register_wh TEXT
);
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """Of one session."""

    departs: datetime | None
    #: From the register below on, Wh.
    need_wh: Decimal | None
    register_wh: Decimal | None

    def left(self, register_wh: Decimal | None) -> Decimal | None:
        """What is still needed, Wh."""
        if self.need_wh is None or register_wh is None or self.register_wh is None:
            return self.need_wh
        return max(self.need_wh - max(register_wh - self.register_wh, Decimal(0)), Decimal(0))


class Wishes:
    """All of them, in the node's database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.define(TABLES)
        self._known: dict[int, Wish | None] = {}

    def put(self, charging: int, told: ChargingPreferences, register_wh: Decimal | None) -> None:
        """Keep what a driver told."""
        need = None if told.energy_need is None else told.energy_need * 1000
        wish = self._known[charging] = Wish(told.departure_time, need, register_wh)
        self._database.execute(
            "INSERT OR REPLACE INTO driver_wish (charging, departs, need_wh, register_wh)"
            " VALUES (?, ?, ?, ?)",
            (
                charging,
                None if wish.departs is None else format_timestamp(wish.departs),
                _text(wish.need_wh),
                _text(wish.register_wh),
            ),
        )

    def of(self, charging: int) -> Wish | None:
        """What was told of a session."""
        if charging not in self._known:
            self._known[charging] = self._read(charging)
        return self._known[charging]

    def _read(self, charging: int) -> Wish | None:
        row = self._database.row("SELECT * FROM driver_wish WHERE charging = ?", (charging,))
        if row is None:
            return None
        departs = None if row["departs"] is None else parse_timestamp(row["departs"])
        return Wish(departs, _number(row["need_wh"]), _number(row["register_wh"]))


def _text(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
