"""The pooled HTTP client of the hub: one request to one platform, failures named by type.

It never follows a redirect, keeps no cookies, and sends a URL with its percent-encoding as it stands.
"""

import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from hub.http.addresses import public_socket
from hub.ocpi.transport import (
    BrokenAnswer,
    CallFailed,
    HttpReply,
    HttpRequest,
    NoAnswerInTime,
    NotReached,
    UrlNotAllowed,
)

#: An idle connection is closed before a usual server closes it on its side, which would lose a POST.
KEEP_ALIVE = timedelta(seconds=15)
_PRINTABLE = re.compile(r"[!-~]+")
#: Headers that aiohttp would add by itself; a request carries what it was given.
_NOT_ADDED = ("User-Agent", "Content-Type", "Accept")


class HttpTransport:
    """Sends requests to platforms over pooled connections."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        connect: timedelta,
        largest_reply: int,
        allow_private_networks: bool,
    ) -> None:
        self._session = session
        self._connect = connect
        self._largest_reply = largest_reply
        self._allow_private_networks = allow_private_networks

    async def send(self, request: HttpRequest) -> HttpReply:
        """The platform's answer, whatever its status.

        Raises:
            CallFailed: there is none; the subclass says why.
        """
        self._check_scheme(request.url)
        timeout = aiohttp.ClientTimeout(
            total=request.timeout.total_seconds(), connect=self._connect.total_seconds()
        )
        try:
            async with self._session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.headers,
                data=request.body or None,
                allow_redirects=False,
                timeout=timeout,
            ) as response:
                body = await self._whole_body(response)
                return HttpReply(response.status, tuple(response.headers.items()), body)
        except CallFailed:
            raise
        except (TimeoutError, aiohttp.ClientError, ssl.SSLError, OSError, ValueError) as error:
            raise _failure(error) from error

    def _check_scheme(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            port_is_valid = parts.port is None or parts.port > 0
        except ValueError as error:
            raise UrlNotAllowed(f"not a URL: {error}") from error
        schemes = ("http", "https") if self._allow_private_networks else ("https",)
        # Anything else in a request line could be read as the end of it.
        is_printable = _PRINTABLE.fullmatch(url) is not None
        if parts.scheme not in schemes or not parts.hostname or not port_is_valid or not is_printable:
            raise UrlNotAllowed(f"expected an absolute URL with {' or '.join(schemes)}, got {url[:100]!r}")

    async def _whole_body(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._largest_reply:
                raise BrokenAnswer(f"the answer is larger than {self._largest_reply} bytes")
        return bytes(body)


@asynccontextmanager
async def http_transport(
    *, connect: timedelta, largest_reply: int, allow_private_networks: bool
) -> AsyncIterator[HttpTransport]:
    """A transport with a connection pool of its own, closed at the end of the block."""
    connector = aiohttp.TCPConnector(
        limit=0,
        keepalive_timeout=KEEP_ALIVE.total_seconds(),
        socket_factory=None if allow_private_networks else public_socket,
    )
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=_NOT_ADDED,
        headers={"Accept-Encoding": "identity"},
    ) as session:
        # aiohttp would send a PUT again after a lost connection; nothing is repeated here (design D2).
        session._retry_connection = False  # noqa: SLF001 there is no public way to say so
        yield HttpTransport(
            session,
            connect=connect,
            largest_reply=largest_reply,
            allow_private_networks=allow_private_networks,
        )


def _failure(error: Exception) -> CallFailed:
    """The failure by its meaning: was anything sent, is there hope for an answer."""
    text = str(error) or type(error).__name__
    match error:
        case aiohttp.ConnectionTimeoutError() | aiohttp.ClientConnectorError():
            return NotReached(text)
        case aiohttp.InvalidURL() | ValueError():
            return UrlNotAllowed(text)
        case TimeoutError():
            return NoAnswerInTime("no answer in time")
    return BrokenAnswer(text)
