"""The database under cancellation: whoever is cut off leaves nothing locked and nothing half written."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from hub.store.database import UnsupportedDatabase, opened

INSERT = "INSERT INTO cursor (platform_id, role, country_code, party_id, seq) VALUES (:n, '', '', '', 0)"


@pytest.mark.parametrize("statement", [INSERT, INSERT + " RETURNING platform_id"])
async def test_whoever_is_cancelled_in_a_transaction_locks_nobody_out(tmp_path: Path, statement: str) -> None:
    torn: list[BaseException] = []
    async with opened(f"sqlite+aiosqlite:///{tmp_path / 'hub.sqlite3'}") as database:

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


@pytest.mark.parametrize("url", ["postgresql+asyncpg://x/y", "sqlite:///x", "sqlite+aiosqlite://"])
async def test_another_kind_of_database_is_refused_by_name(url: str) -> None:
    with pytest.raises(UnsupportedDatabase, match="aiosqlite"):
        async with opened(url):
            pass
