"""Each platform is looked after by one process, whatever happens to processes (decision 0047)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import pytest

from hub.store.announcements import Topic
from hub.store.database import Database, opened
from hub.store.lease_rows import LeaseRows
from hub.store.leases import THE_HUB, LeaseLost, Leases
from tests.fixtures.waiting import until

#: Long enough that nothing ends by itself in a test that does not wait for that.
LONG = timedelta(seconds=60)
SHORT = timedelta(seconds=0.5)
PLATFORMS = frozenset({1, 2, 3, 4, 5})


class Process:
    """One process that looks after platforms."""

    def __init__(self, name: str, database: Database, lasts: timedelta, before: str | None = None) -> None:
        self.name = name
        self.database = database
        self.wanted = set(PLATFORMS)
        rows = LeaseRows(name, "here", lasts)
        self.leases = Leases(database, rows, lambda: self.wanted, before=before)
        self.stack = AsyncExitStack()

    @property
    def has(self) -> set[int]:
        return {each for each in {THE_HUB, *PLATFORMS} if self.leases.has(each)}

    async def dies(self) -> None:
        """Without a word."""
        await self.stack.aclose()


@asynccontextmanager
async def process(
    url: str, name: str, lasts: timedelta = LONG, before: str | None = None
) -> AsyncIterator[Process]:
    async with AsyncExitStack() as outer:
        made = Process(name, await outer.enter_async_context(opened(url)), lasts, before)
        outer.push_async_callback(made.dies)
        tasks = await made.stack.enter_async_context(asyncio.TaskGroup())
        for each in (made.leases.run(), made.database.announcements.run()):
            made.stack.callback(tasks.create_task(each).cancel)
        yield made


def is_fair(*processes: Process) -> bool:
    """Whether everything is looked after once, and nobody has more than others but by one."""
    shares = [each.has for each in processes]
    sizes = [len(each) for each in shares]
    return sum(sizes) == len(PLATFORMS) + 1 == len(set().union(*shares)) and max(sizes) - min(sizes) <= 1


async def test_whoever_is_alone_looks_after_everything(url: str) -> None:
    async with process(url, "a") as first:
        await until(lambda: is_fair(first))


async def test_who_comes_later_gets_its_share_and_who_leaves_hands_over_its_own(url: str) -> None:
    async with process(url, "a") as first:
        await until(lambda: is_fair(first))
        async with process(url, "b") as second, process(url, "c") as third:
            await until(lambda: is_fair(first, second, third))
            await third.leases.leave()
            await until(lambda: is_fair(first, second) and not third.has)
            await second.leases.leave()
            await until(lambda: is_fair(first))


async def test_processes_with_nothing_to_look_after_do_not_keep_waking_each_other(url: str) -> None:
    """Ever again one told the other that it was there, if there were fewer platforms than processes."""
    async with AsyncExitStack() as stack:
        everybody = [await stack.enter_async_context(process(url, name)) for name in "abcd"]
        for each in everybody:
            each.wanted = {1}
        await until(lambda: sorted(len(each.has) for each in everybody) == [0, 0, 1, 1])
        woken = 0

        def wakes(_parts: object) -> None:
            nonlocal woken
            woken += 1

        await asyncio.sleep(0.2)  # what was still to be told has been told
        everybody[0].database.announcements.heard_by(Topic.LEASES, wakes)
        await asyncio.sleep(0.5)
        assert woken <= 2


async def test_at_no_moment_do_two_look_after_the_same(url: str) -> None:
    async with process(url, "a") as first:
        await until(lambda: is_fair(first))
        async with process(url, "b") as second:
            while not is_fair(first, second):
                assert not first.has & second.has
                await asyncio.sleep(0)


async def test_what_a_process_was_doing_has_ended_before_it_is_handed_over(url: str) -> None:
    ended = asyncio.Event()
    async with process(url, "a") as first, process(url, "b") as second:
        await until(lambda: is_fair(first, second))

        async def doing(_about: int) -> None:
            await ended.wait()

        first.leases.let_go_by(doing)
        async with asyncio.TaskGroup() as tasks:
            leaving = tasks.create_task(first.leases.leave())
            await asyncio.sleep(0.2)  # time enough for anybody to take what is not theirs yet
            assert len(second.has) == len(PLATFORMS | {THE_HUB}) / 2
            assert not first.has, "nothing new is begun"
            assert not leaving.done()
            ended.set()
        await until(lambda: is_fair(second))


async def test_who_dies_is_followed_when_its_leases_end(url: str) -> None:
    async with process(url, "a", SHORT) as first, process(url, "b", SHORT) as second:
        await until(lambda: is_fair(first, second))
        await first.dies()
        await until(lambda: is_fair(second))


async def test_who_takes_the_place_of_a_dead_process_needs_not_wait(url: str) -> None:
    async with process(url, "a") as first:
        await until(lambda: is_fair(first))
        await first.dies()
    async with process(url, "b", before="a") as second:
        await until(lambda: is_fair(second))


async def test_who_slept_for_too_long_may_do_nothing_more_by_its_leases(url: str) -> None:
    """It knows by its own clock, and what it writes all the same is not taken."""
    async with process(url, "a", SHORT) as sleeper:
        await until(lambda: is_fair(sleeper))
        lease = sleeper.leases.of(1)
        assert lease is not None
        async with sleeper.leases.writing(1):
            pass
        # From here on it gets no turn: to the others it is as if it slept.
        await sleeper.dies()
        async with process(url, "b", SHORT) as second, opened(url) as database:
            await until(lambda: is_fair(second))
            assert lease.rest < 0
            assert sleeper.leases.of(1) is None
            again = Leases(database, LeaseRows("a", "here", SHORT), lambda: PLATFORMS)
            again._held = sleeper.leases._held
            with pytest.raises(LeaseLost):
                async with again.writing(1):
                    pass


async def test_what_nobody_wants_any_more_is_given_back(url: str) -> None:
    async with process(url, "a") as first:
        await until(lambda: is_fair(first))
        first.wanted.discard(5)
        first.leases.wake()
        await until(lambda: first.has == {THE_HUB, 1, 2, 3, 4})
