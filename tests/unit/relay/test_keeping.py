"""What is lost on the way into the store leaves no wrong object there (decision 0023)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.directory.directory import Platform
from hub.ocpi.headers import NO_ROUTING, MessageIds, Routing
from hub.ocpi.message import Message, Reply
from hub.ocpi.modules import MODULES
from hub.ocpi.paging import PageRequest
from hub.ocpi.party import Party
from hub.relay.keeping import Keeping
from hub.store.database import opened
from hub.store.objects import ObjectStore
from schemas import exact_json
from schemas.v2_2_1 import ConnectionStatus, InterfaceRole
from tests.fixtures.databases import database_in
from tests.fixtures.samples import T0, T1, T2

CPO, EMSP = Party("BE", "BEC"), Party("NL", "TNM")
PLATFORM = Platform(1, "cpo", ConnectionStatus.CONNECTED)
TAKEN = Reply(200, b'{"status_code":1000}', NO_ROUTING)
TOKEN = {"country_code": "nl", "party_id": "tnm"}


def passes(keeping: Keeping, method: str, name: str = "S1", **fields: Any) -> None:
    """A session that the eMSP took."""
    tail = f"/BE/BEC/{name}"
    match = MODULES["sessions"].match(InterfaceRole.RECEIVER, method, tail)
    value = {"id": name, **fields}
    if method == "PUT":
        value["cdr_token"] = TOKEN
    message = Message(
        module=MODULES["sessions"],
        operation=match.operation,
        parameters=match.parameters,
        tail=tail,
        query="",
        ids=MessageIds("request", "correlation"),
        routing=Routing(EMSP, CPO),
        headers=(),
        body=exact_json.encode(value),
    )
    keeping.passed(message, value, PLATFORM, EMSP, TAKEN)


@pytest.fixture
async def objects(tmp_path: Path) -> AsyncIterator[ObjectStore]:
    async with opened(database_in(tmp_path)) as database:
        store = ObjectStore(database, lambda: datetime(2026, 1, 1, tzinfo=UTC))
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(store.run())
            yield store
            task.cancel()


@asynccontextmanager
async def written(keeping: Keeping) -> AsyncIterator[None]:
    """What is said in the block is kept at its end, and not before."""
    yield
    async with keeping.running():
        pass


async def all_kept(objects: ObjectStore) -> dict[str, Any]:
    page = await objects.page("sessions", PageRequest(0, 100))
    return {each["id"]: each for each in map(exact_json.decode, page.bodies)}


async def test_after_a_gap_only_a_whole_object_is_kept_again(objects: ObjectStore) -> None:
    keeping = Keeping(objects, capacity=3)
    async with written(keeping):
        passes(keeping, "PUT", charging_periods=[], last_updated=T0)
        passes(keeping, "PATCH", charging_periods=[{"n": 1}], last_updated=T0)
        passes(keeping, "PUT", "S2", charging_periods=[], last_updated=T0)
        passes(keeping, "PATCH", charging_periods=[{"n": 2}], last_updated=T1)
    assert (keeping.dropped, keeping.waiting) == (1, 0)
    async with written(keeping):
        passes(keeping, "PATCH", charging_periods=[{"n": 3}], last_updated=T2)
        passes(keeping, "PATCH", "S2", charging_periods=[{"n": 4}], last_updated=T2)
    kept = await all_kept(objects)
    assert (kept["S1"]["charging_periods"], kept["S1"]["last_updated"]) == ([{"n": 1}], T0)
    assert kept["S2"]["charging_periods"] == [{"n": 4}]
    async with written(keeping):
        passes(keeping, "PUT", charging_periods=[{"n": 5}], last_updated=T2)
        passes(keeping, "PATCH", charging_periods=[{"n": 6}], last_updated=T2)
    assert (await all_kept(objects))["S1"]["charging_periods"] == [{"n": 5}, {"n": 6}]


async def test_a_change_that_cannot_be_ordered_is_a_gap(objects: ObjectStore) -> None:
    """SES-07."""
    keeping = Keeping(objects)
    async with written(keeping):
        passes(keeping, "PUT", kwh=1, last_updated=T0)
        passes(keeping, "PATCH", kwh=2)
        passes(keeping, "PATCH", "UNKNOWN", kwh=2, last_updated=T1)
    async with written(keeping):
        passes(keeping, "PATCH", status="COMPLETED", last_updated=T1)
    kept = await all_kept(objects)
    assert list(kept) == ["S1"]
    assert (kept["S1"]["kwh"], kept["S1"].get("status")) == (1, None)
