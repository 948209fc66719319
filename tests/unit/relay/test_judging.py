"""A verdict that was missed is made up while the hub runs, and none is given twice (decision 0033)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from hub.directory.agreements import Agreements
from hub.directory.directory import Platform
from hub.ocpi.headers import NO_ROUTING, MessageIds, Routing
from hub.ocpi.message import Message, Reply
from hub.ocpi.modules import MODULES
from hub.ocpi.party import Party
from hub.pricing.plausibility import Plausibility
from hub.relay.evidence import Evidence
from hub.relay.judging import Judging, JudgingParts
from hub.relay.keeping import Keeping
from hub.store.database import Database, opened
from hub.store.journal import Journal
from hub.store.judged_cdrs import JudgedCdrs, Wanted
from hub.store.objects import ObjectStore
from hub.store.write_behind import CAPACITY
from schemas import exact_json
from schemas.v2_2_1 import ConnectionStatus, InterfaceRole
from tests.fixtures.databases import database_in
from tests.fixtures.full_disk import fill_disk, free_disk
from tests.fixtures.samples import cdr
from tests.fixtures.waiting import soon, until

CPO, EMSP = Party("BE", "BEC"), Party("NL", "TNM")
PLATFORM = Platform(1, "cpo", ConnectionStatus.CONNECTED)
TAKEN = Reply(200, b'{"status_code":1000}', NO_ROUTING)
TOKEN = cdr()["cdr_token"] | {"country_code": "NL", "party_id": "TNM"}
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


class World(NamedTuple):
    """A hub's judging, and what it stands on."""

    judging: Judging
    keeping: Keeping
    judged: JudgedCdrs
    database: Database
    #: For how long it wanted to wait before it tried again.
    pauses: list[timedelta]
    #: How many pauses it need not wait for.
    goes_on: asyncio.Semaphore

    def passes(self, name: str) -> None:
        """A CDR that the eMSP took."""
        value = cdr(id=name, cdr_token=TOKEN)
        match = MODULES["cdrs"].match(InterfaceRole.RECEIVER, "POST", "")
        message = Message(
            module=MODULES["cdrs"],
            operation=match.operation,
            parameters=match.parameters,
            tail="",
            query="",
            ids=MessageIds("request", "correlation"),
            routing=Routing(EMSP, CPO),
            headers=(),
            body=exact_json.encode(value),
        )
        self.keeping.passed(message, value, PLATFORM, EMSP, TAKEN)
        self.judging.passed(message, value, EMSP, TAKEN)

    async def verdicts(self) -> list[str]:
        """The ids of what was judged, in order."""
        return sorted(each.cdr_id for each in await self.judged.some(Wanted()))


@asynccontextmanager
async def judging_world(path: Path, capacity: int = CAPACITY) -> AsyncIterator[World]:
    pauses: list[timedelta] = []
    goes_on = asyncio.Semaphore(0)

    async def wait(_event: asyncio.Event, longest: timedelta) -> None:
        pauses.append(longest)
        await goes_on.acquire()

    async with opened(database_in(path)) as database:
        objects = ObjectStore(database, lambda: NOW)
        keeping, judged = Keeping(objects), JudgedCdrs(database)
        parts = JudgingParts(
            Evidence(objects, judged),
            keeping,
            Journal(),
            lambda: NOW,
            Agreements,
            Plausibility(),
            chance=lambda: 1.0,
            wait=wait,
            capacity=capacity,
        )
        judging = Judging(parts)
        async with asyncio.TaskGroup() as tasks:
            storing = tasks.create_task(objects.run())
            async with keeping.running(), judging.running():
                making_up = tasks.create_task(judging.run())
                yield World(judging, keeping, judged, database, pauses, goes_on)
                making_up.cancel()
            storing.cancel()


async def test_what_came_too_fast_to_be_judged_is_judged_soon(tmp_path: Path) -> None:
    names = [f"C{number}" for number in range(6)]
    async with judging_world(tmp_path, capacity=2) as world:
        for name in names:
            world.passes(name)
        await world.keeping.on_disk()
        await world.judging.caught_up()
        assert await world.verdicts() == names[:2]
        for _ in names:
            world.goes_on.release()
        await soon(world.verdicts, lambda found: found == names)


@pytest.mark.parametrize("times", [1, 3])
async def test_what_could_not_be_written_is_judged_when_it_can_be(tmp_path: Path, times: int) -> None:
    """Again and again, after longer and longer pauses, and once."""
    async with judging_world(tmp_path) as world:
        await fill_disk(world.database, "INSERT", "judged_cdr")
        world.passes("C1")
        for failures in range(1, times + 1):
            await until(lambda failures=failures: len(world.pauses) == failures)
            assert await world.verdicts() == []
            if failures < times:
                world.goes_on.release()
        assert world.pauses == sorted(set(world.pauses))
        await free_disk(world.database, "judged_cdr")
        world.goes_on.release()
        await soon(world.verdicts)
        world.passes("C2")
        await soon(world.verdicts, lambda found: found == ["C1", "C2"])
        assert len(world.pauses) == times
