"""Who comes at the same time shares one transaction; who comes alone waits for nobody."""

import asyncio
from collections.abc import Sequence

from hub.store.group_commit import GATHERING, LARGEST_GROUP, GroupCommit

PATIENCE = 10.0


class _Written:
    """What was written, group by group."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []

    async def write(self, group: Sequence[int]) -> list[int]:
        self.groups.append(list(group))
        return list(group)


async def _after_turns(turns: int, commit: GroupCommit[int, int], item: int) -> int:
    for _ in range(turns):
        await asyncio.sleep(0)
    return await commit.submit(item)


async def test_who_is_about_to_ask_comes_along() -> None:
    written = _Written()
    commit = GroupCommit(written.write)
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(commit.run())
        # One in each turn of the loop, as requests are read from many sockets.
        asking = [tasks.create_task(_after_turns(turns, commit, turns)) for turns in range(5)]
        assert await asyncio.gather(*asking) == [0, 1, 2, 3, 4]
        running.cancel()
    assert written.groups == [[0, 1, 2, 3, 4]]


async def test_who_asks_alone_is_not_kept_waiting_for_others() -> None:
    written = _Written()
    commit = GroupCommit(written.write)
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(commit.run())
        await asyncio.sleep(0)
        asking, turns = tasks.create_task(commit.submit(1)), 0
        while not asking.done():
            await asyncio.sleep(0)
            turns += 1
        running.cancel()
    assert turns < 10


async def test_a_stream_that_never_ends_does_not_keep_the_first_waiting_for_long() -> None:
    written = _Written()
    commit = GroupCommit(written.write)
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(commit.run())
        first = tasks.create_task(commit.submit(0))
        began, later = loop.time(), list[asyncio.Task[int]]()
        while not first.done():
            later.append(tasks.create_task(commit.submit(len(later))))
            await asyncio.sleep(0)
        waited = loop.time() - began
        await asyncio.gather(*later)
        running.cancel()
    assert len(written.groups[0]) <= LARGEST_GROUP
    assert waited < GATHERING.total_seconds() + 1.0
