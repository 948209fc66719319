"""The node's own SQLite file: plain SQL, short transactions, each on disk before it is answered for."""

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, Final

#: For how many seconds writes are gathered before the disk is waited for.
_GROUPING: Final = 0.005
#: How the file is used. What a thousand stations measure lies on as many pages: they are kept at hand (at
#: most 32 MiB, where SQLite keeps 2), and go from the log into the file when there are 4,000 of them, not
#: 1,000, so that a page that is written again and again goes there once.
_PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "busy_timeout=5000",
    "cache_size=-32768",
    "wal_autocheckpoint=4000",
)
#: Where nothing needs to be kept.
IN_MEMORY = ":memory:"


class NotUsable(Exception):
    """The file cannot be used as a database; the message says which, and why."""


class Database:
    """One connection, used from the event loop's thread; a statement takes well under a millisecond.

    What is written in a `transaction`, or alone, is on disk when that is over. What is written in `grouped`
    is so a few milliseconds later, with all else that was grouped meanwhile: one wait for the disk serves
    many, and a thread of its own does the waiting. Who must not speak before waits for `on_disk`.

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
        #: Waits for the disk; there is nothing to wait for in memory.
        self._waiter = None if path is None else ThreadPoolExecutor(1, "disk")
        #: Rows that nobody has looked at yet: they are written together, before anything else is done.
        self._queue: list[tuple[str, tuple[Any, ...]]] = []
        self._blocks: list[_Block] = []
        self._transaction = _AllOrNothing(self, must_commit=True)
        self._grouped = _AllOrNothing(self, must_commit=False)
        self._has_begun = False
        self._must_commit = False
        #: Whether a commit is going to come by itself.
        self._is_grouping = False
        #: Done when the present group is on disk; made when somebody waits for it.
        self._group: asyncio.Future[None] | None = None
        self._under_way: _Commit | None = None
        #: Those who wait until it is over.
        self._quiet: list[asyncio.Future[None]] = []
        #: They are about to read, before the next group goes to the disk.
        self._is_quiet = False
        #: Told when what was written is undone, and with it what anybody remembers of it.
        self.undone: list[Callable[[], None]] = []

    def define(self, tables: str) -> None:
        """Create what is missing, all at once; the script has only CREATE ... IF NOT EXISTS."""
        self._ready()
        self._connection.executescript(f"BEGIN IMMEDIATE;{tables};COMMIT;")

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing, and on disk at the end; what happens inside must not await."""
        return self._transaction

    def grouped(self) -> AbstractContextManager[None]:
        """All or nothing, and on disk soon, as `on_disk` tells; what happens inside must not await."""
        return self._grouped

    @property
    def is_behind(self) -> bool:
        """Whether something that was written is not on disk yet."""
        return self._has_begun or bool(self._queue)

    @property
    def is_busy(self) -> bool:
        """Whether something is on its way to the disk just now."""
        return self._under_way is not None

    def on_disk(self) -> Awaitable[None]:
        """Return when everything that was written so far is on disk.

        Raises:
            sqlite3.Error: It could not be written; none of it was.
        """
        if self._is_grouping:
            if self._group is None:
                self._group = asyncio.get_running_loop().create_future()
            return _shared(self._group)
        return _NOTHING if self._under_way is None else _shared(self._under_way.done)

    async def quiet(self) -> None:
        """Return when nothing is on its way to the disk: to read would wait with it, and all others, too.

        What is read before the next wait is read at once; the next group goes to the disk after that.
        """
        if self.is_busy:
            moment: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._quiet.append(moment)
            await moment

    def execute(self, statement: str, parameters: Iterable[Any] = ()) -> int:
        """Carry out one statement; the number of rows that it changed."""
        self._ready()
        changed = self._connection.execute(statement, tuple(parameters)).rowcount
        self._alone()
        return changed

    def execute_many(self, statement: str, parameters: Iterable[tuple[Any, ...]]) -> None:
        """Carry out one statement for each of these."""
        if self._blocks:
            self._ready()
            self._connection.executemany(statement, parameters)
            return
        with self.transaction():
            self._ready()
            self._connection.executemany(statement, parameters)

    def put(self, statement: str, row: tuple[Any, ...]) -> None:
        """Carry out a statement that nobody asks for its result, together with others like it.

        It is done before anything else is read or written; outside of any block it is grouped.
        """
        if self._blocks:
            self._queue.append((statement, row))
            return
        with self.grouped():
            self._queue.append((statement, row))

    def insert(self, statement: str, parameters: Iterable[Any] = ()) -> int:
        """Carry out one INSERT; the rowid of the new row."""
        self._ready()
        rowid = self._connection.execute(statement, tuple(parameters)).lastrowid
        if rowid is None:
            raise RuntimeError("nothing was inserted")
        self._alone()
        return rowid

    def rows(self, query: str, parameters: Iterable[Any] = ()) -> list[sqlite3.Row]:
        """All rows of a query."""
        self._ready()
        return self._connection.execute(query, tuple(parameters)).fetchall()

    def row(self, query: str, parameters: Iterable[Any] = ()) -> sqlite3.Row | None:
        """The first row of a query, None where there is none."""
        self._ready()
        found: sqlite3.Row | None = self._connection.execute(query, tuple(parameters)).fetchone()
        return found

    def close(self) -> None:
        """Close the file; what was grouped is on disk."""
        try:
            self._commit()
        finally:
            if self._waiter is not None:
                self._waiter.shutdown()
            self._connection.close()

    def enter(self, *, must_commit: bool) -> None:
        """Begin a block, inside of another one or of a group."""
        self._blocks.append(_Block(len(self._queue)))
        self._must_commit = self._must_commit or must_commit

    def leave(self, *, has_failed: bool) -> None:
        """End a block, and undo it if it failed."""
        block = self._blocks.pop()
        if has_failed:
            del self._queue[block.mark :]
        if block.is_open:
            if has_failed:
                self._connection.execute("ROLLBACK TO whole")
            self._connection.execute("RELEASE whole")
        if has_failed:
            self._forget()
        if not self._blocks:
            self._leave()

    # Inside.

    def _forget(self) -> None:
        for undone in self.undone:
            undone()

    def _ready(self) -> None:
        """Before a statement: nothing else uses the connection, and all that came before is done."""
        if self._under_way is not None and (error := self._settle()) is not None:
            # What is queued relied on it, also what this block has queued so far.
            raise error
        if self._blocks and not self._blocks[-1].is_open:
            self._begin()
            done = 0
            for block in self._blocks:
                if not block.is_open:
                    self._write(self._queue[done : block.mark])
                    done = max(done, block.mark)
                    self._connection.execute("SAVEPOINT whole")
                    block.is_open = True
                block.mark = 0
            rest, self._queue = self._queue[done:], []
            self._write(rest)
        elif self._queue:
            self._begin()
            rest, self._queue = self._queue, []
            self._write(rest)

    def _begin(self) -> None:
        if not self._has_begun:
            self._connection.execute("BEGIN IMMEDIATE")
            self._has_begun = True

    def _write(self, queued: list[tuple[str, tuple[Any, ...]]]) -> None:
        """Those of one statement together, in their order."""
        by_statement: dict[str, list[tuple[Any, ...]]] = {}
        for statement, row in queued:
            by_statement.setdefault(statement, []).append(row)
        for statement, rows in by_statement.items():
            self._connection.executemany(statement, rows)

    def _leave(self) -> None:
        """The outermost block is over: commit, or let others join."""
        if not self.is_behind:  # nothing was written
            self._must_commit = False
            return
        if not self._must_commit and not self._is_grouping:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:  # nobody would commit later
                self._must_commit = True
            else:
                self._is_grouping = True
                loop.call_later(_GROUPING, self._commit_group)
        if self._must_commit:
            self._commit()

    def _alone(self) -> None:
        """A statement outside of any block is on disk when it is over, and so is what was grouped before."""
        if not self._blocks and self._has_begun:
            self._commit()

    def _commit_group(self) -> None:
        """Let the thread wait for the disk; what is written meanwhile is the next group."""
        if not self._is_grouping:
            return
        if self._is_quiet:
            asyncio.get_running_loop().call_soon(self._commit_group)
            return
        if not self.is_behind:
            _answer(self._taken(), None)
            return
        if self._under_way is not None:
            self._under_way.has_successor = True
            return
        if self._waiter is None:
            with suppress(sqlite3.Error):  # told to whoever waits
                self._commit()
            return
        try:
            self._ready()
        except Exception as error:  # noqa: BLE001 told to whoever waits
            self._failed(error, self._taken())
            return
        loop, done = asyncio.get_running_loop(), self._taken()
        commit = self._under_way = _Commit(self._waiter.submit(self._connection.execute, "COMMIT"), done)
        commit.on_disk.add_done_callback(lambda _: _told(loop, self._committed, commit))

    def _committed(self, commit: "_Commit") -> None:
        if self._under_way is commit:
            self._settle()
        if commit.has_successor:
            self._commit_group()

    def _settle(self) -> BaseException | None:
        """Wait for the commit that is under way, if there is one; what went wrong with it."""
        commit, self._under_way = self._under_way, None
        if commit is None:
            return None
        self._let_read()
        error = commit.on_disk.exception()
        if error is None:
            self._has_begun = False
            _answer(commit.done, None)
            return None
        present = self._taken()
        self._failed(error, commit.done)
        _answer(present, error)
        return error

    def _let_read(self) -> None:
        """The moment for which some have waited, until each of them waits again."""
        waiting, self._quiet = self._quiet, []
        if not waiting:
            return
        with suppress(RuntimeError):  # there is no loop any more, and so nobody who waits
            for moment in waiting:
                _answer(moment, None)
            asyncio.get_running_loop().call_soon(self._end_quiet)
            self._is_quiet = True

    def _end_quiet(self) -> None:
        self._is_quiet = False

    def _taken(self) -> "asyncio.Future[None] | None":
        """The future of the present group, which is none any more."""
        group, self._group = self._group, None
        self._is_grouping = False
        return group

    def _commit(self) -> None:
        self._must_commit = False
        group = self._taken()
        try:
            self._ready()
            if self._has_begun:
                self._connection.execute("COMMIT")
        except Exception as error:
            self._failed(error, group)
            raise
        self._has_begun = False
        _answer(group, None)

    def _failed(self, error: BaseException, group: "asyncio.Future[None] | None") -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._has_begun = False
        self._queue.clear()
        self._forget()
        _answer(group, error)


class _Block:
    """A block whose writes are kept together; the disk knows of it once something is really written."""

    __slots__ = ("is_open", "mark")

    def __init__(self, mark: int) -> None:
        #: What is queued from here on belongs to it.
        self.mark = mark
        self.is_open = False


class _Commit:
    """A commit on which the thread waits."""

    __slots__ = ("done", "has_successor", "on_disk")

    def __init__(self, on_disk: "Future[sqlite3.Cursor]", done: "asyncio.Future[None] | None") -> None:
        self.on_disk = on_disk
        self.done: asyncio.Future[None] = done or asyncio.get_running_loop().create_future()
        #: The next group is due already.
        self.has_successor = False


class _Nothing:
    """What is waited for where there is nothing to wait for."""

    def __await__(self) -> Generator[Any, Any, None]:
        yield from ()


_NOTHING: Final = _Nothing()


def _shared(future: "asyncio.Future[None]") -> "asyncio.Future[None]":
    """For one of many who wait: a task that is cancelled must not cancel it for the others."""
    return future if asyncio.current_task() is None else asyncio.shield(future)


def _answer(group: "asyncio.Future[None] | None", error: BaseException | None) -> None:
    if group is None or group.done():
        return
    if error is None:
        group.set_result(None)
    else:
        group.set_exception(error)
        group.exception()  # if nobody waits, nobody needs to know


def _told(loop: asyncio.AbstractEventLoop, what: Callable[[_Commit], None], commit: _Commit) -> None:
    with suppress(RuntimeError):  # the loop is over; `close` looks for itself
        loop.call_soon_threadsafe(what, commit)


class _AllOrNothing:
    """A block whose writes are kept together; the database knows which block it is, this only what kind."""

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
    connection = sqlite3.connect(str(path or IN_MEMORY), isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
