"""The journal has a table a day, made ahead and dropped whole; an entry without one is kept all the same."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from hub.store.database import Database, opened
from hub.store.journal import Direction, Journal, JournalEntry, Purpose
from hub.store.journal_search import JournalFilter, legs_of, newest_id, search
from hub.store.journal_writer import DAYS_AHEAD, JournalWriter
from tests.fixtures.registry_hub import SetClock

DAY = timedelta(days=1)
SETTINGS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "timezone")
LONG_AGO = datetime(2025, 12, 30, 23, 59, 59, 999999, tzinfo=UTC)
_TABLES = text("SELECT tableoid::regclass::text AS name, correlation_id FROM journal ORDER BY id")
_PARTITIONS = text("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' ORDER BY relname")


def leg(story: str, at: datetime) -> JournalEntry:
    return JournalEntry(
        at=at,
        took=timedelta(milliseconds=1.5),
        direction=Direction.IN,
        purpose=Purpose.RELAY,
        correlation_id=story,
        request_id="r",
        method="GET",
        url="/",
    )


class Days:
    """A journal and its writer, at a time that passes when a test says so."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = SetClock()
        self.journal = Journal()
        self.writer = JournalWriter(
            self.journal, database, None, clock=self.clock, body_bytes=100, keep=timedelta(days=2)
        )

    async def write(self, story: str, at: datetime) -> None:
        self.journal.record(leg(story, at))
        await self.writer.write_waiting()

    async def where(self) -> list[tuple[str, str]]:
        """The entries, each with its table."""
        async with self.database.reading() as connection:
            return [(row.name, row.correlation_id) for row in await connection.execute(_TABLES)]

    async def partitions(self) -> list[str]:
        async with self.database.reading() as connection:
            return list((await connection.execute(_PARTITIONS)).scalars())


@pytest.fixture
async def days(url: str) -> AsyncIterator[Days]:
    async with opened(url) as database:
        async with database.writing() as connection:
            # Those that the migrations' template was given are of today.
            for name in (await connection.execute(_PARTITIONS)).scalars().all():
                if name != "journal_rest":
                    await connection.execute(text(f"DROP TABLE {name}"))
        yield Days(database)


async def test_each_day_has_a_table_before_it_comes(days: Days) -> None:
    await days.writer.make_room()
    ahead = [days.clock() + each * DAY for each in range(-1, DAYS_AHEAD + 1)]
    assert await days.partitions() == [f"journal_{each:%Y%m%d}" for each in ahead] + ["journal_rest"]
    for number, at in enumerate(ahead):
        await days.write(f"c{number}", at)
    assert await days.where() == [(f"journal_{at:%Y%m%d}", f"c{n}") for n, at in enumerate(ahead)]


async def test_the_last_and_the_first_microsecond_of_a_day_are_in_their_own_tables(days: Days) -> None:
    await days.writer.make_room()
    midnight = days.clock().replace(hour=0, minute=0, second=0)
    await days.write("before", midnight - timedelta(microseconds=1))
    await days.write("after", midnight)
    assert await days.where() == [("journal_20260101", "before"), ("journal_20260102", "after")]
    (leg,) = await legs_of(days.database, "before")
    assert leg.at == midnight - timedelta(microseconds=1)
    assert leg.at.tzinfo is UTC


async def test_an_entry_of_a_day_without_a_table_is_kept_and_found(days: Days) -> None:
    await days.write("nobody made room", days.clock())
    await days.writer.make_room()
    await days.write("long ago", LONG_AGO)
    await days.write("the same day", days.clock())
    stories = ("nobody made room", "long ago", "the same day")
    assert await days.where() == [("journal_rest", each) for each in stories]
    found = await search(days.database, JournalFilter(since=LONG_AGO))
    assert [leg.correlation_id for leg in found] == ["the same day", "long ago", "nobody made room"]
    assert found[0].id == await newest_id(days.database)


async def test_what_is_too_old_is_dropped_with_its_table_and_deleted_from_the_rest(days: Days) -> None:
    await days.write("rest", LONG_AGO)
    await days.writer.make_room()
    await days.write("first", days.clock())
    days.clock.advance(2 * DAY)
    await days.writer.make_room()
    await days.write("third", days.clock())
    assert await days.writer.sweep() == 1
    assert [story for _, story in await days.where()] == ["first", "third"]
    days.clock.advance(DAY)
    assert await days.writer.sweep() == 0
    assert [story for _, story in await days.where()] == ["third"]
    assert "journal_20260102" not in await days.partitions()
    assert "journal_20260104" in await days.partitions()


async def test_legs_whose_bodies_are_stored_once_are_in_one_table_and_go_with_it(days: Days) -> None:
    await days.writer.make_room()
    midnight = days.clock().replace(hour=0, minute=0, second=0)
    for story, at in (("before", midnight - timedelta(microseconds=1)), ("after", midnight)):
        own = leg(story, at)._replace(request_body=story.encode())
        days.journal.record_both(own._replace(direction=Direction.OUT, bodies_elsewhere=True), own)
    await days.writer.write_waiting()
    assert await days.where() == [("journal_20260101", "before")] * 2 + [("journal_20260102", "after")] * 2
    for story in ("before", "after"):
        assert [each.request_body for each in await legs_of(days.database, story)] == [story] * 2
        assert len(await search(days.database, JournalFilter(text=story.upper()))) == 2
    days.clock.advance(2 * DAY)
    await days.writer.sweep()
    assert [story for _, story in await days.where()] == ["after"] * 2
    assert [each.request_body for each in await legs_of(days.database, "after")] == ["after"] * 2


async def test_a_database_is_asked_only_so_long(days: Days) -> None:
    """Time-outs are those of the hub, whatever the server's own are, and its time is UTC."""
    async with days.database.reading() as connection:
        shown = [(await connection.execute(text(f"SHOW {name}"))).scalar_one() for name in SETTINGS]
    assert shown == ["30s", "10s", "5s", "UTC"]
