"""What the tests of the specification share."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.fixtures.roaming import Roaming, roaming

DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?", re.ASCII)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Roaming]:
    """A hub with a CPO and an eMSP; a chapter with a world of its own says so itself."""
    async with roaming(tmp_path) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _standing_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Roaming]:
    async with roaming(tmp_path_factory.mktemp("hub")) as made:
        yield made


@pytest.fixture
def standing_world(_standing_world: Roaming) -> Roaming:
    """One world for a whole file: for the many cases of a test that changes nothing in it.

    Partners are honest again and remember nothing. Such a test runs in the file's event loop:
    `@pytest.mark.asyncio(loop_scope="module")`.
    """
    for partner in (_standing_world.cpo, _standing_world.emsp):
        partner.is_honest_again()
        partner.received.clear()
    return _standing_world


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
