"""What only PostgreSQL can show: whatever the other tests run on, these have a real one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures import postgresql


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A database with tables, for this test alone."""
    with postgresql.lent():
        yield postgresql.database_for(tmp_path / "hub")
