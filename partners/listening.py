"""Listening on a port, with an application behind it."""

import asyncio
import os
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Final

from aiohttp import web

#: How long a stop waits for requests that are being answered, in seconds.
SHUTDOWN_SECONDS: Final = 2.0
#: Connections that wait to be taken, as when all charge points come back at once.
_BACKLOG: Final = 4096
LOOPBACK: Final = "127.0.0.1"
#: Hosts that stand for all addresses of the machine.
EVERYWHERE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 compared with, not listened on


class CannotListen(OSError):
    """The port is taken, or the host is none of ours; the message names the setting."""


async def listen(
    application: web.Application,
    host: str,
    port: int,
    setting: str,
    running: AsyncExitStack,
    *,
    tls: ssl.SSLContext | None = None,
) -> str:
    """Serve the application until the stack is closed.

    Args:
        application: Is closed, too.
        host: On which address.
        port: 0 takes a free one.
        setting: Where the operator has chosen the port, as in `node.port`.
        running: Closed at the end.
        tls: None: without TLS.

    Returns:
        HOST:PORT at which it is reached from this machine.

    Raises:
        CannotListen: It cannot.
    """
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    running.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, host, port, backlog=_BACKLOG, ssl_context=tls).start()
    except OSError as error:
        raise CannotListen(f"{setting}: cannot listen on {host}:{port}: {_reason(error)}") from error
    return _place(host, runner.addresses[0][1])


async def listen_with(
    protocol: Callable[[], asyncio.BaseProtocol],
    host: str,
    port: int,
    setting: str,
    running: AsyncExitStack,
    *,
    tls: ssl.SSLContext | None = None,
) -> str:
    """Give each connection a protocol of its own, until the stack is closed; see `listen`."""
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(
            protocol, host or None, port, backlog=_BACKLOG, ssl=tls, reuse_address=True
        )
    except OSError as error:
        raise CannotListen(f"{setting}: cannot listen on {host}:{port}: {_reason(error)}") from error
    running.callback(server.close)
    return _place(host, server.sockets[0].getsockname()[1])


def _place(host: str, port: int) -> str:
    return f"{LOOPBACK if host in EVERYWHERE else host}:{port}"


def _reason(error: OSError) -> str:
    """What the operating system says, in its own words."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
