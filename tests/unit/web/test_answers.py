"""Answers on their way out: written at one go, or by aiohttp where something about the request is special."""

import asyncio
import re
from datetime import timedelta
from functools import partial

import pytest
from aiohttp import web

from hub.http.callers import Callers
from hub.http.protocol import Door, Protocol
from hub.ocpi.errors import OcpiError
from hub.ocpi.headers import Header, MessageIds, Routing
from hub.ocpi.message import Reply
from hub.ocpi.party import Party
from hub.settings import Limits
from hub.web.answer import Answer

IDS = MessageIds("a-request", "an-exchange")
ROUTING = Routing(Party("NL", "TNM"), Party("BE", "BEC"))
#: As nobody writes it in UTF-8.
NO_TEXT = b"caf\xe9".decode("utf-8", "surrogateescape")


def refused(_request: web.BaseRequest, error: OcpiError) -> web.Response:
    return web.Response(status=error.http_status)


async def said(reply: Reply, head: bytes) -> bytes:
    """What a caller gets who sends this head, without the time."""

    async def handle(_request: web.BaseRequest) -> web.Response:
        answer = Answer(reply)
        answer.ids = IDS
        return answer

    loop = asyncio.get_running_loop()
    callers = Callers(Limits(), loop)
    door = Door(refused, callers)
    make = partial(Protocol, web.Server(handle), door, loop=loop, longest_line=16_384)
    server = await loop.create_server(make, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        async with asyncio.timeout(timedelta(seconds=10).total_seconds()):
            writer.write(head)
            got = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"Content-Length: (\d+)\r\n", got)
            body = await reader.readexactly(int(length[1])) if length and head.startswith(b"GET") else b""
        return re.sub(rb"Date: [^\r]*\r\n", b"", got) + body
    finally:
        writer.close()
        server.close()
        callers.close()


@pytest.mark.parametrize("status", [200, 201, 404, 599])
@pytest.mark.parametrize(
    "headers",
    [(), (("Content-Type", "application/json; charset=utf-8"), ("Link", "<x>")), (("X-Limit", "5"),)],
)
async def test_an_answer_is_the_same_whoever_writes_it(status: int, headers: tuple[Header, ...]) -> None:
    reply = Reply(status, b'{"status_code":1000}', ROUTING, headers)
    plain = await said(reply, b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n")
    last = await said(reply, b"GET / HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n")
    assert plain == last.replace(b"Connection: close\r\n", b"")
    assert plain.endswith(reply.body)
    assert b"X-Request-ID: a-request\r\nX-Correlation-ID: an-exchange\r\n" in plain
    old = await said(reply, b"GET / HTTP/1.0\r\nHost: hub\r\nConnection: keep-alive\r\n\r\n")
    assert old == plain.replace(b"HTTP/1.1", b"HTTP/1.0", 1).replace(
        b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n", 1
    )


async def test_the_answer_to_a_head_has_no_body() -> None:
    reply = Reply(200, b'{"status_code":1000}', ROUTING)
    plain = await said(reply, b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n")
    assert await said(reply, b"HEAD / HTTP/1.1\r\nHost: hub\r\n\r\n") == plain.removesuffix(reply.body)


async def test_what_is_no_text_in_a_header_does_not_cost_the_answer() -> None:
    reply = Reply(200, b'{"status_code":1000}', ROUTING, (("Content-Language", NO_TEXT),))
    got = await said(reply, b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n")
    assert b"Content-Language: caf\r\n" in got
    assert got.endswith(reply.body)
