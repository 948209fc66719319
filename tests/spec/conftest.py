"""What the tests of the specification share."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.roaming import Roaming, roaming

DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?", re.ASCII)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Roaming]:
    """A hub with a CPO and an eMSP; a chapter with a world of its own says so itself."""
    async with roaming(tmp_path) as made:
        yield made


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """For whoever else takes part in a test, until its end."""
    async with AsyncExitStack() as made:
        yield made


@pytest.fixture(scope="session")
def meaning() -> Callable[[Any], Any]:
    """Reduces a JSON value to what it means.

    null and the empty list are absent (TR-38), a DateTime is an instant; 1.0 equals 1 anyway.
    """
    return _meaning


def _meaning(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _meaning(inner) for key, inner in value.items() if inner is not None and inner != []}
    if isinstance(value, list):
        return [_meaning(inner) for inner in value]
    if isinstance(value, str) and DATE_TIME.fullmatch(value):
        return datetime.fromisoformat(value.removesuffix("Z")).replace(tzinfo=UTC)
    return value
