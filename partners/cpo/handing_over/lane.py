"""A lane: what is owed to one addressee, handed over by one task, which rests while it cannot be reached.

One request is in flight at a time, so that nothing overtakes what comes before it. Back-off belongs to the
addressee, not to the message; a sign of life ends it at once.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from hub.ocpi.backoff import Backoff
from partners.cpo.handing_over.outcome import Unreachable

log = logging.getLogger(__name__)

#: Hands over everything that is owed now; how long until something is due again, None: nothing is.
HandOver = Callable[[], Awaitable[timedelta | None]]


class Lane:
    """Runs for ever: hands over what is owed, waits until there is more."""

    def __init__(
        self,
        addressee: str,
        hand_over: HandOver,
        *,
        backoff: Backoff,
        chance: Callable[[], float],
        recovered: Callable[[], None] = lambda: None,
    ) -> None:
        self.addressee = addressee
        self._hand_over = hand_over
        self._backoff = backoff
        self._chance = chance
        #: Told when the hub itself was away, and is back.
        self._recovered = recovered
        self._more = asyncio.Event()
        self._alive = asyncio.Event()
        #: Whether the last attempt failed since the hub itself was away.
        self.waits_for_the_hub = False

    def owe(self) -> None:
        """There is something to hand over."""
        self._more.set()

    def revive(self) -> None:
        """There is reason to believe that the addressee can be reached again: try at once."""
        self._alive.set()

    async def run(self) -> None:
        """Hand over, for ever."""
        failures = 0
        while True:
            self._more.clear()
            self._alive.clear()
            try:
                due = await self._hand_over()
            except Unreachable as error:
                failures += 1
                self.waits_for_the_hub = error.is_hub_away
                pause = self._backoff.delay(failures, self._chance())
                log.info(
                    "%s cannot be reached, again in %.1f s: %s", self.addressee, pause.total_seconds(), error
                )
                await _within(self._alive, pause)
            except (
                Exception
            ):  # the loop must not die: what is owed is on disk, and the log says what went wrong
                failures += 1
                log.exception("handing over to %s failed", self.addressee)
                await _within(self._alive, self._backoff.delay(failures, self._chance()))
            else:
                if failures and self.waits_for_the_hub:
                    self._recovered()
                failures = 0
                self.waits_for_the_hub = False
                await _within(self._more, due)


async def _within(event: asyncio.Event, patience: timedelta | None) -> None:
    """Wait for the event, not longer than this."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(None if patience is None else max(patience.total_seconds(), 0)):
            await event.wait()
