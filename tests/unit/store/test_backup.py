"""Backups of databases with something in every table."""

import gzip
import io
import sqlite3
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    delete,
    insert,
    select,
    text,
    update,
)
from sqlmodel import SQLModel

from hub.store.backup import (
    FORMAT,
    OF_THE_DATABASE,
    NotEmpty,
    UnusableBackup,
    contents_of,
    kind,
    restore,
    write_backup,
)
from hub.store.database import Database, opened
from hub.store.tables import ChangeRow
from tests.fixtures import postgresql
from tests.fixtures.databases import Kind

NOW = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)
ROWS = 3
#: Bytes: more than what is held back before a file is written to.
LONG = 500_000
TABLES = [table for table in SQLModel.metadata.sorted_tables if table.name not in OF_THE_DATABASE]


def url_of(kind: Kind, path: Path) -> str:
    """A database of this kind with its tables, and nothing else."""
    if kind is Kind.POSTGRESQL:
        return postgresql.database_for(path / "hub")
    return f"sqlite+aiosqlite:///{path / 'hub.sqlite3'}"


#: What stands in a column of a type, in a row of this number.
VALUES: dict[type, Callable[[int], Any]] = {
    bytes: lambda row: bytes([0, row, 255]),
    datetime: lambda row: NOW + timedelta(days=row),
    bool: lambda row: bool(row % 2),
    int: lambda row: row + 1,
}


def value(column: Column[Any], row: int) -> Any:
    """Another one in each row, and none where there may be none."""
    if column.nullable and row == 0:
        return None

    def words(row: int) -> str:
        return f"{column.name} {row} é\n\u2028"

    number = 2**53 if isinstance(column.type, BigInteger) and not column.primary_key else 0
    made = VALUES.get(kind(column), words)(row)
    return made + number if number else made


async def fill(database: Database) -> None:
    async with database.writing() as connection:
        for table in TABLES:
            for row in range(1 if table.name == "policy" else ROWS):
                values = {column.name: value(column, row) for column in table.columns}
                if "id" in values and table.name == "policy":
                    values["id"] = 1
                await connection.execute(insert(table).values(values))


async def rows_of(database: Database) -> dict[str, list[Any]]:
    async with database.snapshot() as connection:
        return {
            table.name: sorted((tuple(row) for row in await connection.execute(select(table))), key=repr)
            for table in TABLES
        }


@asynccontextmanager
async def two(kinds: tuple[Kind, Kind], path: Path) -> AsyncIterator[tuple[Database, Database]]:
    """Two databases, both empty."""
    for name in ("old", "new"):
        (path / name).mkdir()
    async with (
        opened(url_of(kinds[0], path / "old")) as old,
        opened(url_of(kinds[1], path / "new")) as new,
    ):
        yield old, new


async def backed_up(
    database: Database, file: Path, files: dict[str, str] | None = None, *, journal: bool = True
) -> None:
    with file.open("wb") as to:
        await write_backup(database, to, made_at=NOW, files=files or {}, journal=journal)


@pytest.mark.parametrize("old", Kind)
@pytest.mark.parametrize("new", Kind)
async def test_every_row_of_every_table_comes_back_in_either_kind_of_database(
    old: Kind, new: Kind, tmp_path: Path
) -> None:
    file = tmp_path / "backup"
    async with two((old, new), tmp_path) as (before, after):
        await fill(before)
        await backed_up(before, file, files={"secret.key": "é"})
        contents = await restore(after, file)
        assert await rows_of(after) == await rows_of(before)
    assert (contents.made_at, contents.files) == (NOW, {"secret.key": "é"})
    assert contents.rows == {table.name: 1 if table.name == "policy" else ROWS for table in TABLES}
    assert contents_of(file) == contents


@pytest.mark.parametrize("old", Kind)
@pytest.mark.parametrize("new", Kind)
async def test_numbers_go_on_after_the_last_though_its_row_is_gone(
    old: Kind, new: Kind, tmp_path: Path
) -> None:
    """Cursors point behind the end of a log that was trimmed; what is numbered anew there is never read."""
    table = SQLModel.metadata.tables[str(ChangeRow.__tablename__)]
    change = {column.name: value(column, 1) for column in table.columns if column.name != "seq"}
    async with two((old, new), tmp_path) as (before, after):
        async with before.writing() as connection:
            for _ in range(5):
                await connection.execute(insert(table).values(change))
            last = (await connection.execute(text("SELECT max(seq) FROM change"))).scalar_one()
            await connection.execute(delete(table))
        await backed_up(before, tmp_path / "backup")
        await restore(after, tmp_path / "backup")
        async with after.writing() as connection:
            await connection.execute(insert(table).values(change))
            assert (await connection.execute(text("SELECT max(seq) FROM change"))).scalar_one() == last + 1


async def test_the_journal_may_stay_behind(tmp_path: Path) -> None:
    async with two((Kind.SQLITE, Kind.SQLITE), tmp_path) as (before, after):
        await fill(before)
        await backed_up(before, tmp_path / "backup", journal=False)
        await restore(after, tmp_path / "backup")
        assert await rows_of(after) == await rows_of(before) | {"journal": []}


async def test_a_backup_shows_one_moment_though_the_hub_writes_on(tmp_path: Path) -> None:
    """What is written once the first table is being read is not in it, whichever table it is in."""
    async with two((Kind.SQLITE, Kind.SQLITE), tmp_path) as (before, after):
        await fill(before)
        async with before.writing() as connection:
            long = Random(1).randbytes(LONG).hex()  # noqa: S311 no secret
            words = next(column for column in TABLES[0].columns if kind(column) is str)
            await connection.execute(
                update(TABLES[0]).where(words == value(words, 1)).values({words.name: long})
            )
        there = await rows_of(before)
        assert long in repr(there[TABLES[0].name])

        class Interrupted(io.FileIO):
            """All tables are emptied in the middle of the first one's rows."""

            is_quiet = True

            def write(self, data: Any, /) -> int:
                if self.is_quiet and self.tell() > LONG // 4:
                    self.is_quiet = False
                    with closing(sqlite3.connect(tmp_path / "old" / "hub.sqlite3")) as other, other:
                        for table in TABLES:
                            other.execute(f"DELETE FROM {table.name}")  # noqa: S608 our own tables
                return super().write(data)

        with Interrupted(tmp_path / "backup", "w") as to:
            await write_backup(before, to, made_at=NOW, files={}, journal=True)
        await restore(after, tmp_path / "backup")
        assert await rows_of(after) == there
        assert await rows_of(before) == {table: [] for table in there}


async def test_a_database_with_something_in_it_is_left_as_it_is(tmp_path: Path) -> None:
    async with two((Kind.SQLITE, Kind.SQLITE), tmp_path) as (before, after):
        await fill(before)
        await backed_up(before, tmp_path / "backup")
        async with before.writing() as connection:
            await connection.execute(delete(SQLModel.metadata.tables["journal"]))
        there = await rows_of(before)
        with pytest.raises(NotEmpty, match="expected one that no hub has used"):
            await restore(before, tmp_path / "backup")
        assert await rows_of(before) == there
        assert all(not rows for rows in (await rows_of(after)).values())


async def test_a_file_that_breaks_off_or_is_damaged_anywhere_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    async with two((Kind.SQLITE, Kind.SQLITE), tmp_path) as (before, after):
        await fill(before)
        await backed_up(before, file)
        whole = file.read_bytes()
        lines = gzip.decompress(whole).splitlines(keepends=True)
        damaged = [
            *(whole[:end] for end in range(0, len(whole), max(1, len(whole) // 40))),
            *(gzip.compress(b"".join(lines[:end])) for end in range(len(lines))),
            *(gzip.compress(b"".join(lines[:at] + lines[at + 1 :])) for at in range(0, len(lines), 5)),
            *(gzip.compress(b"".join([*lines[:at], b'{"x": 1}\n', *lines[at:]])) for at in (1, 2, 9)),
            gzip.compress(b"[]"), b"", b"nothing of the kind", gzip.compress(zlib.compress(whole)),
        ]  # fmt: skip
        for content in damaged:
            file.write_bytes(content)
            with pytest.raises(UnusableBackup):
                await restore(after, file)
        assert all(not rows for rows in (await rows_of(after)).values())
        file.write_bytes(whole)
        await restore(after, file)


async def test_a_row_that_does_not_fit_undoes_all_before_it(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    async with two((Kind.SQLITE, Kind.SQLITE), tmp_path) as (before, after):
        await fill(before)
        await backed_up(before, file)
        lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
        last_row = max(at for at, line in enumerate(lines) if line.startswith(b"["))
        lines[last_row] = b"[1]\n"
        file.write_bytes(gzip.compress(b"".join(lines)))
        with pytest.raises(UnusableBackup, match="has 1 values, expected"):
            await restore(after, file)
        assert all(not rows for rows in (await rows_of(after)).values())


async def test_a_backup_of_other_tables_says_which_columns_were_expected(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    async with two((Kind.SQLITE, Kind.SQLITE), tmp_path) as (before, after):
        await backed_up(before, file)
        other = gzip.decompress(file.read_bytes()).replace(b'"seen_of_hub"', b'"seen_of_moon"', 1)
        file.write_bytes(gzip.compress(other))
        with pytest.raises(UnusableBackup, match=r"of table platform.*seen_of_moon.*expected.*seen_of_hub"):
            await restore(after, file)
        file.write_bytes(gzip.compress(other.replace(FORMAT.encode(), b"ocpi-hub backup 2")))
        with pytest.raises(UnusableBackup, match="does not begin with"):
            await restore(after, file)
