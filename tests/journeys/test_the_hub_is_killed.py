"""A hub in a process of its own is killed, or told to stop, and started anew on its data (design D3, 5)."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.fixtures.databases import rows_in
from tests.fixtures.processes import HubProgram, hub_program
from tests.fixtures.recorder import Fault, Received, Recorder, Reply
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, OTHER_EMSP, TARIFF
from tests.fixtures.waiting import soon

SENDERS = (CPO, "DE/CPO", "FR/CPO")
OBJECTS_EACH = 4
VERSIONS = 60
#: Accepted changes after which the hub is stopped, while others are under way.
ENOUGH = 150


@dataclass
class World:
    """The hub, and whoever joined it."""

    hub: HubProgram
    stack: AsyncExitStack

    async def joins(self, role: str, party: str, **more: Any) -> Recorder:
        """A partner of this role."""
        partner = await self.stack.enter_async_context(Recorder([(role, *party.split("/"))], **more))
        return await self.hub.joined(partner, party.replace("/", "-"))

    async def push(self, sender: Recorder, party: str, method: str, module: str, value: Any) -> int | None:
        """Send a change of an object of this party to everybody; the OCPI status of the answer."""
        url = self.hub.url(module, "RECEIVER", f"/{party}/{value['id']}")
        sent = {} if method == "DELETE" else {"value": value}
        return (await sender.call(method, url, to=HUB, sender=party, **sent)).code


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with hub_program(tmp_path) as hub, AsyncExitStack() as stack:
        yield World(hub, stack)


def at(version: int) -> str:
    """When an object got to a version."""
    return f"{datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=version):%Y-%m-%dT%H:%M:%SZ}"


def location(party: str, name: str, version: int) -> dict[str, Any]:
    country_code, party_id = party.split("/")
    named = {"country_code": country_code, "party_id": party_id, "id": name, "name": f"version {version}"}
    return LOCATION | named | {"last_updated": at(version)}


def renamed(name: str, version: int) -> dict[str, Any]:
    """The PATCH that takes a location to a version, with the id that names it."""
    return {"id": name, "name": f"version {version}", "last_updated": at(version)}


def shelf(receiver: Recorder, module: str = "locations") -> dict[str, Any]:
    """What the receiver has by now, by the path of the object."""
    kept: dict[str, Any] = {}
    for got in receiver.all("*", f"/receiver/{module}/"):
        if got.method == "DELETE":
            kept.pop(got.path, None)
        else:
            kept[got.path] = got.value if got.method == "PUT" else kept.get(got.path, {}) | got.value
    return {path.partition("/receiver/")[2]: value for path, value in kept.items()}


def told(receiver: Recorder, tail: str) -> list[str]:
    """The times that the receiver was told of one object, in the order in which it was."""
    return [got.value["last_updated"] for got in receiver.all("*", tail) if got.method != "DELETE"]


async def listed(world: World, emsp: Recorder, party: str = EMSP) -> dict[str, Any]:
    """The locations in GET All."""
    found: dict[str, Any] = {}
    url = world.hub.url("locations", "SENDER", "?limit=5")
    while url:
        answer = await emsp.call("GET", url, to=HUB, sender=party)
        assert answer.code == 1000, answer.body
        for each in answer.data:
            found[f"locations/{each['country_code']}/{each['party_id']}/{each['id']}"] = each
        url = answer.headers.get("Link", "")[1:].partition(">")[0]
    return found


async def until_refused(port: int) -> None:
    """Wait until nobody listens."""
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return
            writer.close()
            await asyncio.sleep(0.01)


async def test_what_was_accepted_is_delivered_though_the_hub_is_killed_before(world: World) -> None:
    """RT-28, RT-30; design D3: to receivers that hang, close, or are away when the hub accepts it."""
    cpo = await world.joins("CPO", CPO)
    hangs, breaks, leaves = [await world.joins("EMSP", party) for party in (EMSP, OTHER_EMSP, "FR/EMS")]
    receivers = (hangs, breaks, leaves)
    assert await world.push(cpo, CPO, "PUT", "tariffs", TARIFF) == 1000
    for receiver in receivers:
        await receiver.receives("PUT", "/receiver/tariffs")
    hangs.answers("*", "/receiver/", Fault.HANG)
    breaks.answers("*", "/receiver/", Fault.CLOSE)
    await leaves.go_away()

    assert await world.push(cpo, CPO, "PUT", "locations", location(CPO, "A", 1)) == 1000
    await hangs.receives("PUT", "/receiver/locations")
    for method, module, value in (
        ("PUT", "locations", location(CPO, "B", 1)),
        ("PATCH", "locations", renamed("A", 2)),
        ("PUT", "locations", location(CPO, "B", 2)),
        ("DELETE", "tariffs", TARIFF),
        ("PATCH", "locations", renamed("A", 3)),
    ):
        assert await world.push(cpo, CPO, method, module, value) == 1000
    await world.hub.kill()
    expected = {f"locations/{CPO}/A": location(CPO, "A", 3), f"locations/{CPO}/B": location(CPO, "B", 2)}
    assert all(shelf(receiver) != expected for receiver in receivers)
    hangs.is_honest_again()
    breaks.is_honest_again()
    await world.hub.start()

    for receiver in (hangs, breaks):
        await receiver.until(lambda receiver=receiver: shelf(receiver) == expected)
        await receiver.until(lambda receiver=receiver: shelf(receiver, "tariffs") == {})
    await leaves.come_back()
    assert await listed(world, leaves, "FR/EMS") == expected
    await leaves.until(lambda: shelf(leaves) == expected)
    await leaves.until(lambda: shelf(leaves, "tariffs") == {})
    for name in ("A", "B"):
        assert len(told(leaves, f"/{CPO}/{name}")) == 1
        for receiver in receivers:
            assert told(receiver, f"/{CPO}/{name}") == sorted(told(receiver, f"/{CPO}/{name}"))


@dataclass
class Stream:
    """Many senders that change their locations again and again, and what the hub said to it."""

    world: World
    senders: dict[str, Recorder]
    #: The newest version that was accepted, by path.
    accepted: dict[str, int] = field(default_factory=dict)
    #: The newest version that was sent.
    sent: dict[str, int] = field(default_factory=dict)
    count: int = 0
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    async def flows(self) -> None:
        """Until everything is sent, or nobody is there to take it."""
        async with asyncio.TaskGroup() as tasks:
            for party in self.senders:
                for number in range(OBJECTS_EACH):
                    tasks.create_task(self._changes(party, f"L{number}"))

    async def _changes(self, party: str, name: str) -> None:
        path = f"locations/{party}/{name}"
        for version in range(1, VERSIONS + 1):
            # Every third change is a whole object.
            is_whole = version % 3 == 1
            value = location(party, name, version) if is_whole else renamed(name, version)
            self.sent[path] = version
            try:
                method = "PUT" if is_whole else "PATCH"
                code = await self.world.push(self.senders[party], party, method, "locations", value)
            except (aiohttp.ClientError, ConnectionError):
                return
            assert code == 1000
            self.accepted[path] = version
            self.count += 1
            if self.count == ENOUGH:
                self.enough.set()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_nothing_that_was_accepted_in_a_stream_of_changes_is_lost(
    world: World, how: signal.Signals
) -> None:
    """Design D3, 5: whatever got 1000 is listed and delivered, in order for each object."""
    senders = {party: await world.joins("CPO", party) for party in SENDERS}
    emsp = await world.joins("EMSP", EMSP)
    stream = Stream(world, senders)
    async with asyncio.TaskGroup() as tasks:
        flowing = tasks.create_task(stream.flows())
        await stream.enough.wait()
        world.hub.program.process.send_signal(how)
    assert flowing.done()
    assert await world.hub.program.ended() == (0 if how is signal.SIGTERM else -how)
    assert ENOUGH <= stream.count < len(SENDERS) * OBJECTS_EACH * VERSIONS
    await world.hub.start()

    kept = await listed(world, emsp)
    for path, version in stream.accepted.items():
        assert at(version) <= kept[path]["last_updated"] <= at(stream.sent[path])
    await emsp.until(lambda: shelf(emsp) == kept)
    for path in kept:
        assert told(emsp, f"/receiver/{path}") == sorted(told(emsp, f"/receiver/{path}"))


async def test_a_hub_that_is_told_to_stop_answers_what_is_under_way(world: World) -> None:
    """Its journal has all legs then, and what it has accepted is delivered by the next one."""
    cpo, emsp = await world.joins("CPO", CPO), await world.joins("EMSP", EMSP)
    released = asyncio.Event()

    async def slowly(_: object) -> Reply:
        await released.wait()
        return Reply({"result": "ACCEPTED", "timeout": 30})

    cpo.answers("POST", "/commands/STOP_SESSION", slowly)
    emsp.answers("PUT", "/receiver/locations", Fault.HANG)
    assert await world.push(cpo, CPO, "PUT", "locations", LOCATION) == 1000
    await emsp.receives("PUT", "/receiver/locations")
    url = world.hub.url("commands", "RECEIVER", "/STOP_SESSION")
    value = {"session_id": "S1", "response_url": f"{emsp.url}/results/1"}
    ids = {"X-Correlation-ID": "the last story"}
    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(emsp.call("POST", url, value, to=CPO, sender=EMSP, headers=ids))
        await cpo.receives("POST", "/commands/STOP_SESSION")
        world.hub.program.process.terminate()
        await until_refused(world.hub.port)
        released.set()
    answer = asking.result()
    assert (answer.code, answer.data) == (1000, {"result": "ACCEPTED", "timeout": 30})
    assert await world.hub.program.ended() == 0, world.hub.program.output

    query = "SELECT direction, platform, http_status, status_code FROM journal WHERE correlation_id = :story"
    legs = sorted(await rows_in(world.hub.database, query, story="the last story"))
    assert legs == [("in", EMSP.replace("/", "-"), 200, 1000), ("out", CPO.replace("/", "-"), 200, 1000)]
    emsp.is_honest_again()
    await world.hub.start()
    assert (await emsp.receives("PUT", "/receiver/locations", 2)).value == LOCATION


async def test_partners_links_and_cursors_survive(world: World) -> None:
    """CR-12, CR-28, CMD-09; design D3, D9, D10: nobody has to do anything anew."""
    cpo, emsp = await world.joins("CPO", CPO), await world.joins("EMSP", EMSP)
    token_a = await world.hub.invites("later")
    assert await world.push(cpo, CPO, "PUT", "locations", LOCATION) == 1000
    await emsp.receives("PUT", "/receiver/locations")
    cpo.answers("POST", "/commands/", Reply({"result": "ACCEPTED", "timeout": 30}))
    url = world.hub.url("commands", "RECEIVER", "/STOP_SESSION")
    value = {"session_id": "S1", "response_url": f"{emsp.url}/results/1?a=b"}
    assert (await emsp.call("POST", url, value, to=CPO, sender=EMSP)).code == 1000
    link = (await cpo.receives("POST", "/commands/")).value["response_url"]
    await until_cursors_are_written(world.hub.database)
    async with Recorder([("EMSP", "DE", "LAT")]) as late:
        late.answers("GET", "/versions", Fault.HANG, times=1)
        # Killed in the middle of a handshake, too: the hub has called back and not answered yet.
        async with asyncio.TaskGroup() as tasks:
            registering = tasks.create_task(is_cut_off(late, world.hub.versions_url, token_a))
            await late.receives("GET", "/versions")
            await world.hub.kill()
        assert registering.result()
        await world.hub.start()

        shown = (await world.hub.run("partner", "list", "--json")).json["platforms"]
        known = {each["name"]: (each["status"], each["is_registered"]) for each in shown}
        assert known["BE-BEC"] == known["NL-TNM"] == ("CONNECTED", True)
        assert known["later"][1] is False
        for partner in (cpo, emsp):
            answer = await partner.call("GET", partner.far_end["credentials", "SENDER"])
            assert (answer.code, answer.data["token"]) == (1000, partner.outbound_token)
        emsp.answers("POST", "/results/", Reply())
        assert (await cpo.call("POST", link, {"result": "ACCEPTED"}, to=EMSP, sender=CPO)).code == 1000
        result = await emsp.receives("POST", "/results/1")
        assert (result.query, result.value) == ("a=b", {"result": "ACCEPTED"})
        assert result.token in emsp.accepted_tokens
        assert (await late.register(world.hub.versions_url, token_a)).code == 1000

        assert await world.push(cpo, CPO, "PUT", "tariffs", TARIFF) == 1000
        for receiver in (emsp, late):
            await receiver.receives("PUT", "/receiver/tariffs")
        assert len(emsp.all("*", "/receiver/locations")) == 1, "it has had that before the hub was killed"


async def test_killed_while_it_registers_at_a_partner_it_can_begin_anew(world: World) -> None:
    """CR-28: the partner may believe that it is registered; the hub has nothing half of it."""
    async with Recorder([("CPO", "DE", "NEW")]) as partner:

        async def says_nothing(received: Received) -> Reply:
            await partner._honest(received)
            return await asyncio.Future()

        partner.answers("POST", "/credentials", says_nothing, times=1)
        where = ("--versions-url", partner.versions_url)
        async with asyncio.TaskGroup() as tasks:
            token = partner.accept_new_token()
            asking = tasks.create_task(world.hub.run("partner", "register", "new", *where, "--token", token))
            await partner.receives("POST", "/credentials")
            await world.hub.kill()
        assert asking.result().code == 1
        await world.hub.start()
        token = partner.accept_new_token()
        done = await world.hub.run("partner", "register", "new", *where, "--token", token)
        assert done.code == 0, done.err
        (listed,) = (await world.hub.run("partner", "list", "--json")).json["platforms"]
        assert (listed["name"], listed["is_registered"]) == ("new", True)
        url = world.hub.url("tokens", "SENDER")
        assert (await partner.call("GET", url, to=HUB, sender="DE/NEW")).code == 1000


async def is_cut_off(partner: Recorder, versions_url: str, token_a: str) -> bool:
    """Whether a registration ends without an answer."""
    try:
        await partner.register(versions_url, token_a)
    except (aiohttp.ClientError, ConnectionError):
        return True
    return False


async def until_cursors_are_written(url: str) -> None:
    """Wait until the disk says that all receivers have all there is; a hub writes that a moment later."""
    behind = "SELECT count(*) FROM cursor WHERE seq < (SELECT max(seq) FROM change)"

    async def written() -> bool:
        return await rows_in(url, behind) == [(0,)]

    await soon(written)
