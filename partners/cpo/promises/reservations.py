"""Reservations of eMSPs, and the numbers by which charge points know them.

An eMSP's reservation_id never goes to a charge point: two eMSPs may use the same one. Each (eMSP, location,
reservation_id) has a number of its own, always the same, so that a second RESERVE_NOW replaces the first.

Source: 2.2.1, Commands, ReserveNow; CMD-18.
"""

from dataclasses import dataclass
from typing import Any

from hub.ocpi.party import Party
from partners.cpo.promises.callbacks import Callback
from partners.database import Database
from partners.known import Known

TABLES = """
CREATE TABLE IF NOT EXISTS reservation (
    -- What charge points know it by; never used for another one.
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    country_code TEXT NOT NULL,
    party_id TEXT NOT NULL,
    location_id TEXT NOT NULL COLLATE NOCASE,
    reservation_id TEXT NOT NULL COLLATE NOCASE,
    -- Of the Session that it made; NULL while it is not open.
    session_id TEXT UNIQUE,
    -- Called again if we cancel it (CMD-09).
    response_url TEXT,
    correlation_id TEXT,
    UNIQUE (country_code, party_id, location_id, reservation_id)
);
"""


@dataclass(frozen=True, slots=True)
class Reservation:
    """A reservation that is open: its Session has neither begun nor ended."""

    number: int
    emsp: Party
    location_id: str
    reservation_id: str
    session_id: str
    callback: Callback


class Reservations:
    """All of them, in the node's database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.define(TABLES)
        #: Asked for with every status.
        self._open = Known(database, self._read_open)

    def number(self, emsp: Party, location_id: str, reservation_id: str) -> int:
        """The number of a reservation at charge points, a new one for a new reservation."""
        key = (*emsp.folded, location_id, reservation_id)
        where = "country_code = ? AND party_id = ? AND location_id = ? AND reservation_id = ?"
        row = self._database.row(f"SELECT number FROM reservation WHERE {where}", key)  # noqa: S608 no input in it
        if row is not None:
            return int(row["number"])
        return self._database.insert(
            "INSERT INTO reservation (country_code, party_id, location_id, reservation_id)"
            " VALUES (?, ?, ?, ?)",
            key,
        )

    def opened(self, number: int, session_id: str, callback: Callback) -> None:
        """A charge point keeps it; its Session has this id."""
        self._database.execute(
            "UPDATE reservation SET session_id = ?, response_url = ?, correlation_id = ? WHERE number = ?",
            (session_id, callback.url, callback.correlation_id, number),
        )
        self._open.forget()

    def over(self, session_id: str) -> Reservation | None:
        """The Session of a reservation has begun or ended: it is open no more. None if it was not."""
        known = self.of_session(session_id)
        self._database.execute("UPDATE reservation SET session_id = NULL WHERE session_id = ?", (session_id,))
        self._open.forget()
        return known

    def by_number(self, number: int) -> Reservation | None:
        """The open reservation with this number."""
        return self._one("number = ?", number)

    def of_session(self, session_id: str) -> Reservation | None:
        """The open reservation of this Session."""
        return self._one("session_id = ?", session_id)

    def of_emsp(self, emsp: Party, reservation_id: str) -> list[Reservation]:
        """An eMSP's open reservations with this id: at most one at each location."""
        rows = self._database.rows(
            "SELECT * FROM reservation WHERE session_id IS NOT NULL AND country_code = ? AND party_id = ?"
            " AND reservation_id = ? ORDER BY number",
            (*emsp.folded, reservation_id),
        )
        return [_read(row) for row in rows]

    def all(self) -> list[Reservation]:
        """All open reservations."""
        return list(self._open.get())

    def _read_open(self) -> list[Reservation]:
        rows = self._database.rows("SELECT * FROM reservation WHERE session_id IS NOT NULL ORDER BY number")
        return [_read(row) for row in rows]

    def _one(self, condition: str, value: Any) -> Reservation | None:
        row = self._database.row(
            f"SELECT * FROM reservation WHERE session_id IS NOT NULL AND {condition}",  # noqa: S608 no input in it
            (value,),
        )
        return None if row is None else _read(row)


def _read(row: Any) -> Reservation:
    emsp = Party(row["country_code"], row["party_id"])
    return Reservation(
        number=row["number"],
        emsp=emsp,
        location_id=row["location_id"],
        reservation_id=row["reservation_id"],
        session_id=row["session_id"],
        callback=Callback(row["response_url"], emsp, row["correlation_id"]),
    )
