"""Writing behind the messages: who has something to write goes on at once; a loop writes it in batches.

What waits is bounded. If the database does not keep up, what comes is dropped, counted, and said once.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

#: Items that wait at most.
CAPACITY = 10_000
#: Bytes that wait at most.
MEMORY = 32 * 1024 * 1024
#: Items written at once at most.
BATCH = 500

log = logging.getLogger(__name__)

Item = TypeVar("Item")


def _nothing(_item: object) -> int:
    return 0


class WriteBehind(Generic[Item]):
    """A bounded queue in front of a slow writer. It is written while it is `running`."""

    def __init__(
        self,
        what: str,
        write: Callable[[Sequence[Item]], Awaitable[None]],
        *,
        lose: Callable[[Item], None] = lambda _item: None,
        size: Callable[[Item], int] = _nothing,
        capacity: int = CAPACITY,
        memory: int = MEMORY,
    ) -> None:
        """Wire up.

        Args:
            what: What is written, for the log.
            write: Writes some items, in order.
            lose: Told of each item that is not written, because there is no room or writing failed.
            size: The bytes that an item holds while it waits.
            capacity: Items that wait at most.
            memory: Bytes that wait at most.
        """
        self._what = what
        self._write = write
        self._lose = lose
        self._size = size
        self._capacity = capacity
        self._memory = memory
        self._queue: deque[Item] = deque()
        #: Bytes that wait.
        self._held = 0
        self._news = asyncio.Event()
        #: Items that came into the queue, and those that left it, written or lost.
        self._taken = 0
        self._done = 0
        self._batch_done = asyncio.Event()
        self._is_dropping = False
        self._is_over = False
        #: Items that were not written.
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """How many items are not written yet."""
        return len(self._queue)

    def offer(self, item: Item) -> None:
        """Have the item written soon; never waits, never fails."""
        size = self._size(item)
        if len(self._queue) >= self._capacity or self._held + size > self._memory:
            self._drop(item)
            return
        self._held += size
        self._queue.append(item)
        self._taken += 1
        self._news.set()

    async def caught_up(self) -> None:
        """Wait until everything that was offered before is written, or lost."""
        taken = self._taken
        while self._done < taken:
            await self._batch_done.wait()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write until the end of the block, and then what still waits; a batch is never left half done."""
        failure: BaseException | None = None
        async with asyncio.TaskGroup() as group:
            group.create_task(self._write_on())
            try:
                yield
            except BaseException as error:  # noqa: BLE001 raised again below, when everything is written
                failure = error
            finally:
                self._is_over = True
                self._news.set()
        if failure is not None:
            raise failure

    async def _write_on(self) -> None:
        while self._queue or not self._is_over:
            if self._queue:
                await self._write_batch()
            else:
                self._news.clear()
                await self._news.wait()

    async def _write_batch(self) -> None:
        batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
        self._held -= sum(map(self._size, batch))
        self._is_dropping = self._is_dropping and bool(self._queue)
        try:
            await self._write(batch)
        except Exception:  # the loop must not die: the messages themselves have gone through
            log.exception("%s: %d could not be written", self._what, len(batch))
            self.dropped += len(batch)
            for item in batch:
                self._lose(item)
        self._done += len(batch)
        self._batch_done.set()
        self._batch_done = asyncio.Event()

    def _drop(self, item: Item) -> None:
        if not self._is_dropping:
            log.warning("%s: they come faster than they can be written, and some are not kept", self._what)
        self._is_dropping = True
        self.dropped += 1
        self._lose(item)
