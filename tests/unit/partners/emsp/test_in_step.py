"""What an eMSP does of its own accord after a registration, and how it takes failures."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from hub.ocpi.backoff import Backoff
from partners.emsp.app import EmspNode
from partners.emsp.authorization import EVERYWHERE
from partners.emsp.in_step import JITTER
from partners.emsp.provider import PullHabits
from partners.emsp.settings import EmspSettings
from partners.settings import NodeSettings
from tests.fixtures.nodes import PARTY
from tests.fixtures.recorder import Received, Recorder, Reply

AT_ONCE = Backoff(least=timedelta(milliseconds=1), most=timedelta(milliseconds=2))
INTERVAL = timedelta(milliseconds=40)
TOKEN = "/receiver/tokens/NL/EMA/1"


@asynccontextmanager
async def in_step(
    *, chance: float = 0.5, backoff: Backoff = AT_ONCE, interval: timedelta = timedelta(hours=6)
) -> AsyncIterator[EmspNode]:
    """An eMSP that works of its own accord."""
    settings = EmspSettings(
        node=NodeSettings(party=PARTY, name="eMSP A"),
        tokens=[({"uid": "1"}, EVERYWHERE)],
        backoff=backoff,
        pulling=PullHabits(interval=interval),
    )
    async with EmspNode(settings) as node, asyncio.TaskGroup() as tasks:
        task = tasks.create_task(node.keep_in_step(lambda: chance))
        yield node
        task.cancel()


@pytest.fixture
async def hub() -> AsyncIterator[Recorder]:
    async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub:
        yield hub


async def test_a_hub_that_registers_gets_the_tokens_and_is_read(hub: Recorder) -> None:
    async with in_step() as node:
        await hub.register(node.versions_url, node.issue_token_a())
        await hub.receives("PUT", TOKEN)
        await hub.receives("GET", "/sender/tariffs")
        await hub.receives("GET", "/sender/locations")


async def test_a_registration_anew_starts_anew(hub: Recorder) -> None:
    async with in_step() as node:
        await hub.register(node.versions_url, node.issue_token_a())
        await hub.receives("GET", "/sender/locations")
        await hub.register(node.versions_url, node.issue_token_a())
        await hub.receives("PUT", TOKEN, 2)
        await hub.receives("GET", "/sender/locations", 2)


async def test_what_fails_is_tried_again(hub: Recorder) -> None:
    async with in_step() as node:
        hub.answers("PUT", TOKEN, Reply(status_code=3000), times=2)
        hub.answers("GET", "/sender/tariffs", Reply(status=500, status_code=3000), times=2)
        await hub.register(node.versions_url, node.issue_token_a())
        await hub.receives("PUT", TOKEN, 3)
        await hub.receives("GET", "/sender/tariffs", 3)
        await hub.receives("GET", "/sender/locations")
        assert len(hub.all("PUT", TOKEN)) == 3


@pytest.mark.holds("CR-13", by="emsp")
async def test_a_registration_that_has_ended_is_left_alone(hub: Recorder) -> None:
    """CR-13: what failed before the end is not tried again; the pause ends with the registration."""
    async with in_step(backoff=Backoff(least=timedelta(hours=1), most=timedelta(hours=2))) as node:

        async def end(_: Received) -> Reply:
            url = hub.far_end["credentials", "SENDER"]
            assert (await hub.call("DELETE", url)).code == 1000
            return Reply(status_code=3000)

        hub.answers("PUT", TOKEN, end, times=1)
        await hub.register(node.versions_url, node.issue_token_a())
        await hub.receives("PUT", TOKEN)
        async with Recorder(roles=[("HUB", "HU", "TWO")]) as other:
            await other.register(node.versions_url, node.issue_token_a())
            await other.receives("GET", "/sender/locations")
        assert len(hub.all("PUT", TOKEN)) == 1
        assert hub.all("GET", "/sender/") == []


@pytest.mark.parametrize(("chance", "share"), [(0.0, 1 - JITTER), (0.5, 1.0), (1.0, 1 + JITTER)])
@pytest.mark.holds("TR-33", by="emsp")
async def test_lists_are_read_again_after_the_interval_give_or_take_some(
    hub: Recorder, chance: float, share: float
) -> None:
    """TR-33."""
    times: list[float] = []

    def seen(_: Received) -> Reply:
        times.append(asyncio.get_running_loop().time())
        return Reply([])

    hub.answers("GET", "/sender/tariffs", seen)
    async with in_step(chance=chance, interval=INTERVAL) as node:
        await hub.register(node.versions_url, node.issue_token_a())
        await hub.receives("GET", "/sender/tariffs", 3)
    for earlier, later in itertools.pairwise(times):
        assert later - earlier >= INTERVAL.total_seconds() * share * 0.9
