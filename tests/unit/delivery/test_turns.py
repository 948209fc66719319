"""Pumps take turns, so that whoever else uses the loop has its own (decision 0054)."""

import asyncio

from hub.delivery.turns import Turns


async def _turns_of_the_loop(until: asyncio.Event) -> int:
    count = 0
    while not until.is_set():
        await asyncio.sleep(0)
        count += 1
    return count


async def test_no_more_than_so_many_begin_in_one_turn_of_the_loop() -> None:
    turns, begun, done = Turns(at_once=3), [], asyncio.Event()

    async def one(number: int) -> None:
        await turns.take()
        begun.append(number)
        if len(begun) == 30:
            done.set()

    async with asyncio.TaskGroup() as tasks:
        counted = tasks.create_task(_turns_of_the_loop(done))
        for number in range(30):
            tasks.create_task(one(number))
    assert begun == sorted(begun)
    assert counted.result() >= 10


async def test_who_finds_nobody_before_it_does_not_wait() -> None:
    turns = Turns(at_once=1)
    async with asyncio.timeout(5):
        for _ in range(3):
            await turns.take()
            await asyncio.sleep(0)
            await asyncio.sleep(0)


async def test_a_turn_that_nobody_waits_for_any_longer_is_the_next_ones() -> None:
    turns = Turns(at_once=1)
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        _first, gone, here = [tasks.create_task(turns.take()) for _ in range(3)]
        await asyncio.sleep(0)
        gone.cancel()
        await here
    assert gone.cancelled()


async def test_those_who_are_called_and_those_who_wait_stand_in_one_queue() -> None:
    turns, seen = Turns(at_once=1), list[str]()
    await turns.take()

    async def waits(name: str) -> None:
        await turns.take()
        seen.append(name)

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(waits("first"))
        await asyncio.sleep(0)
        turns.later(lambda: seen.append("second"))
        tasks.create_task(waits("third"))
    assert seen == ["first", "second", "third"]
