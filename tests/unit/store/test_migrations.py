"""The migrations make the tables that the models describe."""

from pathlib import Path

import hub.store.tables  # noqa: F401 fills the metadata
from hub.store.database import opened
from hub.store.migrations.fingerprint import differences
from tests.fixtures.databases import empty_database_in


async def test_migrations_and_models_agree(tmp_path: Path) -> None:
    url = empty_database_in(tmp_path)
    async with opened(url) as database, database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_database_that_is_up_to_date_is_left_alone(tmp_path: Path) -> None:
    url = empty_database_in(tmp_path)
    for _ in range(2):
        async with opened(url) as database, database.engine.connect() as connection:
            assert await connection.run_sync(differences) == []
