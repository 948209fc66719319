"""One thing after the other: in order, and nobody who has gone holds up the others."""

import asyncio
from contextlib import suppress

from partners.cpo.stations.one_by_one import OneByOne


async def test_who_comes_while_somebody_is_there_waits_in_order() -> None:
    turn, done = OneByOne(), list[int]()

    async def comes(number: int) -> None:
        async with turn:
            await asyncio.sleep(0)
            done.append(number)

    assert turn.take()
    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(comes(number))
        await asyncio.sleep(0)
        assert not turn.take()
        turn.leave()
        assert not turn.take(), "the turn is of who waits longest"
    assert done == list(range(5))
    assert turn.take()


async def test_who_waits_no_longer_is_passed_over() -> None:
    turn, done = OneByOne(), list[str]()

    async def comes(name: str) -> None:
        async with turn:
            done.append(name)

    assert turn.take()
    async with asyncio.TaskGroup() as group:
        first, second = group.create_task(comes("impatient")), group.create_task(comes("gone"))
        group.create_task(comes("patient"))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        turn.leave()
        second.cancel()  # it has got its turn, and nobody is there to take it
    assert done == ["patient"]
    assert turn.take()


async def test_one_whose_work_fails_leaves() -> None:
    turn = OneByOne()
    with suppress(ZeroDivisionError):
        async with turn:
            _ = 1 / 0
    assert turn.take()
