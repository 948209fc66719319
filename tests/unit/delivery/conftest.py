"""A network, a partner and a database file for every test of delivery."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from hub.http.client import HttpTransport, http_transport
from schemas.v2_2_1 import Role
from tests.fixtures.delivering import People
from tests.fixtures.recorder import Recorder


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    async with http_transport(
        connect=timedelta(seconds=2), largest_reply=1_000_000, allow_private_networks=True
    ) as transport:
        yield transport


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hub.sqlite3"


@pytest.fixture
async def msp() -> AsyncIterator[Recorder]:
    async with Recorder() as recorder:
        yield recorder


@pytest.fixture
def people() -> People:
    """A CPO that owns what is accepted; it offers nothing, so that it is never called."""
    people = People()
    people.add((Role.CPO, "NL/TNM"), modules=())
    return people
