"""The pooled HTTP client of the hub: one request to one platform, failures named by type.

It never follows a redirect, keeps no cookies, sends a URL with its percent-encoding as it stands, and sends
nothing twice (design D2, D7, decision 0038). How it works stands in `hub.http.upstream`.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cache

from hub.http.upstream.answer_sink import AnswerSink
from hub.http.upstream.body_source import WholeBody
from hub.http.upstream.bounds import CONNECTIONS, KEEP_ALIVE, LARGEST_HEAD, Bounds
from hub.http.upstream.collected import CollectedAnswer
from hub.http.upstream.connection import Connection
from hub.http.upstream.dialling import Dialling
from hub.http.upstream.names import Names, Resolve, resolved
from hub.http.upstream.origin import Origin, split_url
from hub.http.upstream.pool import Pool
from hub.http.upstream.request_head import WITHOUT_BODY, request_head
from hub.http.upstream.streamed import StreamedAnswer
from hub.ocpi.transport import HttpReply, HttpRequest, NotReached, UrlNotAllowed

#: A body up to this many bytes goes out together with its head.
SMALL_BODY = 64 * 1024
#: How long connections may take to say goodbye when the hub stops, in seconds.
GOODBYE = 1.5


class HttpTransport:
    """Sends requests to platforms over pooled connections."""

    def __init__(self, dialling: Dialling, bounds: Bounds) -> None:
        self._loop = dialling.loop
        self._dialling = dialling
        self._bounds = bounds
        self._connect = bounds.connect.total_seconds()
        self._pools: dict[Origin, Pool] = {}
        self._is_closed = False

    async def send(self, request: HttpRequest) -> HttpReply:
        """The platform's answer, whatever its status.

        Raises:
            CallFailed: there is none; the subclass says why.
        """
        answer = CollectedAnswer(self._loop.create_future(), self._bounds.largest_body)
        return await _whole(await self.ask(request, answer), answer)

    async def send_on(self, connection: Connection, head: bytes, body: bytes, timeout: float) -> HttpReply:  # noqa: ASYNC109 the connection's deadline
        """As `send`, within so many seconds, on a connection that was at hand, with a head made before."""
        answer = CollectedAnswer(self._loop.create_future(), self._bounds.largest_body)
        self.ask_on(connection, head, body, answer, timeout)
        return await _whole(connection, answer)

    @asynccontextmanager
    async def open(self, request: HttpRequest) -> AsyncIterator[StreamedAnswer]:
        """The platform's answer once it has begun; what is not taken of it in the block is dropped.

        Raises:
            CallFailed: there is none, or not the whole of it; the subclass says why.
        """
        answer = StreamedAnswer(self._loop)
        connection = await self.ask(request, answer)
        try:
            await answer.begun()
            yield answer
        finally:
            connection.abandon(answer)

    def pool(self, url: str) -> tuple[Pool, str]:
        """The pool of the server that a URL means, and the target to ask there.

        Raises:
            UrlNotAllowed: it must not be called.
            NotReached: the transport is closed.
        """
        if self._is_closed:
            raise NotReached("the hub is stopping")
        origin, target = split_url(url)
        pool = self._pools.get(origin)
        if pool is None:
            if origin.scheme != "https" and not self._dialling.allow_private_networks:
                raise UrlNotAllowed(f"expected an absolute URL with https, got {url[:100]!r}")
            pool = Pool(origin, self._dialling, self._bounds, self._loop, self._forget)
            self._pools[origin] = pool
        return pool, target

    async def ask(self, request: HttpRequest, sink: AnswerSink) -> Connection:
        """The connection on which the request is under way; the sink takes the answer.

        Raises:
            CallFailed: nothing was sent; the subclass says why.
        """
        pool, head = self.prepared(request)
        begun = self._loop.time()
        timeout = request.timeout.total_seconds()
        connection = pool.take()
        if connection is None:
            connection = await pool.connection(begun + min(self._connect, timeout))
        return _asked(connection, request, head, sink, begun + timeout)

    def ask_at_once(self, request: HttpRequest, sink: AnswerSink) -> bool:
        """Send a request if there is a connection that nobody uses; whether there was one.

        Raises:
            CallFailed: nothing was sent; the subclass says why.
        """
        pool, head = self.prepared(request)
        connection = pool.take()
        if connection is None:
            return False
        _asked(connection, request, head, sink, self._loop.time() + request.timeout.total_seconds())
        return True

    def at_hand(self, origin: Origin) -> Connection | None:
        """A connection to a server that nobody uses, None where there is none."""
        pool = self._pools.get(origin)
        return None if pool is None else pool.take()

    def give_back(self, origin: Origin, connection: Connection) -> None:
        """Let somebody else use a connection that was at hand, on which nothing was asked."""
        self._pools[origin].released(connection)

    def ask_on(
        self, connection: Connection, head: bytes, body: bytes, sink: AnswerSink, timeout: float
    ) -> None:
        """Send a request on a connection that was at hand; it must be whole within so many seconds."""
        whole_by = self._loop.time() + timeout
        if len(body) <= SMALL_BODY:
            connection.ask(head + body, sink, whole_by=whole_by)
        else:
            connection.ask(head, sink, whole_by=whole_by, source=WholeBody(connection, body))

    def prepared(self, request: HttpRequest) -> tuple[Pool, bytes]:
        """Where a request goes, and its head.

        Raises:
            UrlNotAllowed, HeaderNotAllowed: it must not, or cannot, be sent.
            NotReached: the transport is closed.
        """
        method, body = request.method, request.body
        pool, target = self.pool(request.url)
        length = len(body) if body or method not in WITHOUT_BODY else None
        return pool, request_head(method, target, pool.host_header, request.headers, length)

    def _forget(self, origin: Origin) -> None:
        self._pools.pop(origin, None)

    @property
    def connections(self) -> int:
        """How many connections there are."""
        return sum(pool.connections for pool in self._pools.values())

    async def close(self) -> None:
        """Close all connections; what is under way fails."""
        self._is_closed = True
        closing = [connection for pool in self._pools.values() for connection in pool.close()]
        self._dialling.names.close()
        if closing:
            await asyncio.wait([each.gone for each in closing], timeout=GOODBYE)
        for connection in closing:
            connection.abort()


async def _whole(connection: Connection, answer: CollectedAnswer) -> HttpReply:
    """The answer once it is whole; if nobody waits for it any longer, neither does the connection."""
    try:
        await answer.done
    except asyncio.CancelledError:
        connection.abandon(answer)
        raise
    return answer.reply()


def _asked(
    connection: Connection, request: HttpRequest, head: bytes, sink: AnswerSink, whole_by: float
) -> Connection:
    if isinstance(sink, StreamedAnswer):
        sink.comes_from(connection)
    body = request.body
    small = len(body) <= SMALL_BODY
    connection.ask(
        head + body if small else head,
        sink,
        whole_by=whole_by,
        source=None if small else WholeBody(connection, body),
        to_head=request.method == "HEAD",
    )
    return connection


@asynccontextmanager
async def http_transport(
    *,
    connect: timedelta,
    largest_reply: int,
    allow_private_networks: bool,
    first_byte: timedelta | None = None,
    largest_head: int = LARGEST_HEAD,
    connections: int = CONNECTIONS,
    idle: timedelta = KEEP_ALIVE,
    tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    resolve: Resolve = resolved,
) -> AsyncIterator[HttpTransport]:
    """A transport with connection pools of its own, closed at the end of the block.

    Args:
        connect: For a connection to be made.
        largest_reply: The largest body of an answer, in bytes.
        allow_private_networks: Whether http URLs and private addresses may be called.
        first_byte: For an answer to begin; None for as long as the whole answer may take.
        largest_head: The largest head of an answer, in bytes.
        connections: To one server.
        idle: How long a connection may be idle.
        tls: Makes what certificates are judged by; by default those that the system trusts, or those in
            the file `SSL_CERT_FILE`.
        resolve: Knows the addresses of a host.
    """
    loop = asyncio.get_running_loop()
    bounds = Bounds(
        connect=connect,
        largest_body=largest_reply,
        largest_head=largest_head,
        first_byte=first_byte,
        connections=connections,
        idle=idle,
    )
    dialling = Dialling(loop, Names(loop, resolve), cache(tls), allow_private_networks)
    transport = HttpTransport(dialling, bounds)
    try:
        yield transport
    finally:
        await transport.close()
