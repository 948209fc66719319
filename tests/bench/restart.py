"""Restart: the hub is killed by SIGKILL under load and started again; what was accepted must not be lost."""

import asyncio
from collections import defaultdict
from contextlib import AsyncExitStack
from pathlib import Path
from signal import SIGKILL
from time import monotonic

from schemas import exact_json
from tests.bench.fan_out import CPO, World, world
from tests.bench.hub import HUB, PREFIX
from tests.bench.loading import NUMBER, Load, Request, load
from tests.bench.results import Findings
from tests.bench.scale import Scale
from tests.bench.upstream import SMALL_BYTES, Arrival, location, upstream

OBJECTS = 50
#: So many seconds after its death what the hub had sent before may still arrive.
UNDER_WAY = 0.1
#: Far above the numbers of the first load: whatever is sent later has a higher version.
SECOND_LOAD = 10_000_000
#: How long everybody may take to have everything.
PATIENCE = 120.0


async def measure(scale: Scale, folder: Path) -> Findings:
    """PUTs of some locations in turn, a kill in the middle, more PUTs, and then the account."""
    findings = Findings(
        f"Restart: kill -9 under {scale.killed_rate} PUTs a second to {scale.killed_receivers} receivers"
    )
    async with AsyncExitStack() as stack:
        far = await stack.enter_async_context(upstream(folder / "far", is_recorded=True))
        made = await world(stack, folder / "hub", far, "receiver")
        await made.grow(scale.killed_receivers)
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(_load(made, scale, folder, 0))
            await asyncio.sleep(scale.killed_seconds)
            killed, began = monotonic(), len(await far.arrivals())
            made.hub.running.send(SIGKILL)
            await made.hub.running.process.wait()
            dead = monotonic()
            await made.hub.start()
            ready = monotonic()
        before, after = sending.result(), await _load(made, scale, folder, SECOND_LOAD)
        accepted = [*_accepted(folder, 0), *_accepted(folder, SECOND_LOAD)]
        took = await _all_have(made, accepted)
        arrived = await far.arrivals()
        first = next((each.at for each in arrived[began:] if each.at > dead + UNDER_WAY), None)
        lost, back = lost_and_back(accepted, arrived, made.receivers)
        findings.row(
            "kill -9",
            **{
                "accepted around it": before.good,
                "not answered around it": before.bad,
                "ready after s": ready - killed,
                "first delivery after s": None if first is None else first - killed,
                "accepted later": after.good,
                "all delivered, s later": took,
                "lost of what was accepted": lost,
                "went back": back,
            },
        )
    findings.at_most("accepted changes lost by kill -9", 0, float(lost))
    findings.at_most("changes of one object delivered out of order around kill -9", 0, float(back))
    return findings


async def _load(made: World, scale: Scale, folder: Path, first_number: int) -> Load:
    """The second one runs when the hub is there again; the first one meets the kill in its middle."""
    own = folder / f"load{first_number}"
    own.mkdir()
    return await load(
        own,
        made.hub.port,
        _puts(made),
        seconds=2 * scale.killed_seconds,
        rate=scale.killed_rate,
        connections=scale.connections,
        good_numbers=own / "accepted",
        first_number=first_number,
    )


def _accepted(folder: Path, first_number: int) -> list[int]:
    return [int(each) for each in (folder / f"load{first_number}" / "accepted").read_text().split()]


def _puts(made: World) -> list[Request]:
    requests = []
    for number in range(OBJECTS):
        name = f"LOC{number:03d}"
        # The number of the request is the version: in the name, and in the moment of the update.
        value = location(CPO, name, SMALL_BYTES, version=NUMBER)
        value["last_updated"] = f"2026-04-01T00:00:00.{NUMBER}Z"
        path = f"{PREFIX}/receiver/locations/{CPO}/{name}"
        requests.append(Request("PUT", path, made.cpo.token, HUB, CPO, exact_json.encode(value)))
    return requests


def lost_and_back(accepted: list[int], arrived: list[Arrival], count: int) -> tuple[int, int]:
    """How many accepted changes somebody lacks, and anything newer; how many came after a newer one.

    Args:
        accepted: The numbers of the changes.
        arrived: What came.
        count: How many receivers there are.

    The same state again is none of it: delivery is at least once.
    """
    newest: dict[str, int] = defaultdict(lambda: -1)
    back = 0
    for each in arrived:
        back += each.version < newest[each.path]
        newest[each.path] = max(newest[each.path], each.version)
    last = {number % OBJECTS: number for number in sorted(accepted)}
    receivers = {path.rpartition("/receiver/")[0] for path in newest}
    missing = sum(
        newest[f"{receiver}/receiver/locations/{CPO}/LOC{number:03d}"] < version
        for receiver in receivers
        for number, version in last.items()
    )
    return missing + len(last) * (count - len(receivers)), back


async def _all_have(made: World, accepted: list[int]) -> float:
    """The seconds until everybody has everything, waited for as long as patience lasts."""
    begun = monotonic()
    while monotonic() - begun < PATIENCE:
        arrived = await made.far.arrivals()
        if lost_and_back(accepted, arrived, made.receivers)[0] == 0:
            return max(0.0, arrived[-1].at - begun)
        await asyncio.sleep(0.1)
    return PATIENCE
