"""SQLite: one process, one writer at a time, a file in the data directory."""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date
from functools import cache
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import URL, Connection, TextClause, event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from hub.ocpi.description import ObjectKey
from hub.store.dialects import journal_index
from hub.store.dialects.dialect import Alone
from hub.store.dialects.one_trip import one_trip
from hub.store.dialects.rows import LOG_COLUMNS, OBJECT_COLUMNS, OR_REPLACED, KeptRow, LogRow

#: How long a statement waits for another process that writes.
BUSY_SECONDS = 30.0

_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000")
#: Rows of the journal in one statement; what is left over goes by the next number.
_ROWS_AT_ONCE = (100, 10, 1)
_LAST_NUMBERS = text("SELECT name, seq FROM sqlite_sequence")
_FORGET_NUMBER = text("DELETE FROM sqlite_sequence WHERE name = :table")
_NUMBER_ON = text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :last)")
_LOG = f"INSERT INTO change ({LOG_COLUMNS}) VALUES ({', '.join('?' * len(LogRow._fields))})"  # noqa: S608 constants only
_LAST_CHANGE = "SELECT coalesce(max(seq), 0) FROM change"
_KEEP = (
    f"INSERT INTO object ({OBJECT_COLUMNS}) VALUES ({', '.join('?' * len(KeptRow._fields))}) {OR_REPLACED}"  # noqa: S608 constants only
)
_MOVE = (
    "UPDATE cursor SET seq = ? WHERE platform_id = ? AND role = ? AND country_code = ? AND party_id = ?"
    " AND seq < ?"
)
_SWEEP = text(
    "DELETE FROM journal WHERE id IN (SELECT id FROM journal WHERE at < :before ORDER BY at LIMIT :most)"
)


class LettingGo(sqlite3.Connection):
    """A connection whose open transaction ends with it.

    A caller that is cancelled between two statements leaves its connection to be closed with a cursor in
    hand. SQLite then keeps the connection alive unseen until that cursor is collected, and with it the
    transaction and the lock that keeps everybody else from writing.
    """

    def close(self) -> None:
        """Roll back what is open, then close."""
        if self.in_transaction:
            self.rollback()
        super().close()


class Sqlite:
    """The dialect of SQLite."""

    driver = "sqlite+aiosqlite"
    form = "sqlite+aiosqlite:///FILE"
    is_shared = False
    #: Every transaction sees one state.
    reading: Mapping[str, Any] = MappingProxyType({})
    snapshot: Mapping[str, Any] = MappingProxyType({})

    def is_whole(self, url: URL) -> bool:
        """Whether the URL names a file."""
        return bool(url.database)

    def is_there(self, url: URL) -> bool:
        """Whether there is a file; SQLite would make one."""
        return Path(url.database or "").exists()

    def engine(self, url: URL) -> AsyncEngine:
        """An engine whose connections write ahead, and wait for the disk at each commit."""
        engine = create_async_engine(
            url,
            hide_parameters=True,
            connect_args={
                "timeout": BUSY_SECONDS,
                "factory": LettingGo,
                # Python's own transactions leave out what is read: half a change could be acted upon.
                "isolation_level": None,
                "pragmas": _PRAGMAS,
                "async_creator_fn": one_trip,
            },
        )
        event.listen(engine.sync_engine, "begin", _begin)
        return engine

    def turns(self) -> AbstractAsyncContextManager[Any]:
        """A lock: with one writer at a time SQLite is never busy."""
        return asyncio.Lock()

    async def hold(self, connection: AsyncConnection, what: Alone) -> None:
        """Nothing to do: who writes is alone."""

    async def settle(self, connection: AsyncConnection) -> None:
        """Nothing to do: who writes is alone."""

    async def states(
        self, connection: AsyncConnection, keys: Sequence[ObjectKey], columns: str
    ) -> Sequence[Sequence[Any]]:
        """One look into the unique index for each key; for rows after IN, SQLite would read it all."""
        parameters = tuple(chain.from_iterable(keys))
        return (await connection.exec_driver_sql(_states(len(keys), columns), parameters)).all()

    async def keep(
        self, connection: AsyncConnection, changes: Sequence[LogRow], objects: Sequence[KeptRow]
    ) -> int:
        """Plain SQL, a statement for each table."""
        before = 0
        if changes:
            await connection.exec_driver_sql(_LOG, list(changes))
            last: int = (await connection.exec_driver_sql(_LAST_CHANGE)).scalar_one()
            before = last - len(changes)
        if objects:
            await connection.exec_driver_sql(_KEEP, [_numbered(row, before) for row in objects])
        return before

    async def move_cursors(
        self, connection: AsyncConnection, rows: Sequence[tuple[int, int, str, str, str]]
    ) -> None:
        """Plain SQL: whoever accepts something waits for the end of it."""
        await connection.exec_driver_sql(_MOVE, [(*row, row[0]) for row in rows])

    async def write_journal(
        self, connection: AsyncConnection, columns: Sequence[str], rows: Sequence[tuple[object, ...]]
    ) -> None:
        """Plain SQL of many rows at once.

        With each execution SQLite's thread lets go of Python's lock, and waits for it when it has ended: for
        each row that would cost the thread that answers partners about as much as the row.
        """
        begins = 0
        for many in _ROWS_AT_ONCE:
            ends = len(rows) - (len(rows) - begins) % many
            some = [tuple(chain.from_iterable(rows[at : at + many])) for at in range(begins, ends, many)]
            if some:
                await connection.exec_driver_sql(_append(tuple(columns), many), some)
            begins = ends
        await journal_index.sort_in(connection)

    def of_exchange(self, correlation_id: str) -> TextClause:
        """By an index of our own."""
        return journal_index.of_exchange(correlation_id)

    async def make_room(self, connection: AsyncConnection, days: Sequence[date]) -> None:
        """Nothing to do: the journal is one table."""

    async def sweep_journal(self, connection: AsyncConnection, before: int, most: int) -> int:
        """Delete the oldest entries."""
        return int((await connection.execute(_SWEEP, {"before": before, "most": most})).rowcount)

    async def listen(
        self, url: URL, channel: str, hear: Callable[[str], None], begun: Callable[[], None]
    ) -> None:
        """Nobody else is there to be heard."""

    async def announce(self, connection: AsyncConnection, channel: str, payload: str) -> None:
        """Nobody else is there to be told."""

    async def last_numbers(self, connection: AsyncConnection) -> dict[str, int]:
        """As SQLite keeps them for AUTOINCREMENT."""
        return {str(table): int(last) for table, last in await connection.execute(_LAST_NUMBERS)}

    async def number_on(self, connection: AsyncConnection, last: Mapping[str, int]) -> None:
        """Put them where SQLite keeps them; it has done so itself for the rows that are there."""
        rows = [{"table": table, "last": number} for table, number in last.items()]
        if rows:
            await connection.execute(_FORGET_NUMBER, rows)
            await connection.execute(_NUMBER_ON, rows)


def _numbered(row: KeptRow, before: int) -> tuple[object, ...]:
    return row if row.place is None else row._replace(place=before + row.place)


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


@cache
def _states(count: int, columns: str) -> str:
    fields = ObjectKey._fields
    rows = ", ".join(f"({place}, {', '.join('?' * len(fields))})" for place in range(count))
    on = " AND ".join(f"object.{column} = wanted.{column}" for column in fields)
    return (
        f"WITH wanted (place, {', '.join(fields)}) AS (VALUES {rows})"  # noqa: S608 constants only
        # In this order: who is wanted is looked up, not the other way round.
        f" SELECT wanted.place, {columns} FROM wanted CROSS JOIN object ON {on}"
    )


@cache
def _append(columns: tuple[str, ...], count: int) -> str:
    row = f"({', '.join('?' for _ in columns)})"
    return f"INSERT INTO journal ({', '.join(columns)}) VALUES {', '.join([row] * count)}"  # noqa: S608 constants only
