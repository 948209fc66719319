"""A moment by which something must have happened; to move it away costs next to nothing."""

import asyncio
from collections.abc import Callable


class Deadline:
    """Calls back when it is over.

    A timer for each request would be set and cancelled thousands of times a second. This one stays set when
    the deadline moves away, and looks when it rings whether it is time.
    """

    __slots__ = ("_at", "_expired", "_loop", "_rings_at", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, expired: Callable[[], None]) -> None:
        self._loop = loop
        self._expired = expired
        self._at: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = 0.0

    @property
    def is_set(self) -> bool:
        """Whether there is one."""
        return self._at is not None

    def set(self, at: float) -> None:
        """Let it be this moment of the loop's time."""
        self._at = at
        if self._timer is None:
            self._wind(at)
        elif at < self._rings_at:
            self._timer.cancel()
            self._wind(at)

    def clear(self) -> None:
        """Let there be none for now."""
        self._at = None

    def cancel(self) -> None:
        """Let there be none ever again."""
        self._at = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wind(self, at: float) -> None:
        self._rings_at = at
        self._timer = self._loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._at is None:
            return
        # Measured against when it should ring: a loop's clock may be coarser than its timers.
        if self._at > self._rings_at:
            self._wind(self._at)
        else:
            self._at = None
            self._expired()
