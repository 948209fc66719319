"""Signs of life of a worker: a byte down a pipe to its supervisor, as long as its event loop turns.

A process that was stopped, or whose loop is blocked, sends none: it is there, and answers nobody.
"""

import asyncio
import os
from contextlib import suppress
from datetime import timedelta

#: So many are due within the supervisor's patience.
BEATS = 5
#: What a look takes out of the pipe; more are due only to a supervisor that has slept itself.
_MANY = 4096


async def beat(descriptor: int, patience: timedelta) -> None:
    """Send signs of life until cancelled, or until nobody wants them any more.

    Args:
        descriptor: Where to.
        patience: For how long the supervisor does without one.
    """
    os.set_blocking(descriptor, False)
    while True:
        with suppress(BlockingIOError):  # it is full: the supervisor has not looked for long
            try:
                os.write(descriptor, b".")
            except BrokenPipeError:
                await asyncio.Event().wait()
        await asyncio.sleep((patience / BEATS).total_seconds())


class Pulse:
    """Hears the signs of life of one worker."""

    def __init__(self, patience: timedelta) -> None:
        self._patience = patience.total_seconds()
        self._reading, self.writing = os.pipe()
        os.set_blocking(self._reading, False)

    def is_given_away(self) -> None:
        """The worker has its end of the pipe."""
        os.close(self.writing)

    def close(self) -> None:
        """Nobody listens any more."""
        os.close(self._reading)

    async def stops(self) -> None:
        """Wait until the worker has given no sign of life for longer than the patience.

        Time in which this process got no turn itself does not count: when a machine wakes up, all are late.
        """
        loop = asyncio.get_running_loop()
        silence, looked = 0.0, loop.time()
        while silence <= self._patience:
            await asyncio.sleep(self._patience / BEATS)
            since, looked = loop.time() - looked, loop.time()
            silence = 0.0 if self._has_beaten() else silence + min(since, 2 * self._patience / BEATS)

    def _has_beaten(self) -> bool:
        try:
            return bool(os.read(self._reading, _MANY))
        except BlockingIOError:
            return False
