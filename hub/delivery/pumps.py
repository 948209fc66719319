"""All pumps: started and stopped as platforms come and go, woken when something was accepted (design D3).

Where several processes share the database, each has pumps for the platforms that it looks after, and for no
others (decision 0047).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from hub.delivery.audience import receivers
from hub.delivery.dead_letters import DeadLetter
from hub.delivery.pump import NotDeliverable, Pump, PumpParts
from hub.delivery.sending import Attempt
from hub.directory.directory import Directory, Platform
from hub.store.leases import THE_HUB, Lease, LeaseLost, Leases

#: How often cursors are written, at most.
FLUSH_EVERY = timedelta(seconds=0.5)
#: How often leases are looked at when something was accepted, though nobody said that they are others.
FOLLOW_EVERY = timedelta(seconds=0.5)
#: How often the log is looked at, at most: what comes meanwhile is taken in together.
LOOK_PAUSE = timedelta(milliseconds=10)
#: Whoever told of a change has the answer before a thousand pumps are woken for it.
ANSWER_FIRST = timedelta(milliseconds=3)
#: How often the log is looked at even if nobody said that there is something.
LOOK_EVERY = timedelta(seconds=10)
#: The pause after a task of delivery failed, for example because the disk is full.
BEGIN_ANEW_AFTER = timedelta(seconds=1)
#: How often what is too old is taken out of the log.
TRIM_EVERY = timedelta(hours=1)
#: How long what is under way to a platform may take after another process is to look after it.
LETTING_GO = timedelta(seconds=5)
#: How often it is looked what became of what another process was asked to do.
ASKED_EVERY = timedelta(seconds=0.1)
#: An errand: a dead letter is to be sent again.
RESEND = "resend"

log = logging.getLogger(__name__)


class UnknownDeadLetter(LookupError):
    """There is no dead letter with this number."""


class Pumps:
    """Owns a pump for each platform that this process looks after. Somebody must `run` it.

    Args:
        parts: What the pumps stand on.
        leases: Say which platforms these are.
        keep: How long the log keeps what a platform has not got.
        flush_every: How often cursors are written, at most.
    """

    def __init__(
        self, parts: PumpParts, leases: Leases, *, keep: timedelta, flush_every: timedelta = FLUSH_EVERY
    ) -> None:
        self.parts = parts
        self.leases = leases
        self._keep = keep
        self._flush_every = flush_every
        self._news = asyncio.Event()
        self._pumps: dict[int, _Running] = {}
        self._seen: dict[int, Platform] = {}
        self._seen_directory: Directory | None = None
        #: The Directory in which the platforms are as seen.
        self._followed: Directory | None = None
        #: Whether leases may be others than those that pumps run by.
        self._are_leases_new = True
        #: When they are looked at in any case: they end by themselves.
        self._follow_by = 0.0
        #: The end of the log when all pumps were woken.
        self._told_of = 0
        #: Whether it was this process's chore to forget who is gone, when that was last looked at.
        self._did_chores = False
        leases.heard_by(self._leases_changed)
        leases.let_go_by(self._let_go)
        leases.reported_by(self._reports)
        leases.errands.done_by(RESEND, self._asked_elsewhere)
        #: Dead letters that an operator wants sent again, who asked another process.
        self._asked: list[int] = []

    def wake(self) -> None:
        """Something was accepted, or the Directory is another one."""
        self._news.set()

    def _leases_changed(self) -> None:
        self._are_leases_new = True
        self.wake()

    def alive(self, platform_id: int) -> None:
        """The platform gave a sign of life: its back-off ends."""
        if (pump := self.pump(platform_id)) is not None:
            pump.alive()

    def pump(self, platform_id: int) -> Pump | None:
        """The pump of a platform; None where it has none."""
        found = self._pumps.get(platform_id)
        return None if found is None else found.pump

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
            raise NotDeliverable("the platform is not registered, or another process looks after it")
        return await pump.send_again(letter)

    async def send_elsewhere(self, letter: DeadLetter) -> DeadLetter | None:
        """Have the process send a dead letter again that looks after its platform.

        Returns:
            The letter if it was refused again, None if it was taken.

        Raises:
            NotDeliverable: that cannot be told; it may be sent, or not.
        """
        await self.leases.errands.ask(RESEND, letter.receiver.platform_id, str(letter.id))
        try:
            async with asyncio.timeout(self.parts.sending.timeout.total_seconds()):
                while True:
                    await asyncio.sleep(ASKED_EVERY.total_seconds())
                    now = await self.parts.dead_letters.one(letter.id)
                    if now is None or now.refused_at != letter.refused_at:
                        return now
        except TimeoutError as error:
            raise NotDeliverable(
                "the process that looks after the platform was asked, and it is a dead letter still"
            ) from error

    def _asked_elsewhere(self, _platform_id: int, letter_id: str) -> None:
        self._asked.append(int(letter_id))
        self.wake()

    async def _send_asked(self, letter_id: int) -> None:
        try:
            await self.send_again(letter_id)
        except (UnknownDeadLetter, NotDeliverable, LeaseLost) as error:
            log.warning("dead letter %d was not sent again: %s", letter_id, error)
        except Exception:
            log.exception("dead letter %d was not sent again", letter_id)

    def _reports(self) -> dict[int, str]:
        return {platform_id: each.pump.report.written() for platform_id, each in self._pumps.items()}

    async def dead_letters(self, platform_id: int | None = None) -> tuple[DeadLetter, ...]:
        """What was refused, by one platform or by all, the oldest first."""
        return await self.parts.dead_letters.listed(platform_id)

    async def _look(self, tasks: asyncio.TaskGroup) -> None:
        """Follow Directory and log, and wake the pumps."""
        while True:
            self._news.clear()
            await self._follow(tasks)
            await self.parts.log.read_on()
            self._wake_pumps()
            while self._asked:
                tasks.create_task(self._send_asked(self._asked.pop()))
            await asyncio.sleep(LOOK_PAUSE.total_seconds())
            try:
                async with asyncio.timeout(LOOK_EVERY.total_seconds()):
                    await self._news.wait()
            except TimeoutError:
                log.debug("looking at the log although nobody said that there is something")
            await asyncio.sleep(ANSWER_FIRST.total_seconds())

    def _wake_pumps(self) -> None:
        """Those for which there may be something: all, if the log is longer than before."""
        end = self.parts.log.end
        if end == self._told_of:
            waiting = self.parts.resyncs.platforms() & self._pumps.keys()
            woken = [self._pumps[platform_id] for platform_id in waiting]
        else:
            woken = list(self._pumps.values())
        self._told_of = end
        for running in woken:
            running.pump.wake()

    async def _follow(self, tasks: asyncio.TaskGroup) -> None:
        """Follow Directory and leases; where neither is another one than before, that costs nothing."""
        directory, now = self.parts.directory(), asyncio.get_running_loop().time()
        if directory is self._followed and not self._are_leases_new and now < self._follow_by:
            return
        # Whatever fails or is new from here on is followed the next time.
        self._followed, self._are_leases_new = None, False
        await self._follow_directory()
        await self._follow_leases(tasks)
        await self._follow_agreements()
        self._followed, self._follow_by = directory, now + FOLLOW_EVERY.total_seconds()

    async def _follow_directory(self) -> None:
        platforms = dict(self.parts.directory().platforms)
        does_chores = self.leases.has(THE_HUB)
        if platforms == self._seen and does_chores == self._did_chores:
            return
        wanted = {receiver for platform in platforms.values() for receiver in receivers(platform)}
        since = {platform_id: each.since_change for platform_id, each in platforms.items()}
        await self.parts.cursors.adopt(wanted, since=since, anew=does_chores and not self._did_chores)
        await self.parts.dead_letters.forget_all_but(wanted)
        for platform_id, running in self._pumps.items():
            # Who is as before is the same value.
            if platform_id in platforms and platforms[platform_id] is not self._seen.get(platform_id):
                running.pump.renewed()
        self._seen, self._did_chores = platforms, does_chores

    async def _follow_leases(self, tasks: asyncio.TaskGroup) -> None:
        """Have a pump for each registered platform that this process looks after, and no others."""
        registered = {platform_id for platform_id, each in self._seen.items() if each.is_registered}
        for platform_id, running in list(self._pumps.items()):
            is_lost = self.leases.of(platform_id) is not running.lease and self.leases.is_shared
            if platform_id not in registered or is_lost:
                del self._pumps[platform_id]
                await _ended(running.task)
        for platform_id in sorted(registered - self._pumps.keys()):
            lease = self.leases.of(platform_id)
            if lease is None or not self.leases.has(platform_id):
                continue
            if self.leases.is_shared:
                await self._take_up(platform_id)
            pump = Pump(platform_id, self.parts, lease)
            self._pumps[platform_id] = _Running(pump, lease, tasks.create_task(pump.run()))

    async def _take_up(self, platform_id: int) -> None:
        """Another process may have looked after the platform until now: go on where it stopped."""
        await self.parts.cursors.take_up(platform_id)
        await self.parts.dead_letters.take_up(platform_id)
        await self.parts.resyncs.read()

    async def _let_go(self, platform_id: int) -> None:
        """Somebody else is to look after the platform: end what is under way, and write how far it came."""
        running = self._pumps.pop(platform_id, None)
        if running is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(LETTING_GO.total_seconds()):
                await running.pump.stop()
        await _ended(running.task)
        await self.parts.cursors.flush()

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
            if self.leases.has(THE_HUB):
                await self.parts.log.trim(self.parts.clock() - self._keep)
            await asyncio.sleep(TRIM_EVERY.total_seconds())


class _Running(NamedTuple):
    pump: Pump
    #: By which it runs: with the next one begins another pump.
    lease: Lease
    task: asyncio.Task[None]


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


async def _kept_going(work: Callable[[], Awaitable[None]]) -> None:
    """A loop that must not die: whatever ends it is logged, and it begins anew."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("a task of delivery failed and begins anew")
            await asyncio.sleep(BEGIN_ANEW_AFTER.total_seconds())
