"""Turns of the event loop that stay short, however many links have something to say in the same moment."""

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Final

#: Seconds of a turn for what links say; then everything else has its turn.
_A_TURN: Final = 0.02
#: Links that may end in a turn: each has some work to do in each of the next ones.
_ENDS_IN_A_TURN: Final = 100


class Turns:
    """Who may go on now, and who in one of the next turns, in the order in which they came."""

    def __init__(self) -> None:
        #: When this turn is over; None before anybody has asked.
        self._until: float | None = None
        self._is_next_due = False
        self._waiting: deque[Callable[[], None] | asyncio.Future[None]] = deque()

    def is_mine(self) -> bool:
        """Whether somebody who comes now may go on at once."""
        return not self._waiting and self._has_time()

    def later(self, work: Callable[[], None]) -> None:
        """Do this in one of the next turns; for those for whom there is no time now."""
        self._waiting.append(work)
        self._let_next()

    async def mine(self) -> None:
        """Return when it is the caller's turn."""
        if self.is_mine():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._let_next()
        try:
            await turn
        finally:
            self._let_next()

    def _has_time(self) -> bool:
        now = perf_counter()
        if self._until is None:
            self._until = now + _A_TURN
            self._let_next()
        return now < self._until

    def _let_next(self) -> None:
        if not self._is_next_due:
            self._is_next_due = True
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        self._is_next_due, self._until = False, None
        while self._waiting and self._has_time():
            work = self._waiting.popleft()
            if not isinstance(work, asyncio.Future):
                work()
            elif not work.done():
                work.set_result(None)
                return  # what it does comes before whoever is next


class Portions:
    """So many a turn, the others in the next ones, in order: for what is little itself and leads to much.

    Args:
        most: In a turn.
    """

    def __init__(self, most: int = _ENDS_IN_A_TURN) -> None:
        self._most = self._left = most
        self._is_next_due = False
        self._waiting: deque[Callable[[], None]] = deque()

    def do(self, work: Callable[[], None]) -> None:
        """Do this now, or in one of the next turns."""
        if self._waiting or not self._left:
            self._waiting.append(work)
        else:
            self._left -= 1
            work()
        self._let_next()

    def _let_next(self) -> None:
        if not self._is_next_due:
            self._is_next_due = True
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        self._is_next_due, self._left = False, self._most
        while self._waiting and self._left:
            self._left -= 1
            self._waiting.popleft()()
        if self._left < self._most:
            self._let_next()
