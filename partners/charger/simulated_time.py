"""Time that runs faster than real time: a charging session of an hour in a minute."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from hub.ocpi.timestamps import Clock


class SimulatedTime:
    """A clock that starts at the present instant and runs `speed` times as fast.

    Args:
        clock: Gives the instant at which it starts, aware, in UTC.
        speed: Simulated seconds in a real second; greater than 0.
        monotonic: Real seconds, from anywhere.
    """

    def __init__(
        self,
        clock: Clock,
        speed: float = 1,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if speed <= 0:
            raise ValueError("the speed of time is greater than 0")
        self.speed = speed
        self._monotonic = monotonic
        self._begun = monotonic()
        self._start = clock()

    def now(self) -> datetime:
        """The simulated instant."""
        return self._start + timedelta(seconds=(self._monotonic() - self._begun) * self.speed)

    def real_seconds(self, simulated: timedelta) -> float:
        """How long a simulated duration really takes."""
        return simulated.total_seconds() / self.speed

    async def sleep(self, simulated: timedelta) -> None:
        """Wait for a simulated duration."""
        await asyncio.sleep(self.real_seconds(simulated))
