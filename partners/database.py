"""The node's own SQLite file: plain SQL, short transactions, each on disk before it is answered for."""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, Final

#: For how many seconds writes are gathered before the disk is waited for.
_GROUPING: Final = 0.005
#: Where nothing needs to be kept.
IN_MEMORY = ":memory:"


class NotUsable(Exception):
    """The file cannot be used as a database; the message says which, and why."""


class Database:
    """One connection, used from the event loop's thread; a statement takes well under a millisecond.

    What is written in a `transaction`, or alone, is on disk when that is over. What is written in `grouped`
    is so a few milliseconds later, with all else that was grouped meanwhile: one wait for the disk serves
    many. Who must not speak before waits for `on_disk`.

    Args:
        path: the file, made where it is missing and readable by its owner only (it holds tokens); None
            keeps everything in memory.

    Raises:
        NotUsable: it cannot be made, or is something else.
    """

    def __init__(self, path: Path | None = None) -> None:
        try:
            self._connection = _opened(path)
        except (OSError, sqlite3.Error) as error:
            raise NotUsable(f"node.database: cannot use {path}: {error}") from error
        self._depth = 0
        self._has_begun = False
        self._must_commit = False
        #: Whether a commit is going to come by itself.
        self._is_grouping = False
        self._waiting: list[asyncio.Future[None]] = []
        #: Told when what was written is undone, and with it what anybody remembers of it.
        self.undone: list[Callable[[], None]] = []

    def define(self, tables: str) -> None:
        """Create what is missing, all at once; the script has only CREATE ... IF NOT EXISTS."""
        self._connection.executescript(f"BEGIN IMMEDIATE;{tables};COMMIT;")

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing, and on disk at the end; what happens inside must not await."""
        return _AllOrNothing(self, must_commit=True)

    def grouped(self) -> AbstractContextManager[None]:
        """All or nothing, and on disk soon, as `on_disk` tells; what happens inside must not await."""
        return _AllOrNothing(self, must_commit=False)

    @property
    def is_behind(self) -> bool:
        """Whether something that was written is not on disk yet."""
        return self._has_begun

    async def on_disk(self) -> None:
        """Return when everything that was written so far is on disk.

        Raises:
            sqlite3.Error: It could not be written; none of it was.
        """
        if self._is_grouping:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter

    def execute(self, statement: str, parameters: Iterable[Any] = ()) -> int:
        """Carry out one statement; the number of rows that it changed."""
        changed = self._connection.execute(statement, tuple(parameters)).rowcount
        self._alone()
        return changed

    def execute_many(self, statement: str, parameters: Iterable[tuple[Any, ...]]) -> None:
        """Carry out one statement for each of these."""
        if self._depth:
            self._connection.executemany(statement, parameters)
            return
        with self.transaction():
            self._connection.executemany(statement, parameters)

    def insert(self, statement: str, parameters: Iterable[Any] = ()) -> int:
        """Carry out one INSERT; the rowid of the new row."""
        rowid = self._connection.execute(statement, tuple(parameters)).lastrowid
        if rowid is None:
            raise RuntimeError("nothing was inserted")
        self._alone()
        return rowid

    def rows(self, query: str, parameters: Iterable[Any] = ()) -> list[sqlite3.Row]:
        """All rows of a query."""
        return self._connection.execute(query, tuple(parameters)).fetchall()

    def row(self, query: str, parameters: Iterable[Any] = ()) -> sqlite3.Row | None:
        """The first row of a query, None where there is none."""
        found: sqlite3.Row | None = self._connection.execute(query, tuple(parameters)).fetchone()
        return found

    def close(self) -> None:
        """Close the file; what was grouped is on disk."""
        self._commit()
        self._connection.close()

    def enter(self, *, must_commit: bool) -> None:
        """Begin a block, inside of another one or of a group."""
        if not self._has_begun:
            self._connection.execute("BEGIN IMMEDIATE")
            self._has_begun = True
        self._connection.execute("SAVEPOINT whole")
        self._depth += 1
        self._must_commit = self._must_commit or must_commit

    def leave(self, *, has_failed: bool) -> None:
        """End a block, and undo it if it failed."""
        self._depth -= 1
        if has_failed:
            self._connection.execute("ROLLBACK TO whole")
            self._forget()
        self._connection.execute("RELEASE whole")
        if self._depth == 0:
            self._leave()

    def _forget(self) -> None:
        for undone in self.undone:
            undone()

    def _leave(self) -> None:
        """The outermost block is over: commit, or let others join."""
        if self._must_commit or not self._is_grouping:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:  # nobody would commit later
                self._must_commit = True
            else:
                if not self._must_commit:
                    self._is_grouping = True
                    loop.call_later(_GROUPING, self._commit_group)
        if self._must_commit:
            self._commit()

    def _alone(self) -> None:
        """A statement outside of any block is on disk when it is over, and so is what was grouped before."""
        if self._depth == 0 and self._has_begun:
            self._commit()

    def _commit_group(self) -> None:
        with suppress(sqlite3.Error):  # told to whoever waits
            self._commit()

    def _commit(self) -> None:
        if not self._has_begun:
            return
        waiting, self._waiting = self._waiting, []
        self._has_begun = self._must_commit = self._is_grouping = False
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._connection.execute("ROLLBACK")
            self._forget()
            for waiter in waiting:
                if not waiter.done():
                    waiter.set_exception(error)
            raise
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)


class _AllOrNothing:
    """A block whose writes are kept together."""

    __slots__ = ("_database", "_must_commit")

    def __init__(self, database: Database, *, must_commit: bool) -> None:
        self._database = database
        self._must_commit = must_commit

    def __enter__(self) -> None:
        self._database.enter(must_commit=self._must_commit)

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._database.leave(has_failed=kind is not None)


def _opened(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(str(path or IN_MEMORY), isolation_level=None)
    connection.row_factory = sqlite3.Row
    try:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
