"""What an eMSP does of its own accord: it tells its tokens after each registration, and reads the lists.

Pushes come in between, so the lists are read in hours, with jitter (TR-33). What fails is tried again: first
soon, then less and less often.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from partners.changes import Changes
from partners.link import NO_SUCCESS
from partners.peers import Peers

log = logging.getLogger(__name__)

FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=5)
#: The interval varies by this share of it.
JITTER = 0.1


@dataclass(frozen=True, slots=True)
class InStep:
    """Keeps the eMSP in step with the platform that it is registered with."""

    peers: Peers
    changes: Changes
    push: Callable[[], Awaitable[object]]
    pull: Callable[[], Awaitable[object]]
    interval: timedelta
    #: A number from 0 to 1, passed in so that tests know it.
    chance: Callable[[], float]

    async def keep(self) -> None:
        """For ever."""
        while True:
            registration = await self.changes.until(self._registration, None)
            await self._until_done(self.push)
            while self._registration() == registration:
                await self._until_done(self.pull)
                await self._pause(registration)

    async def _until_done(self, work: Callable[[], Awaitable[object]]) -> None:
        pause = FIRST_PAUSE
        registration = self._registration()
        while registration is not None and self._registration() == registration:
            try:
                await work()
            except NO_SUCCESS as error:
                log.warning("not in step with the hub yet: %s; again in %s", error, pause)
            else:
                return
            await asyncio.sleep(pause.total_seconds())
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _pause(self, registration: int) -> None:
        """Until it is time to pull again, or the registration is another one."""
        share = 1 + JITTER * (2 * self.chance() - 1)
        try:
            await self.changes.until(lambda: self._registration() != registration, self.interval * share)
        except TimeoutError:
            return

    def _registration(self) -> int | None:
        """What tells this registration from a later one, None while there is none."""
        peers = self.peers.all()
        return self.peers.partner().id if peers else None
