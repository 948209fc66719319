"""Announcements are part of a transaction, and whoever was cut off looks at everything."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text

from hub.store.announcements import Topic
from hub.store.database import Database, opened
from tests.fixtures.waiting import until

Heard = list[tuple[Topic, frozenset[str] | None]]


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[tuple[Database, Heard]]:
    """A database, and what is heard from now on."""
    heard: Heard = []
    async with opened(url) as database, asyncio.TaskGroup() as tasks:
        for topic in Topic:
            database.announcements.heard_by(topic, lambda parts, topic=topic: heard.append((topic, parts)))
        running = tasks.create_task(database.announcements.run())
        await until(lambda: database.announcements.is_listening)
        heard.clear()
        yield database, heard
        running.cancel()


async def test_others_hear_what_was_committed_and_nobody_hears_itself(url: str) -> None:
    async with listening(url) as (_, heard), listening(url) as (teller, own):
        async with teller.writing() as connection:
            await teller.announcements.announce(connection, Topic.OBJECTS, "locations", "tariffs")
        await until(lambda: heard)
        assert heard == [(Topic.OBJECTS, frozenset({"locations", "tariffs"}))]
        assert own == []


async def test_what_was_undone_is_not_announced(url: str) -> None:
    async with listening(url) as (_, heard), listening(url) as (teller, _):
        async with teller.writing() as connection:
            await teller.announcements.announce(connection, Topic.OBJECTS, "locations")
            await connection.rollback()
        async with teller.writing() as connection:
            await teller.announcements.announce(connection, Topic.DIRECTORY)
        await until(lambda: heard)
        assert heard == [(Topic.DIRECTORY, frozenset())]


async def test_whoever_was_cut_off_is_told_that_anything_may_have_changed(url: str) -> None:
    async with listening(url) as (database, heard):
        async with database.writing() as connection:
            await connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE 'LISTEN%'"
                )
            )
        await until(lambda: len(heard) == len(Topic))
        assert {topic for topic, parts in heard if parts is None} == set(Topic)


async def test_a_word_of_a_newer_version_means_that_anything_may_have_changed(url: str) -> None:
    async with listening(url) as (database, heard):
        async with database.writing() as connection:
            await connection.execute(text("SELECT pg_notify('ocpi_hub', 'somebody prices of-all')"))
        await until(lambda: heard)
        assert {parts for _, parts in heard} == {None}
