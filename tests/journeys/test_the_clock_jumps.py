"""The clock of the machine is set, a day forward or an hour back, while the hub runs: nobody notices."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hub.calling.circuits import FAILURES
from tests.fixtures.admin_hub import asked
from tests.fixtures.clocks import RunningClock
from tests.fixtures.recorder import Fault, Received, Recorder, Reply
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, TARIFF, Roaming, joined, roaming, settings
from tests.fixtures.waiting import soon

JUMPS = [{"days": 1}, {"hours": -1}]
NAMES = ["a day forward", "an hour back"]
OTHER = "DE/ALL"
MARGIN = timedelta(milliseconds=200)
LIMIT = 5


@dataclass(frozen=True, slots=True)
class Timed:
    """A hub between partners, and its clock."""

    clock: RunningClock
    roaming: Roaming
    other: Recorder

    async def push(self, value: Any, module: str = "locations") -> int | None:
        """The CPO tells everybody."""
        url = self.roaming.url(module, "RECEIVER", f"/{CPO}/{value['id']}")
        return (await self.roaming.cpo.call("PUT", url, value, to=HUB, sender=CPO)).code

    async def ask(self) -> int | None:
        """The eMSP asks the CPO."""
        url = self.roaming.url("tariffs", "SENDER")
        return (await self.roaming.emsp.call("GET", url, to=CPO, sender=EMSP)).code


@pytest.fixture
async def timed(tmp_path: Path) -> AsyncIterator[Timed]:
    clock, given = RunningClock(), settings(tmp_path)
    limits = replace(
        given.limits,
        result_margin=MARGIN,
        relay=timedelta(seconds=1),
        requests_per_second=LIMIT,
    )
    async with (
        Recorder([("EMSP", *OTHER.split("/"))]) as other,
        roaming(tmp_path, replace(given, limits=limits), clock=clock) as world,
    ):
        yield Timed(clock, world, await joined(world.hub, other, "other"))


def version(number: int) -> dict[str, Any]:
    return LOCATION | {"name": f"version {number}", "last_updated": f"2026-01-01T10:00:{number:02}Z"}


@pytest.mark.parametrize("jump", JUMPS, ids=NAMES)
async def test_nothing_is_lost_or_told_twice(timed: Timed, jump: dict[str, float]) -> None:
    """What was accepted before is delivered after, in order, also to who was away; lists are whole."""
    cpo, emsp = timed.roaming.cpo, timed.roaming.emsp
    await timed.other.go_away()
    assert await timed.push(version(1)) == 1000
    assert await timed.push(TARIFF, "tariffs") == 1000
    await emsp.receives("PUT", "/receiver/tariffs")
    next_page = f'<{cpo.url}/partner/2.2.1/sender/tariffs?page=2>; rel="next"'
    cpo.answers("GET", "/sender/tariffs", Reply([], headers={"Link": next_page}))
    page = await emsp.call("GET", timed.roaming.url("tariffs", "SENDER"), to=CPO, sender=EMSP)
    link = page.headers["Link"][1:].partition(">")[0]

    timed.clock.is_set(**jump)
    assert await timed.push(version(2)) == 1000
    await emsp.receives("PUT", "/receiver/locations", 2)
    await timed.other.come_back()
    await timed.other.call("GET", timed.roaming.hub.versions_url)
    await timed.other.receives("PUT", "/receiver/locations")
    await timed.other.receives("PUT", "/receiver/tariffs")
    assert [each.value["name"] for each in emsp.all("PUT", "/receiver/locations")] == [
        "version 1",
        "version 2",
    ]
    assert [each.value["name"] for each in timed.other.all("PUT", "/receiver/locations")] == ["version 2"]
    listed = await emsp.call("GET", timed.roaming.url("locations", "SENDER"), to=HUB, sender=EMSP)
    assert [each["name"] for each in listed.data] == ["version 2"]
    followed = await emsp.call("GET", link, to=CPO, sender=EMSP)
    # A page lives for a day; whoever is told that it is gone begins anew.
    assert followed.status == (404 if "days" in jump else 200)


@pytest.mark.parametrize("jump", JUMPS, ids=NAMES)
async def test_rates_are_what_they_were(timed: Timed, jump: dict[str, float]) -> None:
    """Nobody is shut out, and nobody gets more than a burst."""
    while await timed.ask() == 1000:
        pass
    timed.clock.is_set(**jump)
    codes = [await timed.ask() for _ in range(12 * LIMIT)]
    passed = codes.count(1000)
    assert passed < 12 * LIMIT
    assert passed >= (5 * LIMIT if "days" in jump else 0)
    assert await soon(timed.ask, lambda code: code == 1000)


@pytest.mark.parametrize("jump", JUMPS, ids=NAMES)
async def test_a_circuit_that_is_open_does_not_stay_so(timed: Timed, jump: dict[str, float]) -> None:
    timed.roaming.cpo.answers("GET", "/sender/tariffs", Fault.CLOSE)
    for _ in range(FAILURES):
        assert await timed.ask() == 4000
    assert await timed.ask() == 4003
    timed.clock.is_set(**jump)
    timed.roaming.cpo.is_honest_again()
    assert await soon(timed.ask, lambda code: code == 1000)


async def test_a_result_is_not_awaited_for_an_hour_because_the_clock_was_set_back(timed: Timed) -> None:
    """The requester hears TIMEOUT when the time that was promised is over, and once."""
    cpo, emsp = timed.roaming.cpo, timed.roaming.emsp
    cpo.answers("POST", "/commands/", Reply({"result": "ACCEPTED", "timeout": 1}))
    emsp.answers("POST", "/results/", Reply())
    url = timed.roaming.url("commands", "RECEIVER", "/STOP_SESSION")
    for number in (1, 2):
        value = {"session_id": "S1", "response_url": f"{emsp.url}/results/{number}"}
        assert (await emsp.call("POST", url, value, to=CPO, sender=EMSP)).code == 1000
        if number == 1:
            timed.clock.is_set(hours=-1)
    for number in (1, 2):
        assert (await emsp.receives("POST", f"/results/{number}")).value["result"] == "TIMEOUT"
    assert len(emsp.all("POST", "/results/")) == 2


async def test_a_result_that_comes_after_a_day_was_skipped_arrives_all_the_same(timed: Timed) -> None:
    """The hub believes that its time is over, and says so; the true word comes last."""
    cpo, emsp = timed.roaming.cpo, timed.roaming.emsp
    cpo.answers("POST", "/commands/", Reply({"result": "ACCEPTED", "timeout": 100_000}))
    emsp.answers("POST", "/results/", Reply())
    url = timed.roaming.url("commands", "RECEIVER", "/STOP_SESSION")
    value = {"session_id": "S1", "response_url": f"{emsp.url}/results/1"}
    assert (await emsp.call("POST", url, value, to=CPO, sender=EMSP)).code == 1000
    link = (await cpo.receives("POST", "/commands/")).value["response_url"]
    timed.clock.is_set(days=1)

    async def called_back() -> int | None:
        return (await cpo.call("POST", link, {"result": "ACCEPTED"}, to=EMSP, sender=CPO)).code

    # How long the link lives is written a moment after the promise.
    assert await soon(called_back, lambda code: code == 1000)
    assert (await emsp.receives("POST", "/results/1")).value == {"result": "ACCEPTED"}


async def test_an_answer_that_is_under_way_is_counted_sanely(timed: Timed) -> None:
    """It took no time rather than less than none; and counters never fall."""
    released = asyncio.Event()

    async def slowly(_: Received) -> Reply:
        await released.wait()
        return Reply([])

    async def seconds() -> float:
        hub = timed.roaming.hub
        async with aiohttp.ClientSession() as session, session.get(f"{hub.admin_url}/metrics") as answer:
            text = await answer.text()
        found = re.findall(r"^ocpi_hub_leg_seconds_total\{.*\} (\S+)$", text, re.MULTILINE)
        return min(float(each) for each in found)

    timed.roaming.cpo.answers("GET", "/sender/tariffs", slowly)
    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(timed.ask())
        await timed.roaming.cpo.receives("GET", "/sender/tariffs")
        timed.clock.is_set(hours=-1)
        released.set()
    assert asking.result() == 1000
    assert await seconds() >= 0
    path = "/admin/v1/journal?module=tariffs"
    hub = timed.roaming.hub

    async def legs() -> Any:
        return (await asked(hub.admin_url, "GET", path, key=hub.admin_key)).content["legs"]

    found = await soon(legs, lambda now: len(now) == 2)
    assert min(each["milliseconds"] for each in found) >= 0
    assert all(datetime.fromisoformat(each["at"]) for each in found)
