"""TLS towards platforms: who may answer, under which name; and that it is pooled like the rest."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from socket import AF_INET, SOCK_STREAM
from typing import Any

import pytest
import uvloop

from hub.http.addresses import AddressInfo
from hub.http.client import HttpTransport, http_transport
from hub.ocpi.transport import BrokenAnswer, HttpRequest, NotReached
from tests.fixtures.certificates import certificate
from tests.fixtures.http_answers import head
from tests.fixtures.raw_server import OK, Talk, answers, answers_and_closes, raw_server
from tests.fixtures.waiting import until

LONG = timedelta(seconds=10)
LOOPS: dict[str, Callable[[Coroutine[Any, Any, None]], None]] = {"asyncio": asyncio.run, "uvloop": uvloop.run}


def serving(file: Path, names: list[str | None] | None = None) -> ssl.SSLContext:
    """What a server shows; the names that it is asked for are remembered."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    if names is not None:
        context.sni_callback = lambda _socket, name, _context: names.append(name)
    return context


def here(_host: str, port: int) -> Sequence[AddressInfo]:
    return [(AF_INET, SOCK_STREAM, 6, "", ("127.0.0.1", port))]


@asynccontextmanager
async def trusting(file: Path | None) -> AsyncIterator[HttpTransport]:
    """A client that trusts this certificate, and finds every name on loopback."""
    async with http_transport(
        connect=LONG,
        largest_reply=10**7,
        allow_private_networks=True,
        tls=lambda: ssl.create_default_context(cafile=None if file is None else str(file)),
        resolve=here,
    ) as made:
        yield made


@pytest.mark.parametrize("run", LOOPS.values(), ids=LOOPS)
def test_connections_over_tls_are_pooled_and_carry_what_the_others_carry(
    run: Callable[[Coroutine[Any, Any, None]], None], tmp_path: Path
) -> None:
    file = certificate(tmp_path)
    body = b"x" * 1_000_000

    async def main() -> None:
        large = head(f"Content-Length: {len(body)}") + body
        async with raw_server(answers(large), tls=serving(file)) as server, trusting(file) as transport:
            for _ in range(3):
                reply = await transport.send(HttpRequest("PUT", server.url, body=body, timeout=LONG))
                assert reply.body == body
            assert server.made == 1
            async with transport.open(HttpRequest("GET", server.url)) as answer:
                assert sum([len(piece) async for piece in answer]) == len(body)
            async with transport.open(HttpRequest("GET", server.url)):
                pass
            await until(lambda: not server.open)
            await until(lambda: not transport.connections)

    run(main())


@pytest.mark.parametrize("run", LOOPS.values(), ids=LOOPS)
def test_a_connection_over_tls_that_ended_while_idle_is_not_used(
    run: Callable[[Coroutine[Any, Any, None]], None], tmp_path: Path
) -> None:
    file = certificate(tmp_path)

    async def main() -> None:
        closing = answers_and_closes(OK)
        async with raw_server(closing, tls=serving(file)) as server, trusting(file) as transport:
            for number in range(1, 4):
                assert (await transport.send(HttpRequest("POST", server.url))).status == 200
                await until(lambda: not transport.connections)
                assert server.made == number

    run(main())


async def test_the_name_is_shown_and_must_be_that_of_the_certificate(tmp_path: Path) -> None:
    file, names = certificate(tmp_path, "cpo.example"), []
    async with raw_server(answers(OK), tls=serving(file, names)) as server, trusting(file) as transport:
        assert (await transport.send(HttpRequest("GET", f"https://cpo.example:{server.port}/"))).status == 200
        with pytest.raises(NotReached, match=r"(?i)hostname mismatch"):
            await transport.send(HttpRequest("GET", f"https://emsp.example:{server.port}/"))
        assert (await transport.send(HttpRequest("GET", server.url))).status == 200
    assert names == ["cpo.example", "emsp.example", None]


@pytest.mark.parametrize("fault", ["self-signed", "expired"])
async def test_who_cannot_be_trusted_gets_nothing(tmp_path: Path, fault: str) -> None:
    file = certificate(tmp_path, expired=fault == "expired")
    async with (
        raw_server(answers(OK), tls=serving(file)) as server,
        trusting(None if fault == "self-signed" else file) as transport,
    ):
        for _ in range(2):
            with pytest.raises(NotReached, match=fault):
                await transport.send(HttpRequest("GET", server.url))
        await until(lambda: not transport._pools)
    assert server.requests == []


async def test_no_tls_at_all_is_not_reached(tmp_path: Path) -> None:
    async def speaks_http(talk: Talk) -> None:
        await talk.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with raw_server(speaks_http) as server, trusting(certificate(tmp_path)) as transport:
        with pytest.raises(NotReached, match="TLS"):
            await transport.send(HttpRequest("GET", server.url.replace("http:", "https:")))


async def test_a_request_over_tls_that_is_broken_off_is_broken(tmp_path: Path) -> None:
    file = certificate(tmp_path)

    async def resets(talk: Talk) -> None:
        await talk.request()
        await talk.say(head("Content-Length: 10") + b"x")
        talk.reset()

    async with raw_server(resets, tls=serving(file)) as server, trusting(file) as transport:
        with pytest.raises(BrokenAnswer):
            await transport.send(HttpRequest("GET", server.url))
        await until(lambda: not transport.connections)
