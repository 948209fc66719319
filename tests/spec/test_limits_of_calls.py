"""How long the hub waits for platforms, and how many connections it makes to one: as its settings say."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.fixtures.recorder import Fault, Received, Reply
from tests.fixtures.roaming import CPO, EMSP, roaming, settings

SOON = timedelta(seconds=0.2)
LATE = timedelta(seconds=60)


async def test_an_answer_that_does_not_begin_in_time_is_not_awaited_for_as_long_as_a_whole_one(
    tmp_path: Path,
) -> None:
    given = settings(tmp_path)
    given = replace(given, limits=replace(given.limits, first_byte=SOON, relay=LATE))
    async with roaming(tmp_path, given) as world, asyncio.timeout(LATE.total_seconds() / 2):
        world.cpo.answers("GET", "/sender/locations", Fault.HANG)
        answer = await world.emsp.call("GET", world.url("locations", "SENDER", "/LOC1"), to=CPO, sender=EMSP)
        assert answer.code == 4002


async def test_no_more_connections_are_made_to_a_platform_than_the_settings_say(tmp_path: Path) -> None:
    given = settings(tmp_path)
    given = replace(given, limits=replace(given.limits, platform_connections=2))
    at_once, most = 0, 0

    async def slowly(_: Received) -> Reply:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.02)
        at_once -= 1
        return Reply(data={})

    async with roaming(tmp_path, given) as world:
        world.cpo.answers("GET", "/sender/locations", slowly)
        url = world.url("locations", "SENDER", "/LOC1")
        answers = await asyncio.gather(*(world.emsp.call("GET", url, to=CPO, sender=EMSP) for _ in range(10)))
        assert {each.code for each in answers} == {1000}
        assert most == 2
