"""Waiting for something to become true in a node, without looking again and again."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

Found = TypeVar("Found")

DEFAULT_PATIENCE = timedelta(seconds=10)
#: Seconds.
_MOMENT = 0.01


class Changes:
    """Tells those who wait that the node's state has changed."""

    def __init__(self) -> None:
        self._next = asyncio.Event()
        self._is_coming = False

    def announce(self) -> None:
        """Let everybody who waits look again."""
        self._is_coming = False
        self._next.set()
        self._next = asyncio.Event()

    def soon(self) -> None:
        """The same within a moment, once for all that changes until then: where changes are very many."""
        if not self._is_coming:
            self._is_coming = True
            asyncio.get_running_loop().call_later(_MOMENT, self._announce_what_came)

    def _announce_what_came(self) -> None:
        if self._is_coming:
            self.announce()

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
