"""Signs of life of a worker: heard as long as they come, and their absence noticed."""

import asyncio
import os
import time
from contextlib import suppress
from datetime import timedelta

from hub.web.heartbeat import Pulse, beat

PATIENCE = timedelta(seconds=0.1)
ENOUGH = 10.0


async def test_a_worker_that_beats_is_well_and_one_that_stops_is_not() -> None:
    pulse = Pulse(PATIENCE)
    async with asyncio.timeout(ENOUGH), asyncio.TaskGroup() as tasks:
        beating = tasks.create_task(beat(pulse.writing, PATIENCE))
        stopping = tasks.create_task(pulse.stops())
        await asyncio.wait([stopping], timeout=3 * PATIENCE.total_seconds())
        assert not stopping.done()
        beating.cancel()
        began = asyncio.get_running_loop().time()
        await stopping
        assert asyncio.get_running_loop().time() - began >= PATIENCE.total_seconds() / 2
    pulse.is_given_away()
    pulse.close()


async def test_a_supervisor_that_slept_itself_gives_its_workers_time_to_say_something() -> None:
    pulse = Pulse(PATIENCE)
    async with asyncio.timeout(ENOUGH), asyncio.TaskGroup() as tasks:
        stopping = tasks.create_task(pulse.stops())
        await asyncio.sleep(0)
        # The whole machine sleeps: nobody has a turn.
        time.sleep(5 * PATIENCE.total_seconds())  # noqa: ASYNC251 this is what is tried
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not stopping.done()
        os.write(pulse.writing, b".")
        await asyncio.sleep(0)
        assert not stopping.done()
        stopping.cancel()
        with suppress(asyncio.CancelledError):
            await stopping
    pulse.is_given_away()
    pulse.close()


async def test_nobody_stumbles_over_a_supervisor_that_is_gone_or_does_not_look() -> None:
    pulse = Pulse(PATIENCE)
    os.set_blocking(pulse.writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(pulse.writing, b"." * 4096)
    async with asyncio.timeout(ENOUGH), asyncio.TaskGroup() as tasks:
        beating = tasks.create_task(beat(pulse.writing, timedelta(0)))
        for _ in range(3):
            await asyncio.sleep(0)
        assert not beating.done()
        pulse.close()
        for _ in range(3):
            await asyncio.sleep(0)
        assert not beating.done()
        beating.cancel()
    pulse.is_given_away()
