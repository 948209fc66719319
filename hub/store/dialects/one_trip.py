"""A connection to SQLite that goes to its thread once a statement.

aiosqlite goes there for each step: to make a cursor, to execute, to fetch, to close it, and so does
SQLAlchemy to begin and to end what has only been read. Each way costs two switches of threads, and a turn of
an event loop that may have much else to do. Here a statement, its rows and a `BEGIN` before it are one way.

Whoever waits may be cancelled at each step, and the loop may end before the thread has answered. The thread
then closes what it made, and finds nobody to tell; no connection and no thread stay behind.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Self

import aiosqlite
from aiosqlite.core import _STOP_RUNNING_SENTINEL as END

_BEGIN = "BEGIN"
#: Rows that go in one trip at most.
ROWS = 1_000


class OneTripConnection(aiosqlite.Connection):
    """A connection whose cursors live in its thread, and nowhere else."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        """Wire up; the connection is made when it is awaited."""
        super().__init__(connector, iter_chunk_size=64)
        self._thread.daemon = True
        #: What the thread has made, known to it even where nobody waits for it any more.
        self._made: list[sqlite3.Connection] = []
        #: A transaction was asked for, and no statement of it has come yet.
        self._is_beginning = False
        self._has_begun = False
        self._has_written = False

    def __del__(self) -> None:
        """Close, unseen: a caller who is cancelled while SQLAlchemy makes a connection ready lets it drop."""
        if self._running and self._made:
            self.stop()

    def stop(self) -> "asyncio.Future[Any] | None":
        """End the thread when it has done all before, and the connection with it; done when that is so."""
        self._running = False
        self._connection = None
        try:
            return self._ask(partial(_closed, self._made))
        except RuntimeError:  # no loop runs here
            self._tx.put_nowait((None, partial(_closed, self._made)))
            return None

    async def close(self) -> None:
        """Close when all before is done; again is nothing."""
        ended = self.stop() if self._running else None
        if ended is not None:
            await ended

    def cursor(self) -> "OneTripCursor":  # type: ignore[override]  # nothing to wait for
        """A cursor; it costs nothing."""
        return OneTripCursor(self)

    async def run(self, statement: str, parameters: Any, *, is_many: bool) -> "Outcome":
        """Execute a statement in the thread, and bring its rows."""
        if statement == _BEGIN:
            self._is_beginning = True
            return NOTHING
        begins, self._is_beginning = self._is_beginning, False
        self._has_begun = True
        self._has_written = self._has_written or not statement.startswith("SELECT")
        outcome: Outcome = await self._execute(
            _executed, self._conn, statement, parameters, begins=begins, is_many=is_many
        )
        return outcome

    async def there(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function gives in the thread."""
        return await self._execute(function, *arguments)

    async def commit(self) -> None:
        """Commit, if anything was done."""
        if self._has_begun:
            await super().commit()
        self._ended()

    async def rollback(self) -> None:
        """Roll back, if anything was done; nobody waits for the end of what only read."""
        if self._has_written:
            await super().rollback()
        elif self._has_begun:
            self._tx.put_nowait((None, self._conn.rollback))
        self._ended()

    async def _connect(self) -> Self:
        try:
            self._connection = await self._ask(partial(_kept, self._connector, self._made))
        except BaseException:
            self.stop()
            raise
        return self

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if not self._running or self._connection is None:
            raise ValueError("Connection closed")
        return await self._ask(partial(fn, *args, **kwargs))

    def _ask(self, function: Callable[[], Any]) -> "asyncio.Future[Any]":
        future = asyncio.get_running_loop().create_future()
        self._tx.put_nowait((None, partial(_answered, future, function)))
        return future

    def _ended(self) -> None:
        self._is_beginning = self._has_begun = self._has_written = False


class Outcome:
    """What a statement left behind."""

    __slots__ = ("description", "lastrowid", "rest", "rowcount", "rows")

    def __init__(
        self,
        rows: Sequence[Any] = (),
        description: Any = None,
        rowcount: int = -1,
        lastrowid: int | None = None,
        rest: sqlite3.Cursor | None = None,
    ) -> None:
        """Keep it; what has more rows than go in one trip leaves its cursor for the rest."""
        self.rows = rows
        self.description = description
        self.rowcount = rowcount
        self.lastrowid = lastrowid
        self.rest = rest


NOTHING = Outcome()


class OneTripCursor:
    """A cursor as SQLAlchemy uses it: it holds what a statement left behind."""

    arraysize = 1

    def __init__(self, connection: OneTripConnection) -> None:
        """A cursor of this connection."""
        self._connection = connection
        self._outcome = NOTHING
        self._rows: deque[Any] = deque()
        self._rest: sqlite3.Cursor | None = None

    @property
    def description(self) -> Any:
        """The columns; None where there are none."""
        return self._outcome.description

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""
        return self._outcome.rowcount

    @property
    def lastrowid(self) -> int | None:
        """The number of the row that was inserted last."""
        return self._outcome.lastrowid

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Self:
        """Execute a statement."""
        await self._run(statement, parameters, is_many=False)
        return self

    async def executemany(self, statement: str, parameters: Iterable[Sequence[Any]]) -> Self:
        """Execute a statement many times."""
        await self._run(statement, parameters, is_many=True)
        return self

    async def fetchone(self) -> Any:
        """The next row, None at the end."""
        rows = await self.fetchmany(1)
        return rows[0] if rows else None

    async def fetchmany(self, size: int | None = None) -> Sequence[Any]:
        """The next rows."""
        wanted = size or self.arraysize
        while len(self._rows) < wanted and self._rest is not None:
            more = await self._connection.there(self._rest.fetchmany, ROWS)
            self._rows.extend(more)
            if len(more) < ROWS:
                await self._close_rest()
        return [self._rows.popleft() for _ in range(min(wanted, len(self._rows)))]

    async def fetchall(self) -> Sequence[Any]:
        """All rows that are left."""
        if self._rest is not None:
            self._rows.extend(await self._connection.there(self._rest.fetchall))
            await self._close_rest()
        rows, self._rows = self._rows, deque()
        return rows

    async def close(self) -> None:
        """Let go of rows that nobody wants."""
        self._rows.clear()
        await self._close_rest()

    async def _run(self, statement: str, parameters: Any, *, is_many: bool) -> None:
        await self._close_rest()
        self._outcome = await self._connection.run(statement, parameters, is_many=is_many)
        self._rows = deque(self._outcome.rows)
        self._rest = self._outcome.rest

    async def _close_rest(self) -> None:
        rest, self._rest = self._rest, None
        if rest is not None:
            await self._connection.there(rest.close)

    async def __aenter__(self) -> Self:
        """Nothing to prepare."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let go of rows that nobody wants."""
        await self.close()


def one_trip(path: str, pragmas: Iterable[str] = (), **options: Any) -> OneTripConnection:
    """A connection to the file, with the options of `sqlite3.connect`; it is made when it is awaited."""

    def connector() -> sqlite3.Connection:
        made: sqlite3.Connection = sqlite3.connect(path, **options)
        try:
            for each in pragmas:
                made.execute(f"PRAGMA {each}")
        except BaseException:
            made.close()
            raise
        return made

    return OneTripConnection(connector)


def _kept(connector: Callable[[], sqlite3.Connection], made: list[sqlite3.Connection]) -> sqlite3.Connection:
    made.append(connector())
    return made[0]


def _closed(made: list[sqlite3.Connection]) -> object:
    while made:
        made.pop().close()
    return END


def _answered(future: "asyncio.Future[Any]", function: Callable[[], Any]) -> Any:
    """Call it, and tell its caller in the loop, if that still runs."""
    tell: Callable[[asyncio.Future[Any], Any], None] = _give
    try:
        said = function()
    except BaseException as error:  # noqa: BLE001 whoever called is told
        said, tell = error, _throw
    with suppress(RuntimeError):
        future.get_loop().call_soon_threadsafe(tell, future, said)
    return said


def _give(future: "asyncio.Future[Any]", result: Any) -> None:
    if not future.done():
        future.set_result(result)


def _throw(future: "asyncio.Future[Any]", error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


def _executed(
    connection: sqlite3.Connection, statement: str, parameters: Any, *, begins: bool, is_many: bool
) -> Outcome:
    if begins:
        connection.execute(_BEGIN)
    cursor = connection.cursor()
    rest = None
    try:
        if is_many:
            cursor.executemany(statement, parameters)
        else:
            cursor.execute(statement, parameters)
        rows = cursor.fetchmany(ROWS) if cursor.description else ()
        rest = cursor if len(rows) == ROWS else None
        return Outcome(rows, cursor.description, cursor.rowcount, cursor.lastrowid, rest)
    finally:
        if rest is None:
            cursor.close()
