"""Room for large bodies: how many bytes of them a process takes in at once.

A body is whole before it goes on (TR-12, TR-27), so it is held from its first byte until its request is
answered, and the addressee may take its time. Whoever comes when there is no room waits, in the order of
coming; meanwhile its body stays in the network, which tells the caller to send no more (decision 0060).
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from typing import Final, NamedTuple

from aiohttp import hdrs, web

from hub.ocpi.errors import TooManyRequests
from hub.ocpi.retry_after import write_retry_after
from hub.web.conversion import BEFORE_BODY, BeforeBody
from hub.web.edge import Handler

#: A body up to so many bytes needs no room: the network has brought as much before anybody looks.
SMALL_BODY: Final = 64 * 1024
#: When whoever found no room may come again.
LATER: Final = timedelta(seconds=5)


class _Waiting(NamedTuple):
    size: int
    turn: "asyncio.Future[None]"


class Room:
    """So many bytes, of which each large body takes its own for as long as it is there."""

    def __init__(self, size: int) -> None:
        """Wire up.

        Args:
            size: In bytes; a single body that is larger has room when nobody else is there.
        """
        self._size: Final = size
        #: Bytes that are taken.
        self.taken = 0
        self._waiting: deque[_Waiting] = deque()

    @asynccontextmanager
    async def for_body(self, size: int, patience: timedelta) -> AsyncIterator[None]:
        """Keep room for a body until the end of the block.

        Args:
            size: In bytes.
            patience: How long to wait for it.

        Raises:
            TooManyRequests: there was none in time.
        """
        size = min(size, self._size)
        await self._take(size, patience)
        try:
            yield
        finally:
            self._give(size)

    async def _take(self, size: int, patience: timedelta) -> None:
        if not self._waiting and self.taken + size <= self._size:
            self.taken += size
            return
        waiting = _Waiting(size, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(patience.total_seconds()):
                await waiting.turn
        except BaseException as error:
            self._leave(waiting)
            if isinstance(error, TimeoutError):
                message = "the hub holds as many large bodies as it can"
                raise TooManyRequests(message, headers=(write_retry_after(LATER),)) from error
            raise

    def _leave(self, waiting: _Waiting) -> None:
        """Whoever waited goes away, perhaps just when it was its turn."""
        if waiting.turn.done() and not waiting.turn.cancelled():
            self._give(waiting.size)
            return
        with suppress(ValueError):
            self._waiting.remove(waiting)
        self._let_in()

    def _give(self, size: int) -> None:
        self.taken -= size
        self._let_in()

    def _let_in(self) -> None:
        """Let those in for whom there is room now, in the order of coming."""
        while self._waiting and self.taken + self._waiting[0].size <= self._size:
            first = self._waiting.popleft()
            if not first.turn.done():
                self.taken += first.size
                first.turn.set_result(None)


def within(room: Room, largest: int, patience: timedelta) -> Callable[..., Awaitable[web.StreamResponse]]:
    """The middleware that lets large bodies in as there is room for them.

    It is taken when the body is about to be read: then it is known who asks. Whoever has no token takes
    none, whatever size it announces.

    Args:
        room: For all of them.
        largest: The largest body that is taken, in bytes: so large may become what does not say its length,
            or is packed.
        patience: How long one waits.
    """

    @web.middleware
    def let_in(request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
        if not request.body_exists:
            return handler(request)
        said = None if hdrs.CONTENT_ENCODING in request.headers else request.content_length
        size = largest if said is None else min(said, largest)
        return handler(request) if size <= SMALL_BODY else with_room(request, handler, size)

    async def with_room(request: web.Request, handler: Handler, size: int) -> web.StreamResponse:
        async with AsyncExitStack() as until_answered:
            request[BEFORE_BODY] = BeforeBody(
                lambda: until_answered.enter_async_context(room.for_body(size, patience))
            )
            return await handler(request)

    return let_in
