"""What this process looks after, alone among those that share the database (decision 0047).

A platform's pump, pulls and probes run in one process, the one that holds the platform's lease; so do the
chores of the hub itself. A lease lasts for a while and is renewed long before it ends. Whoever could not
renew it in time must do nothing more by it, also if it only slept: how long a lease still lasts is measured
by a clock that nobody sets, from before it was asked for. What is written by it carries its fencing number,
and is not taken once somebody else has the lease.

With SQLite there is one process, which holds everything for ever, and asks nobody.
"""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.ocpi.waiting import wait_for
from hub.store.announcements import Topic
from hub.store.database import Database
from hub.store.errands import Errands
from hub.store.lease_rows import LeaseRows, reports, still_held
from hub.store.sharing_out import plan

#: What the lease of the hub's own chores is about; platforms have numbers from 1 on.
THE_HUB: Final = 0
#: So many times within its life a lease is renewed.
RENEWALS: Final = 5
#: What is left of a lease at its end, as a share of it, is not used.
MARGIN: Final = 0.1

log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Somebody else looks after it by now; nothing was done."""


def elapsed() -> float:
    """Seconds by a clock that goes on while the process, or the machine, sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if _HAS_BOOTTIME else time.monotonic()


_HAS_BOOTTIME: Final = hasattr(time, "CLOCK_BOOTTIME")


@dataclass(eq=False, slots=True)
class Lease:
    """That this process, and no other, looks after something."""

    about: int
    fence: int
    #: By `elapsed`.
    until: float

    @property
    def rest(self) -> float:
        """For how many seconds something may still be done by it."""
        return self.until - elapsed()


#: Where there is nobody else.
ALWAYS: Final = Lease(0, 0, math.inf)


class Leases:
    """The leases of this process. Somebody must `run` it, and `leave` before that ends."""

    def __init__(
        self,
        database: Database,
        rows: LeaseRows,
        wanted: Callable[[], Collection[int]],
        *,
        before: str | None = None,
        is_shared: bool = True,
    ) -> None:
        """Wire up.

        Args:
            database: Where they are.
            rows: How they stand there.
            wanted: What is to be looked after, besides the hub itself.
            before: The name of a process that is dead for certain, and whose place this one takes.
            is_shared: Whether there may be other processes, as far as the database allows it.
        """
        self._database = database
        self._rows = rows
        self._wanted = wanted
        self._before = before
        #: Whether there may be other processes.
        self.is_shared = is_shared and database.dialect.is_shared
        self._held: dict[int, Lease] = {}
        #: What is being given back.
        self._leaving: set[int] = set()
        self._is_leaving = False
        #: Whether others were told that this process lives, since it last was away.
        self._is_known = False
        self._looking = asyncio.Lock()
        self._news = asyncio.Event()
        self._gained = asyncio.Event()
        self._changed: list[Callable[[], None]] = []
        self._let_go: list[Callable[[int], Awaitable[None]]] = []
        self._report: Callable[[], Mapping[int, str]] = dict
        self._reported: dict[tuple[int, int], str] = {}
        #: What operators ask of the process that looks after a platform.
        self.errands = Errands(database, self.has)
        database.announcements.heard_by(Topic.LEASES, lambda _: self.wake())

    @classmethod
    def alone(cls, database: Database) -> "Leases":
        """Those of a process that knows that there is no other."""
        return cls(database, LeaseRows("", "", timedelta(0)), tuple, is_shared=False)

    def wake(self) -> None:
        """There may be something to take, or to give back."""
        self._news.set()

    def heard_by(self, *listeners: Callable[[], None]) -> None:
        """Call them, from now on, when something was taken or lost."""
        self._changed += listeners

    def let_go_by(self, *listeners: Callable[[int], Awaitable[None]]) -> None:
        """Wait for them, from now on, before something is given back."""
        self._let_go += listeners

    def of(self, about: int) -> Lease | None:
        """The lease on something, None where this process has none."""
        if not self.is_shared:
            return ALWAYS
        lease = self._held.get(about)
        return lease if lease is not None and lease.rest > 0 else None

    def has(self, about: int) -> bool:
        """Whether something is to be begun here, and not anywhere else."""
        return not self.is_shared or (about not in self._leaving and self.of(about) is not None)

    async def wait_for(self, about: int) -> None:
        """Wait until something is to be begun here."""
        while not self.has(about):
            self._gained.clear()
            await wait_for(self._gained, self._rows.lasts)

    def reported_by(self, tell: Callable[[], Mapping[int, str]]) -> None:
        """Say with each renewal, for whoever asks another process, how it goes with what is held."""
        self._report = tell

    async def reports(self) -> dict[int, str]:
        """What those who look after something said last."""
        async with self._database.reading() as connection:
            return await reports(connection)

    @asynccontextmanager
    async def writing(self, *about: int) -> AsyncIterator[AsyncConnection]:
        """A transaction in which these leases are held to its end.

        Raises:
            LeaseLost: one of them is not.
        """
        fences = self._fences(about)
        async with self._database.writing() as connection:
            await self.check(connection, fences)
            yield connection

    def _fences(self, about: Iterable[int]) -> dict[int, int]:
        if not self.is_shared:
            return {}
        fences = {each: self._held[each].fence for each in about if each in self._held}
        if lost := set(about) - fences.keys():
            raise LeaseLost(f"of {sorted(lost)}")
        return fences

    async def check(self, connection: AsyncConnection, fences: dict[int, int]) -> None:
        """Make sure that these leases are held until the connection's transaction is over.

        Raises:
            LeaseLost: one of them is not.
        """
        if fences and await still_held(connection, fences) != fences:
            raise LeaseLost(f"one of {sorted(fences)}")

    async def kept(self, connection: AsyncConnection, about: Collection[int]) -> set[int]:
        """What of it is held, and stays so until the connection's transaction is over."""
        if not self.is_shared:
            return set(about)
        now = await still_held(connection, about)
        return {each for each in about if each in self._held and now.get(each) == self._held[each].fence}

    async def is_alone(self) -> bool:
        """Whether no other process lives, as far as is known."""
        if not self.is_shared:
            return True
        async with self._database.at_once() as connection:
            await self._bury_before(connection)
            return not await self._rows.others(connection)

    async def run(self) -> None:
        """Renew, take and give back until cancelled; return at once where there is nobody else."""
        if not self.is_shared:
            return
        pause = self._rows.lasts / RENEWALS
        async with asyncio.TaskGroup() as leaving:
            while True:
                self._news.clear()
                try:
                    await self._look(leaving)
                except (SQLAlchemyError, OSError) as error:
                    log.warning("what this process looks after could not be renewed: %s", error)
                    await asyncio.sleep((pause / RENEWALS).total_seconds())
                else:
                    await wait_for(self._news, pause)

    async def leave(self) -> None:
        """Give everything back; nothing is taken any more."""
        if not self.is_shared:
            return
        self._is_leaving = True
        async with self._looking:
            pass  # whoever looks just now may still take something
        async with asyncio.TaskGroup() as leaving:
            for lease in list(self._held.values()):
                leaving.create_task(self._give_back(lease))
        try:
            async with self._database.at_once() as connection:
                await self._rows.bury(connection, self._rows.holder)
                await self._announce(connection)
        except (SQLAlchemyError, OSError) as error:
            log.warning("others will wait until the leases of this process end: %s", error)

    async def _look(self, leaving: asyncio.TaskGroup) -> None:
        rows = self._rows
        async with self._looking, self._database.at_once() as connection:
            await self._bury_before(connection)
            asked = elapsed()
            self._note(await rows.renew(connection), asked)
            if self._is_leaving:
                return
            processes = await rows.live(connection)
            holders = await rows.held(connection)
            wanted = {THE_HUB, *self._wanted()}
            take, give_back = plan(rows.holder, processes, wanted, holders)
            for about in give_back:
                if about in self._held and about not in self._leaving:
                    leaving.create_task(self._give_back(self._held[about]))
            if take:
                asked = elapsed()
                taken = await rows.take(connection, take)
                self._taken(taken, asked)
                if len(taken) < len(take):
                    self._news.set()  # somebody else was faster: there may be something else
            if not self._is_known:
                await self._announce(connection)  # others may have too much, also if something was free
                self._is_known = True
            await self._write_reports(connection)

    async def _bury_before(self, connection: AsyncConnection) -> None:
        if self._before is not None:
            await self._rows.bury(connection, self._before)
            self._before = None
            await self._announce(connection)

    def _note(self, renewed: dict[int, int], asked: float) -> None:
        """These are ours still; what is not among them was lost."""
        until = self._until(asked)
        lost = []
        for about, lease in list(self._held.items()):
            if renewed.get(about) == lease.fence:
                lease.until = until
            else:
                lost.append(about)
                del self._held[about]
        if lost:
            self._is_known = False
            log.warning("other processes look after %s now: this one was away for too long", sorted(lost))
            self._tell()

    def _taken(self, taken: dict[int, int], asked: float) -> None:
        until = self._until(asked)
        self._held |= {about: Lease(about, fence, until) for about, fence in taken.items()}
        if taken:
            self._tell()

    def _until(self, asked: float) -> float:
        return asked + self._rows.lasts.total_seconds() * (1 - MARGIN)

    def _tell(self) -> None:
        self._gained.set()
        for listener in self._changed:
            listener()

    async def _give_back(self, lease: Lease) -> None:
        self._leaving.add(lease.about)
        self._tell()
        try:
            for listener in self._let_go:
                await listener(lease.about)
            if self._held.get(lease.about) is lease:
                del self._held[lease.about]
            async with self._database.at_once() as connection:
                await self._rows.give_back(connection, lease.about, lease.fence)
                await self._announce(connection)
        except Exception:  # it ends by itself, a little later
            log.exception("what another process is to look after could not be handed over")
        finally:
            self._leaving.discard(lease.about)

    async def _write_reports(self, connection: AsyncConnection) -> None:
        now = {
            (about, self._held[about].fence): words
            for about, words in self._report().items()
            if about in self._held
        }
        rows = [(*place, words) for place, words in now.items() if self._reported.get(place) != words]
        await self._rows.report(connection, rows)
        self._reported = now

    async def _announce(self, connection: AsyncConnection) -> None:
        await self._database.announcements.announce(connection, Topic.LEASES)
