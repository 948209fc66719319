"""Requests that never come to a handler: a head that is not HTTP, and an Expect that nobody knows.

aiohttp answers these by itself, in plain text and without ids. Here they get what every answer has (TR-08,
TR-16 to TR-18, AM-45). What was wrong with a head is not repeated: a token may stand there.
"""

import asyncio
import logging
from collections.abc import Callable

from aiohttp import web

from hub.ocpi.errors import HeadIsNotHttp, InternalError, OcpiError, UnknownExpectation

#: Refuses a request, in words of OCPI.
Bounce = Callable[[web.BaseRequest, OcpiError], web.Response]
BAD_REQUEST = 400

log = logging.getLogger(__name__)


class Protocol(web.RequestHandler):
    """One connection of a partner."""

    def __init__(
        self, server: web.Server, bounce: Bounce, *, loop: asyncio.AbstractEventLoop, longest_line: int
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # the journal is the log; aiohttp takes None for that
            max_line_size=longest_line,
        )
        self._bounce = bounce

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


def expecting_little(server: web.Server, bounce: Bounce) -> None:
    """Let an Expect other than 100-continue be refused in words of OCPI."""
    handle = server.request_handler

    async def answered(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await handle(request)
        except web.HTTPExpectationFailed:
            return bounce(request, UnknownExpectation())

    server.request_handler = answered
