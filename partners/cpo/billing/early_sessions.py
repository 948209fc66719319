"""Sessions that have no transaction yet: a remote start on its way (PENDING), or a reservation.

One becomes ACTIVE, under the same id, when its token starts a transaction there; else it ends: a remote start
that came to nothing is INVALID, a reservation that was not used is COMPLETED.

Sources: 2.2.1, Sessions, Reservation and SessionStatus; SES-10, SES-11, SES-13.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from partners.cpo.billing.contracts import Contract, read_contract, written_contract
from partners.cpo.configuration import Plug
from partners.database import Database
from partners.known import Known
from schemas import exact_json
from schemas.v2_2_1 import SessionStatus

TABLES = """
CREATE TABLE IF NOT EXISTS early_session (
    session_id TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    charge_point TEXT NOT NULL,
    -- 0: at any connector.
    connector INTEGER NOT NULL,
    id_tag TEXT NOT NULL COLLATE NOCASE,
    contract TEXT NOT NULL,
    created TEXT NOT NULL,
    until TEXT NOT NULL,
    is_told INTEGER NOT NULL,
    stops_at_once INTEGER NOT NULL
) WITHOUT ROWID;
"""

ANY_CONNECTOR = 0


@dataclass(frozen=True, slots=True)
class EarlySession:
    """A Session before its transaction."""

    #: PENDING or RESERVATION.
    status: SessionStatus
    #: The connector; number 0: any of the charge point.
    plug: Plug
    id_tag: str
    #: As they are now; what is not known before the start is `#NA`.
    contract: Contract
    created: datetime
    #: When it ends if nothing begins.
    until: datetime
    #: Whether the eMSP is to know of it: not before the charge point has said yes.
    is_told: bool = False
    #: The driver has thought better of it: a transaction that begins all the same is stopped.
    stops_at_once: bool = False

    @property
    def session_id(self) -> str:
        """The id of the Session."""
        return self.contract.session_id

    @property
    def is_reservation(self) -> bool:
        """Whether something is reserved."""
        return self.status is SessionStatus.RESERVATION


class EarlySessions:
    """Those that have neither begun nor ended, in the node's database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.define(TABLES)
        self._next_due = Known(database, self._read_next_due)

    def put(self, early: EarlySession) -> None:
        """Keep one, a new one or in place of that with its id."""
        self._database.execute(
            "INSERT OR REPLACE INTO early_session (session_id, status, charge_point, connector, id_tag,"
            " contract, created, until, is_told, stops_at_once) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                early.session_id,
                early.status.value,
                *early.plug,
                early.id_tag,
                exact_json.encode(written_contract(early.contract)).decode(),
                _text(early.created),
                _text(early.until),
                early.is_told,
                early.stops_at_once,
            ),
        )
        self._next_due.forget()

    def get(self, session_id: str) -> EarlySession | None:
        """The one with this id, in any case."""
        return self._first("session_id = ? COLLATE NOCASE", session_id)

    def told(self, early: EarlySession) -> EarlySession:
        """The eMSP is to know of it from now on."""
        known = replace(early, is_told=True)
        self.put(known)
        return known

    def remove(self, session_id: str) -> bool:
        """It has begun or ended; whether it was still there."""
        removed = self._database.execute("DELETE FROM early_session WHERE session_id = ?", (session_id,))
        self._next_due.forget()
        return bool(removed)

    def waiting_for(self, plug: Plug, id_tag: str) -> EarlySession | None:
        """The one that waits at a connector for this id tag: a reservation first, then the newest."""
        return self._first(
            "charge_point = ? AND connector IN (?, 0) AND id_tag = ?"
            " ORDER BY status = 'RESERVATION' DESC, connector DESC, created DESC",
            plug.charge_point,
            plug.number,
            id_tag,
        )

    def due(self, now: datetime) -> list[EarlySession]:
        """Those whose time is over."""
        rows = self._database.rows(
            "SELECT * FROM early_session WHERE until <= ? ORDER BY until", (_text(now),)
        )
        return [_read(row) for row in rows]

    def next_due(self) -> datetime | None:
        """When the time of the next one is over."""
        return self._next_due.get()

    def _read_next_due(self) -> datetime | None:
        row = self._database.row("SELECT min(until) AS at FROM early_session")
        return None if row is None or row["at"] is None else datetime.fromisoformat(row["at"])

    def all(self) -> Iterator[EarlySession]:
        """All of them, oldest first."""
        return map(_read, self._database.rows("SELECT * FROM early_session ORDER BY created"))

    def _first(self, condition: str, *values: Any) -> EarlySession | None:
        row = self._database.row(f"SELECT * FROM early_session WHERE {condition}", values)  # noqa: S608 no input in it
        return None if row is None else _read(row)


def _read(row: Any) -> EarlySession:
    return EarlySession(
        status=SessionStatus(row["status"]),
        plug=Plug(row["charge_point"], row["connector"]),
        id_tag=row["id_tag"],
        contract=read_contract(exact_json.decode(row["contract"])),
        created=datetime.fromisoformat(row["created"]),
        until=datetime.fromisoformat(row["until"]),
        is_told=bool(row["is_told"]),
        stops_at_once=bool(row["stops_at_once"]),
    )


def _text(moment: datetime) -> str:
    """All of one width, so that texts sort as instants do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
