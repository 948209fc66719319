"""Whose turn it is to deliver: pumps share the loop's time with whoever is served (decision 0054).

A thousand pumps that are woken at once would hold the loop for a tenth of a second, again and again, and
whoever has a change to be accepted would wait for all of them, at each of its steps. So no more than a few
deliveries begin in one turn of the loop; in between, everything else has its turn. Pumps take theirs in the
order in which they came; those that wait long are told more at once, as only newest states are sent.

A turn is for beginning, not for having an answer: a platform that is slow keeps nobody from anything.
"""

import asyncio
from collections import deque
from collections.abc import Callable

#: Deliveries begun in one turn of the loop at most. Fewer cost more turns, more keep others waiting.
AT_ONCE = 6


class Turns:
    """One queue for all pumps of a process."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._left = at_once
        self._waiting: deque[Callable[[], None]] = deque()
        #: Whether the next turn of the loop is counted.
        self._is_counting = False

    async def take(self) -> None:
        """Wait for a turn."""
        if self._taken_at_once():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def given() -> None:
            if not turn.done():
                turn.set_result(None)
            else:
                self._left += 1  # nobody waits any longer: somebody else's

        self._waiting.append(given)
        await turn

    def later(self, begin: Callable[[], None]) -> None:
        """Call this when it is its turn."""
        self._waiting.append(begin)
        self._count()

    def _taken_at_once(self) -> bool:
        self._count()
        if self._left <= 0 or self._waiting:
            return False
        self._left -= 1
        return True

    def _count(self) -> None:
        if not self._is_counting:
            self._is_counting = True
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        """A turn of the loop begins."""
        if self._left == self._at_once and not self._waiting:
            self._is_counting = False
            return
        self._left = self._at_once
        while self._waiting and self._left > 0:
            self._left -= 1
            self._waiting.popleft()()
        asyncio.get_running_loop().call_soon(self._next)
