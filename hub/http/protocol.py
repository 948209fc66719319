"""What aiohttp's own connection does not do: answer in words of OCPI, and lose patience.

Requests that never come to a handler (a head that is not HTTP, an Expect that nobody knows) aiohttp answers
by itself, in plain text and without ids. Here they get what every answer has (TR-08, TR-16 to TR-18, AM-45).
What was wrong with a head is not repeated: a token may stand there.
"""

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, NamedTuple, cast

from aiohttp import HttpVersion11, hdrs, web

from hub.http.callers import Callers, Pause
from hub.ocpi.errors import HeadIsNotHttp, InternalError, OcpiError, UnknownExpectation

#: Refuses a request, in words of OCPI.
Bounce = Callable[[web.BaseRequest, OcpiError], web.Response]
#: Answers a request that needs no more than this.
Straight = Callable[[web.Request], Awaitable[web.StreamResponse]]
BAD_REQUEST = 400
TIMED_OUT = 408
#: Statuses and methods whose answers have no body, or another one than it seems.
LEAST_WITH_BODY = 200
WITHOUT_BODY = frozenset({204, 304})
ODD_METHODS = frozenset({hdrs.METH_HEAD, hdrs.METH_CONNECT})
#: For whoever sends its body too slowly to read that it was too slow, in seconds.
GRACE = 0.5
_FOR_EVER = timedelta(days=3650).total_seconds()

log = logging.getLogger(__name__)


class Door(NamedTuple):
    """What stands between the network and an application."""

    #: Answers what never comes as far as the application.
    bounce: Bounce
    #: Lets go of whoever keeps the hub waiting.
    callers: Callers
    #: By the target of a request, what answers it without a look through all routes; None where they decide.
    straight: Callable[[str], Straight | None] = lambda _target: None


class Whole(web.Response):
    """An answer that knows all of its bytes, where nothing about its request is special."""

    @abstractmethod
    def whole(self) -> bytes:
        """Head and body, for a caller that speaks HTTP/1.1 and may go on with its next request."""
        ...


class Protocol(web.RequestHandler):
    """One connection of a partner."""

    __slots__ = ("_bounce", "_callers", "_is_asked", "_line")

    def __init__(
        self,
        server: web.Server,
        door: Door,
        *,
        loop: asyncio.AbstractEventLoop,
        longest_line: int,
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # the journal is the log; aiohttp takes None for that
            max_line_size=longest_line,
            # The listening socket hands that down.
            tcp_keepalive=False,
            # `Callers` knows who is idle; aiohttp does not know what goes past it.
            keepalive_timeout=_FOR_EVER,
        )
        self._bounce = door.bounce
        self._callers = door.callers
        #: Whether a request is under way: then its own limits hold.
        self._is_asked = False
        #: Known to the end. aiohttp forgets it when it closes, and that may wait for a caller to read.
        self._line: asyncio.Transport | None = None

    @property
    def requests(self) -> int:
        """How many requests have begun."""
        return self._request_count

    @property
    def is_idle(self) -> bool:
        """Whether everything that came is answered, and more may come."""
        is_waiting = self._waiter is not None and not self._waiter.done()
        return is_waiting and not self._messages and not (self._close or self._force_close)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody has connected."""
        super().connection_made(transport)
        self._line = self.transport
        self._callers.came(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """It is gone."""
        self._line = None
        self._callers.left(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes: of a head, which has so long to become whole, or of a body."""
        super().data_received(data)
        if self._is_asked:
            return
        if self._messages:
            self._is_asked = True
            self._callers.asks(self)
        elif data:
            self._callers.begins(self)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Answer; then the next request may come, or has come already."""
        if self._callers.is_over:
            resp.force_close()
        if resp.status == TIMED_OUT:
            # Usually the rest of a body is awaited, so that the answer is not lost. This rest is not coming.
            self._lingering_time = GRACE
        try:
            if isinstance(resp, Whole) and _is_plain(request, resp) and not self._upgraded:
                return resp, not await self._written(request, resp)
            return await super().finish_response(request, resp, start_time)
        finally:
            self._is_asked = bool(self._messages)
            if not self._is_asked and self._line is not None:
                self._callers.waits(self, Pause.REQUEST)

    async def _written(self, request: web.BaseRequest, answer: "Whole") -> bool:
        """Write an answer at one go; whether it went out."""
        data = answer.whole()
        if self.transport is None or self.transport.is_closing():
            return False
        self.transport.write(data)
        answer._keep_alive = True  # noqa: SLF001 what preparing it would have found
        await request.writer.drain()
        return True

    def pause_writing(self) -> None:
        """The caller reads more slowly than is written."""
        super().pause_writing()
        self._callers.waits(self, Pause.READING)

    def resume_writing(self) -> None:
        """It has read."""
        super().resume_writing()
        self._callers.waits_no_more(self, Pause.READING)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Say what failed in the hub; of a body that could not be read, whoever sent it was told."""
        if not isinstance(kw.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **kw)

    def hang_up(self) -> None:
        """Close it at once, and drop what the caller has not read."""
        if self._line is not None:
            self._line.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what could not be read, or failed where nothing should; the connection ends.

        Raises:
            ConnectionError: an answer has begun already.
        """
        del message  # it quotes the head
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        error: OcpiError
        if status == BAD_REQUEST:
            error = HeadIsNotHttp()
        else:
            log.error("failed to answer %s %s", request.method, request.path, exc_info=exc)
            error = InternalError()
        answer = self._bounce(request, error)
        answer.force_close()
        return answer


def _is_plain(request: web.BaseRequest, answer: web.Response) -> bool:
    """Whether an answer has a body, and goes to a caller that may go on with the next request."""
    return (
        answer.keep_alive is None
        and answer.status >= LEAST_WITH_BODY
        and answer.status not in WITHOUT_BODY
        and request.method not in ODD_METHODS
        and request.version == HttpVersion11
        and request.keep_alive
    )


def answering(server: web.Server, door: Door) -> None:
    """Let requests go straight to what answers them, where the door knows that.

    An Expect other than 100-continue is refused in words of OCPI.
    """
    handle = server.request_handler

    async def expecting(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await handle(request)
        except web.HTTPExpectationFailed:
            return door.bounce(request, UnknownExpectation())

    def answered(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        if hdrs.EXPECT in request.headers:
            return expecting(request)
        straight = door.straight(request.raw_path)
        return (handle if straight is None else straight)(cast("web.Request", request))

    server.request_handler = answered
