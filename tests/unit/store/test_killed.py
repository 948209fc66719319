"""What was said to be accepted is there after kill -9, with its row of the log (design, section 5)."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from sqlalchemy import text

from hub.store.database import Database, opened
from tests.fixtures.databases import database_in

PROGRAM = "tests.unit.store.accept_until_killed"
PATIENCE_SECONDS = 30


@pytest.mark.parametrize("said_before_the_kill", [1, 200])
async def test_nothing_that_was_accepted_is_lost(tmp_path: Path, said_before_the_kill: int) -> None:
    url = database_in(tmp_path)
    said = await _said_until_killed(url, said_before_the_kill)
    async with opened(url) as database:
        kept, logged = await _names(database, "object"), await _names(database, "change")
    assert set(said) <= kept
    assert kept == logged


async def _said_until_killed(url: str, count: int) -> list[str]:
    program = await asyncio.create_subprocess_exec(sys.executable, "-m", PROGRAM, url, stdout=PIPE)
    assert program.stdout is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        said = [await program.stdout.readline() for _ in range(count)]
        program.kill()
        said += (await program.stdout.read()).splitlines(keepends=True)
        await program.wait()
    return [line.decode().strip() for line in said if line.endswith(b"\n")]


async def _names(database: Database, table: str) -> set[str]:
    async with database.reading() as connection:
        rows = (await connection.execute(text(f"SELECT object_id FROM {table}"))).all()  # noqa: S608 ours
    return {row.object_id for row in rows}
