"""What is sent within a turn goes out at its end, in order, and only if it is still wanted."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from hub.http.together import Together
from hub.http.upstream.bounds import Bounds
from hub.http.upstream.collected import CollectedAnswer
from hub.http.upstream.connection import Connection
from hub.ocpi.transport import NotReached

PATIENCE = 5.0
HEAD = b"GET / HTTP/1.1\r\nHost: platform\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
BOUNDS = Bounds(connect=timedelta(seconds=1), largest_body=1000, largest_head=1000, first_byte=None)


class Names:
    """Senders that write their names down."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def one(self, name: str) -> "Named":
        return Named(self, name)


class Named:
    def __init__(self, names: Names, name: str) -> None:
        self.names, self.name = names, name

    def send(self) -> None:
        self.names.sent.append(self.name)


async def test_what_came_up_in_one_turn_is_sent_in_its_order_after_it() -> None:
    names, together = Names(), Together(asyncio.get_running_loop())
    for name in "abc":
        together.later(names.one(name))
    assert names.sent == []
    await asyncio.sleep(0)
    assert names.sent == ["a", "b", "c"]


async def test_what_comes_up_while_others_send_goes_out_with_the_next_turn() -> None:
    names, together = Names(), Together(asyncio.get_running_loop())

    class Late(Named):
        def send(self) -> None:
            super().send()
            together.later(names.one("later"))

    together.later(Late(names, "first"))
    together.later(names.one("second"))
    await asyncio.sleep(0)
    assert names.sent == ["first", "second"]
    await asyncio.sleep(0)
    assert names.sent == ["first", "second", "later"]


class Platform:
    """Hears what is said on its only connection."""

    def __init__(self) -> None:
        self.heard = b""
        self.writer: asyncio.StreamWriter | None = None
        self.is_over = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        while data := await reader.read(1000):
            self.heard += data
            writer.write(ANSWER)
        self.is_over.set()
        writer.close()


class Owner:
    """Of one connection."""

    def __init__(self) -> None:
        self.is_free = False

    def released(self, connection: Connection) -> None:
        del connection
        self.is_free = True

    def lost(self, connection: Connection) -> None:
        del connection


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
async def connection(platform: Platform) -> AsyncIterator[Connection]:
    loop = asyncio.get_running_loop()
    made = Connection(Owner(), BOUNDS, loop, Together(loop))
    async with await asyncio.start_server(platform.serve, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        await loop.create_connection(lambda: made, host, port)  # type: ignore[type-var]  # a protocol in all but its base class
        yield made
        made.close()
        async with asyncio.timeout(PATIENCE):
            await made.gone


def asked(connection: Connection, *, seconds: float = PATIENCE) -> CollectedAnswer:
    loop = asyncio.get_running_loop()
    answer = CollectedAnswer(loop.create_future(), 1000)
    connection.ask(HEAD, answer, whole_by=loop.time() + seconds)
    return answer


async def test_a_request_goes_out_at_the_end_of_the_turn(connection: Connection, platform: Platform) -> None:
    answer = asked(connection)
    async with asyncio.timeout(PATIENCE):
        await answer.done
    assert answer.reply().body == b"{}"
    assert platform.heard == HEAD


async def test_a_request_that_nobody_waits_for_any_more_is_not_sent(
    connection: Connection, platform: Platform
) -> None:
    answer = asked(connection)
    connection.abandon(answer)
    async with asyncio.timeout(PATIENCE):
        await connection.gone
        await platform.is_over.wait()
    assert platform.heard == b""


async def test_a_request_whose_time_was_over_before_the_end_of_the_turn_is_not_sent(
    connection: Connection, platform: Platform
) -> None:
    """A process that slept: another one may have said it meanwhile."""
    answer = asked(connection, seconds=0.01)
    over = time.monotonic() + 0.01
    while time.monotonic() <= over:
        pass
    with pytest.raises(NotReached):
        async with asyncio.timeout(PATIENCE):
            await answer.done
    async with asyncio.timeout(PATIENCE):
        await platform.is_over.wait()
    assert platform.heard == b""
