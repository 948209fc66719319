"""What an eMSP does of its own accord: it tells its tokens after each registration, and reads the lists.

Pushes come in between, so the lists are read in hours, with jitter (TR-33), and soon after an outage, as
what was pushed meanwhile is lost (TR-32): when the eMSP starts again, when a list that failed can be read
again, and when the hub says that somebody is back. What fails is tried again: first soon, then less and less
often.
"""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from hub.ocpi.backoff import Backoff
from partners.changes import Changes
from partners.hub_clients import HubClients
from partners.link import NO_SUCCESS
from partners.peers import Peers

log = logging.getLogger(__name__)

#: The interval varies by this share of it.
JITTER = 0.1


@dataclass(frozen=True, slots=True)
class InStep:
    """Keeps the eMSP in step with the platform that it is registered with."""

    peers: Peers
    clients: HubClients
    changes: Changes
    push: Callable[[], Awaitable[object]]
    pull: Callable[[], Awaitable[object]]
    interval: timedelta
    backoff: Backoff
    #: Makes a random number from 0 to 1.
    chance: Callable[[], float]

    async def keep(self) -> None:
        """For ever."""
        while True:
            registration = await self.changes.until(self._registration, None)
            await self._done(self.push, registration)
            while self._registration() == registration:
                returns = self.clients.returns
                await self._done(self.pull, registration)
                await self._pause(
                    self.interval * (1 + JITTER * (2 * self.chance() - 1)), registration, returns
                )

    async def _done(self, work: Callable[[], Awaitable[object]], registration: int) -> None:
        """The work done at last, or the registration over."""
        failures = 0
        while self._registration() == registration:
            try:
                await work()
            except NO_SUCCESS as error:
                failures += 1
                pause = self.backoff.delay(failures, self.chance())
                log.warning("not in step yet, again in %.1f s: %s", pause.total_seconds(), error)
                await self._pause(pause, registration)
            else:
                return

    async def _pause(self, duration: timedelta, registration: int, returns: int | None = None) -> None:
        """For so long, or until the registration is another one, or somebody has returned since `returns`."""

        def is_over() -> bool:
            return self._registration() != registration or returns not in (None, self.clients.returns)

        with suppress(TimeoutError):
            await self.changes.until(is_over, duration)
            if self._registration() == registration:
                # Many return at once where a hub does: they are asked in one go.
                await self._pause(self.backoff.delay(1, self.chance()), registration)

    def _registration(self) -> int | None:
        """What tells this registration from a later one, None while there is none."""
        return self.peers.partner().id if self.peers.all() else None
