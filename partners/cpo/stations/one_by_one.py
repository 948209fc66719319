"""One thing after the other, in the order in which they came; who finds nobody there does not wait at all."""

import asyncio
from collections import deque


class OneByOne:
    """What `asyncio.Lock` is, for what is nearly always free: to take it then costs no coroutine."""

    __slots__ = ("_is_taken", "_waiting")

    def __init__(self) -> None:
        self._is_taken = False
        #: There are very many of these, and hardly ever does somebody wait.
        self._waiting: deque[asyncio.Future[None]] | None = None

    def take(self) -> bool:
        """Take the turn if it is free; whether it was."""
        if self._is_taken:
            return False
        self._is_taken = True
        return True

    async def wait(self) -> None:
        """Return when it is the caller's turn, after all who came before."""
        if self.take():
            return
        if self._waiting is None:
            self._waiting = deque()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was given to somebody who is gone
                self.leave()
            raise

    def leave(self) -> None:
        """The turn is over: whoever waits longest has the next one."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._is_taken, self._waiting = False, None

    async def __aenter__(self) -> None:
        await self.wait()

    async def __aexit__(self, *_: object) -> None:
        self.leave()
