"""Bodies that are larger than what is held: both ways, as fast as the slower side takes them."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest

from hub.http.client import HttpTransport, http_transport
from hub.http.upstream.body_source import WholeBody
from hub.http.upstream.collected import CollectedAnswer
from hub.http.upstream.connection import Connection
from hub.ocpi.transport import BrokenAnswer, HttpRequest, NoAnswerInTime, NotReached
from tests.fixtures.http_answers import WHOLE, head
from tests.fixtures.raw_server import OK, Talk, answers, raw_server
from tests.fixtures.waiting import until

LARGE = 40_000_000
LONG = timedelta(seconds=30)


@pytest.fixture
async def wide() -> AsyncIterator[HttpTransport]:
    """A client that takes large answers."""
    async with http_transport(connect=LONG, largest_reply=LARGE, allow_private_networks=True) as made:
        yield made


async def test_an_answer_is_given_out_in_pieces(wide: HttpTransport) -> None:
    async def behave(talk: Talk) -> None:
        await talk.request()
        await talk.say(head("X: y", "Content-Length: 300000"), b"a" * 100_000, b"b" * 100_000, b"c" * 100_000)
        await answers(OK)(talk)

    async with raw_server(behave) as server:
        async with wide.open(HttpRequest("GET", server.url)) as answer:
            assert (answer.status, answer.headers[0]) == (200, ("X", "y"))
            pieces = [piece async for piece in answer]
        assert b"".join(pieces) == b"a" * 100_000 + b"b" * 100_000 + b"c" * 100_000
        # It was taken whole: its connection is used again.
        assert (await wide.send(HttpRequest("GET", server.url))).status == 200
        assert server.made == 1


async def test_what_is_not_taken_is_not_read(wide: HttpTransport) -> None:
    """The platform is held up, and the hub's memory is not filled; and it goes on where it stopped."""
    sent = 0

    async def behave(talk: Talk) -> None:
        nonlocal sent
        await talk.request()
        await talk.say(head(f"Content-Length: {LARGE}"))
        while sent < LARGE:
            talk.writer.write(b"x" * 100_000)
            sent += 100_000
            await talk.writer.drain()
        await answers(OK)(talk)

    async with raw_server(behave) as server:
        async with wide.open(HttpRequest("GET", server.url, timeout=LONG)) as answer:
            before = -1
            while sent != before:
                before = sent
                await asyncio.sleep(0.05)  # whether nothing more is sent can only be seen by waiting
            # What the kernel holds on both sides, and little of our own.
            assert sent < LARGE / 2
            assert answer._waiting_bytes < 1_000_000
            assert sum([len(piece) async for piece in answer]) == LARGE
        assert (await wide.send(HttpRequest("GET", server.url))).status == 200
        assert server.made == 1


async def test_what_is_not_wanted_to_its_end_costs_the_connection(wide: HttpTransport) -> None:
    async def behave(talk: Talk) -> None:
        await talk.request()
        await talk.say(head("Content-Length: 100"), b"x" * 50)
        await talk.closed()

    async with raw_server(behave) as server:
        async with wide.open(HttpRequest("GET", server.url)) as answer:
            async for piece in answer:
                assert piece
                break
        await until(lambda: not wide.connections and not server.open)


async def test_a_stream_that_breaks_off_says_so_after_what_came(wide: HttpTransport) -> None:
    async def behave(talk: Talk) -> None:
        await talk.request()
        await talk.say(head("Content-Length: 100"), b"x" * 50)

    async with raw_server(behave) as server, wide.open(HttpRequest("GET", server.url)) as answer:
        pieces = aiter(answer)
        assert await anext(pieces) == b"x" * 50
        with pytest.raises(BrokenAnswer):
            await anext(pieces)


async def test_a_stream_that_hangs_is_given_up(wide: HttpTransport) -> None:
    async def behave(talk: Talk) -> None:
        await talk.request()
        await talk.say(head("Content-Length: 100"), b"x" * 50)
        await talk.hang()

    async with raw_server(behave) as server:
        with pytest.raises(NoAnswerInTime):
            async with wide.open(HttpRequest("GET", server.url, timeout=timedelta(seconds=0.05))) as answer:
                _ = [piece async for piece in answer]
        with pytest.raises(NotReached):
            async with wide.open(HttpRequest("GET", "http://127.0.0.1:1/")) as answer:
                pass


async def test_a_large_request_is_written_as_fast_as_it_is_read(wide: HttpTransport) -> None:
    go_on = asyncio.Event()

    async def behave(talk: Talk) -> None:
        await talk.head()
        await go_on.wait()
        await talk.reader.readexactly(LARGE)
        await talk.say(OK)
        await answers(OK)(talk)

    async with raw_server(behave) as server, asyncio.TaskGroup() as group:
        call = group.create_task(wide.send(HttpRequest("PUT", server.url, body=b"x" * LARGE, timeout=LONG)))
        await until(lambda: server.requests)
        (connection,) = next(iter(wide._pools.values()))._connections
        await until(lambda: connection._is_full)
        # What waits is a piece or two, and not the whole of it once more.
        assert connection._waiting_to_be_sent() <= 4 * WholeBody.PIECE
        go_on.set()
        assert (await call).status == 200
        assert (await wide.send(HttpRequest("GET", server.url))).status == 200
        assert server.made == 1


async def test_an_answer_before_the_request_is_sent_is_the_answer(wide: HttpTransport) -> None:
    """An early refusal is handed on, and the connection, on which half a request lies, is closed."""

    async def behave(talk: Talk) -> None:
        await talk.head()
        await talk.say(head("Content-Length: 2", status="HTTP/1.1 413 Too large") + b"{}")
        await talk.hang()

    async with raw_server(behave) as server:
        reply = await wide.send(HttpRequest("PUT", server.url, body=b"x" * LARGE, timeout=LONG))
        assert (reply.status, reply.body) == (413, b"{}")
        await until(lambda: not wide.connections)


class Steps:
    """A source that writes when it is told to by the test, as the far end of a relay does."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.told: list[str] = []

    def resume(self) -> None:
        self.told.append("resume")

    def pause(self) -> None:
        self.told.append("pause")


async def test_a_request_can_be_written_piece_by_piece_without_a_task(wide: HttpTransport) -> None:
    async def behave(talk: Talk) -> None:
        await talk.head()
        await talk.say(head(status="HTTP/1.1 100 Continue"))
        await talk.reader.readexactly(LARGE)
        await talk.say(OK)
        await talk.hang()

    loop = asyncio.get_running_loop()
    async with raw_server(behave) as server:
        pool, _ = wide.pool(server.url)
        connection = await pool.connection(loop.time() + 5)
        answer, source = CollectedAnswer(loop.create_future(), 100), Steps(connection)
        text = b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % LARGE
        connection.ask(text, answer, whole_by=loop.time() + 10, source=source)
        connection.write(b"x" * (LARGE - 1))
        assert source.told == ["resume", "pause"]
        assert not connection.takes_more
        await until(lambda: source.told[-1] == "resume")
        assert connection.takes_more
        connection.write(b"x")
        connection.finish()
        await answer.done
        assert (answer.reply().body, wide.connections, pool.idle) == (b"{}", 1, 1)
        # It is somebody else's now.
        connection.write(b"garbage")
        assert not connection.takes_more


async def test_a_connection_that_is_gone_says_that_nothing_was_sent(wide: HttpTransport) -> None:
    loop = asyncio.get_running_loop()
    async with raw_server(answers(OK)) as server:
        connection = await wide.pool(server.url)[0].connection(loop.time() + 5)
        connection.close()
        answer = CollectedAnswer(loop.create_future(), 100)
        connection.ask(b"GET / HTTP/1.1\r\n\r\n", answer, whole_by=loop.time() + 5)
        with pytest.raises(NotReached):
            await answer.done


async def test_whoever_has_slept_until_the_time_was_over_sends_nothing(wide: HttpTransport) -> None:
    """Between the decision to send and sending a process may be paused for a long time (decision 0047)."""
    loop = asyncio.get_running_loop()
    async with raw_server(answers(OK)) as server:
        pool, _ = wide.pool(server.url)
        connection = await pool.connection(loop.time() + 5)
        late, answer = (CollectedAnswer(loop.create_future(), 100) for _ in range(2))
        connection.ask(b"GET /late HTTP/1.1\r\n\r\n", late, whole_by=loop.time() - 1)
        with pytest.raises(NotReached):
            await late.done
        # The connection is as good as before.
        assert pool.idle == 1
        connection.ask(b"GET /in-time HTTP/1.1\r\n\r\n", answer, whole_by=loop.time() + 5)
        await answer.done
        assert answer.reply().status == 200


# Content codings that nobody asked for.


def raw_deflate(body: bytes) -> bytes:
    packing = zlib.compressobj(wbits=zlib.MAX_WBITS)
    return packing.compress(body) + packing.flush()


@pytest.mark.parametrize(
    ("coding", "pack"),
    [("gzip", gzip.compress), ("X-GZIP", gzip.compress), ("deflate", raw_deflate), ("identity", bytes)],
)
async def test_a_coding_that_nobody_asked_for_is_undone(
    wide: HttpTransport, coding: str, pack: Callable[[bytes], bytes]
) -> None:
    packed = pack(b'{"a":1}' * 1000)
    answer = head(f"Content-Encoding: {coding}", f"Content-Length: {len(packed)}") + packed
    async with raw_server(answers(answer)) as server:
        assert (await wide.send(HttpRequest("GET", server.url))).body == b'{"a":1}' * 1000


@pytest.mark.parametrize(
    ("coding", "body"),
    [("br", b"abc"), ("gzip, gzip", b"abc"), ("gzip", b"abc"), ("gzip", gzip.compress(b"abc" * 99)[:-9]),
     ("gzip", gzip.compress(bytes(2000)))],
    ids=["not known", "twice", "not so", "not whole", "too large"],  # a gzip has the time in it
)  # fmt: skip
async def test_a_coding_that_is_not_what_it_says_is_a_broken_answer(
    transport: HttpTransport, coding: str, body: bytes
) -> None:
    """Nor may a small answer become a large one: this client takes a thousand bytes."""
    answer = head(f"Content-Encoding: {coding}", f"Content-Length: {len(body)}") + body
    async with raw_server(answers(answer)) as server:
        with pytest.raises(BrokenAnswer):
            await transport.send(HttpRequest("GET", server.url))
        assert WHOLE not in server.requests
