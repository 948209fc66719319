"""Databases that this version does not run on."""

import pytest

from hub.store.database import UnsupportedDatabase, opened


@pytest.mark.parametrize(
    "url",
    [
        "mysql://x/y",
        "postgresql://x/y",
        "postgresql+asyncpg://x",
        "sqlite:///x",
        "no URL",
        "sqlite+aiosqlite://",
    ],
)
async def test_another_kind_of_database_is_refused_by_name(url: str) -> None:
    with pytest.raises(UnsupportedDatabase, match="aiosqlite"):
        async with opened(url):
            pass
