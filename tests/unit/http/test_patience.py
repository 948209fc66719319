"""How long the client waits, for a connection, the first byte, the whole; and callers that do not wait."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from hub.http.addresses import AddressInfo
from hub.http.client import HttpTransport, http_transport
from hub.http.upstream.deadline import Deadline
from hub.http.upstream.names import Resolve
from hub.ocpi.transport import HttpRequest, NoAnswerInTime, NotReached, UrlNotAllowed
from tests.fixtures.http_answers import WHOLE, head
from tests.fixtures.raw_server import OK, Talk, answers, raw_server
from tests.fixtures.waiting import until

SHORT, LONG = timedelta(seconds=0.05), timedelta(seconds=10)


@asynccontextmanager
async def a_client(
    *,
    connect: timedelta = LONG,
    first_byte: timedelta | None = None,
    resolve: Resolve | None = None,
    allow_private_networks: bool = True,
) -> AsyncIterator[HttpTransport]:
    more = {} if resolve is None else {"resolve": resolve}
    async with http_transport(
        connect=connect,
        largest_reply=10**6,
        first_byte=first_byte,
        allow_private_networks=allow_private_networks,
        **more,  # type: ignore[arg-type]
    ) as transport:
        yield transport


def full() -> tuple[socket.socket, list[socket.socket]]:
    """A port that nobody listens to any longer: its queue is full, and connecting to it takes for ever."""
    port = socket.create_server(("127.0.0.1", 0), backlog=0)
    waiting = []
    for _ in range(4):
        each = socket.socket()
        each.setblocking(False)  # noqa: FBT003 it is the standard library's
        each.connect_ex(port.getsockname())
        waiting.append(each)
    return port, waiting


async def test_a_connection_that_is_not_made_in_time_is_not_reached() -> None:
    port, waiting = full()
    try:
        async with a_client(connect=SHORT) as transport:
            with pytest.raises(NotReached, match="in time"):
                await transport.send(HttpRequest("GET", f"http://127.0.0.1:{port.getsockname()[1]}/"))
            assert not transport.connections
    finally:
        for each in (port, *waiting):
            each.close()


async def test_a_tls_handshake_that_hangs_is_not_reached() -> None:
    async def hangs(talk: Talk) -> None:
        await talk.hang()

    async with raw_server(hangs) as server, a_client(connect=SHORT) as transport:
        with pytest.raises(NotReached, match="in time"):
            await transport.send(HttpRequest("GET", server.url.replace("http:", "https:")))
        await until(lambda: not transport.connections)


async def drips(talk: Talk) -> None:
    """Answer a byte at a time, each in time, the whole never."""
    await talk.request()
    while True:
        await talk.say(b"H" if talk.number > 1 else b"\r\n")
        await asyncio.sleep(0.005)


async def says_100(talk: Talk) -> None:
    await talk.request()
    await talk.say(head(status="HTTP/1.1 100 Continue"))
    await talk.hang()


@pytest.mark.parametrize("behave", [drips, says_100])
async def test_an_answer_that_never_comes_to_its_end_is_not_waited_for(behave: object) -> None:
    async with raw_server(behave) as server, a_client() as transport:  # type: ignore[arg-type]
        with pytest.raises(NoAnswerInTime, match="not whole in time"):
            await transport.send(HttpRequest("GET", server.url, timeout=SHORT))
        await until(lambda: not transport.connections)


async def test_the_first_byte_has_a_time_of_its_own() -> None:
    async def slow(talk: Talk) -> None:
        await talk.request()
        if talk.number == 1:
            await talk.hang()
        await talk.say(WHOLE[:10])
        await asyncio.sleep(0.15)
        await talk.say(WHOLE[10:])

    async with raw_server(slow) as server, a_client(first_byte=timedelta(seconds=0.1)) as transport:
        with pytest.raises(NoAnswerInTime, match="no answer in time"):
            await transport.send(HttpRequest("GET", server.url, timeout=LONG))
        assert (await transport.send(HttpRequest("GET", server.url, timeout=LONG))).status == 200


async def test_a_request_that_is_not_read_is_given_up(transport: HttpTransport) -> None:
    async def deaf(talk: Talk) -> None:
        talk.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await talk.hang()

    async with raw_server(deaf) as server:
        with pytest.raises(NoAnswerInTime, match="could not be sent"):
            await transport.send(
                HttpRequest("PUT", server.url, body=b"x" * 2**24, timeout=timedelta(seconds=0.2))
            )
        await until(lambda: not transport.connections)


# Names.


def knows(*addresses: str) -> Resolve:
    def resolve(_host: str, port: int) -> Sequence[AddressInfo]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    return resolve


async def test_a_name_server_that_hangs_holds_up_nobody_else() -> None:
    answered = threading.Event()

    def hangs(host: str, port: int) -> Sequence[AddressInfo]:
        if host == "gone.example":
            answered.wait(10)
        return knows("127.0.0.1")(host, port)

    async with raw_server(answers(OK)) as server, a_client(connect=SHORT, resolve=hangs) as transport:
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(40):
                    group.create_task(is_not_reached(transport, f"http://gone.example:{server.port}/"))
                reply = await transport.send(HttpRequest("GET", f"http://here.example:{server.port}/"))
        finally:
            answered.set()
        assert reply.status == 200
        assert server.requests[0].split(b"\r\n")[1] == b"Host: here.example:%d" % server.port


async def is_not_reached(transport: HttpTransport, url: str) -> None:
    with pytest.raises(NotReached, match="in time"):
        await transport.send(HttpRequest("GET", url))


async def test_a_name_that_nobody_knows_is_not_reached() -> None:
    def nobody(_host: str, _port: int) -> Sequence[AddressInfo]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with a_client(resolve=nobody) as transport:
        for _ in range(2):
            with pytest.raises(NotReached, match=r"no address for cpo\.example: Name or service not known"):
                await transport.send(HttpRequest("GET", "http://cpo.example/"))


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..b"])
async def test_a_name_that_cannot_be_one_is_not_reached(transport: HttpTransport, host: str) -> None:
    with pytest.raises(NotReached, match="no address"):
        await transport.send(HttpRequest("GET", f"http://{host}/"))


async def test_each_address_of_a_name_is_tried() -> None:
    async with (
        raw_server(answers(OK)) as server,
        a_client(resolve=knows("127.0.0.2", "127.0.0.1")) as transport,
    ):
        assert (await transport.send(HttpRequest("GET", f"http://cpo.example:{server.port}/"))).status == 200


async def test_nobody_at_any_address_is_said_in_words() -> None:
    async with raw_server(answers(OK)) as server:
        pass
    async with a_client(resolve=knows("127.0.0.2", "127.0.0.1")) as transport:
        with pytest.raises(NotReached, match=r"no connection to http://cpo\.example:\d+: .*127\.0\.0\.1"):
            await transport.send(HttpRequest("GET", f"http://cpo.example:{server.port}/"))


@pytest.mark.parametrize("hidden", ["127.0.0.1", "10.0.0.1", "169.254.169.254"])
async def test_a_public_name_with_a_private_address_is_not_called(hidden: str) -> None:
    """What a name means is looked at when the connection is made, and that very address is called."""
    async with a_client(resolve=knows(hidden), allow_private_networks=False) as transport:
        with pytest.raises(UrlNotAllowed, match="not a public address"):
            await transport.send(HttpRequest("GET", "https://cpo.example/"))


# Callers that do not wait.


async def test_a_call_that_is_cancelled_closes_its_connection(transport: HttpTransport) -> None:
    """The answer that comes later must not be the answer to the next request."""

    async def behave(talk: Talk) -> None:
        await talk.request()
        if talk.number == 1:
            await talk.closed()
            return
        await answers(OK)(talk)

    async with raw_server(behave) as server:
        async with asyncio.TaskGroup() as group:
            call = group.create_task(transport.send(HttpRequest("GET", server.url)))
            await until(lambda: server.requests)
            call.cancel()
        await until(lambda: not server.open and not transport.connections)


async def test_a_call_that_is_cancelled_while_it_connects_leaves_nothing(transport: HttpTransport) -> None:
    async def hangs(talk: Talk) -> None:
        await talk.hang()

    async with raw_server(hangs) as server:
        async with asyncio.TaskGroup() as group:
            call = group.create_task(
                transport.send(HttpRequest("GET", server.url.replace("http:", "https:")))
            )
            await until(lambda: server.open)
            call.cancel()
        await until(lambda: not transport._pools)


async def test_a_call_that_is_cancelled_when_its_answer_is_whole_keeps_the_connection(
    transport: HttpTransport,
) -> None:
    async with raw_server(answers(OK)) as server:
        await transport.send(HttpRequest("GET", server.url))
        for step in range(12):
            async with asyncio.TaskGroup() as group:
                call = group.create_task(transport.send(HttpRequest("GET", server.url)))
                for _ in range(step):
                    await asyncio.sleep(0)
                call.cancel()
            # Whenever it was cancelled: the next one has an answer of its own.
            assert (await transport.send(HttpRequest("GET", server.url))).body == b"{}"
        assert transport.connections == 1


# The deadline itself.


async def test_a_deadline_that_moves_away_does_not_ring() -> None:
    rang: list[float] = []
    loop = asyncio.get_running_loop()
    deadline = Deadline(loop, lambda: rang.append(loop.time()))
    begun = loop.time()
    deadline.set(begun + 0.01)
    deadline.set(begun + 0.04)
    await until(lambda: rang)
    assert rang[0] >= begun + 0.039
    deadline.set(loop.time() + 10)
    deadline.set(loop.time() + 0.005)
    await until(lambda: len(rang) == 2)
    deadline.set(loop.time() + 0.005)
    deadline.clear()
    await asyncio.sleep(0.01)  # it would have rung by now
    deadline.set(loop.time() + 0.005)
    deadline.cancel()
    await asyncio.sleep(0.01)
    assert len(rang) == 2
