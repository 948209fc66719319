"""How much memory and time lists cost: `python -m tests.measuring.lists --locations 100000 --owners 50`.

A hub pulls the locations of many parties from one platform, and an eMSP then walks over all of them. Hub,
platform and eMSP share one process, so that its memory is an upper bound of the hub's.
"""

import argparse
import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import perf_counter, process_time
from urllib.parse import parse_qs

from tests.fixtures.pulling import ONCE, Pulled, pulling
from tests.fixtures.recorder import Received, Recorder, Reply, to_json
from tests.fixtures.roaming import EMSP, HUB, LOCATION, joined

PAGE = 100
TIMES = 20
_STATUS = Path("/proc/self/status")


def memory() -> float:
    """What the process holds now, in MiB."""
    line = next(each for each in _STATUS.read_text().splitlines() if each.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def owner(number: int) -> str:
    """The party id of an owner."""
    return f"{number:03d}"


class Crowd:
    """A platform whose parties have locations that are made when they are asked for."""

    def __init__(self, recorder: Recorder, each: int) -> None:
        self._recorder = recorder
        self._each = each

    def page(self, request: Received) -> Reply:
        """A page of one party's locations."""
        query = {name: values[0] for name, values in parse_qs(request.query).items()}
        offset, party_id = int(query.get("offset", 0)), request.headers["OCPI-to-party-id"]
        end = min(offset + PAGE, self._each)
        found = [
            LOCATION | {"country_code": "BE", "party_id": party_id, "id": f"L{number}"}
            for number in range(offset, end)
        ]
        headers = {"X-Total-Count": str(self._each), "X-Limit": str(PAGE)}
        if end < self._each:
            url = self._recorder.endpoint("locations", "SENDER")
            headers["Link"] = f'<{url}?offset={end}&limit={PAGE}>; rel="next"'
        self._recorder.received.clear()
        return Reply(found, headers=headers)


async def pulled(world: Pulled, count: int) -> None:
    """Wait until everything is pulled, and tell how the memory grows."""
    begun, told = perf_counter(), 0
    while True:
        lists = await world.shown("crowd")
        stored = sum(each["stored"] for each in lists)
        if stored >= told + count // 5:
            told = stored
            say(f"pulled {stored:>7}: {memory():6.0f} MiB, {perf_counter() - begun:5.1f} s")
        if stored >= count and all(each["status"] != "pulling" for each in lists):
            return
        world.journal.clear()  # the fixture's, which remembers every body
        await asyncio.sleep(0.5)


async def cost(world: Pulled, emsp: Recorder, offset: int) -> float:
    """The CPU time of one page at this offset, in milliseconds, asker and all."""
    url = f"{world.hub.public_url}/ocpi/2.2.1/sender/locations?limit=50&offset={offset}"
    before = process_time()
    for _ in range(TIMES):
        assert (await emsp.call("GET", url, to=HUB, sender=EMSP)).code == 1000
    return (process_time() - before) / TIMES * 1000


async def walked(world: Pulled, emsp: Recorder) -> int:
    """How many locations there are on all pages."""
    url, found = f"{world.hub.public_url}/ocpi/2.2.1/sender/locations?limit={PAGE}", 0
    while url:
        answer = await emsp.call("GET", url, to=HUB, sender=EMSP)
        found += len(answer.data)
        world.journal.clear()
        url = answer.headers.get("Link", "")[1:].partition(">")[0]
    return found


async def measure(count: int, owners: int) -> None:
    """Pull, then walk."""
    each = count // owners
    rules = replace(ONCE, page=PAGE, patience=timedelta(seconds=60))
    with tempfile.TemporaryDirectory() as data:
        async with pulling(Path(data), rules) as world, AsyncExitStack() as stack:
            parties = [("CPO", "BE", owner(number)) for number in range(owners)]
            crowd = await stack.enter_async_context(Recorder(parties, endpoints=[("locations", "SENDER")]))
            crowd.answers("GET", "/sender/locations", Crowd(crowd, each).page)
            say(f"a location has {len(to_json(LOCATION))} bytes; at the start {memory():.0f} MiB")
            await joined(world.hub, crowd, "crowd")
            await pulled(world, each * owners)
            roles = [("EMSP", *EMSP.split("/"))]
            emsp = await stack.enter_async_context(Recorder(roles, endpoints=[("tokens", "SENDER")]))
            await joined(world.hub, emsp, "emsp")
            for offset in (0, each * owners // 2, each * owners - 50):
                await cost(world, emsp, offset)
                say(f"page of 50 at {offset:>7}: {await cost(world, emsp, offset):5.2f} ms of CPU")
            for _ in range(3):
                before, begun = memory(), perf_counter()
                found = await walked(world, emsp)
                took = perf_counter() - begun
                say(f"walked over {found}: {took:.1f} s, {before:.0f} MiB before, {memory():.0f} MiB after")


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Measure what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--locations", type=int, default=100_000)
    parser.add_argument("--owners", type=int, default=50)
    given = parser.parse_args()
    asyncio.run(measure(given.locations, given.owners))


if __name__ == "__main__":
    main()
