"""A write that is cut off leaves the database free for the next one."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from hub.store.database import Database, opened
from tests.fixtures.databases import database_in

PATIENCE_SECONDS = 10


async def _write(database: Database, *numbers: int) -> None:
    async with database.writing() as connection:
        rows = [{"number": number} for number in numbers]
        await connection.execute(text("INSERT INTO cursor VALUES (:number, '', '', '', 0)"), rows)


async def _cut_off(database: Database, *numbers: int) -> asyncio.CancelledError:
    """A write that is cancelled while the database is at it; the error, to be held as in a traceback."""
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(_write(database, *numbers))

        def cancel_soon(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if statement.startswith("INSERT"):
                loop.call_soon(writing.cancel)

        event.listen(database.engine.sync_engine, "before_cursor_execute", cancel_soon)
        try:
            await writing
        except asyncio.CancelledError as error:
            return error
        finally:
            event.remove(database.engine.sync_engine, "before_cursor_execute", cancel_soon)
    raise AssertionError("the write was not cut off")


async def test_a_write_that_is_cancelled_holds_no_lock(tmp_path: Path) -> None:
    async with opened(database_in(tmp_path)) as database:
        held = await _cut_off(database, 1, 2)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await _write(database, 3)
        async with database.reading() as connection:
            rows = (await connection.execute(text("SELECT platform_id FROM cursor"))).all()
        assert [row.platform_id for row in rows] == [3]
        assert held is not None


INSERT = "INSERT INTO cursor (platform_id, role, country_code, party_id, seq) VALUES (:n, '', '', '', 0)"


@pytest.mark.parametrize("statement", [INSERT, INSERT + " RETURNING platform_id"])
async def test_whoever_is_cancelled_in_a_transaction_locks_nobody_out(tmp_path: Path, statement: str) -> None:
    torn: list[BaseException] = []
    async with opened(database_in(tmp_path)) as database:

        async def write_two(number: int) -> None:
            async with database.writing() as connection:
                await connection.execute(text(statement), {"n": number})
                await connection.execute(text(statement), {"n": number + 1})

        async def cut_off(number: int) -> None:
            task = asyncio.get_running_loop().create_task(write_two(number))
            for _ in range(number % 41):
                await asyncio.sleep(0.0001)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError as error:
                torn.append(error)  # kept, so that nothing is collected that would hide a lock

        for number in range(0, 200, 2):
            await cut_off(number)
        async with asyncio.timeout(10):
            await write_two(1000)
        async with database.reading() as connection:
            count = (await connection.execute(text("SELECT count(*) FROM cursor"))).scalar_one()
    assert torn
    assert count % 2 == 0
    assert count >= 2
