"""Until when each list of others has been read, so that the next pull asks for what changed since."""

from datetime import datetime
from typing import NamedTuple

from hub.ocpi.party import Party
from hub.ocpi.timestamps import format_timestamp, parse_timestamp
from partners.database import Database

TABLES = """
CREATE TABLE IF NOT EXISTS pull_mark (
    -- The party of ours that has read the list.
    holder TEXT NOT NULL,
    -- A list that was read under an earlier registration is read whole again.
    peer INTEGER NOT NULL,
    module TEXT NOT NULL,
    -- Whose list it is.
    party TEXT NOT NULL,
    read_at TEXT NOT NULL,
    whole_at TEXT NOT NULL,
    PRIMARY KEY (holder, module, party)
);
"""


class PullMark(NamedTuple):
    """When a list was last read to its end; both instants are those at which the reading began."""

    read_at: datetime
    #: When it was last read without `date_from`.
    whole_at: datetime


class PullMarks:
    """The marks of one party of the node."""

    def __init__(self, database: Database, holder: Party) -> None:
        self._database = database
        self._holder = str(holder)
        database.define(TABLES)

    def get(self, peer_id: int, module: str, to: Party) -> PullMark | None:
        """The mark of a list, None where it was never read under this registration."""
        row = self._database.row(
            "SELECT read_at, whole_at FROM pull_mark"
            " WHERE holder = ? AND peer = ? AND module = ? AND party = ?",
            (self._holder, peer_id, module, str(to)),
        )
        return None if row is None else PullMark(*(parse_timestamp(text) for text in row))

    def put(self, peer_id: int, module: str, to: Party, mark: PullMark) -> None:
        """Keep the mark of a list."""
        self._database.execute(
            "INSERT OR REPLACE INTO pull_mark (holder, peer, module, party, read_at, whole_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (self._holder, peer_id, module, str(to), *(format_timestamp(each) for each in mark)),
        )
