"""Turns of the event loop: they stay short, and nobody is passed over."""

import asyncio
from time import perf_counter

from partners.ocpp.turns import Portions, Turns

MANY, EACH = 60, 0.002


async def test_many_who_come_at_once_let_others_have_their_turn_and_keep_their_order() -> None:
    turns, done, longest = Turns(), list[int](), 0.0

    def works(number: int) -> None:
        end = perf_counter() + EACH
        while perf_counter() < end:
            pass
        done.append(number)

    async def comes(number: int) -> None:
        await turns.mine()
        works(number)

    async with asyncio.TaskGroup() as group:
        for number in range(MANY):
            group.create_task(comes(number))
        turned = 0
        while len(done) < MANY:
            before = len(done)
            await asyncio.sleep(0)
            longest = max(longest, len(done) - before)
            turned += 1
    assert done == list(range(MANY))
    assert turned > 2
    assert longest < MANY / 2


async def test_who_comes_alone_goes_on_at_once() -> None:
    turns = Turns()
    for _ in range(3):
        assert turns.is_mine()
        await asyncio.sleep(0)


async def test_one_who_waits_no_longer_holds_up_nobody() -> None:
    turns = Turns()
    assert turns.is_mine()
    turns._until = 0.0  # this turn is over
    did = asyncio.Event()
    impatient = asyncio.ensure_future(turns.mine())  # noqa: TID251 - cancelled below
    turns.later(did.set)
    impatient.cancel()
    async with asyncio.timeout(5):
        await did.wait()


async def test_what_ends_at_once_is_done_in_portions_in_order_and_one_alone_is_done_now() -> None:
    portions, done = Portions(3), list[int]()
    portions.do(lambda: done.append(0))
    assert done == [0]
    for number in range(1, 10):
        portions.do(lambda number=number: done.append(number))  # type: ignore[misc]
    longest = 0
    while len(done) < 10:
        before = len(done)
        await asyncio.sleep(0)
        longest = max(longest, len(done) - before)
    assert done == list(range(10))
    assert longest == 3
    await asyncio.sleep(0)  # and the next one has a turn of its own again
    portions.do(lambda: done.append(10))
    assert done[-1] == 10
