"""A backup: all that a hub keeps, in one file that any database the hub runs on can take back.

The file is JSON, a value a line, compressed: first what it is, then each table's name and its rows, at last
how many rows there were, so that a file that breaks off is known as one. It is read in one transaction while
the hub runs on, and so shows one moment. Nothing in it depends on the kind of database: a backup is also the
way from one kind to another.
"""

import base64
import gzip
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import Column, Table, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel

from hub.store.database import Database
from hub.store.tables import JournalRow, LeaseRow, MadeWithRow, PolicyRow, ProcessRow
from schemas import exact_json

#: What stands first in every backup.
FORMAT: Final = "ocpi-hub backup 1"
#: Rows that are written at once.
_BATCH: Final = 500
#: Says of a database what it was made with, and who uses it now; every database has its own.
OF_THE_DATABASE: Final = frozenset(str(each.__tablename__) for each in (MadeWithRow, ProcessRow, LeaseRow))
#: A hub that only just began has this one row, which says nothing yet.
_THERE_FROM_THE_START: Final = frozenset({str(PolicyRow.__tablename__)})
#: What JSON has no word for, and how it is written and read.
_TELL: Final[dict[type, Callable[[Any], Any]]] = {
    bytes: lambda value: base64.b64encode(value).decode(),
    datetime: lambda value: value.isoformat(),
}
_UNDERSTAND: Final[dict[type, Callable[[Any], Any]]] = {
    bytes: base64.b64decode,
    datetime: datetime.fromisoformat,
}
JOURNAL: Final = str(JournalRow.__tablename__)


class UnusableBackup(ValueError):
    """The file is no backup, or no whole one, or not of these tables."""


class NotEmpty(ValueError):
    """The database keeps something already, which a backup would be mixed with."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a backup holds."""

    made_at: datetime
    #: Rows by table.
    rows: dict[str, int]
    #: Files beside the database, by name.
    files: dict[str, str]


class Lines(Protocol):
    """Where a backup is written to."""

    def write(self, data: bytes, /) -> Any:
        """Take these bytes."""


async def write_backup(
    database: Database, to: Lines, *, made_at: datetime, files: dict[str, str], journal: bool
) -> Contents:
    """Write all rows as they are at one moment.

    Args:
        database: That of a hub, which may run.
        to: Where compressed lines go.
        made_at: When this is.
        files: Small files that belong to the database, such as its key, by name.
        journal: Whether the journal goes along, which most of a database is.
    """
    rows: dict[str, int] = {}
    with gzip.GzipFile(fileobj=to, mode="wb", compresslevel=5) as lines:  # type: ignore[call-overload]  # it only writes
        head = {"format": FORMAT, "made_at": made_at.isoformat(), "files": files, "tables": _shape()}
        lines.write(exact_json.encode(head) + b"\n")
        async with database.snapshot() as connection:
            for table in _tables():
                name = str(table.name)
                lines.write(exact_json.encode({"table": name}) + b"\n")
                rows[name] = 0
                if name == JOURNAL and not journal:
                    continue
                async for row in _rows(connection, table):
                    lines.write(exact_json.encode(row) + b"\n")
                    rows[name] += 1
            numbers = await database.dialect.last_numbers(connection)
        lines.write(exact_json.encode({"end": rows, "last_numbers": numbers}) + b"\n")
    return Contents(made_at, rows, files)


def contents_of(path: Path) -> Contents:
    """What a file holds, after a look at each of its lines.

    Raises:
        UnusableBackup: it is no backup of this version's tables, or does not go to its end.
    """
    counted: dict[str, int] = {}
    with _lines(path) as lines:
        head = _head(next(lines, None))
        for line in lines:
            match line:
                case {"table": str(name)}:
                    counted[name] = 0
                    at = name
                case {"end": dict(rows), "last_numbers": dict()} if rows == counted:
                    return Contents(datetime.fromisoformat(head["made_at"]), counted, head["files"])
                case list() if counted:
                    counted[at] += 1
                case _:
                    raise UnusableBackup("a line of it is neither a table, nor a row, nor its true end")
    raise UnusableBackup("it breaks off before its end")


async def restore(database: Database, path: Path) -> Contents:
    """Fill an empty database from a backup; all of it, or nothing.

    Raises:
        UnusableBackup: the file cannot be used, and nothing was changed.
        NotEmpty: the database keeps something already.
    """
    contents = contents_of(path)
    tables = {str(table.name): table for table in _tables()}
    async with database.writing() as connection:
        await _check_empty(connection, tables)
        with _lines(path) as lines:
            next(lines)
            batch: list[dict[str, Any]] = []
            table = None
            for line in lines:
                if isinstance(line, list) and table is not None:
                    batch.append(_row(table, line))
                if table is not None and (isinstance(line, dict) or len(batch) == _BATCH):
                    await _insert(connection, table, batch)
                    batch = []
                if isinstance(line, dict):
                    table = tables.get(line.get("table", ""))
        # Cursors point into a log whose rows may be gone: its numbers must go on, not begin anew.
        await database.dialect.number_on(connection, line["last_numbers"])
    return contents


def _tables() -> list[Table]:
    """The tables, each after those that its rows refer to."""
    return [table for table in SQLModel.metadata.sorted_tables if table.name not in OF_THE_DATABASE]


def _shape() -> dict[str, list[str]]:
    return {str(table.name): [str(column.name) for column in table.columns] for table in _tables()}


async def _rows(connection: AsyncConnection, table: Table) -> AsyncIterator[list[Any]]:
    told = [_told(column) for column in table.columns]
    wanted = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=_BATCH)
    async for row in await connection.stream(wanted):
        yield [None if value is None else tell(value) for tell, value in zip(told, row, strict=True)]


def kind(column: Column[Any]) -> type:
    """What a value of the column is in Python."""
    made = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    return made.python_type


def _as_it_is(value: Any) -> Any:
    return value


def _told(column: Column[Any]) -> Callable[[Any], Any]:
    """How a value of the column is written in JSON."""
    return _TELL.get(kind(column), _as_it_is)


def _understood(column: Column[Any]) -> Callable[[Any], Any]:
    """How it is read again."""
    return _UNDERSTAND.get(kind(column), _as_it_is)


def _row(table: Table, line: list[Any]) -> dict[str, Any]:
    if len(line) != len(table.columns):
        raise UnusableBackup(f"a row of {table.name} has {len(line)} values, expected {len(table.columns)}")
    return {
        column.name: None if value is None else _understood(column)(value)
        for column, value in zip(table.columns, line, strict=True)
    }


async def _insert(connection: AsyncConnection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows and table.name in _THERE_FROM_THE_START:
        await connection.execute(delete(table))
    if rows:
        await connection.execute(insert(table), rows)


async def _check_empty(connection: AsyncConnection, tables: dict[str, Table]) -> None:
    for name, table in tables.items():
        if (
            name not in _THERE_FROM_THE_START
            and (
                await connection.execute(
                    select(func.count()).select_from(select(1).select_from(table).limit(1).subquery())
                )
            ).scalar()
        ):
            raise NotEmpty(f"the database keeps rows in {name}; expected one that no hub has used")


def _head(line: Any) -> dict[str, Any]:
    if not isinstance(line, dict) or line.get("format") != FORMAT:
        raise UnusableBackup(f"it does not begin with {FORMAT!r}")
    ours, its = _shape(), line["tables"]
    for name in ours.keys() | its.keys():
        if ours.get(name) != its.get(name):
            raise UnusableBackup(
                f"it was made by another version of the hub: of table {name} it has the columns"
                f" {its.get(name)}, expected {ours.get(name)}"
            )
    return line


@contextmanager
def _lines(path: Path) -> Iterator[Iterator[Any]]:
    """The values in a file, one after the other."""
    try:
        with gzip.open(path, "rb") as file:
            yield (exact_json.decode(line) for line in file)
    except (gzip.BadGzipFile, zlib.error, EOFError, exact_json.NotJson) as error:
        raise UnusableBackup(f"it is damaged, or no backup: {error}") from error
