"""Every answer of the table over real sockets, whole and in pieces, on both event loops."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import uvloop

from hub.http.client import HttpTransport, http_transport
from hub.ocpi.transport import BrokenAnswer, HttpRequest, NoAnswerInTime
from tests.fixtures.http_answers import (
    ANSWERS,
    BROKEN,
    LARGEST_BODY,
    LARGEST_HEAD,
    WHOLE,
    Answer,
    Broken,
    head,
)
from tests.fixtures.raw_server import RawServer, Talk, raw_server
from tests.fixtures.waiting import until

Run = Callable[[Coroutine[Any, Any, None]], None]
PATIENCE = timedelta(seconds=10)
LOOPS: dict[str, Run] = {"asyncio": asyncio.run, "uvloop": uvloop.run}


@asynccontextmanager
async def client() -> AsyncIterator[HttpTransport]:
    async with http_transport(
        connect=PATIENCE, largest_reply=LARGEST_BODY, largest_head=LARGEST_HEAD, allow_private_networks=True
    ) as made:
        yield made


def cut(wire: bytes, at: int) -> list[bytes]:
    return [piece for piece in (wire[:at], wire[at:]) if piece]


async def behave(talk: Talk) -> None:
    """Answer with what the URL says: which answer, cut where."""
    while True:
        _, kind, number, at = (await talk.request()).split(b" ")[1].decode().split("/")
        each = (ANSWERS if kind == "answer" else BROKEN)[int(number)]
        await talk.say(*cut(each.wire, int(at)))
        if each.closes:
            return


def places(wire: bytes) -> range:
    """Where it is cut: everywhere, but not at each of a thousand bytes alike."""
    return range(0, len(wire) + 1, 1 if len(wire) < 300 else 37)


@pytest.mark.parametrize("run", LOOPS.values(), ids=LOOPS)
def test_every_answer_is_read_however_the_network_cuts_it(run: Run) -> None:
    async def main() -> None:
        async with raw_server(behave) as server, client() as transport:
            for number, answer in enumerate(ANSWERS):
                await reads(transport, server, number, answer)

    async def reads(transport: HttpTransport, server: RawServer, number: int, answer: Answer) -> None:
        for at in places(answer.wire):
            request = HttpRequest(answer.method, f"{server.url}/answer/{number}/{at}", timeout=PATIENCE)
            reply = await transport.send(request)
            assert (reply.status, reply.body) == (answer.status, answer.body), (answer.name, at)
            assert all(value == value.strip() for _, value in reply.headers)
            if not answer.reused:
                await until(lambda: transport.connections == 0)

    run(main())


@pytest.mark.parametrize("run", LOOPS.values(), ids=LOOPS)
def test_what_is_no_answer_is_broken_and_its_connection_is_closed(run: Run) -> None:
    async def main() -> None:
        async with raw_server(behave) as server, client() as transport:
            for number, broken in enumerate(BROKEN):
                await breaks(transport, server, number, broken)

    async def breaks(transport: HttpTransport, server: RawServer, number: int, broken: Broken) -> None:
        for at in {0, 1, 9, 17, len(broken.wire) // 2, max(len(broken.wire) - 1, 0)}:
            request = HttpRequest(broken.method, f"{server.url}/broken/{number}/{at}", timeout=PATIENCE)
            with pytest.raises(BrokenAnswer, match=broken.words):
                await transport.send(request)
            await until(lambda: transport.connections == 0)

    run(main())


async def test_a_body_that_stops_half_way_is_waited_for_and_no_longer(transport: HttpTransport) -> None:
    async def stops(talk: Talk) -> None:
        await talk.request()
        await talk.say(WHOLE[:-1])
        await talk.hang()

    async with raw_server(stops) as server:
        with pytest.raises(NoAnswerInTime, match="not whole in time"):
            await transport.send(HttpRequest("GET", server.url, timeout=timedelta(seconds=0.05)))
        await until(lambda: not transport.connections)


async def test_a_reset_within_the_body_is_a_broken_answer(transport: HttpTransport) -> None:
    """A body that ends with the connection would otherwise be taken for whole."""

    async def resets(talk: Talk) -> None:
        await talk.request()
        await talk.say(head(), b"{}")
        talk.reset()

    async with raw_server(resets) as server:
        with pytest.raises(BrokenAnswer):
            await transport.send(HttpRequest("GET", server.url, timeout=PATIENCE))
