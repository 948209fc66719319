"""Signs of life of platforms, and failures to reach them, in whichever process they are seen.

The process that looks after a platform must hear of them; most requests of the platform come to others. These
tell it, for all platforms together and not more often than once in a while; at once where it matters: the
platform is OFFLINE and has called, or no connection to it can be made.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from hub.directory.current import CurrentDirectory
from hub.ocpi.waiting import wait_for
from hub.store.announcements import Topic
from hub.store.database import Database
from hub.store.leases import Leases
from schemas.v2_2_1 import ConnectionStatus

#: How often others are told who has called.
TELL_EVERY: Final = timedelta(seconds=1)
#: Platforms in one announcement: PostgreSQL takes 8000 bytes.
_AT_ONCE: Final = 500
_ALIVE, _UNREACHABLE = "alive", "unreachable"

#: Told of a platform.
Listener = Callable[[int], None]

log = logging.getLogger(__name__)


class Signs:
    """Hears and tells. Somebody must `run` it."""

    def __init__(self, database: Database, leases: Leases, directory: CurrentDirectory) -> None:
        self._database = database
        self._leases = leases
        self._directory = directory
        self._alive: tuple[Listener, ...] = ()
        self._unreachable: tuple[Listener, ...] = ()
        self._to_tell: dict[str, set[int]] = {_ALIVE: set(), _UNREACHABLE: set()}
        self._news = asyncio.Event()
        if leases.is_shared:
            database.announcements.heard_by(Topic.SIGNS, self._hear)

    def heard_by(self, *, alive: tuple[Listener, ...], unreachable: tuple[Listener, ...]) -> None:
        """Tell them, from now on, of what is seen here and elsewhere."""
        self._alive, self._unreachable = alive, unreachable

    def alive(self, platform_id: int) -> None:
        """The platform has called; costs next to nothing."""
        for listener in self._alive:
            listener(platform_id)
        if self._is_for_others(platform_id):
            self._to_tell[_ALIVE].add(platform_id)
            platform = self._directory.value.platforms.get(platform_id)
            if platform is not None and platform.status is ConnectionStatus.OFFLINE:
                self._news.set()

    def unreachable(self, platform_id: int) -> None:
        """No connection to the platform can be made."""
        for listener in self._unreachable:
            listener(platform_id)
        if self._is_for_others(platform_id):
            self._to_tell[_UNREACHABLE].add(platform_id)
            self._news.set()

    async def run(self) -> None:
        """Tell others until cancelled; return at once where there are none."""
        while self._leases.is_shared:
            await wait_for(self._news, TELL_EVERY)
            self._news.clear()
            for word, platform_ids in self._to_tell.items():
                told = sorted(platform_ids)[:_AT_ONCE]
                platform_ids.difference_update(told)
                if told:
                    await self._tell(word, told)
            # What comes again and again is told again and again, but not without a pause.
            await asyncio.sleep(TELL_EVERY.total_seconds() / 10)

    def _is_for_others(self, platform_id: int) -> bool:
        return self._leases.is_shared and not self._leases.has(platform_id)

    async def _tell(self, word: str, platform_ids: list[int]) -> None:
        try:
            async with self._database.at_once() as connection:
                await self._database.announcements.announce(
                    connection, Topic.SIGNS, word, *map(str, platform_ids)
                )
        except (SQLAlchemyError, OSError) as error:
            log.warning("other processes were not told who is %s: %s", word, error)

    def _hear(self, parts: frozenset[str] | None) -> None:
        if parts is None:
            return  # some may have been missed: whoever is silent is asked in the end
        listeners = self._alive if _ALIVE in parts else self._unreachable
        for platform_id in (int(each) for each in parts if each.isdigit()):
            if self._leases.has(platform_id):
                for listener in listeners:
                    listener(platform_id)
