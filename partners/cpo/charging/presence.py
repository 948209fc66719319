"""Which charge points can be reached: connected, or away for less than a grace.

A link that is lost for a moment says nothing about the EVSE; after the grace its status is UNKNOWN.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from hub.ocpi.timestamps import Clock


class Presence:
    """Who is there; after a start everybody is given the grace to come back."""

    def __init__(self, charge_points: Iterable[str], clock: Clock, grace: timedelta) -> None:
        self._clock = clock
        self._grace = grace
        self._away: dict[str, datetime] = dict.fromkeys(charge_points, clock())
        #: Those that are not given up yet, the one that is away for the longest first.
        self._waiting = dict(self._away)
        self._left = asyncio.Event()

    def came(self, charge_point: str) -> None:
        """A link is up."""
        self._away.pop(charge_point, None)
        self._waiting.pop(charge_point, None)

    def left(self, charge_point: str) -> None:
        """The link is lost."""
        if not self._waiting:
            self._left.set()
        self._away[charge_point] = self._waiting[charge_point] = self._clock()

    def is_connected(self, charge_point: str) -> bool:
        """Whether there is a link now."""
        return charge_point not in self._away

    def is_reachable(self, charge_point: str) -> bool:
        """Whether there is a link, or was one not long ago."""
        since = self._away.get(charge_point)
        return since is None or self._clock() - since < self._grace

    async def watch(self, given_up: Callable[[str], None]) -> None:
        """For ever: tell of each charge point that has been away for longer than the grace, once."""
        while True:
            self._left.clear()
            pause = None
            while self._waiting and pause is None:
                charge_point, since = next(iter(self._waiting.items()))
                remaining = since + self._grace - self._clock()
                if remaining > timedelta():
                    pause = remaining
                else:
                    del self._waiting[charge_point]
                    given_up(charge_point)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if pause is None else max(pause.total_seconds(), 0)):
                    await self._left.wait()
