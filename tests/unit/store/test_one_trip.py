"""SQLite's thread is gone to once a statement, and not at all for what needs no statement."""

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.store.dialects.one_trip import ROWS, OneTripConnection
from hub.store.dialects.sqlite import Sqlite

_INSERT = text("INSERT INTO thing (name) VALUES (:name)")
_COUNT = text("SELECT count(*) FROM thing")


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    engine = Sqlite().engine(make_url(f"sqlite+aiosqlite:///{tmp_path}/one.db"))
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT UNIQUE)"))
    yield engine
    await engine.dispose()


class Trips:
    """Counts what is asked of the thread of each connection."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        before: Any = OneTripConnection._execute

        async def counted(connection: OneTripConnection, *arguments: Any, **more: Any) -> Any:
            self.count += 1
            return await before(connection, *arguments, **more)

        monkeypatch.setattr(OneTripConnection, "_execute", counted)


async def test_a_transaction_takes_a_trip_for_each_statement_and_one_to_commit(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    trips = Trips(monkeypatch)
    async with engine.begin() as connection:
        await connection.execute(_INSERT, [{"name": "a"}, {"name": "b"}])
        assert (await connection.execute(_COUNT)).scalar_one() == 2
    assert trips.count == 3


async def test_reading_takes_one_trip_and_nothing_takes_none(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    trips = Trips(monkeypatch)
    async with engine.connect() as connection:
        assert (await connection.execute(_COUNT)).scalar_one() == 0
    assert trips.count == 1
    async with engine.begin():
        pass
    assert trips.count == 1


async def test_what_fails_is_rolled_back_and_the_next_one_goes_through(engine: AsyncEngine) -> None:
    twice = [{"name": "a"}, {"name": "a"}]
    with pytest.raises(IntegrityError):
        async with engine.begin() as connection:
            await connection.execute(_INSERT, twice)
    async with engine.begin() as connection:
        await connection.execute(_INSERT, {"name": "a"})
    async with engine.connect() as connection:
        assert (await connection.execute(_COUNT)).scalar_one() == 1


async def test_a_reader_sees_one_state_until_it_is_done_and_the_newest_after_it(engine: AsyncEngine) -> None:
    async with engine.connect() as reader:
        assert (await reader.execute(_COUNT)).scalar_one() == 0
        async with engine.begin() as writer:
            await writer.execute(_INSERT, {"name": "a"})
        assert (await reader.execute(_COUNT)).scalar_one() == 0
        await reader.rollback()
        assert (await reader.execute(_COUNT)).scalar_one() == 1


@pytest.mark.parametrize("count", [ROWS - 1, ROWS, ROWS + 1, 2 * ROWS])
async def test_more_rows_than_go_in_one_trip_come_all_the_same(engine: AsyncEngine, count: int) -> None:
    async with engine.begin() as connection:
        await connection.execute(_INSERT, [{"name": str(number)} for number in range(count)])
    wanted = text("SELECT name FROM thing ORDER BY id")
    names = [str(number) for number in range(count)]
    async with engine.connect() as connection:
        assert (await connection.execute(wanted)).scalars().all() == names
        streamed = await connection.stream(wanted)
        assert [row.name async for row in streamed] == names


def test_who_is_cancelled_while_a_connection_is_made_leaves_nothing_behind(tmp_path: Path) -> None:
    threads = set(threading.enumerate())
    for steps in range(24):
        _cancelled_after(steps, tmp_path)
    gc.collect()
    for each in set(threading.enumerate()) - threads:
        each.join(5)
        assert not each.is_alive()


def _cancelled_after(steps: int, folder: Path) -> None:
    loop = asyncio.new_event_loop()
    engine = Sqlite().engine(make_url(f"sqlite+aiosqlite:///{folder}/one.db"))
    asking = loop.create_task(_asked(engine))
    for _ in range(steps):
        loop.run_until_complete(asyncio.sleep(0))
        time.sleep(0.0005)  # the thread has its turn, too
    asking.cancel()
    with suppress(asyncio.CancelledError):
        loop.run_until_complete(asking)
    loop.run_until_complete(engine.dispose())
    loop.close()


async def _asked(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return int((await connection.execute(text("SELECT 1"))).scalar_one())
