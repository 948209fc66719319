"""A database of its own for every test."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.store.database import Database, opened
from hub.store.objects import ObjectStore
from tests.fixtures.databases import database_in

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
Opening = Callable[[], AbstractAsyncContextManager[tuple[Database, ObjectStore]]]


@pytest.fixture
def start(tmp_path: Path) -> Opening:
    """Opens the same file again and again, as a hub that is started anew."""

    @asynccontextmanager
    async def opening() -> AsyncIterator[tuple[Database, ObjectStore]]:
        async with opened(database_in(tmp_path)) as database:
            objects = ObjectStore(database, lambda: NOW)
            async with asyncio.TaskGroup() as tasks:
                writer = tasks.create_task(objects.run())
                yield database, objects
                writer.cancel()

    return opening


@pytest.fixture
async def stored(start: Opening) -> AsyncIterator[tuple[Database, ObjectStore]]:
    async with start() as opened_store:
        yield opened_store


@pytest.fixture
def objects(stored: tuple[Database, ObjectStore]) -> ObjectStore:
    return stored[1]
