"""Group commit: callers that come at the same time share one transaction, and one wait for the disk."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from hub.ocpi.errors import OcpiError, ServerError
from hub.store.database import is_away

#: Items in one transaction at most.
LARGEST_GROUP = 500
#: So long a group waits at most for those who are about to ask.
GATHERING = timedelta(milliseconds=5)

_STOPPING = "the hub is stopping"

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Item, Result]):
    item: Item
    written: asyncio.Future[Result]


class GroupCommit(Generic[Item, Result]):
    """One writer for many callers.

    Args:
        write: Writes items in one transaction and commits it. It gives for each, in order, the result, or the
            refusal that its caller gets. If it raises, nothing of the group was written.
    """

    def __init__(self, write: Callable[[Sequence[Item]], Awaitable[Sequence[Result | OcpiError]]]) -> None:
        self._write = write
        self._queue: asyncio.Queue[_Waiting[Item, Result]] = asyncio.Queue()
        self._is_over = False

    async def submit(self, item: Item) -> Result:
        """The result, once the item is on disk.

        Raises:
            OcpiError: the item was refused, or (ServerError) could not be written.
        """
        if self._is_over:
            raise ServerError(_STOPPING)
        waiting: _Waiting[Item, Result] = _Waiting(item, asyncio.get_running_loop().create_future())
        self._queue.put_nowait(waiting)
        return await waiting.written

    async def run(self) -> None:
        """Write, group after group, until cancelled. Who still waits then is told that nothing was kept."""
        group: list[_Waiting[Item, Result]] = []
        try:
            while True:
                group = [await self._queue.get()]
                await self._arrivals()
                while len(group) < LARGEST_GROUP and not self._queue.empty():
                    group.append(self._queue.get_nowait())
                await self._write_group(group)
        finally:
            self._is_over = True
            while not self._queue.empty():
                group.append(self._queue.get_nowait())
            _refuse(group, _STOPPING)

    async def _arrivals(self) -> None:
        """Let those come along who are about to ask: while turn after turn of the loop brings somebody."""
        loop = asyncio.get_running_loop()
        until, waiting = loop.time() + GATHERING.total_seconds(), -1
        while waiting < self._queue.qsize() < LARGEST_GROUP and loop.time() < until:
            waiting = self._queue.qsize()
            await asyncio.sleep(0)

    async def _write_group(self, group: Sequence[_Waiting[Item, Result]]) -> None:
        try:
            results = await self._write([waiting.item for waiting in group])
        except Exception as error:
            # A database that is away lasts, and everybody is told: the log need not say where we were.
            trace = None if is_away(error) else error
            log.error("a group of %d could not be written: %s", len(group), error, exc_info=trace)  # noqa: TRY400 see above
            _refuse(group, "it could not be stored")
            return
        for waiting, result in zip(group, results, strict=True):
            if waiting.written.done():
                continue
            if isinstance(result, OcpiError):
                waiting.written.set_exception(result)
            else:
                waiting.written.set_result(result)


def _refuse(group: Sequence[_Waiting[Item, Result]], why: str) -> None:
    for waiting in group:
        if not waiting.written.done():
            waiting.written.set_exception(ServerError(why))
