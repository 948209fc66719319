"""The connections of callers: how long each may keep the hub waiting, and how many there may be.

A connection costs memory and a file descriptor. Whoever holds one and does nothing (an idle caller, one that
sends its head byte after byte, one that never reads its answer, one whose machine is gone and cannot say so)
is let go of after a while. For the body of a request the time is kept where it is read.
"""

import asyncio
from datetime import timedelta
from enum import IntEnum, auto
from typing import Final, Protocol

from hub.http.open_files import left_for_callers
from hub.settings import Limits


class Pause(IntEnum):
    """What the hub waits for; a number, because it is looked up by it with each request."""

    #: The next request.
    REQUEST = auto()
    #: The rest of a head.
    HEAD = auto()
    #: That the caller reads its answer.
    READING = auto()


class Caller(Protocol):
    """A connection of a caller."""

    def hang_up(self) -> None:
        """Close it at once, and drop what it has not read."""
        ...


#: How often in the shortest of the times somebody looks.
_LOOKS = 10


class Callers:
    """The connections to one port.

    For each pause those that wait in it stand in the order in which they began to wait: who has waited too
    long stands in front, so that ten thousand that have not cost nothing.
    """

    def __init__(self, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._most = left_for_callers(limits.connections)
        self._longest = {
            Pause.REQUEST: limits.idle.total_seconds(),
            Pause.HEAD: limits.head.total_seconds(),
            Pause.READING: limits.answer.total_seconds(),
        }
        #: Since when, in the loop's time.
        self._waiting: dict[Pause, dict[Caller, float]] = {pause: {} for pause in Pause}
        self._every = min(self._longest.values()) / _LOOKS
        self._looking: asyncio.TimerHandle | None = None
        #: For how long those that are idle may still ask something when nobody else is let in.
        self.patience = 0.0
        #: Whether the connection of whoever is answered now is to be closed.
        self.is_over = False
        #: Set when nobody is there any more.
        self.gone: Final = asyncio.Event()
        #: How many there are.
        self.count = 0
        #: How many were let go of.
        self.dropped = 0
        #: Requests that went the fast path.
        self.fast_requests = 0
        #: Those among them whose way was known.
        self.replayed_requests = 0

    def came(self, caller: Caller) -> None:
        """Somebody has connected. If there are too many, who has been idle longest goes."""
        self.count += 1
        idle = self._waiting[Pause.REQUEST]
        idle[caller] = self._loop.time()
        if self.count > self._most:
            longest = next(iter(idle))
            self._drop(longest, idle)
        if self._looking is None:
            self._looking = self._loop.call_later(self._every, self._look)

    def left(self, caller: Caller) -> None:
        """Its connection is gone."""
        self.count -= 1
        for waiting in self._waiting.values():
            waiting.pop(caller, None)
        if not self.count:
            self.gone.set()

    def leave_soon(self, patience: timedelta) -> None:
        """From the end of serving on, others serve those who come: say goodbye to those who are here."""
        self.patience = patience.total_seconds()

    @property
    def has_to_part(self) -> bool:
        """Whether somebody is there who is to hear that it is over."""
        return bool(self.patience and self.count)

    def parting(self) -> None:
        """Answer what still comes, and close each connection after its answer.

        To close one that is idle might cut off a request that is under way already.
        """
        self.is_over = True
        self.gone.clear()

    def waits(self, caller: Caller, pause: Pause) -> None:
        """From now on the hub waits for this."""
        self._waiting[pause][caller] = self._loop.time()

    def waits_no_more(self, caller: Caller, pause: Pause) -> None:
        """It has come."""
        self._waiting[pause].pop(caller, None)

    def begins(self, caller: Caller) -> None:
        """The next request has begun; its head goes on. Nothing changes if it had begun before."""
        if self._waiting[Pause.REQUEST].pop(caller, None) is not None:
            self.waits(caller, Pause.HEAD)

    def asks(self, caller: Caller) -> None:
        """The head of a request is whole: its own limits hold from now on."""
        if self._waiting[Pause.REQUEST].pop(caller, None) is None:
            self._waiting[Pause.HEAD].pop(caller, None)

    def close(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    def _look(self) -> None:
        self._looking = self._loop.call_later(self._every, self._look) if self.count else None
        now = self._loop.time()
        for pause, waiting in self._waiting.items():
            while waiting:
                caller, since = next(iter(waiting.items()))
                if now - since < self._longest[pause]:
                    break
                self._drop(caller, waiting)

    def _drop(self, caller: Caller, waiting: dict[Caller, float]) -> None:
        del waiting[caller]
        self.dropped += 1
        caller.hang_up()
