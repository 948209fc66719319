"""Listening sockets, and applications served on them until told to stop."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Protocol as Interface

from aiohttp import web

from hub.http.farewell import farewell
from hub.http.protocol import Door, Protocol, answering

#: How long requests that are under way may take after the hub was told to stop.
DRAIN = timedelta(seconds=10)
#: Connections that may wait to be accepted.
BACKLOG = 1024
#: The longest request line, in bytes.
LONGEST_LINE = 16 * 1024


def listening(host: str, port: int, *, is_shared: bool = False) -> socket.socket:
    """A socket that holds the port already, so that its URL is known before anything is served.

    Args:
        host: Where.
        port: Zero for any free one.
        is_shared: Whether others that want it, too, may have the same port beside this one.

    Raises:
        OSError: the port cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    held = socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=is_shared)
    # A peer that is gone without a word is found out; accepted connections inherit it.
    held.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return held


def url_of(port: socket.socket, scheme: str = "http") -> str:
    """The URL under which a listening socket is reached."""
    host, number = port.getsockname()[:2]
    return f"{scheme}://[{host}]:{number}" if ":" in host else f"{scheme}://{host}:{number}"


class Front(Interface):
    """What stands between a door and an application."""

    def maker(self, behind: Callable[[], Protocol]) -> Callable[[], asyncio.BaseProtocol]:
        """What makes the protocol of a connection, with one of aiohttp's behind it."""
        ...

    async def drain(self, patience: timedelta) -> None:
        """Answer what is under way there, but wait no longer than this."""
        ...


def _queued(port: socket.socket) -> Iterator[socket.socket]:
    """Who has connected and was not accepted yet: they would be cut off when the socket is closed."""
    port.setblocking(False)  # noqa: FBT003 a method of Python
    with suppress(OSError):
        while True:
            yield port.accept()[0]


@asynccontextmanager
async def served(
    app: web.Application,
    port: socket.socket,
    door: Door | None = None,
    front: Front | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[None]:
    """Serve until the end of the block; then answer what is under way.

    Args:
        app: What is served.
        port: Where.
        door: What stands before the application; without it, aiohttp does what it does by itself.
        front: What stands between the two, and sees all bytes first.
        tls: How the hub proves who it is; None for no TLS.
    """
    runner = web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=DRAIN.total_seconds(),
        max_line_size=LONGEST_LINE,
    )
    await runner.setup()
    server = runner.server
    if server is None:
        raise RuntimeError("a runner that was set up has a server")
    loop = asyncio.get_running_loop()
    make: Callable[[], asyncio.BaseProtocol] = server
    if door is not None:
        answering(server, door)
        behind = partial(Protocol, server, door, loop=loop, longest_line=LONGEST_LINE)
        make = behind if front is None else front.maker(behind)
    try:
        listener = await loop.create_server(make, sock=port, backlog=BACKLOG, ssl=tls)
        try:
            yield
        finally:
            late = list(_queued(port))
            listener.close()
            for each in late:
                try:
                    await loop.connect_accepted_socket(make, each, ssl=tls)
                except OSError:  # it is gone already
                    each.close()
            if door is not None:
                await farewell(door.callers)
            if front is not None:
                await front.drain(DRAIN)
    finally:
        await runner.cleanup()
        if door is not None:
            door.callers.close()
