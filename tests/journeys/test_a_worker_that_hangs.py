"""A worker that is there and does nothing: the supervisor notices, and another one takes its place."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.fixtures.recorder import Recorder
from tests.fixtures.roaming import CPO, HUB
from tests.fixtures.workers import STARTING, workers_program

#: Processes are started, killed and waited for, each for as long as a busy machine takes.
pytestmark = pytest.mark.timeout(240)
#: Longer than a worker that is well may be kept from its turn here.
PATIENCE = 3


async def test_a_worker_that_hangs_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    async with workers_program(tmp_path, 2, "--hanging", str(PATIENCE)) as hub:
        before = await hub.workers()
        hung, well = sorted(before)
        os.kill(before[hung], signal.SIGSTOP)
        await hub.program.says(f"has given no sign of life for {PATIENCE} s, and is killed", within=STARTING)
        await hub.program.says("another one takes its place", within=STARTING)

        async with asyncio.timeout(STARTING):
            while len(now := await hub.workers()) < 2 or hung in now:  # noqa: ASYNC110 it lies in a database
                await asyncio.sleep(0.02)
        assert (await hub.workers())[well] == before[well]
        # Whichever worker gets it: each connection may come to another one.
        async with Recorder([("CPO", *CPO.split("/"))]) as cpo:
            await hub.joined(cpo, "cpo")
            for _ in range(8):
                answer = await cpo.call(
                    "GET", hub.url("tokens", "SENDER"), to=HUB, sender=CPO, headers={"Connection": "close"}
                )
                assert answer.code == 1000
