"""Whoever is registered learns what has changed at the hub: it gets new credentials by PUT (VE-09).

URLs change with the hub's public URL, endpoints with its version or with what a platform may be. The platform
reads our versions and details anew then (CR-10), and both sides get new tokens.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from hub.directory.current import CurrentDirectory
from hub.directory.directory import Platform
from hub.handshake.identity import HubIdentity
from hub.handshake.registering import Registering
from hub.ocpi.backoff import Backoff
from hub.ocpi.timestamps import Clock
from hub.ocpi.waiting import Wait, wait_for
from hub.registry.platforms import PlatformError

#: How long at most nobody looks whether there is somebody to tell.
LONGEST_WAIT = timedelta(seconds=30)
BACKOFF = Backoff(timedelta(seconds=10), timedelta(hours=1))

log = logging.getLogger(__name__)


class Introductions:
    """Tells platforms what has changed here since they saw it. Somebody must `run` it."""

    def __init__(
        self,
        directory: CurrentDirectory,
        registering: Registering,
        identity: HubIdentity,
        clock: Clock,
        *,
        chance: Callable[[], float],
        is_ours: Callable[[int], bool] = lambda _platform_id: True,
        wait: Wait = wait_for,
    ) -> None:
        """Wire up.

        Args:
            directory: Says which platforms there are, and what they have seen.
            registering: Exchanges credentials.
            identity: What there is to see.
            clock: Tells the time.
            chance: A random number from 0 to 1.
            is_ours: Whether this process looks after a platform.
            wait: Waits for news.
        """
        self._directory = directory
        self._registering = registering
        self._identity = identity
        self._clock = clock
        self._chance = chance
        self._is_ours = is_ours
        self._wait = wait
        self._news = asyncio.Event()
        #: Platforms that could not be told, how often, and when it is tried again.
        self._failed: dict[int, tuple[int, datetime]] = {}

    def look(self) -> None:
        """The Directory is another one."""
        self._news.set()

    async def run(self) -> None:
        """Tell whoever has seen something else, one after the other, until cancelled."""
        while True:
            self._news.clear()
            for platform in tuple(self._directory.value.platforms.values()):
                if self._is_ours(platform.id) and self._is_due(platform):
                    await self._tell(platform)
            await self._wait(self._news, LONGEST_WAIT)

    def _is_due(self, platform: Platform) -> bool:
        if not platform.is_connected or platform.seen_of_hub == self._identity.looks(platform.hub_role):
            self._failed.pop(platform.id, None)
            return False
        now = self._clock()
        _, again_at = self._failed.get(platform.id, (0, now))
        # Nobody waits for longer than any pause: the clock was set back.
        return not now < again_at <= now + BACKOFF.most

    async def _tell(self, platform: Platform) -> None:
        try:
            await self._registering.update_at(platform.name)
        except PlatformError as failure:
            log.warning("%s could not be told what has changed at this hub: %s", platform.name, failure)
        except Exception:
            # A loop that must not die: the database may fail for a moment.
            log.exception("%s could not be told what has changed at this hub", platform.name)
        else:
            return
        failures = self._failed.get(platform.id, (0, self._clock()))[0] + 1
        self._failed[platform.id] = failures, self._clock() + BACKOFF.delay(failures, self._chance())
