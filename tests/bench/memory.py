"""Memory: an hour of traffic in a minute or two; what the hub holds must not grow with what it has done."""

from contextlib import AsyncExitStack
from pathlib import Path

from schemas import exact_json
from tests.bench.fan_out import CPO, World, world
from tests.bench.hub import HUB, PREFIX
from tests.bench.lists import PAGE
from tests.bench.loading import NUMBER, Request, load
from tests.bench.machine import memory_mib
from tests.bench.results import Findings, shown
from tests.bench.scale import Scale
from tests.bench.upstream import SMALL_BYTES, location, upstream

EMSP = "NL/TNM"
OBJECTS, RECEIVERS = 20, 5
#: The second half of the traffic may cost so much, of what is held after the first.
MOST_GROWTH = 1.05
MOST_IDLE = 120.0


async def measure(scale: Scale, folder: Path) -> Findings:
    """Relays, broadcasts and pages in turn; what the process holds after each step."""
    findings = Findings(f"Memory over {shown(scale.memory_requests)} requests: relays, broadcasts, pages")
    async with AsyncExitStack() as stack:
        far = await stack.enter_async_context(upstream(folder / "far"))
        made = await world(stack, folder / "hub", far, "receiver")
        idle = memory_mib(made.hub.running.group)
        offers = {
            ("locations", "RECEIVER"): far.endpoint("emsp", "locations", "RECEIVER"),
            ("sessions", "RECEIVER"): far.endpoint("emsp", "sessions", "RECEIVER"),
        }
        emsp = await made.platforms.join(made.hub, "emsp", "EMSP", EMSP, offers)
        await made.grow(RECEIVERS)
        findings.row("idle, nobody registered but one", **{"requests": 0, "RSS MiB": idle})
        requests, held, done = _mixed(made, emsp.token), [], 0
        for step in range(scale.memory_steps):
            wanted = scale.memory_requests * (step + 1) // scale.memory_steps
            while done < wanted:
                found = await load(
                    folder, made.hub.port, requests, seconds=scale.seconds, connections=scale.connections
                )
                done += found.good
            held.append(memory_mib(made.hub.running.group))
            findings.row(f"step {step + 1}", **{"requests": done, "RSS MiB": held[-1]})
    half = held[(len(held) - 1) // 2]
    findings.at_most("idle memory, MiB", MOST_IDLE, idle)
    findings.at_most("memory after all the traffic, of that after half", MOST_GROWTH, held[-1] / half)
    return findings


def _mixed(made: World, token: str) -> list[Request]:
    """Of each object: a relayed PUT, a broadcast, a change of a status, a page."""
    requests = []
    for number in range(OBJECTS):
        name = f"LOC{number:03d}"
        value = location(CPO, name, SMALL_BYTES, version=NUMBER)
        value["last_updated"] = f"2026-04-01T00:00:00.{NUMBER}Z"
        body, path = exact_json.encode(value), f"{PREFIX}/receiver/locations/{CPO}/{name}"
        status = f'{{"status":"CHARGING","last_updated":"2026-04-01T00:00:00.{NUMBER}Z"}}'.encode()
        page = f"{PREFIX}/sender/locations?limit={PAGE}"
        requests += [
            Request("PUT", path, made.cpo.token, EMSP, CPO, body),
            Request("PUT", path, made.cpo.token, HUB, CPO, body),
            Request("PATCH", f"{path}/0000", made.cpo.token, HUB, CPO, status),
            Request("GET", page, token, HUB, EMSP),
        ]
    return requests
