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


STATEMENT = "INSERT INTO thing (name) VALUES (?)"


async def test_what_is_queued_is_seen_by_whoever_reads_and_is_on_disk_with_its_group(
    database: Database, tmp_path: Path
) -> None:
    with database.grouped():
        database.put(STATEMENT, ("one",))
    database.put(STATEMENT, ("two",))
    assert on_disk(tmp_path) == set()
    assert len(database.rows("SELECT * FROM thing")) == 2
    await database.on_disk()
    assert on_disk(tmp_path) == {"one", "two"}
    assert not database.is_behind


@pytest.mark.parametrize("reads", [False, True])
async def test_what_a_block_has_queued_goes_with_it(
    database: Database, tmp_path: Path, *, reads: bool
) -> None:
    with database.grouped():
        database.put(STATEMENT, ("one",))
    with suppress(KeyError), database.grouped():
        database.put(STATEMENT, ("two",))
        with database.grouped():
            database.put(STATEMENT, ("three",))
            if reads:
                assert len(database.rows("SELECT * FROM thing")) == 3
            database.put(STATEMENT, ("four",))
        database.put(STATEMENT, ("five",))
        raise KeyError
    with database.grouped():
        with suppress(KeyError), database.grouped():
            database.put(STATEMENT, ("six",))
            if reads:
                put(database, "seven")
            raise KeyError
        database.put(STATEMENT, ("eight",))
    await database.on_disk()
    assert on_disk(tmp_path) == {"one", "eight"}


async def test_what_cannot_be_written_fails_its_group_and_nothing_after_it(
    database: Database, tmp_path: Path
) -> None:
    undone = []
    database.undone.append(lambda: undone.append("told"))
    database.put(STATEMENT, ("one",))
    database.put(STATEMENT, (object(),))
    with pytest.raises(sqlite3.Error):
        await database.on_disk()
    assert undone == ["told"]
    database.put(STATEMENT, ("two",))
    await database.on_disk()
    assert on_disk(tmp_path) == {"two"}


async def test_a_statement_during_a_commit_waits_for_it_and_is_in_the_next_group(
    database: Database, tmp_path: Path
) -> None:
    for number in range(20):
        database.put(STATEMENT, (f"first {number}",))
        on_its_way = asyncio.ensure_future(database.on_disk())  # noqa: TID251 - awaited below
        # Somewhere between the first and the last millisecond of its commit.
        await asyncio.sleep(0.004 + number / 5000)
        database.put(STATEMENT, (f"second {number}",))
        assert database.row("SELECT name FROM thing WHERE name = ?", (f"second {number}",)) is not None
        await database.on_disk()
        await on_its_way
        assert {f"first {number}", f"second {number}"} <= on_disk(tmp_path)


async def test_one_who_waits_for_a_quiet_moment_has_it_though_there_is_always_more_to_write(
    database: Database, tmp_path: Path
) -> None:
    written = 0

    async def writes() -> None:
        nonlocal written
        while True:
            database.put(STATEMENT, (f"more {written}",))
            written += 1
            await asyncio.sleep(0.0005)

    waited = 0
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(writes())
        while waited < 10:
            await asyncio.sleep(0.001)
            waited += database.is_busy
            await database.quiet()
            assert not database.is_busy
        writing.cancel()
    await database.on_disk()
    assert len(on_disk(tmp_path)) == written


async def test_one_who_waits_no_longer_does_not_end_it_for_the_others(database: Database) -> None:
    database.put(STATEMENT, ("one",))
    impatient = asyncio.ensure_future(database.on_disk())  # noqa: TID251 - cancelled below
    patient = asyncio.ensure_future(database.on_disk())  # noqa: TID251 - awaited below
    await asyncio.sleep(0)
    impatient.cancel()
    await patient


def test_what_is_grouped_when_it_is_closed_is_on_disk(tmp_path: Path) -> None:
    async def writes() -> None:
        made = Database(tmp_path / "node.sqlite")
        made.define("CREATE TABLE IF NOT EXISTS thing (name TEXT PRIMARY KEY)")
        made.put(STATEMENT, ("one",))
        made.close()

    asyncio.run(writes())
    assert on_disk(tmp_path) == {"one"}
