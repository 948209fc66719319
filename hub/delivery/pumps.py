"""All pumps: started and stopped as platforms come and go, woken when something was accepted (design D3)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from hub.delivery.audience import receivers
from hub.delivery.dead_letters import DeadLetter
from hub.delivery.pump import NotDeliverable, Pump, PumpParts
from hub.delivery.sending import Attempt
from hub.directory.directory import Directory, Platform

#: How often cursors are written, at most.
FLUSH_EVERY = timedelta(seconds=0.2)
#: How often the log is looked at even if nobody said that there is something.
LOOK_EVERY = timedelta(seconds=10)
#: The pause after a task of delivery failed, for example because the disk is full.
BEGIN_ANEW_AFTER = timedelta(seconds=1)
#: How often what is too old is taken out of the log.
TRIM_EVERY = timedelta(hours=1)

log = logging.getLogger(__name__)


class UnknownDeadLetter(LookupError):
    """There is no dead letter with this number."""


class Pumps:
    """Owns a pump for each platform. Somebody must `run` it.

    Args:
        parts: What the pumps stand on.
        keep: How long the log keeps what a platform has not got.
        flush_every: How often cursors are written, at most.
    """

    def __init__(self, parts: PumpParts, *, keep: timedelta, flush_every: timedelta = FLUSH_EVERY) -> None:
        self.parts = parts
        self._keep = keep
        self._flush_every = flush_every
        self._news = asyncio.Event()
        self._pumps: dict[int, tuple[Pump, asyncio.Task[None]]] = {}
        self._seen: dict[int, Platform] = {}
        self._seen_directory: Directory | None = None

    def wake(self) -> None:
        """Something was accepted, or the Directory is another one."""
        self._news.set()

    def alive(self, platform_id: int) -> None:
        """The platform gave a sign of life: its back-off ends."""
        if (pump := self.pump(platform_id)) is not None:
            pump.alive()

    def pump(self, platform_id: int) -> Pump | None:
        """The pump of a platform; None where it has none."""
        found = self._pumps.get(platform_id)
        return None if found is None else found[0]

    async def run(self) -> None:
        """Deliver until cancelled; then write how far everybody has come."""
        parts = self.parts
        await parts.log.open()
        await parts.cursors.open()
        await parts.dead_letters.open()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_kept_going(partial(parts.cursors.run, self._flush_every)))
                tasks.create_task(_kept_going(self._trim))
                await _kept_going(partial(self._look, tasks))
        finally:
            self._pumps.clear()
            await parts.cursors.flush()

    async def send_again(self, letter_id: int) -> Attempt:
        """Send the newest state of a dead letter's object now.

        Raises:
            UnknownDeadLetter: there is no such letter.
            NotDeliverable: it cannot be sent now; the message says why.
        """
        letter = await self.parts.dead_letters.one(letter_id)
        if letter is None:
            raise UnknownDeadLetter(f"there is no dead letter {letter_id}")
        pump = self.pump(letter.receiver.platform_id)
        if pump is None:
            raise NotDeliverable("the platform is not registered")
        return await pump.send_again(letter)

    async def dead_letters(self, platform_id: int | None = None) -> tuple[DeadLetter, ...]:
        """What was refused, by one platform or by all, the oldest first."""
        return await self.parts.dead_letters.listed(platform_id)

    async def _look(self, tasks: asyncio.TaskGroup) -> None:
        """Follow Directory and log, and wake the pumps."""
        while True:
            self._news.clear()
            await self._follow_directory(tasks)
            await self._follow_agreements()
            await self.parts.log.read_on()
            for pump, _ in self._pumps.values():
                pump.wake()
            try:
                async with asyncio.timeout(LOOK_EVERY.total_seconds()):
                    await self._news.wait()
            except TimeoutError:
                log.debug("looking at the log although nobody said that there is something")

    async def _follow_directory(self, tasks: asyncio.TaskGroup) -> None:
        platforms = dict(self.parts.directory().platforms)
        if platforms == self._seen:
            return
        wanted = {receiver for platform in platforms.values() for receiver in receivers(platform)}
        await self.parts.cursors.adopt(wanted)
        await self.parts.dead_letters.forget_all_but(wanted)
        registered = {platform_id for platform_id, each in platforms.items() if each.is_registered}
        for platform_id in self._pumps.keys() - registered:
            _, task = self._pumps.pop(platform_id)
            task.cancel()
        for platform_id in registered - self._pumps.keys():
            pump = Pump(platform_id, self.parts)
            self._pumps[platform_id] = (pump, tasks.create_task(pump.run()))
        for platform_id in registered:
            if platforms[platform_id] != self._seen.get(platform_id):
                self._pumps[platform_id][0].renewed()
        self._seen = platforms

    async def _follow_agreements(self) -> None:
        """Who changes agreements owes resyncs, in the same transaction, and a new Directory after it."""
        directory = self.parts.directory()
        if directory is not self._seen_directory:
            await self.parts.resyncs.read()
            # Who has come while that was read may be owed something already.
            now = self.parts.directory()
            here = {each for platform in now.platforms.values() for each in receivers(platform)}
            self.parts.resyncs.drop_all_but(here)
            self._seen_directory = directory

    async def _trim(self) -> None:
        while True:
            await self.parts.log.trim(self.parts.clock() - self._keep)
            await asyncio.sleep(TRIM_EVERY.total_seconds())


async def _kept_going(work: Callable[[], Awaitable[None]]) -> None:
    """A loop that must not die: whatever ends it is logged, and it begins anew."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("a task of delivery failed and begins anew")
            await asyncio.sleep(BEGIN_ANEW_AFTER.total_seconds())
