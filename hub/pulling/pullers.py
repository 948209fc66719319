"""All pullers: started and stopped as platforms come and go, and asked by operators."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.directory.directory import Platform
from hub.pulling.lists import List, lists
from hub.pulling.progress import Progress
from hub.pulling.puller import Puller, PullerParts, PullStatus
from hub.store.leases import Leases

#: How often the Directory is looked at even if nobody said that it is another one.
LOOK_EVERY = timedelta(seconds=10)
#: The pause after following the Directory failed, for example because the disk is full.
BEGIN_ANEW_AFTER = timedelta(seconds=1)

#: An errand: a platform is to be pulled; its module, and whether from the beginning.
PULL = "pull"
FULL = "!"

log = logging.getLogger(__name__)


class NotPullable(Exception):
    """The platform cannot be pulled now; the message says why."""


@dataclass(frozen=True, slots=True)
class PullShown:
    """How far a list has come, and what happens to it."""

    #: The platform's name.
    platform: str
    which: List
    status: PullStatus
    #: When it is pulled next, None where that is not planned.
    next_at: datetime | None
    #: None where it was never pulled.
    progress: Progress | None


class Pullers:
    """Owns a puller for each registered platform that this process looks after. Somebody must `run` it."""

    def __init__(self, parts: PullerParts, leases: Leases) -> None:
        self._parts = parts
        self._leases = leases
        self._news = asyncio.Event()
        self._pullers: dict[int, tuple[Puller, asyncio.Task[None]]] = {}
        self._seen: dict[int, Platform] = {}
        self._ours: frozenset[int] = frozenset()
        leases.heard_by(self.wake)
        leases.errands.done_by(PULL, self._asked_elsewhere)

    def wake(self) -> None:
        """The Directory is another one."""
        self._news.set()

    async def run(self) -> None:
        """Pull until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            await self._opened()
            while True:
                self._news.clear()
                try:
                    await self._follow_directory(tasks)
                except Exception:
                    log.exception("the pullers could not follow the Directory, and try again")
                    self._seen = {}
                    await asyncio.sleep(BEGIN_ANEW_AFTER.total_seconds())
                await self._parts.wait(self._news, LOOK_EVERY)

    async def ask(self, platform: Platform, module: str | None, *, is_full: bool) -> None:
        """Pull the platform's lists now, or those of one module; or have another process do so.

        Raises:
            NotPullable: it is not connected, or offers no such list.
        """
        wanted = self._wanted(platform, module)
        if self._leases.errands.is_for_others(platform.id):
            await self._leases.errands.ask(PULL, platform.id, f"{module or ''}{FULL if is_full else ''}")
            return
        self._begin(platform, wanted, is_full=is_full)

    def _asked_elsewhere(self, platform_id: int, detail: str) -> None:
        platform = self._parts.reading.directory().platforms.get(platform_id)
        if platform is None:
            return
        with suppress(NotPullable):  # it was, when whoever asked looked
            wanted = self._wanted(platform, detail.removesuffix(FULL) or None)
            self._begin(platform, wanted, is_full=detail.endswith(FULL))

    def _begin(self, platform: Platform, wanted: list[List], *, is_full: bool) -> None:
        found = self._pullers.get(platform.id)
        if found is None:
            raise NotPullable(f"{platform.name} is not connected")
        for which in wanted:
            found[0].ask(which, is_full=is_full)

    def _wanted(self, platform: Platform, module: str | None) -> list[List]:
        if not platform.is_connected:
            raise NotPullable(f"{platform.name} is not connected")
        wanted = [which for which in lists(platform) if module in {None, which.module}]
        if not wanted:
            offered = ", ".join(dict.fromkeys(which.module for which in lists(platform))) or "none"
            raise NotPullable(
                f"{platform.name} has no list of {module or 'anything'} to pull; it has: {offered}"
            )
        return wanted

    async def overview(self, platform: Platform) -> tuple[PullShown, ...]:
        """The platform's lists."""
        is_elsewhere = self._leases.errands.is_for_others(platform.id)
        if is_elsewhere:
            await self._parts.records.refresh(platform.id)
        unknown = PullStatus.ELSEWHERE if is_elsewhere else PullStatus.AT_REST
        found = self._pullers.get(platform.id)
        return tuple(
            PullShown(
                platform.name,
                which,
                unknown if found is None else found[0].status(which),
                None if found is None else found[0].next_at(which),
                self._parts.records.of(which),
            )
            for which in lists(platform)
        )

    async def _opened(self) -> None:
        while True:
            try:
                await self._parts.records.open()
            except Exception:
                log.exception("how far the pulls have come could not be read; that is tried again")
                await asyncio.sleep(BEGIN_ANEW_AFTER.total_seconds())
            else:
                return

    async def _follow_directory(self, tasks: asyncio.TaskGroup) -> None:
        platforms = dict(self._parts.reading.directory().platforms)
        registered = {platform_id for platform_id, each in platforms.items() if each.is_registered}
        ours = frozenset(filter(self._leases.has, registered))
        if platforms == self._seen and ours == self._ours:
            return
        for platform_id in self._pullers.keys() - ours:
            _, task = self._pullers.pop(platform_id)
            task.cancel()
        await self._parts.records.forget_all_but(registered)
        if self._leases.is_shared and ours - self._ours:
            for platform_id in ours - self._ours:
                await self._parts.records.refresh(platform_id)  # another process may have pulled it until now
        for platform_id in ours - self._pullers.keys():
            puller = Puller(platform_id, self._parts)
            self._pullers[platform_id] = (puller, tasks.create_task(puller.run()))
        for platform_id in ours:
            if platforms[platform_id] != self._seen.get(platform_id):
                self._pullers[platform_id][0].renewed()
        self._seen, self._ours = platforms, ours
