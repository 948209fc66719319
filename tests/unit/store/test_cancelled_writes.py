"""A write that is cut off leaves the database free for the next one."""

import asyncio
from pathlib import Path
from typing import Any

from sqlalchemy import event, text

from hub.store.database import Database, opened

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
    async with opened(f"sqlite+aiosqlite:///{tmp_path / 'hub.sqlite3'}") as database:
        held = await _cut_off(database, 1, 2)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await _write(database, 3)
        async with database.reading() as connection:
            rows = (await connection.execute(text("SELECT platform_id FROM cursor"))).all()
        assert [row.platform_id for row in rows] == [3]
        assert held is not None
