"""Waiting for something to become true in a node, without looking again and again."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

Found = TypeVar("Found")

DEFAULT_PATIENCE = timedelta(seconds=10)


class Changes:
    """Tells those who wait that the node's state has changed."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def announce(self) -> None:
        """Let everybody who waits look again."""
        self._next.set()
        self._next = asyncio.Event()

    async def until(
        self, predicate: Callable[[], Found | None], patience: timedelta | None = DEFAULT_PATIENCE
    ) -> Found:
        """The first true value of the predicate, which is asked now and after every change.

        Args:
            predicate: Reads the state; whatever is false means not yet.
            patience: How long to wait at most; None: for ever.

        Raises:
            TimeoutError: it did not become true in time.
        """
        async with asyncio.timeout(None if patience is None else patience.total_seconds()):
            while True:
                coming = self._next
                if found := predicate():
                    return found
                await coming.wait()
