"""A connection byte by byte: what goes the fast path, what goes to aiohttp, in which order it is answered."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import pytest
from aiohttp import web

from hub.http.callers import Callers
from hub.http.protocol import Door, Protocol
from hub.ocpi.errors import OcpiError
from hub.settings import Limits
from hub.web.fast.crossing import Asker
from hub.web.fast.entrance import HIGH_WATER, LARGEST_BODY, LARGEST_HEAD
from hub.web.fast.entrances import Entrances
from hub.web.fast.heads import Head

PATIENCE = 10
FAST = b"GET /fast/%d HTTP/1.1\r\nHost: hub\r\n\r\n"
ORDINARY = b"GET /ordinary/%d HTTP/1.1\r\nHost: hub\r\n\r\n"
PUT = b"PUT /fast/1 HTTP/1.1\r\nHost: hub\r\nContent-Length: 5\r\n\r\nhello"
BOTH = ["fast /fast/1", "ordinary /ordinary/end"]
LARGE = b"x" * (LARGEST_BODY + 1)
END = b"GET /ordinary/end HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n"


@dataclass
class Path:
    """A fast path that takes what is for `/fast`, and a handler that gets the rest."""

    port: int = 0
    taken: list[tuple[str, bytes]] = field(default_factory=list)
    handled: list[tuple[str, bytes]] = field(default_factory=list)
    #: Those that wait for their answers, unless they get them at once.
    asking: list[Asker] = field(default_factory=list)
    answers_at_once: bool = True
    answer_size: int = 0

    def take(self, head: Head, body: bytes, asker: Asker) -> bool:
        if not head.target.startswith("/fast"):
            return False
        self.taken.append((f"{head.method} {head.target}", body))
        if self.answers_at_once:
            asker.answered(self.answer(head.target))
        else:
            self.asking.append(asker)
        return True

    def answer(self, target: str) -> bytes:
        body = f"fast {target};".encode() + b"x" * self.answer_size
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    async def handle(self, request: web.BaseRequest) -> web.Response:
        self.handled.append((f"{request.method} {request.raw_path}", await request.read()))
        return web.Response(text=f"ordinary {request.raw_path};")


def refused(_request: web.BaseRequest, error: OcpiError) -> web.Response:
    return web.Response(status=error.http_status, text="refused;")


@asynccontextmanager
async def served(path: Path) -> AsyncIterator[Entrances]:
    loop = asyncio.get_running_loop()
    callers = Callers(Limits(), loop)
    behind = partial(
        Protocol, web.Server(path.handle), Door(refused, callers), loop=loop, longest_line=16_384
    )
    entrances = Entrances(path.take, callers)
    server = await loop.create_server(entrances.maker(behind), "127.0.0.1", 0)
    path.port = server.sockets[0].getsockname()[1]
    try:
        yield entrances
    finally:
        server.close()
        await entrances.drain(timedelta(seconds=1))
        callers.close()


async def said(path: Path, *pieces: bytes) -> list[str]:
    """What is said in these pieces; the texts that came back until the connection was closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", path.port)
    try:
        async with asyncio.timeout(PATIENCE):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            return texts(await reader.read())
    finally:
        writer.close()


def texts(data: bytes) -> list[str]:
    return re.findall(r"((?:fast|ordinary) /[^;]*);", data.decode())


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not is_so():  # noqa: ASYNC110 it comes by itself
            await asyncio.sleep(0.002)


async def test_a_request_cut_at_any_byte_is_the_same_request() -> None:
    path = Path()
    async with served(path):
        for place in range(1, len(PUT)):
            assert await said(path, PUT[:place], PUT[place:] + END) == [
                "fast /fast/1",
                "ordinary /ordinary/end",
            ]
        assert await said(path, *(bytes([each]) for each in PUT + END)) == [
            "fast /fast/1",
            "ordinary /ordinary/end",
        ]
    assert path.taken == [("PUT /fast/1", b"hello")] * len(PUT)
    assert path.handled == [("GET /ordinary/end", b"")] * len(PUT)


@pytest.mark.parametrize("is_at_once", [True, False])
async def test_answers_come_in_the_order_of_the_requests_whichever_way_they_go(*, is_at_once: bool) -> None:
    path = Path()
    requests = [FAST % 1, FAST % 2, ORDINARY % 3, FAST % 4, ORDINARY % 5, END]
    async with served(path):
        pieces = [b"".join(requests)] if is_at_once else requests
        found = await said(path, *pieces)
    assert [each.rpartition("/")[2] for each in found] == ["1", "2", "3", "4", "5", "end"]


async def test_after_an_ordinary_answer_the_connection_goes_the_fast_path_again() -> None:
    path = Path()
    async with served(path):
        reader, writer = await asyncio.open_connection("127.0.0.1", path.port)
        for number in range(3):
            for request, text in ((FAST, b"fast /fast/%d;"), (ORDINARY, b"ordinary /ordinary/%d;")):
                writer.write(request % number)
                async with asyncio.timeout(PATIENCE):
                    await reader.readuntil(text % number)
                # The handler has written, and is about to wait for more.
                await asyncio.sleep(0.01)
        writer.close()
    assert len(path.taken) == len(path.handled) == 3


@pytest.mark.parametrize(
    ("more", "handled"),
    [
        (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n", []),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", [b"hello"]),
        (b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", []),
        (b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello", [b"hello"]),
        (b"Content-Length: 0\r\nHost: other\r\n\r\n", None),
        (b"X: " + b"x" * LARGEST_HEAD + b"\r\n\r\n", None),
        (
            b"Content-Length: %d\r\n\r\n" % (LARGEST_BODY + 1) + b"x" * (LARGEST_BODY + 1),
            [b"x" * (LARGEST_BODY + 1)],
        ),
        (b"Upgrade: h2c\r\nConnection: upgrade\r\n\r\n", None),
        (b"Connection: close\r\n\r\n", [b""]),
        (b" folded: no\r\n\r\n", []),
    ],
)
async def test_what_is_not_plain_is_for_aiohttp_as_it_came(more: bytes, handled: list[bytes] | None) -> None:
    path = Path()
    async with served(path):
        reader, writer = await asyncio.open_connection("127.0.0.1", path.port)
        writer.write(b"PUT /fast/1 HTTP/1.1\r\nHost: hub\r\n" + more)
        async with asyncio.timeout(PATIENCE):
            assert await reader.read(1)
        writer.close()
    assert path.taken == []
    if handled is not None:
        await until(lambda: [body for _, body in path.handled] == handled)


async def test_a_body_that_does_not_come_soon_is_awaited_by_aiohttp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.web.fast.entrance.SOON", 0.02)
    path = Path()
    async with served(path):
        reader, writer = await asyncio.open_connection("127.0.0.1", path.port)
        writer.write(PUT[:-1])
        await asyncio.sleep(0.1)
        writer.write(PUT[-1:])
        async with asyncio.timeout(PATIENCE):
            await reader.readuntil(b"ordinary /fast/1;")
        writer.close()
    assert (path.taken, path.handled) == ([], [("PUT /fast/1", b"hello")])


async def test_no_more_is_read_from_who_asks_faster_than_it_is_answered() -> None:
    path = Path(answers_at_once=False)
    async with served(path) as entrances:
        _, writer = await asyncio.open_connection("127.0.0.1", path.port)
        many = (FAST % 1) * 100_000
        writer.write(many)
        await until(lambda: len(path.asking) == 1)
        await asyncio.sleep(0.1)
        (entrance,) = entrances._open
        assert HIGH_WATER < len(entrance._waiting) < len(many) / 2
        assert len(path.taken) == 1
        writer.transport.abort()


async def test_who_does_not_read_its_answers_gets_no_more_of_them() -> None:
    path = Path(answer_size=1_000_000)
    async with served(path):
        reader, writer = await asyncio.open_connection("127.0.0.1", path.port, limit=1000)
        writer.write((FAST % 1) * 100)
        await asyncio.sleep(0.2)
        assert 0 < len(path.taken) < 50
        async with asyncio.timeout(PATIENCE):
            while len(path.taken) < 100:
                await reader.read(1_000_000)
        writer.transport.abort()


async def test_who_is_gone_is_not_answered_and_harms_nobody() -> None:
    path = Path(answers_at_once=False)
    async with served(path) as entrances:
        _, writer = await asyncio.open_connection("127.0.0.1", path.port)
        writer.write(FAST % 1)
        await until(lambda: bool(path.asking))
        writer.transport.abort()
        await until(lambda: not entrances._open)
        path.asking[0].answered(path.answer("/fast/1"))


async def test_a_hub_that_stops_answers_what_is_under_way_and_takes_nothing_more() -> None:
    path = Path(answers_at_once=False)
    async with served(path) as entrances:
        idle, other = await asyncio.open_connection("127.0.0.1", path.port)
        reader, writer = await asyncio.open_connection("127.0.0.1", path.port)
        writer.write(FAST % 1 + FAST % 2)
        await until(lambda: bool(path.asking))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(entrances.drain(timedelta(seconds=PATIENCE)))
            async with asyncio.timeout(PATIENCE):
                assert await idle.read() == b""
                path.asking[0].answered(path.answer("/fast/1"))
                assert texts(await reader.read()) == ["fast /fast/1"]
        for each in (writer, other):
            each.close()
    assert len(path.taken) == 1


async def test_who_is_not_answered_in_time_when_the_hub_stops_is_let_go() -> None:
    path = Path(answers_at_once=False)
    async with served(path) as entrances:
        reader, writer = await asyncio.open_connection("127.0.0.1", path.port)
        writer.write(FAST % 1)
        await until(lambda: bool(path.asking))
        await entrances.drain(timedelta(milliseconds=20))
        with suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE):
                assert await reader.read() == b""
        writer.close()
