"""From an origin to a connection: its addresses, which of them may be called, TCP and TLS."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from aiohappyeyeballs import start_connection

from hub.http.addresses import AddressInfo, check_public
from hub.http.upstream.connection import Connection
from hub.http.upstream.names import Names
from hub.http.upstream.origin import Origin
from hub.ocpi.transport import NotReached, UrlNotAllowed

#: How long an address is tried before the next one is tried beside it (RFC 8305), in seconds.
NEXT_ADDRESS_AFTER = 0.25
#: How long a platform may take to say goodbye over TLS, in seconds.
TLS_GOODBYE = 1.0


@dataclass(frozen=True, slots=True)
class Dialling:
    """What it takes to call."""

    loop: asyncio.AbstractEventLoop
    names: Names
    #: Made when it is first needed: it reads all certificates of the system.
    tls: Callable[[], ssl.SSLContext]
    allow_private_networks: bool

    async def dial(self, origin: Origin, make: Callable[[], Connection]) -> Connection:
        """A new connection.

        Raises:
            NotReached: there is none to be had; says why.
            UrlNotAllowed: the host has private addresses only.
        """
        try:
            addresses = await self.names.addresses(origin.host, origin.port)
        except (OSError, UnicodeError) as error:
            raise NotReached(f"no address for {origin.host}: {_words(error)}") from error
        own = await self._connected(origin, self._allowed(origin, addresses))
        try:
            connection = await self._taken_over(own, origin, make)
        except (OSError, RuntimeError) as error:
            raise NotReached(f"TLS with {origin} failed: {_words(error)}") from error
        connection.runs_over(own)
        return connection

    def _allowed(self, origin: Origin, addresses: Sequence[AddressInfo]) -> list[AddressInfo]:
        """The addresses to connect to; these very ones, whatever the name means a moment later."""
        if self.allow_private_networks:
            return list(addresses)
        allowed, refusal = [], UrlNotAllowed(f"{origin.host} has no address")
        for address in addresses:
            try:
                check_public(address[4][0])
            except UrlNotAllowed as error:
                refusal = error
            else:
                allowed.append(address)
        if not allowed:
            raise refusal
        return allowed

    async def _connected(self, origin: Origin, addresses: list[AddressInfo]) -> socket.socket:
        try:
            own = await start_connection(
                addresses, happy_eyeballs_delay=NEXT_ADDRESS_AFTER, interleave=1, loop=self.loop
            )
        except (OSError, RuntimeError) as error:
            raise NotReached(f"no connection to {origin}: {_words(error)}") from error
        with suppress(OSError):
            own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return own

    async def _taken_over(
        self, own: socket.socket, origin: Origin, make: Callable[[], Connection]
    ) -> Connection:
        """A connection of the loop over a socket, which is closed if there is none in the end."""
        is_taken = False

        # A protocol in all but its base class: one that is compiled has none of Python's.
        def made() -> Any:
            nonlocal is_taken
            is_taken = True
            return make()

        try:
            if origin.scheme == "http":
                _, connection = await self.loop.create_connection(made, sock=own)
            else:
                _, connection = await self.loop.create_connection(
                    made,
                    sock=own,
                    ssl=self.tls(),
                    server_hostname=origin.host,
                    ssl_shutdown_timeout=TLS_GOODBYE,
                )
        except BaseException:
            if is_taken and _closes_by_number(self.loop):
                own.detach()
            else:
                own.close()
            raise
        return cast("Connection", connection)


def _closes_by_number(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether the loop has closed the file descriptor itself: then it may be that of another file by now."""
    return type(loop).__module__.partition(".")[0] == "uvloop"


def _words(error: Exception) -> str:
    reason = getattr(error, "verify_message", None) or getattr(error, "strerror", None) or str(error)
    return str(reason) or type(error).__name__
