"""Connections are used again, and never for what would be lost or sent twice (design D2, decision 0038)."""

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from datetime import timedelta
from functools import partial

import pytest

from hub.http.client import HttpTransport, http_transport
from hub.http.upstream.bounds import CONNECTIONS, KEEP_ALIVE
from hub.http.upstream.keep_alive import kept_for
from hub.ocpi.transport import BrokenAnswer, HttpRequest, NoAnswerInTime, NotReached
from tests.fixtures.http_answers import head
from tests.fixtures.raw_server import OK, Behaviour, RawServer, Talk, answers, answers_and_closes, raw_server
from tests.fixtures.waiting import until

PATIENCE = timedelta(seconds=10)


def request(server: RawServer, method: str = "GET", body: bytes = b"") -> HttpRequest:
    return HttpRequest(method, f"{server.url}/x", body=body, timeout=PATIENCE)


def a_client(
    *, connections: int = CONNECTIONS, idle: timedelta = KEEP_ALIVE
) -> AbstractAsyncContextManager[HttpTransport]:
    return http_transport(
        connect=PATIENCE,
        largest_reply=10**6,
        allow_private_networks=True,
        connections=connections,
        idle=idle,
    )


async def test_requests_one_after_another_use_one_connection(transport: HttpTransport) -> None:
    async with raw_server(answers(OK)) as server:
        for method in ("GET", "PUT", "HEAD", "DELETE", "GET"):
            await transport.send(request(server, method, b"{}" if method == "PUT" else b""))
            if method == "HEAD":
                # An answer to it with a body, which this server sends, leaves the connection unusable.
                await until(lambda: not transport.connections)
        assert (server.made, len(server.requests)) == (2, 5)


async def test_requests_at_the_same_time_use_connections_of_their_own(transport: HttpTransport) -> None:
    async with raw_server(answers(OK)) as server:
        for _ in range(2):
            await asyncio.gather(*(transport.send(request(server)) for _ in range(5)))
        assert (server.made, len(server.requests)) == (5, 10)


async def test_the_connection_used_last_is_used_first(transport: HttpTransport) -> None:
    numbers: list[int] = []

    async def behave(talk: Talk) -> None:
        while True:
            await talk.request()
            numbers.append(talk.number)
            await talk.say(OK)

    async with raw_server(behave) as server:
        await asyncio.gather(*(transport.send(request(server)) for _ in range(3)))
        del numbers[:]
        for _ in range(4):
            await transport.send(request(server))
    assert len(set(numbers)) == 1


async def test_servers_have_pools_of_their_own(transport: HttpTransport) -> None:
    async with raw_server(answers(OK)) as one, raw_server(answers(OK)) as other:
        await transport.send(request(one))
        await transport.send(request(other))
        assert (one.made, other.made) == (1, 1)


async def test_a_pool_has_so_many_connections_and_who_comes_later_waits() -> None:
    go_on = asyncio.Event()

    async def behave(talk: Talk) -> None:
        while True:
            await talk.request()
            await go_on.wait()
            await talk.say(OK)

    async with (
        raw_server(behave) as server,
        a_client(connections=2) as transport,
        asyncio.TaskGroup() as group,
    ):
        calls = [group.create_task(transport.send(request(server))) for _ in range(6)]
        await until(lambda: len(server.requests) == 2)
        go_on.set()
        assert [(await call).status for call in calls] == [200] * 6
        assert (server.made, len(server.requests)) == (2, 6)


async def test_who_waits_for_its_turn_waits_no_longer_than_for_a_connection() -> None:
    async def behave(talk: Talk) -> None:
        await talk.request()
        await talk.hang()

    async with (
        raw_server(behave) as server,
        http_transport(
            connect=timedelta(seconds=0.05), largest_reply=100, allow_private_networks=True, connections=1
        ) as transport,
        asyncio.TaskGroup() as group,
    ):
        first = group.create_task(transport.send(request(server)))
        await until(lambda: server.requests)
        with pytest.raises(NotReached, match="in time"):
            await transport.send(request(server))
        first.cancel()
        assert len(server.requests) == 1


async def test_a_turn_that_is_given_up_is_somebody_elses() -> None:
    """Whether it is given up before it came or at the same moment."""
    go_on = asyncio.Event()

    async def behave(talk: Talk) -> None:
        while True:
            await talk.request()
            await go_on.wait()
            await talk.say(OK)

    for is_late in (False, True):
        go_on.clear()
        async with (
            raw_server(behave) as server,
            a_client(connections=1) as transport,
            asyncio.TaskGroup() as group,
        ):
            calls = [group.create_task(transport.send(request(server))) for _ in range(3)]
            await until(lambda server=server: server.requests)
            if is_late:
                calls[0].add_done_callback(lambda _, call=calls[1]: call.cancel())
            else:
                calls[1].cancel()
            go_on.set()
            assert (await calls[2]).status == 200
            assert calls[1].cancelled() or calls[1].done()


async def test_an_idle_connection_is_closed_after_a_while() -> None:
    async with (
        raw_server(answers(OK)) as server,
        a_client(idle=timedelta(seconds=0.03)) as transport,
    ):
        await asyncio.gather(*(transport.send(request(server)) for _ in range(3)))
        assert transport.connections == 3
        await until(lambda: not transport.connections and not server.open)


async def test_what_is_left_of_a_pool_is_nothing(transport: HttpTransport) -> None:
    """A hub that has called a thousand hosts does not remember them all."""
    async with raw_server(answers_and_closes(OK)) as server:
        await transport.send(request(server))
        await until(lambda: not transport._pools)


# Connections that are not what they were.


async def closes(talk: Talk) -> None:
    """Answer once, and close the idle connection."""
    await answers_and_closes(OK)(talk)


async def resets(talk: Talk) -> None:
    await closes(talk)
    talk.reset()


async def says_more(talk: Talk) -> None:
    await talk.request()
    await talk.say(OK)
    if talk.number == 1:
        await talk.say(b"HTTP/1.1 408 Too slow\r\nContent-Length: 0\r\n\r\n")
    await talk.request()
    await talk.say(OK)
    await talk.hang()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("behave", [closes, resets, says_more])
async def test_a_connection_that_ended_while_idle_is_not_used(
    transport: HttpTransport, behave: Behaviour, method: str
) -> None:
    async with raw_server(behave) as server:
        assert (await transport.send(request(server, method))).status == 200
        await until(lambda: not transport.connections)
        assert (await transport.send(request(server, method))).status == 200
        assert (server.made, len(server.requests)) == (2, 2)


@contextmanager
def in_a_thread(after: Callable[[socket.socket], object], requests: list[bytes]) -> Iterator[str]:
    """A server that answers one request on each connection, and then does this to it."""
    port = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                talk, _ = port.accept()
                requests.append(talk.recv(1000))
                talk.sendall(OK)
                after(talk)
                ended.append(talk)

    ended: list[socket.socket] = []
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port.getsockname()[1]}/"
    finally:
        port.shutdown(socket.SHUT_RDWR)
        port.close()
        thread.join()
        for talk in ended:
            talk.close()


def resetting(talk: socket.socket) -> None:
    talk.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    talk.close()


@pytest.mark.parametrize(
    "after", [socket.socket.close, resetting, lambda talk: talk.sendall(b"HTTP/1.1 408 X\r\n\r\n")]
)
async def test_not_even_if_the_loop_was_busy_and_has_not_seen_it_yet(
    transport: HttpTransport, after: Callable[[socket.socket], object]
) -> None:
    """The socket is looked at before it is used: a POST would be lost, and could not be repeated."""
    requests: list[bytes] = []
    with in_a_thread(after, requests) as url:
        for _ in range(2):
            assert (await transport.send(HttpRequest("POST", url, timeout=PATIENCE))).status == 200
            # Nothing else runs now: what the server does meanwhile waits in the socket.
            time.sleep(0.03)  # noqa: ASYNC251 the loop is meant to be blocked
    assert [each.split(b" ")[0] for each in requests] == [b"POST"] * 2


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("how", ["closed", "reset"])
async def test_what_was_written_is_never_sent_twice(transport: HttpTransport, method: str, how: str) -> None:
    """Closed without a word after the request came: it may have been done, and nobody can know (D2)."""

    async def behave(talk: Talk) -> None:
        await talk.request()
        if talk.number == 1:
            await talk.say(OK)
            await talk.request()
        if how == "reset":
            talk.reset()

    async with raw_server(behave) as server:
        await transport.send(request(server))
        with pytest.raises(BrokenAnswer):
            await transport.send(request(server, method))
        assert (server.made, len(server.requests)) == (1, 2)


async def test_a_connection_that_is_half_open_fails_one_request_and_is_never_used_again() -> None:
    """The machine at its other end is gone, and nothing says so; what was written is not sent elsewhere."""
    gone: set[int] = set()

    async def serves_until_gone(talk: Talk) -> None:
        while True:
            await talk.request()
            if talk.number in gone:
                await talk.hang()
            await talk.say(OK)

    async with raw_server(serves_until_gone) as server, a_client() as transport:

        def is_left(count: int) -> bool:
            return transport.connections == count

        await asyncio.gather(*(transport.send(request(server)) for _ in range(3)))
        assert server.made == transport.connections == 3
        gone |= {1, 2, 3}
        for left in (2, 1, 0):
            with pytest.raises(NoAnswerInTime):
                await transport.send(HttpRequest("GET", f"{server.url}/x", timeout=timedelta(seconds=0.05)))
            await until(partial(is_left, left))
        assert (await transport.send(request(server))).status == 200
        assert (server.made, len(server.requests)) == (4, 7)


async def test_a_server_that_keeps_connections_shorter_is_believed() -> None:
    answer = head("Keep-Alive: timeout=1, max=100", "Content-Length: 0")
    async with (
        raw_server(answers(answer)) as server,
        a_client(idle=timedelta(seconds=60)) as transport,
    ):
        for _ in range(2):
            await transport.send(request(server))
        assert server.made == 2


@pytest.mark.parametrize(
    ("said", "kept"),
    [(b"timeout=5", 4.0), (b"max=100, timeout=5", 4.0), (b"Timeout=1", 0.0), (b"timeout=0", 0.0),
     (b"timeout=60", 15.0), (b"timeout=99999999999", 15.0), (b"timeout=soon", 15.0), (b"xtimeout=5", 15.0),
     (b"", 15.0)],
)  # fmt: skip
def test_how_long_a_server_keeps_connections_is_read_from_its_header(said: bytes, kept: float) -> None:
    assert kept_for([(b"Server", b"timeout=2"), (b"keep-Alive", said)], 15.0) == kept
    assert kept_for([(b"Server", b"timeout=2")], 15.0) == 15.0


# The end.


async def test_what_is_under_way_when_the_client_closes_fails_and_nothing_is_left() -> None:
    async def behave(talk: Talk) -> None:
        if talk.number == 1:
            await answers(OK)(talk)
        await talk.request()
        await talk.hang()

    async with raw_server(behave) as server:
        async with asyncio.TaskGroup() as group:
            async with a_client(connections=2) as transport:
                await transport.send(request(server))
                calls = [group.create_task(failure(transport, server)) for _ in range(4)]
                await until(lambda: len(server.requests) > 2)
            assert not transport.connections
        assert {type(await call) for call in calls} <= {BrokenAnswer, NotReached, type(None)}
        await until(lambda: not server.open or server.open.keys() == {2})
        with pytest.raises(NotReached):
            await transport.send(request(server))


async def failure(transport: HttpTransport, server: RawServer) -> Exception | None:
    try:
        await transport.send(request(server))
    except (BrokenAnswer, NotReached) as error:
        return error
    return None
