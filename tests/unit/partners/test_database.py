"""The node's own file: what is kept together, when it is on disk, and what an error undoes."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from partners.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "node.sqlite")
    made.define("CREATE TABLE IF NOT EXISTS thing (name TEXT PRIMARY KEY)")
    yield made
    made.close()


def put(database: Database, name: str) -> None:
    database.execute("INSERT INTO thing (name) VALUES (?)", (name,))


def on_disk(tmp_path: Path) -> set[str]:
    """What somebody else finds in the file."""
    other = sqlite3.connect(tmp_path / "node.sqlite")
    try:
        return {row[0] for row in other.execute("SELECT name FROM thing")}
    finally:
        other.close()


async def test_what_is_grouped_is_on_disk_when_it_says_so(database: Database, tmp_path: Path) -> None:
    with database.grouped():
        put(database, "one")
    with database.grouped():
        put(database, "two")
    assert on_disk(tmp_path) == set()
    await database.on_disk()
    assert on_disk(tmp_path) == {"one", "two"}
    await database.on_disk()


async def test_a_transaction_and_a_statement_alone_take_the_group_with_them(
    database: Database, tmp_path: Path
) -> None:
    with database.grouped():
        put(database, "one")
    with database.transaction():
        put(database, "two")
    assert on_disk(tmp_path) == {"one", "two"}
    with database.grouped():
        put(database, "three")
    put(database, "four")
    assert on_disk(tmp_path) == {"one", "two", "three", "four"}


async def test_what_fails_is_undone_and_the_rest_of_its_group_is_not(
    database: Database, tmp_path: Path
) -> None:
    undone = []
    database.undone.append(lambda: undone.append("told"))
    with database.grouped():
        put(database, "one")
    with suppress(KeyError), database.grouped():
        put(database, "two")
        raise KeyError
    with suppress(KeyError), database.grouped():
        put(database, "three")
        with database.transaction():
            put(database, "four")
            raise KeyError
    with database.grouped():
        put(database, "five")
    await database.on_disk()
    assert on_disk(tmp_path) == {"one", "five"}
    assert len(undone) == 3


async def test_who_waits_is_told_if_it_cannot_be_written(database: Database) -> None:
    database.define("CREATE TABLE child (name TEXT REFERENCES thing (name) DEFERRABLE INITIALLY DEFERRED)")
    with database.grouped():
        database.execute("INSERT INTO child (name) VALUES ('an orphan')")  # refused when it is committed
    with pytest.raises(sqlite3.IntegrityError):
        await database.on_disk()
    assert database.rows("SELECT * FROM child") == []
    with database.transaction():
        put(database, "one")


async def test_many_wait_for_one_commit(database: Database, tmp_path: Path) -> None:
    async def store(name: str) -> bool:
        with database.grouped():
            put(database, name)
        await database.on_disk()
        return name in on_disk(tmp_path)

    async with asyncio.TaskGroup() as group:
        stored = [group.create_task(store(str(number))) for number in range(50)]
    assert all(each.result() for each in stored)


def test_without_a_loop_nothing_waits(database: Database, tmp_path: Path) -> None:
    with database.grouped():
        put(database, "one")
    assert on_disk(tmp_path) == {"one"}
