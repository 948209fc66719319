"""Connections to one origin that nobody uses: the last one used first, for a while only."""

import asyncio
from typing import Final, NamedTuple

from hub.http.upstream.connection import Connection

#: For so long after its last answer, in seconds, nobody looks whether a connection is still open.
FRESH = 0.01
_new: Final = tuple.__new__


class _Idle(NamedTuple):
    connection: Connection
    since: float


class IdleConnections:
    """A stack of them; those at its bottom are closed when they have been there for too long."""

    def __init__(self, lifetime: float, loop: asyncio.AbstractEventLoop) -> None:
        """Wire up.

        Args:
            lifetime: For how long one may be there, in seconds.
            loop: The event loop.
        """
        self._lifetime: Final = lifetime
        self._loop: Final = loop
        self._idle: list[_Idle] = []
        self._sweeping: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._idle)

    def take(self) -> Connection | None:
        """One that can be used at once, None where there is none.

        One that the platform has closed, or on which it has said something, is never used: what is sent on it
        would be lost, and could not be sent again.
        """
        now = self._loop.time()
        while self._idle:
            connection, since = self._idle.pop()
            age = now - since
            if connection.is_open and age < connection.may_idle and (age < FRESH or connection.is_silent):
                return connection
            connection.close()
        return None

    def add(self, connection: Connection) -> None:
        """Nobody uses this one any more."""
        self._idle.append(_new(_Idle, (connection, self._loop.time())))
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(self._lifetime, self._sweep)

    def forget(self, connection: Connection) -> None:
        """This one is gone."""
        self._idle = [each for each in self._idle if each.connection is not connection]

    def clear(self) -> None:
        """Forget all, and look after them no more."""
        self._idle.clear()
        self.stop()

    def stop(self) -> None:
        """Look no more how long they have been there."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None

    def _sweep(self) -> None:
        """Close what has been there for too long."""
        self._sweeping = None
        eldest = self._loop.time() - self._lifetime
        while self._idle and self._idle[0].since <= eldest:
            self._idle.pop(0).connection.close()
        if self._idle:
            self._sweeping = self._loop.call_at(self._idle[0].since + self._lifetime, self._sweep)
