"""Who writes behind the messages never makes them wait, and says what it could not write."""

import asyncio
import logging
from collections.abc import Sequence

import pytest

from hub.store.write_behind import BATCH, WriteBehind


async def test_everything_is_written_in_order_also_at_the_end() -> None:
    written: list[str] = []

    async def write(items: Sequence[str]) -> None:
        await asyncio.sleep(0)
        assert len(items) <= BATCH
        written.extend(items)

    behind = WriteBehind[str]("letters", write)
    offered = [str(number) for number in range(3 * BATCH)]
    async with behind.running():
        for item in offered:
            behind.offer(item)
        await asyncio.sleep(0)
    assert written == offered
    assert (behind.waiting, behind.dropped) == (0, 0)


@pytest.mark.parametrize("bound", ["count", "bytes"])
async def test_what_has_no_room_is_dropped_and_said_once(
    bound: str, caplog: pytest.LogCaptureFixture
) -> None:
    lost: list[str] = []
    written: list[str] = []

    async def write(items: Sequence[str]) -> None:
        written.extend(items)

    capacity, memory = (2, 100) if bound == "count" else (100, 2)
    behind = WriteBehind[str]("letters", write, lose=lost.append, size=len, capacity=capacity, memory=memory)
    for item in "abcd":
        behind.offer(item)
    assert (behind.waiting, behind.dropped, lost) == (2, 2, ["c", "d"])
    async with behind.running():
        await asyncio.sleep(0)
        assert behind.waiting == 0
        behind.offer("e")
    assert written == ["a", "b", "e"]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


async def test_a_writer_that_fails_loses_its_batch_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    lost: list[str] = []
    written: list[str] = []

    async def write(items: Sequence[str]) -> None:
        if "bad" in items:
            raise OSError("the disk is full")
        written.extend(items)

    behind = WriteBehind[str]("letters", write, lose=lost.append)
    async with behind.running():
        behind.offer("bad")
        await asyncio.sleep(0)
        assert behind.dropped == 1
        behind.offer("good")
    assert (written, lost, behind.dropped) == (["good"], ["bad"], 1)
    assert "letters: 1 could not be written" in caplog.text


async def test_who_fails_or_is_cancelled_meanwhile_still_has_everything_written() -> None:
    written: list[str] = []

    async def write(items: Sequence[str]) -> None:
        await asyncio.sleep(0)
        written.extend(items)

    async def fails() -> None:
        behind = WriteBehind[str]("letters", write)
        async with behind.running():
            behind.offer("a")
            raise ZeroDivisionError

    async def hangs() -> None:
        behind = WriteBehind[str]("letters", write)
        async with asyncio.timeout(0.01), behind.running():
            behind.offer("b")
            await asyncio.Event().wait()

    with pytest.raises(ZeroDivisionError):
        await fails()
    with pytest.raises(TimeoutError):
        await hangs()
    assert written == ["a", "b"]
