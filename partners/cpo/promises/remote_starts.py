"""Remote starts by number: what comes back with a transaction tells whose it is (OCPP 2.x, remoteStartId)."""

from hub.ocpi.timestamps import Clock, format_timestamp
from partners.cpo.configuration import Plug
from partners.database import Database
from schemas.v2_2_1 import TokenType

TABLES = """
-- Numbers are never used again.
CREATE TABLE IF NOT EXISTS remote_start (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    charge_point TEXT NOT NULL,
    connector INTEGER NOT NULL,
    id_tag TEXT NOT NULL,
    token_type TEXT NOT NULL,
    asked_at TEXT NOT NULL,
    transaction_id TEXT
);
CREATE INDEX IF NOT EXISTS remote_start_transaction ON remote_start (charge_point, transaction_id);
"""


class RemoteStarts:
    """The remote starts, in the node's database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        database.define(TABLES)

    def asked(self, plug: Plug, id_tag: str, token_type: TokenType) -> int:
        """A charge point is going to be asked; the number of it, unique over all charge points."""
        return self._database.insert(
            "INSERT INTO remote_start (charge_point, connector, id_tag, token_type, asked_at)"
            " VALUES (?, ?, ?, ?, ?)",
            (*plug, id_tag, token_type, format_timestamp(self._clock())),
        )

    def bound(self, number: int, transaction_id: str) -> None:
        """The charge point says which transaction it is."""
        self._database.execute(
            "UPDATE remote_start SET transaction_id = ? WHERE number = ?", (transaction_id, number)
        )

    def id_tag(self, charge_point: str, number: int | None, transaction_id: str) -> str | None:
        """For whom a charge point was asked to start this transaction; None if it was not."""
        row = self._database.row(
            "SELECT id_tag FROM remote_start WHERE charge_point = ? AND (number = ? OR transaction_id = ?)"
            " ORDER BY number DESC",
            (charge_point, number, transaction_id),
        )
        return None if row is None else str(row["id_tag"])
