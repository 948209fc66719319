"""A hub of several processes: they share out the work, die, sleep and are replaced, and nobody notices.

Issue by issue: nothing that was accepted is lost, no object's changes come out of order, each change of the
Directory is known in all of them within a second, no request is refused while they are replaced.
"""

import asyncio
import os
import re
import signal
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest

from tests.fixtures.admin_hub import run
from tests.fixtures.recorder import Recorder, Reply
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, OTHER_EMSP, TARIFF
from tests.fixtures.waiting import until
from tests.fixtures.workers import WorkersProgram, workers_program

#: Processes are started, killed and waited for, each for as long as a busy machine takes.
pytestmark = pytest.mark.timeout(240)
Found = TypeVar("Found")
WORKERS = 2
RECEIVERS = (EMSP, OTHER_EMSP, "FR/EMS", "DE/EMS")
OBJECTS = 6
#: Changes that must be accepted between two accidents.
ENOUGH = 60
PATIENCE = 60.0
#: Between the requests of those who ask all the time, in seconds.
PAUSE = 0.01
#: Between two pairs of requests, so that four who ask stay below 200 requests a second at one worker.
BELOW_THE_LIMIT = 0.05
#: How long the CPO waits for an answer before it asks anew, in seconds.
IMPATIENCE = 2.0
#: A second on a machine that has time.
A_SECOND = 5.0


@dataclass
class World:
    """The hub, a CPO and some eMSPs."""

    hub: WorkersProgram
    cpo: Recorder
    emsps: dict[str, Recorder]
    stack: AsyncExitStack


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with workers_program(tmp_path, WORKERS) as hub, AsyncExitStack() as stack:

        async def joins(role: str, party: str) -> Recorder:
            partner = await stack.enter_async_context(Recorder([(role, *party.split("/"))]))
            return await hub.joined(partner, party.replace("/", "-"))

        cpo = await joins("CPO", CPO)
        yield World(hub, cpo, {party: await joins("EMSP", party) for party in RECEIVERS}, stack)


def at(version: int) -> str:
    return f"{datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=version):%Y-%m-%dT%H:%M:%SZ}"


@dataclass
class Stream:
    """A CPO that changes its locations again and again, whatever becomes of its requests."""

    world: World
    #: The newest version of each object that was accepted.
    accepted: dict[str, int] = field(default_factory=dict)
    count: int = 0
    #: Requests that had another answer than 1000, or none.
    failures: list[str] = field(default_factory=list)
    is_over: bool = False

    async def flows(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for number in range(OBJECTS):
                tasks.create_task(self._changes(f"L{number}"))

    async def _changes(self, name: str) -> None:
        version = 0
        while not self.is_over:
            version += 1
            is_whole = version % 3 == 1
            named = {"id": name, "name": f"version {version}", "last_updated": at(version)}
            value = LOCATION | named if is_whole else named
            # Until it is taken: a CPO whose PUT failed has to say it again.
            method = "PUT" if is_whole else "PATCH"
            while not await self._taken(method, name, value):  # noqa: ASYNC110 it is tried again
                await asyncio.sleep(0.05)
            self.accepted[name] = version
            self.count += 1

    async def _taken(self, method: str, name: str, value: dict[str, Any]) -> bool:
        url = self.world.hub.url("locations", "RECEIVER", f"/{CPO}/{name}")
        try:
            # A connection of its own: whichever worker there is gets it, also one that sleeps, which takes
            # the request when it wakes.
            async with asyncio.timeout(IMPATIENCE):
                answer = await self.world.cpo.call(
                    method, url, value, to=HUB, sender=CPO, headers={"Connection": "close"}
                )
        except (aiohttp.ClientError, OSError) as error:
            self.failures.append(repr(error))
            return False
        if answer.code != 1000:
            self.failures.append(str(answer.body))
        return answer.code == 1000

    async def more(self) -> None:
        """Wait until a good deal more was accepted."""
        enough = self.count + ENOUGH
        async with asyncio.timeout(PATIENCE):
            while self.count < enough:  # noqa: ASYNC110 requests say nothing by themselves
                await asyncio.sleep(0.01)


async def eventually(look: Callable[[], Awaitable[Found]], is_right: Callable[[Found], object]) -> None:
    """Wait until what is found is right; programs take their time to begin."""
    async with asyncio.timeout(PATIENCE):
        while not is_right(await look()):  # noqa: ASYNC110 it lies behind a socket, or in a database
            await asyncio.sleep(0.05)


async def during_a_stream(world: World, accidents: Callable[[Stream], Awaitable[None]]) -> Stream:
    """What came of a stream of changes in which something happens; everybody has the end of it, in order."""
    stream = Stream(world)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stream.flows())
        try:
            await stream.more()
            await accidents(stream)
            await stream.more()
        except TimeoutError as error:
            raise AssertionError(f"{stream.failures[-20:]}\n{world.hub.program.output[-8000:]}") from error
        finally:
            stream.is_over = True
    for emsp in world.emsps.values():
        await has_all(emsp, stream.accepted)
    return stream


async def has_all(emsp: Recorder, accepted: dict[str, int]) -> None:
    """Wait until the receiver has the newest of everything, and look whether it came in order."""

    def newest() -> dict[str, int]:
        return {name: told(emsp, name)[-1] for name in accepted if told(emsp, name)}

    async with asyncio.timeout(PATIENCE):
        while newest() != accepted:  # noqa: ASYNC110 what is waited for says nothing by itself
            await asyncio.sleep(0.01)
    for name in accepted:
        assert told(emsp, name) == sorted(told(emsp, name)), f"{name} went back"


def told(emsp: Recorder, name: str) -> list[int]:
    """The versions of one object in the order in which the receiver was told of them."""
    received = emsp.all("*", f"/receiver/locations/{CPO}/{name}")
    return [int(each.value["name"].removeprefix("version ")) for each in received]


async def test_workers_are_killed_and_sleep_and_nothing_is_lost_or_out_of_order(world: World) -> None:
    """Whoever looks after a receiver sleeps for longer than its lease, and wakes; the next is killed."""
    hub = world.hub
    names = [each.replace("/", "-") for each in RECEIVERS]
    await until_shared_out(hub, names)

    async def accidents(stream: Stream) -> None:
        asleep = await hub.holder(names[0])
        number = (await hub.workers())[asleep]
        os.kill(number, signal.SIGSTOP)
        try:
            await eventually(lambda: hub.holder(names[0]), lambda holder: holder != asleep)
            # Its platforms are delivered to by the other one: what it had under way is older by now.
            await moved_on(stream, world.emsps[RECEIVERS[0]])
        finally:
            os.kill(number, signal.SIGCONT)
        await stream.more()
        killed = await hub.holder(names[0])
        os.kill((await hub.workers())[killed], signal.SIGKILL)
        await eventually(hub.workers, lambda now: killed not in now and len(now) == WORKERS)

    stream = await during_a_stream(world, accidents)
    await operators_see_all_of_it(world)
    assert "another one takes its place" in hub.program.output
    assert len(stream.accepted) == OBJECTS


async def operators_see_all_of_it(world: World) -> None:
    """Whichever worker is asked: one scrape has the counts of both, and each receiver's progress is true."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        for _ in range(2 * WORKERS):
            async with session.get(f"{world.hub.admin_url}/metrics") as answer:
                workers = set(re.findall(r'ocpi_hub_legs_total\{.*worker="(\d+)"', await answer.text()))
            assert len(workers) == WORKERS

    async def waiting() -> list[int]:
        shown = (await world.hub.run("deliveries", "--json")).json["receivers"]
        at_locations = [each for each in shown if each["receiver"].endswith("EMSP")]
        assert len(at_locations) == len(RECEIVERS)
        return [each["waiting"] for each in at_locations]

    for _ in range(WORKERS):
        await eventually(waiting, lambda found: not any(found))
    # Refused by everybody: an operator has each sent again, whichever worker that comes to.
    for emsp in world.emsps.values():
        emsp.answers("PUT", "/receiver/tariffs", Reply(status_code=2001))
    url = world.hub.url("tariffs", "RECEIVER", f"/{CPO}/{TARIFF['id']}")
    assert (await world.cpo.call("PUT", url, TARIFF, to=HUB, sender=CPO)).code == 1000

    async def letters() -> list[Any]:
        return list((await world.hub.run("deliveries", "--json")).json["dead_letters"])

    await eventually(letters, lambda found: len(found) == len(RECEIVERS))
    for emsp in world.emsps.values():
        emsp.is_honest_again()
    for letter in await letters():
        again = await world.hub.run("deliveries", "--resend", str(letter["id"]))
        assert again.code == 0, again.err
    assert await letters() == []


async def until_shared_out(hub: WorkersProgram, names: list[str]) -> None:
    """Wait until no worker looks after all of these."""

    async def holders() -> set[str]:
        return {await hub.holder(name) for name in names}

    await eventually(holders, lambda found: len(found) == WORKERS)


async def moved_on(stream: Stream, emsp: Recorder) -> None:
    """Wait until a receiver was told of what was accepted after this."""
    after = dict(stream.accepted)
    async with asyncio.timeout(PATIENCE):
        while not all(told(emsp, name)[-1] > version for name, version in after.items()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_while_all_workers_are_replaced_no_request_fails_and_all_know_of_changes_within_a_second(
    world: World,
) -> None:
    """By new connections and by one that is kept, all the time."""
    hub = world.hub
    before = set(await hub.workers())
    headers = {"Authorization": f"Token {b64encode(str(world.cpo.outbound_token).encode()).decode()}"}
    for prefix, party in (("OCPI-to", HUB), ("OCPI-from", CPO)):
        headers[f"{prefix}-country-code"], headers[f"{prefix}-party-id"] = party.split("/")
    is_over = False
    asked = 0

    async def asks_all_the_time(*, is_kept: bool) -> None:
        nonlocal asked
        url = hub.url("tokens", "SENDER")
        connector = aiohttp.TCPConnector(force_close=not is_kept, limit=1)
        async with aiohttp.ClientSession(connector=connector) as session:
            while not is_over:
                # aiohttp repeats a GET by itself if a kept connection was closed; a POST it does not.
                async with session.post(url, headers=headers, data=b"{}") as answer:
                    assert answer.status == 405, await answer.text()
                async with session.get(url, headers=headers) as answer:
                    assert (await answer.json())["status_code"] == 1000, await answer.text()
                asked += 2
                await asyncio.sleep(BELOW_THE_LIMIT)

    async with asyncio.TaskGroup() as tasks:
        for is_kept in (True, True, False, False):
            tasks.create_task(asks_all_the_time(is_kept=is_kept))
        await until(lambda: asked > 20)
        await hub.replace_all()
        enough = asked + 20
        await until(lambda: asked > enough)
        is_over = True
    await eventually(hub.workers, lambda now: len(now) == WORKERS and not now.keys() & before)

    # Whoever registers at one of them is known to all: each request below may come to another one.
    async with Recorder([("EMSP", "AT", "NEW")]) as late:
        await hub.joined(late, "late")
        async with asyncio.timeout(A_SECOND):
            in_a_row = 0
            while in_a_row < 5 * WORKERS:
                url = hub.url("tokens", "SENDER")
                anew = {"Connection": "close"}
                answer = await world.cpo.call("GET", url, to="AT/NEW", sender=CPO, headers=anew)
                in_a_row = in_a_row + 1 if answer.code == 1000 else 0
        url = hub.url("tariffs", "RECEIVER", f"/{CPO}/{TARIFF['id']}")
        assert (await world.cpo.call("PUT", url, TARIFF, to=HUB, sender=CPO)).code == 1000
        assert (await late.receives("PUT", "/receiver/tariffs")).value == TARIFF


async def test_several_processes_on_sqlite_are_refused_in_words(tmp_path: Path) -> None:
    for options in (("--workers", "2"), ("--reuse-port",)):
        refused = await run("serve", *options, "--data", str(tmp_path), "--port", "0", "--admin-port", "0")
        assert refused.code == 1
        assert "several processes need PostgreSQL; SQLite is for one" in refused.err
