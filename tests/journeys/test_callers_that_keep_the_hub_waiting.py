"""Callers that dribble, are silent, do not read, break off, or come by the thousand; others do not notice.

Everything is seen from outside: from the sockets, from what the far ends received, and from the metrics.
"""

import asyncio
import base64
import logging
import resource
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.fixtures.admin_hub import asked
from tests.fixtures.processes import Program
from tests.fixtures.recorder import Received, Recorder, Reply
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, Roaming, roaming, settings
from tests.fixtures.waiting import soon

#: For what is under test; everything else may take as long as it usually may.
SHORT = timedelta(milliseconds=400)
DRIBBLERS = 30
LARGE = 6_000_000
HUNDREDS = 400
MANY = 10_000


@asynccontextmanager
async def a_hub(folder: Path, **limits: Any) -> AsyncIterator[Roaming]:
    given = settings(folder)
    limits = {"requests_per_second": 100_000} | limits
    async with roaming(folder, replace(given, limits=replace(given.limits, **limits))) as world:
        yield world


def head(sender: Recorder, method: str, url: str, to: str, party: str, more: str = "") -> bytes:
    """The head of a request, whole."""
    token = base64.b64encode(str(sender.outbound_token).encode()).decode()
    (to_country, to_party), (country, own) = to.split("/"), party.split("/")
    return (
        f"{method} {urlsplit(url).path} HTTP/1.1\r\nHost: hub\r\nAuthorization: Token {token}\r\n"
        f"X-Request-ID: asked\r\nX-Correlation-ID: story\r\n"
        f"OCPI-to-country-code: {to_country}\r\nOCPI-to-party-id: {to_party}\r\n"
        f"OCPI-from-country-code: {country}\r\nOCPI-from-party-id: {own}\r\n{more}\r\n"
    ).encode()


async def connected(world: Roaming, receive_buffer: int | None = None) -> socket.socket:
    """A connection to the hub, without anybody who reads by himself."""
    parts = urlsplit(world.hub.public_url)
    own = socket.socket()
    if receive_buffer is not None:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    own.setblocking(False)  # noqa: FBT003 that is its name
    await asyncio.get_running_loop().sock_connect(own, (parts.hostname, parts.port))
    return own


async def figure(admin_url: str, name: str) -> float:
    """A number of the metrics."""
    async with aiohttp.ClientSession() as session, session.get(f"{admin_url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


async def is_let_go(own: socket.socket) -> bytes:
    """What still came before the hub closed the connection."""
    loop, came = asyncio.get_running_loop(), b""
    async with asyncio.timeout(10):
        while True:
            try:
                data = await loop.sock_recv(own, 65536)
            except ConnectionError:
                return came
            if not data:
                return came
            came += data


async def dribbled(own: socket.socket, data: bytes) -> bytes:
    """Send one byte after the other until the hub closes the connection; what it said."""
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as tasks:
        closed = tasks.create_task(is_let_go(own))
        for place in range(len(data)):
            try:
                await loop.sock_sendall(own, data[place : place + 1])
            except ConnectionError:
                break
            done, _ = await asyncio.wait([closed], timeout=0.02)
            if done:
                break
        else:
            pytest.fail("everything was taken")
    return closed.result()


async def is_answered(world: Roaming) -> None:
    """Others get their answers, from the hub and from each other, well within the time that a fault takes."""
    async with asyncio.timeout(5):
        url = world.url("locations", "SENDER")
        assert (await world.emsp.call("GET", url, to=CPO, sender=EMSP)).code == 1000
        assert (await world.cpo.call("GET", world.hub.versions_url)).code == 1000


async def test_a_head_that_dribbles_is_not_waited_for(tmp_path: Path) -> None:
    """Slowloris: each byte comes early enough, and the head never ends."""
    async with a_hub(tmp_path, head=SHORT) as world, AsyncExitStack() as stack:
        endless = head(world.cpo, "GET", world.hub.versions_url, HUB, CPO)[:-2] + b"X-Long: " + b"x" * 5_000
        slow = [stack.enter_context(closing(await connected(world))) for _ in range(DRIBBLERS)]
        begun = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as tasks:
            dribbling = [tasks.create_task(dribbled(each, endless)) for each in slow]
            while not all(each.done() for each in dribbling):
                await is_answered(world)
        assert asyncio.get_running_loop().time() - begun >= SHORT.total_seconds()
        assert {each.result() for each in dribbling} == {b""}
        assert await figure(world.hub.admin_url, "ocpi_hub_connections_dropped") == DRIBBLERS


async def test_a_body_that_dribbles_is_not_waited_for(tmp_path: Path) -> None:
    """It gets 408 when its time is over, and nobody gets half a body."""
    async with a_hub(tmp_path, request=SHORT) as world, AsyncExitStack() as stack:
        url = world.url("locations", "RECEIVER", f"/{CPO}/LOC1")
        more = "Content-Type: application/json\r\nContent-Length: 5000\r\n"
        begun = head(world.cpo, "PUT", url, EMSP, CPO, more)
        slow = [stack.enter_context(closing(await connected(world))) for _ in range(DRIBBLERS)]
        for each in slow:
            await asyncio.get_running_loop().sock_sendall(each, begun)
        async with asyncio.TaskGroup() as tasks:
            dribbling = [tasks.create_task(dribbled(each, b'{"id":"' + b"x" * 4000)) for each in slow]
            while not all(each.done() for each in dribbling):
                await is_answered(world)
        for each in dribbling:
            assert each.result().startswith(b"HTTP/1.1 408 ")
        assert world.emsp.all("PUT") == []


async def test_who_is_silent_is_let_go_and_who_asks_now_and_then_is_not(tmp_path: Path) -> None:
    """Also one that has asked once; and one that is waiting for an answer is not idle."""
    async with a_hub(tmp_path, idle=SHORT) as world, AsyncExitStack() as stack:
        loop = asyncio.get_running_loop()
        fresh, once, waiting = [stack.enter_context(closing(await connected(world))) for _ in range(3)]
        released = asyncio.Event()

        async def slowly(_: Received) -> Reply:
            await released.wait()
            return Reply([])

        world.cpo.answers("GET", "/sender/tariffs", slowly)
        asking = head(world.emsp, "GET", world.hub.versions_url, HUB, EMSP)
        await loop.sock_sendall(once, asking)
        await loop.sock_sendall(waiting, head(world.emsp, "GET", world.url("tariffs", "SENDER"), CPO, EMSP))
        parts = urlsplit(world.hub.public_url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        answers = 0
        async with asyncio.TaskGroup() as tasks:
            gone = [tasks.create_task(is_let_go(each)) for each in (fresh, once)]
            while not all(each.done() for each in gone):
                writer.write(asking)
                answer = await reader.readuntil(b"\r\n\r\n")
                length = answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length))
                answers += 1
                await asyncio.sleep(0.05)
        assert answers > 1
        assert [each.result()[:12] for each in gone] == [b"", b"HTTP/1.1 200"]
        released.set()
        assert (await loop.sock_recv(waiting, 12)) == b"HTTP/1.1 200"
        writer.close()
        await writer.wait_closed()


async def test_hundreds_that_are_silent_go_together_and_nobody_notices(tmp_path: Path) -> None:
    async with a_hub(tmp_path, idle=SHORT) as world, AsyncExitStack() as stack:
        silent = [stack.enter_context(closing(await connected(world))) for _ in range(HUNDREDS)]
        async with asyncio.TaskGroup() as tasks:
            gone = [tasks.create_task(is_let_go(each)) for each in silent]
            while not all(each.done() for each in gone):
                await is_answered(world)
        assert {each.result() for each in gone} == {b""}
        assert await figure(world.hub.admin_url, "ocpi_hub_connections_dropped") >= HUNDREDS


async def test_who_does_not_read_its_answer_is_let_go(tmp_path: Path) -> None:
    """A machine that is gone without a word looks the same: it takes nothing any more."""
    async with a_hub(tmp_path, answer=SHORT) as world:
        world.cpo.answers("GET", "/sender/locations", Reply(["x" * 1000] * (LARGE // 1000)))
        with closing(await connected(world, receive_buffer=4096)) as deaf:
            asking = head(world.emsp, "GET", world.url("locations", "SENDER"), CPO, EMSP)
            await asyncio.get_running_loop().sock_sendall(deaf, asking)
            await soon(lambda: figure(world.hub.admin_url, "ocpi_hub_connections_dropped"))
            world.cpo.is_honest_again()
            await is_answered(world)
            assert len(await is_let_go(deaf)) < LARGE
        answer = world.noted("story")
        assert answer == [], "the answer was given: what the caller does with it is not the hub's business"


async def test_who_reads_slowly_gets_the_whole_answer(tmp_path: Path) -> None:
    async with a_hub(tmp_path, head=SHORT, idle=SHORT) as world:
        world.cpo.answers("GET", "/sender/locations", Reply(["x" * 1000] * (LARGE // 1000)))
        with closing(await connected(world, receive_buffer=4096)) as slow:
            loop, came = asyncio.get_running_loop(), 0
            more = "Connection: close\r\n"
            asking = head(world.emsp, "GET", world.url("locations", "SENDER"), CPO, EMSP, more)
            begun = loop.time()
            await loop.sock_sendall(slow, asking)
            while data := await loop.sock_recv(slow, 65536):
                came += len(data)
                if loop.time() - begun < 2 * SHORT.total_seconds():
                    await asyncio.sleep(0.05)
            assert came > LARGE


async def test_who_asks_on_and_on_and_reads_nothing_is_stopped(tmp_path: Path) -> None:
    """Requests one behind the other: the hub takes no more than it can answer, and holds few answers."""
    async with a_hub(tmp_path, answer=SHORT) as world:
        world.cpo.answers("GET", "/sender/locations", Reply(["x" * 1000] * 20))
        with closing(await connected(world, receive_buffer=4096)) as deaf:
            loop = asyncio.get_running_loop()
            asking = head(world.emsp, "GET", world.url("locations", "SENDER"), CPO, EMSP) * 100
            sent = 0
            with pytest.raises((ConnectionError, TimeoutError)):  # noqa: PT012 it ends where the hub ends it
                async with asyncio.timeout(10):
                    while True:
                        await loop.sock_sendall(deaf, asking)
                        sent += 100
            assert await figure(world.hub.admin_url, "ocpi_hub_connections_dropped") == 1
            # What the buffers of the network hold (some MiB) was asked, and a few more; then no more.
            assert 0 < len(world.cpo.all("GET", "/sender/locations")) < max(1000, sent)
            await is_answered(world)


def reset(own: socket.socket) -> None:
    """End it as a crash does."""
    own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    own.close()


@pytest.mark.parametrize("end", [socket.socket.close, reset])
async def test_who_breaks_off_anywhere_harms_nobody(
    tmp_path: Path, end: Callable[[socket.socket], None], caplog: pytest.LogCaptureFixture
) -> None:
    """In the head, in the body, and while the answer is awaited; half a request is never handed on."""
    async with a_hub(tmp_path) as world:
        url = world.url("locations", "RECEIVER", f"/{CPO}/LOC1")
        body = b'{"id": "LOC1"}'
        more = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        request = head(world.cpo, "PUT", url, EMSP, CPO, more) + body
        released = asyncio.Event()

        async def slowly(_: Received) -> Reply:
            await released.wait()
            return Reply()

        world.emsp.answers("PUT", "/receiver/locations", slowly)
        loop = asyncio.get_running_loop()
        before = await figure(world.hub.admin_url, "ocpi_hub_connections")
        places = [*range(0, len(request), 40), len(request) - 1, len(request)]
        for place in places:
            own = await connected(world)
            await loop.sock_sendall(own, request[:place])
            if place == len(request):
                await world.emsp.receives("PUT", "/receiver/locations")
            end(own)
        await is_answered(world)
        released.set()
        assert await soon(
            lambda: figure(world.hub.admin_url, "ocpi_hub_connections"), lambda now: now <= before + 2
        )
        assert len(world.emsp.all("PUT", "/receiver/locations")) == 1
        assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_there_is_always_room_for_one_more(tmp_path: Path) -> None:
    """With as many connections as there may be, who has been idle longest makes room; who asks does not."""
    async with a_hub(tmp_path, connections=12) as world, AsyncExitStack() as stack:
        loop = asyncio.get_running_loop()
        released = asyncio.Event()

        async def slowly(_: Received) -> Reply:
            await released.wait()
            return Reply([])

        world.cpo.answers("GET", "/sender/tariffs", slowly)
        asks = stack.enter_context(closing(await connected(world)))
        await loop.sock_sendall(asks, head(world.emsp, "GET", world.url("tariffs", "SENDER"), CPO, EMSP))
        await world.cpo.receives("GET", "/sender/tariffs")
        idle = [stack.enter_context(closing(await connected(world))) for _ in range(30)]
        for each in idle[:18]:
            assert await is_let_go(each) == b""
        await is_answered(world)
        assert await figure(world.hub.admin_url, "ocpi_hub_connections") <= 12
        released.set()
        assert (await loop.sock_recv(asks, 12)) == b"HTTP/1.1 200"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A hub in a process of its own."""

    public_url: str
    admin_url: str
    data: Path
    program: Program

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.public_url)
        return str(parts.hostname), int(parts.port or 0)

    async def joined(self, partner: Recorder, name: str) -> None:
        key = (self.data / "admin.key").read_text().strip()
        invited = await asked(self.admin_url, "POST", "/admin/v1/platforms", {"name": name}, key=key)
        answer = await partner.register(f"{self.public_url}/ocpi/versions", invited.content["token"])
        assert answer.code == 1000, answer.body

    async def relays(self, sender: Recorder, receiver: Recorder) -> None:
        url = f"{self.public_url}/ocpi/2.2.1/receiver/locations/{CPO}/LOC1"
        before = len(receiver.all("PUT"))
        assert (await sender.call("PUT", url, LOCATION, to=EMSP, sender=CPO)).code == 1000
        assert len(receiver.all("PUT")) == before + 1

    async def connections(self) -> float:
        return await figure(self.admin_url, "ocpi_hub_connections")

    @property
    def memory(self) -> int:
        """What it holds of the machine's memory, in bytes."""
        pages = Path(f"/proc/{self.program.process.pid}/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize()


async def test_ten_thousand_idle_connections_are_borne(tmp_path: Path) -> None:
    """By a hub in a process of its own: it answers, each costs it a few KB, and nothing is left of them."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most[1], most[1]))
    program = await Program.start(tmp_path / "log", "tests.fixtures.hub_on_free_ports", str(tmp_path / "hub"))
    idle: list[socket.socket] = []
    try:
        said = await program.says(r"^Partners: (\S+)/ocpi/versions\s+Operators: (\S+)$")
        running = Elsewhere(said[1], said[2], tmp_path / "hub", program)
        async with (
            Recorder([("CPO", *CPO.split("/"))]) as cpo,
            Recorder([("EMSP", *EMSP.split("/"))]) as emsp,
        ):
            await running.joined(cpo, "cpo")
            await running.joined(emsp, "emsp")
            before = running.memory
            loop = asyncio.get_running_loop()
            async with asyncio.TaskGroup() as tasks:
                for _ in range(MANY // 250):
                    idle += [socket.socket() for _ in range(250)]
                    for own in idle[-250:]:
                        own.setblocking(False)  # noqa: FBT003 that is its name
                        tasks.create_task(loop.sock_connect(own, running.address))
                    await asyncio.sleep(0)
                    if len(idle) % 2500 == 0:
                        await running.relays(cpo, emsp)
            held = await soon(running.connections, lambda count: count >= MANY)
            assert held >= MANY
            each = (running.memory - before) / MANY
            for _ in range(20):
                async with asyncio.timeout(5):
                    await running.relays(cpo, emsp)
            assert each < 32_000, f"{each} bytes each"
            for own in idle:
                own.close()
            await soon(running.connections, lambda count: count < 50)
            await running.relays(cpo, emsp)
    finally:
        for own in idle:
            own.close()
        await program.end()
        resource.setrlimit(resource.RLIMIT_NOFILE, most)
