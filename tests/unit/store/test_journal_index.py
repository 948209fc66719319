"""On SQLite the legs of an exchange are found by an index that is sorted a portion at a time."""

import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from hub.store.database import Database, UnsupportedDatabase, opened
from hub.store.dialects.journal_index import AT_ONCE
from hub.store.journal import Direction, Journal, JournalEntry, Purpose
from hub.store.journal_search import JournalFilter, legs_of, search
from hub.store.journal_writer import JournalWriter
from tests.fixtures.databases import is_postgresql

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
KEEP = timedelta(days=30)
ENTRY = JournalEntry(
    at=NOW,
    took=timedelta(0),
    direction=Direction.IN,
    purpose=Purpose.RELAY,
    correlation_id="",
    request_id="r",
    method="GET",
    url="/",
)
#: What traffic of long ago left behind, by plain SQL: a leg each, named by its number.
OTHERS = """
    WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < :count)
    INSERT INTO journal (at, correlation_id, request_id, direction, purpose, method, url, milliseconds, note,
        bodies_elsewhere)
    SELECT n, 'story-' || n, 'r', 'in', 'relay', 'GET', '/', 0, '', false FROM number
"""
#: The same, with numbers from a given one on.
FAR = "SELECT :number + n, n,"

pytestmark = pytest.mark.skipif(is_postgresql(), reason="PostgreSQL has an index of each day")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with opened(f"sqlite+aiosqlite:///{tmp_path / 'hub.sqlite3'}") as database:
        yield database


def writer(journal: Journal, database: Database, now: datetime = NOW) -> JournalWriter:
    return JournalWriter(journal, database, io.StringIO(), clock=lambda: now, body_bytes=64, keep=KEEP)


async def write(database: Database, *stories: str) -> None:
    """One batch, with a leg for each of these correlation ids."""
    journal = Journal()
    for story in stories:
        journal.record(ENTRY._replace(correlation_id=story))
    await writer(journal, database).write_waiting()


async def put_others(database: Database, count: int) -> None:
    async with database.writing() as connection:
        await connection.execute(text(OTHERS), {"count": count})


async def rows(database: Database, table: str) -> int:
    async with database.reading() as connection:
        return int((await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())  # noqa: S608 ours


async def found(database: Database, story: str) -> list[str]:
    return [leg.correlation_id for leg in await legs_of(database, story)]


async def test_legs_are_found_before_they_are_sorted_in_and_after(database: Database) -> None:
    await write(database, "mine", "another")
    await put_others(database, AT_ONCE - 3)
    assert (await rows(database, "journal_index"), await found(database, "mine")) == (0, ["mine"])
    await write(database, "mine")
    assert await rows(database, "journal_index") == AT_ONCE
    assert await rows(database, "journal_index_new") == 0
    await write(database, "mine")
    assert await found(database, "mine") == ["mine"] * 3
    wanted = JournalFilter(correlation_id="mine")
    assert [leg.correlation_id for leg in await search(database, wanted)] == ["mine"] * 3
    assert await found(database, f"story-{AT_ONCE // 2}") == [f"story-{AT_ONCE // 2}"]


async def test_a_restored_journal_is_sorted_in_portion_by_portion(database: Database) -> None:
    """One that would be sorted at one go would keep everybody else from writing."""
    await put_others(database, 3 * AT_ONCE - 2)
    left = []
    for _ in range(3):
        await write(database, "mine")
        left.append(await rows(database, "journal_index_new"))
    assert left == [2 * AT_ONCE - 1, AT_ONCE, 1]
    assert await found(database, "mine") == ["mine"] * 3


async def test_legs_of_all_eras_are_found(database: Database) -> None:
    """Some eras have no legs: of those that were swept, or of numbers that were left out."""
    for era in (0, 1, 4):
        async with database.writing() as connection:
            far = {"number": (era << 18) + 5, "count": AT_ONCE}
            await connection.execute(text(OTHERS.replace("(at,", "(id, at,").replace("SELECT n,", FAR)), far)
        await write(database, "mine")
    async with database.reading() as connection:
        eras = await connection.execute(text("SELECT DISTINCT era FROM journal_index ORDER BY era"))
        assert [era for (era,) in eras] == [0, 1, 4]
    assert await found(database, "mine") == ["mine"] * 3
    assert await found(database, "story-7") == ["story-7"] * 3


async def test_ids_that_end_alike_are_told_apart(database: Database) -> None:
    await write(database, "one-12345678", "two-12345678", "12345678", "2345678")
    for story in ("one-12345678", "two-12345678", "12345678", "2345678"):
        assert await found(database, story) == [story]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(story=st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1))
async def test_whatever_id_a_partner_chose_its_legs_are_found(database: Database, story: str) -> None:
    before = await found(database, story)
    await write(database, story)
    assert len(await found(database, story)) == len(before) + 1


async def test_legs_that_are_swept_leave_nothing_behind(database: Database) -> None:
    await put_others(database, AT_ONCE)
    await write(database, "mine")
    late = writer(Journal(), database, NOW + KEEP + timedelta(days=1))
    while await late.sweep():
        pass
    for table in ("journal", "journal_index", "journal_index_new"):
        assert await rows(database, table) == 0, table


async def test_neither_way_of_asking_reads_the_whole_journal(database: Database) -> None:
    asked = database.dialect.of_exchange("mine")
    async with database.reading() as connection:
        for order in ("at, id", "id DESC LIMIT 50"):
            plan = text(f"EXPLAIN QUERY PLAN SELECT * FROM journal WHERE {asked} ORDER BY {order}")  # noqa: S608
            steps = [row[3] for row in await connection.execute(plan, {"story": "mine"})]
            assert any(step.startswith("SEARCH journal USING INTEGER PRIMARY KEY") for step in steps)
            assert not any(step.startswith("SCAN journal ") or step == "SCAN journal" for step in steps)


async def test_a_database_from_before_this_index_is_refused(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'old.sqlite3'}"
    async with opened(url) as database, database.writing() as connection:
        await connection.execute(text("CREATE INDEX ix_journal_correlation_id ON journal (correlation_id)"))
        await connection.execute(text("UPDATE made_with SET fingerprint = 'of before'"))
    with pytest.raises(UnsupportedDatabase, match="ix_journal_correlation_id"):
        async with opened(url):
            pass
