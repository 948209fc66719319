"""Large bodies take room, wait for it in the order of coming, and give it back whatever happens."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.ocpi.errors import TooManyRequests
from hub.web.room import Room

PATIENCE = timedelta(seconds=30)


async def test_who_comes_when_it_is_full_waits_in_the_order_of_coming() -> None:
    room, came = Room(100), list[str]()
    leaving = {name: asyncio.Event() for name in "abcd"}

    async def body(name: str, size: int) -> None:
        async with room.for_body(size, PATIENCE):
            came.append(name)
            await leaving[name].wait()

    async with asyncio.TaskGroup() as tasks:
        for name, size in (("a", 60), ("b", 60), ("c", 30), ("d", 30)):
            tasks.create_task(body(name, size))
        await asyncio.sleep(0)
        # There would be room for c: it would keep b out for ever.
        assert came == ["a"]
        leaving["a"].set()
        while len(came) < 3:  # noqa: ASYNC110 a turn of the loop is all it takes
            await asyncio.sleep(0)
        assert (came, room.taken) == (["a", "b", "c"], 90)
        for each in leaving.values():
            each.set()
    assert (came, room.taken) == (["a", "b", "c", "d"], 0)


async def test_who_finds_no_room_in_time_is_told_to_come_later() -> None:
    room = Room(100)
    async with room.for_body(80, PATIENCE):
        with pytest.raises(TooManyRequests) as refused:
            await room.for_body(30, timedelta(milliseconds=1)).__aenter__()
        assert dict(refused.value.headers)["Retry-After"] == "5"
        async with room.for_body(20, PATIENCE):
            assert room.taken == 100
    assert room.taken == 0


async def test_what_is_larger_than_all_room_has_it_alone() -> None:
    room = Room(100)
    async with room.for_body(500, PATIENCE):
        assert room.taken == 100


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 120), st.integers(0, 6), st.integers(0, 9)), max_size=12))
def test_room_is_never_overdrawn_and_all_of_it_comes_back(bodies: list[tuple[int, int, int]]) -> None:
    """Whoever stays for how long, and whoever goes away while it waits or at the moment of its turn."""
    room = Room(100)

    async def body(size: int, turns: int) -> None:
        async with room.for_body(size, PATIENCE):
            assert 0 < room.taken <= 100
            for _ in range(turns):
                await asyncio.sleep(0)

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(body(size, turns)) for size, turns, _ in bodies]
            for turn in range(10):
                for task, (_, _, gone) in zip(tasks, bodies, strict=True):
                    if gone == turn and gone % 2:
                        task.cancel()
                await asyncio.sleep(0)

    asyncio.run(run())
    assert room.taken == 0
