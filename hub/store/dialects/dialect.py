"""What a database must be able to do for the hub."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date
from enum import IntEnum
from typing import Any, Protocol

from sqlalchemy import URL, TextClause
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.ocpi.description import ObjectKey
from hub.store.dialects.rows import KeptRow, LogRow


class DatabaseAway(SQLAlchemyError):
    """The database cannot be reached now; the message says why, and holds no password."""


class DatabaseRefused(SQLAlchemyError):
    """The database can be reached, and does not let the hub in; trying again will not help."""


class Alone(IntEnum):
    """What only one transaction may change at a time, in whichever process it runs.

    Whoever needs more than one takes them in this order, so that nobody waits for each other.
    """

    #: The tables of the schema.
    SCHEMA = 1
    #: Platforms, parties, tokens, agreements.
    REGISTRY = 2
    #: Objects and the change log. A change's number is given while this is held, and it is let go after the
    #: commit: so numbers come into sight in their order, and a reader at the end of the log skips nothing.
    LOG = 3
    #: Verdicts on CDRs.
    VERDICTS = 4


class Dialect(Protocol):
    """One kind of database."""

    #: As a database URL names it.
    driver: str
    #: The form of its URLs, for people.
    form: str
    #: Whether several processes may use one database.
    is_shared: bool
    #: Execution options of connections for single SELECTs, and for several that must see the same state.
    reading: Mapping[str, Any]
    snapshot: Mapping[str, Any]

    def is_whole(self, url: URL) -> bool:
        """Whether the URL says all that is needed."""

    def is_there(self, url: URL) -> bool:
        """Whether there may be a database; connecting would not make one."""

    def engine(self, url: URL) -> AsyncEngine:
        """An engine that connects when it is first needed."""

    def turns(self) -> AbstractAsyncContextManager[Any]:
        """What writers of this process hold, one after another; it may be entered again and again."""

    async def hold(self, connection: AsyncConnection, what: Alone) -> None:
        """Wait until nobody else changes this; held until the transaction is over."""

    async def settle(self, connection: AsyncConnection) -> None:
        """Keep other processes out, and take the time that it needs: the tables are about to change."""

    async def states(
        self, connection: AsyncConnection, keys: Sequence[ObjectKey], columns: str
    ) -> Sequence[Sequence[Any]]:
        """Look up objects, one look each: of each that is there, its place among the keys, and columns."""

    async def keep(
        self, connection: AsyncConnection, changes: Sequence[LogRow], objects: Sequence[KeptRow]
    ) -> int:
        """Append to the change log, and create or replace rows of objects; each object stands there once.

        The transaction holds `Alone.LOG`, so that the numbers of changes follow each other without a gap.

        Returns:
            The number before that of the first of the changes; nothing that counts where there are none.
        """

    async def move_cursors(
        self, connection: AsyncConnection, rows: Sequence[tuple[int, int, str, str, str]]
    ) -> None:
        """Move cursors on, never back: the number of a change, platform, role, country code and party id."""

    async def write_journal(
        self, connection: AsyncConnection, columns: Sequence[str], rows: Sequence[tuple[object, ...]]
    ) -> None:
        """Append rows to the journal."""

    def of_exchange(self, correlation_id: str) -> TextClause:
        """The condition that a leg of the journal has this correlation id; such legs are found at once."""

    async def make_room(self, connection: AsyncConnection, days: Sequence[date]) -> None:
        """Prepare the journal for the entries of these days."""

    async def sweep_journal(self, connection: AsyncConnection, before: int, most: int) -> int:
        """Delete entries from before an instant (microseconds since 1970); how many it looked at.

        Args:
            connection: In a transaction.
            before: The first instant that is kept.
            most: Rows deleted at once at most; fewer means that nothing is left to delete.
        """

    async def listen(
        self, url: URL, channel: str, hear: Callable[[str], None], begun: Callable[[], None]
    ) -> None:
        """Hear what others announce, until the connection is lost or the caller is cancelled.

        Args:
            url: Of the database.
            channel: What is listened to.
            hear: Told of each announcement, also of one's own.
            begun: Called once nothing is missed any more.

        Raises:
            SQLAlchemyError, OSError: the database cannot be reached.
        """

    async def announce(self, connection: AsyncConnection, channel: str, payload: str) -> None:
        """Tell other processes, when the transaction is committed."""

    async def last_numbers(self, connection: AsyncConnection) -> dict[str, int]:
        """The highest number that was given to a row of each table, whether or not the row is still there."""

    async def number_on(self, connection: AsyncConnection, last: Mapping[str, int]) -> None:
        """Give new rows of each table higher numbers than this; all rows are in place."""
