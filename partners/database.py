"""The node's own SQLite file: plain SQL, short transactions, each on disk before it is answered for."""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: Where nothing needs to be kept.
IN_MEMORY = ":memory:"


class NotUsable(Exception):
    """The file cannot be used as a database; the message says which, and why."""


class Database:
    """One connection, used from the event loop's thread; a statement takes well under a millisecond.

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

    def define(self, tables: str) -> None:
        """Create what is missing, all at once; the script has only CREATE ... IF NOT EXISTS."""
        self._connection.executescript(f"BEGIN IMMEDIATE;{tables};COMMIT;")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; what happens inside must not await."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def execute(self, statement: str, parameters: Iterable[Any] = ()) -> int:
        """Carry out one statement; the number of rows that it changed."""
        return self._connection.execute(statement, tuple(parameters)).rowcount

    def insert(self, statement: str, parameters: Iterable[Any] = ()) -> int:
        """Carry out one INSERT; the rowid of the new row."""
        rowid = self._connection.execute(statement, tuple(parameters)).lastrowid
        if rowid is None:
            raise RuntimeError("nothing was inserted")
        return rowid

    def rows(self, query: str, parameters: Iterable[Any] = ()) -> list[sqlite3.Row]:
        """All rows of a query."""
        return self._connection.execute(query, tuple(parameters)).fetchall()

    def row(self, query: str, parameters: Iterable[Any] = ()) -> sqlite3.Row | None:
        """The first row of a query, None where there is none."""
        found: sqlite3.Row | None = self._connection.execute(query, tuple(parameters)).fetchone()
        return found

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


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
