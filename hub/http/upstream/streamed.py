"""An answer that is wanted piece by piece, as fast as it is taken and no faster."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Protocol

from hub.http.upstream.answer_sink import UNREAD, RawHeader
from hub.http.upstream.header_text import header_texts
from hub.ocpi.headers import Header
from hub.ocpi.transport import CallFailed

#: Bytes that wait to be taken, above which no more are read, and below which reading goes on.
HIGH_WATER = 64 * 1024
LOW_WATER = 16 * 1024


class Tap(Protocol):
    """Where an answer comes from."""

    def pause_reading(self) -> None:
        """Give no more."""
        ...

    def resume_reading(self) -> None:
        """Give more."""
        ...


class StreamedAnswer:
    """An answer whose head is there; its body is an asynchronous iteration over pieces of bytes.

    A content coding is left as it is.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.status = 0
        self.headers: tuple[Header, ...] = ()
        self._loop = loop
        self._tap: Tap | None = None
        self._pieces: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._is_whole = False
        self._failure: CallFailed | None = None
        #: Whoever waits for anything new.
        self._news: asyncio.Future[None] | None = None

    def comes_from(self, tap: Tap) -> None:
        """Close this tap when too much waits to be taken."""
        self._tap = tap

    async def begun(self) -> None:
        """Wait for the head.

        Raises:
            CallFailed: it does not come.
        """
        while not self.status:
            await self._something_new()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            while self._pieces:
                yield self._taken()
            if self._is_whole:
                return
            await self._something_new()

    def _taken(self) -> bytes:
        piece = self._pieces.popleft()
        self._waiting_bytes -= len(piece)
        if self._waiting_bytes < LOW_WATER and self._tap is not None and not self._is_whole:
            self._tap.resume_reading()
        return piece

    async def _something_new(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._news = self._loop.create_future()
        await self._news

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    # What the connection calls.

    def glance(self, data: bytes) -> int:
        """Let the parser read it."""
        del data
        return UNREAD

    def on_head(self, status: int, reason: bytes, headers: list[RawHeader]) -> None:
        """It has begun."""
        del reason
        self.status = status
        self.headers = header_texts(headers)
        self._wake()

    def on_body(self, data: bytes) -> None:
        """Keep it until it is taken."""
        self._pieces.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes > HIGH_WATER and self._tap is not None:
            self._tap.pause_reading()
        self._wake()

    def on_end(self) -> None:
        """It is whole; the connection is somebody else's, and its tap is left alone."""
        self._tap = None
        self._is_whole = True
        self._wake()

    def on_failed(self, failure: CallFailed) -> None:
        """No more will come; what came before may still be taken."""
        self._tap = None
        self._failure = failure
        self._wake()
