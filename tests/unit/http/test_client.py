"""The HTTP client against servers that misbehave (RT-15, RT-16; design D10)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from hub.http.addresses import check_public
from hub.http.client import HttpTransport, http_transport
from hub.ocpi.transport import (
    BrokenAnswer,
    CallFailed,
    HttpRequest,
    NoAnswerInTime,
    NotReached,
    UrlNotAllowed,
)

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]
LARGEST = 1000


@asynccontextmanager
async def server(behave: Behaviour) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server on loopback that reads a request's head, remembers it, and behaves as told."""
    heads: list[bytes] = []
    # Held here: a server that hangs for ever would be collected, with a warning, in some other test.
    handlers: set[asyncio.Task[None] | None] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.add(asyncio.current_task())
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                heads.append(head)
                await behave(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    running = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with running:
        try:
            yield f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}", heads
        finally:
            hanging = [handler for handler in handlers if handler is not None]
            for handler in hanging:
                handler.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)


def answers(text: bytes) -> Behaviour:
    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()

    return behave


async def hangs(_writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def closes(writer: asyncio.StreamWriter) -> None:
    writer.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    async with http_transport(
        connect=timedelta(seconds=5), largest_reply=LARGEST, allow_private_networks=True
    ) as made:
        yield made


def get(url: str, seconds: float = 10) -> HttpRequest:
    return HttpRequest("GET", url, timeout=timedelta(seconds=seconds))


async def test_a_url_arrives_with_its_percent_encoding_as_it_was(transport: HttpTransport) -> None:
    async with server(answers(OK)) as (url, heads):
        await transport.send(get(f"{url}/a%2Fb/%C3%A9//x?q=%2B&r=%20"))
    assert heads[0].startswith(b"GET /a%2Fb/%C3%A9//x?q=%2B&r=%20 HTTP/1.1\r\n")


async def test_only_the_given_headers_are_sent(transport: HttpTransport) -> None:
    async with server(answers(OK)) as (url, heads):
        await transport.send(HttpRequest("GET", url, (("Authorization", "Token x"),)))
    names = {line.partition(b":")[0].lower() for line in heads[0].split(b"\r\n")[1:] if line}
    assert names == {b"host", b"authorization", b"accept-encoding"}


async def test_a_redirect_is_an_answer_and_is_not_followed(transport: HttpTransport) -> None:
    redirect = b"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    async with server(answers(redirect)) as (url, heads):
        reply = await transport.send(get(url))
    assert (reply.status, reply.header("location"), len(heads)) == (307, "http://127.0.0.1:1/", 1)


async def test_an_answer_without_a_length_ends_with_the_connection(transport: HttpTransport) -> None:
    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}")
        writer.close()

    async with server(behave) as (url, _):
        assert (await transport.send(get(url))).body == b"{}"


@pytest.mark.parametrize(
    ("behave", "failure"),
    [
        (hangs, NoAnswerInTime),
        (closes, BrokenAnswer),
        (answers(b"this is not HTTP\r\n\r\n"), BrokenAnswer),
        (answers(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}"), NoAnswerInTime),
        (answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), BrokenAnswer),
        (answers(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000), BrokenAnswer),
    ],
)
async def test_a_failure_is_named_by_its_type(
    transport: HttpTransport, behave: Behaviour, failure: type[CallFailed]
) -> None:
    async with server(behave) as (url, heads):
        with pytest.raises(failure):
            await transport.send(HttpRequest("POST", url, timeout=timedelta(seconds=1)))
    assert len(heads) == 1


async def test_nobody_there_is_not_reached(transport: HttpTransport) -> None:
    async with server(answers(OK)) as (url, _):
        pass
    with pytest.raises(NotReached):
        await transport.send(get(url))


@pytest.mark.parametrize(
    "url",
    ["ftp://cpo.example/", "/relative", "http://", "http://[::1", "http://x:99999/", "http://x/a b",
     "http://x/\r\nHost: y", "http://x/é", ""],
)  # fmt: skip
async def test_what_is_not_a_plain_http_url_is_not_called(transport: HttpTransport, url: str) -> None:
    with pytest.raises(UrlNotAllowed):
        await transport.send(get(url))


async def test_private_addresses_and_plain_http_are_not_called_unless_allowed() -> None:
    async with (
        server(answers(OK)) as (url, heads),
        http_transport(
            connect=timedelta(seconds=5), largest_reply=LARGEST, allow_private_networks=False
        ) as careful,
    ):
        for wrong in (
            url,
            url.replace("http:", "https:"),
            url.replace("http://127.0.0.1", "https://localhost"),
        ):
            with pytest.raises(UrlNotAllowed):
                await careful.send(get(wrong))
    assert heads == []


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.1.1", "172.16.0.1", "169.254.169.254", "0.0.0.0", "::1",  # noqa: S104 an address to refuse
     "fe80::1%eth0", "fc00::1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::a00:1",
     "64:ff9b::a9fe:a9fe", "224.0.0.1", "100.64.0.1"],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    with pytest.raises(UrlNotAllowed):
        check_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_public_addresses_are_allowed(address: str) -> None:
    check_public(address)


async def test_a_cancelled_call_leaves_the_pool_usable(transport: HttpTransport) -> None:
    arrived = asyncio.Event()

    async def behave(writer: asyncio.StreamWriter) -> None:
        if not arrived.is_set():
            arrived.set()
            await asyncio.Event().wait()
        writer.write(OK)

    async with server(behave) as (url, _):
        async with asyncio.TaskGroup() as group:
            call = group.create_task(transport.send(get(url)))
            await arrived.wait()
            call.cancel()
        assert (await transport.send(get(url))).status == 200
