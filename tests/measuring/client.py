"""CPU time of the hub's HTTP client, beside aiohttp's: `python -m tests.measuring.client`.

Both send the same requests to the same server, which runs in a process of its own, in turn and round after
round: the machine's other work meets both. Measured is processor time of the asking process, the least of all
rounds; whoever calls the client does nothing with the answer. Server and asker are kept on cores of their own
where there are two.
"""

import argparse
import asyncio
import contextlib
import gc
import os
import ssl
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from time import process_time
from typing import cast

import aiohttp
import uvloop
from yarl import URL

from hub.http.client import http_transport
from hub.ocpi.transport import HttpRequest
from schemas import exact_json
from tests.fixtures.certificates import certificate

HEADERS = (
    ("Authorization", "Token MjE2NTc4YWItMWE0Yi00ZTU2LWI5MjMtMjk0OTQ5ZmE1YjI5"),
    ("X-Request-ID", "3a9d7c1e-52a7-4a3b-9d4e-7c21f0a8b6d5"),
    ("X-Correlation-ID", "b1f0c7d2-8e35-4f6a-a0c9-15d7e2f3a4b6"),
    ("OCPI-to-country-code", "NL"),
    ("OCPI-to-party-id", "TNM"),
    ("OCPI-from-country-code", "DE"),
    ("OCPI-from-party-id", "ABC"),
    ("Content-Type", "application/json"),
)
SIZES = {"1": 1000, "50": 50_000}
PATIENCE = timedelta(seconds=30)
Send = Callable[[HttpRequest], Awaitable[object]]


class Answering(asyncio.Protocol):
    """A server that is in nobody's way: it looks for the length of a request, and has its answers ready."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer = b""
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember it."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer what is whole."""
        if self._left:
            self._left -= len(data)
        else:
            head, _, body = data.partition(b"\r\n\r\n")
            self._answer = ANSWERS[head.split(b" ", 2)[1].removeprefix(b"/").decode()]
            _, _, length = head.partition(b"Content-Length: ")
            self._left = int(length.split(b"\r\n")[0] or 0) - len(body)
        if self._left == 0 and self._transport is not None:
            self._transport.write(self._answer)


def answer(size: int) -> bytes:
    """An answer with the headers that a platform writes."""
    headers = (*HEADERS[1:], ("Server", "x"), ("Date", "Mon, 02 Mar 2026 10:00:00 GMT"))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 200 OK\r\n{lines}Content-Length: {size}\r\n\r\n{'x' * size}".encode()


ANSWERS = {name: answer(size) for name, size in SIZES.items()}


async def serve(file: str) -> None:
    """Serve without TLS and with it, and say where."""
    loop = asyncio.get_running_loop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    servers = [await loop.create_server(Answering, "127.0.0.1", 0, ssl=tls) for tls in (None, context)]
    say(" ".join(str(each.sockets[0].getsockname()[1]) for each in servers))
    await servers[0].serve_forever()


@asynccontextmanager
async def ours(tls: ssl.SSLContext) -> AsyncIterator[Send]:
    """The hub's client."""
    async with http_transport(
        connect=PATIENCE, largest_reply=10**7, allow_private_networks=True, tls=lambda: tls
    ) as transport:
        yield transport.send


@asynccontextmanager
async def aiohttps(tls: ssl.SSLContext) -> AsyncIterator[Send]:
    """aiohttp's, with all of its comforts off."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=15, ssl=tls)
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("User-Agent", "Content-Type", "Accept"),
        headers={"Accept-Encoding": "identity"},
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=PATIENCE.total_seconds()),
    ) as session:

        async def send(request: HttpRequest) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
            async with session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.headers,
                data=request.body or None,
                allow_redirects=False,
            ) as response:
                return response.status, tuple(response.headers.items()), await response.read()

        yield send


async def cost(send: Send, request: HttpRequest, requests: int, at_once: int) -> float:
    """The CPU time of a request, in µs."""

    async def one_after_another() -> None:
        for _ in range(requests // at_once):
            await send(request)

    await asyncio.gather(*(send(request) for _ in range(at_once)))  # the connections are there now
    before = process_time()
    await asyncio.gather(*(one_after_another() for _ in range(at_once)))
    return (process_time() - before) / (requests // at_once * at_once) * 1e6


async def measure(plain: str, secure: str, file: str, asked: argparse.Namespace) -> list[dict[str, object]]:
    """One row for each kind of request."""
    body = b"x" * 1000
    kinds = {
        "GET 1 KB": HttpRequest("GET", f"{plain}/1", HEADERS),
        "PUT 1 KB": HttpRequest("PUT", f"{plain}/1", HEADERS, body),
        "GET 50 KB": HttpRequest("GET", f"{plain}/50", HEADERS),
        "TLS, GET 1 KB": HttpRequest("GET", f"{secure}/1", HEADERS),
        "TLS, GET 50 KB": HttpRequest("GET", f"{secure}/50", HEADERS),
    }
    tls = ssl.create_default_context(cafile=file)
    rows: list[dict[str, object]] = []
    async with ours(tls) as our, aiohttps(tls) as their:
        gc.freeze()
        gc.set_threshold(50_000, 50, 100)
        for name, request in kinds.items():
            rounds = [
                [await cost(send, request, asked.requests, asked.connections) for send in (our, their)]
                for _ in range(asked.rounds)
            ]
            mine, other = (min(each) for each in zip(*rounds, strict=True))
            found = {"hub_us": round(mine, 1), "aiohttp_us": round(other, 1), "ratio": round(other / mine, 2)}
            rows.append({"request": name, **found})
    return rows


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def pin(core: int) -> None:
    """Keep this process on a core."""
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setaffinity(0, {core % (os.cpu_count() or 1)})


def main() -> None:
    """Measure what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=2000, help="a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--serve", metavar="FILE", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        pin(1)
        uvloop.run(serve(asked.serve))
        return
    pin(0)
    with tempfile.TemporaryDirectory() as folder:
        file = str(certificate(Path(folder)))
        command = [sys.executable, "-m", "tests.measuring.client", "--serve", file]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 it is this file
            try:
                assert server.stdout is not None
                plain, secure = server.stdout.readline().split()
                rows = uvloop.run(
                    measure(f"http://127.0.0.1:{plain}", f"https://127.0.0.1:{secure}", file, asked)
                )
            finally:
                server.terminate()
    if asked.json:
        say(exact_json.encode(rows).decode())
        return
    say(f"{'':16}{'the hub':>10}{'aiohttp':>10}   µs of CPU a request")
    for row in rows:
        say(f"{row['request']:16}{row['hub_us']:>10}{row['aiohttp_us']:>10}   {row['ratio']} times")


if __name__ == "__main__":
    main()
