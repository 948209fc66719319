"""Fan-out: one accepted change, delivered to everybody else; and a storm of them.

Each receiver is a platform of its own, so that a pump of its own delivers to it; one fast program answers for
all of them and knows when what came.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import aiohttp

from schemas import exact_json
from schemas.moment import moment_text
from tests.bench.hub import HUB, PREFIX, RATE_LIMIT, Hub, Platform, Platforms, hub
from tests.bench.loading import NUMBER, Request, load
from tests.bench.platform_copies import Copy, adopted, copy_platform, numbered_party
from tests.bench.results import Findings, middle, shown
from tests.bench.scale import Scale
from tests.bench.upstream import SMALL_BYTES, Upstream, location, upstream

CPO = "BE/BEC"
LEAST_DELIVERIES, MOST_COST = 5000, 1.1
#: So many receivers the first of these is about.
JUDGED = 100
#: Of each location whose EVSEs change their status in a storm.
EVSES = 2
#: How long everybody may take to have everything.
PATIENCE = 300.0
BEGINNING = datetime(2026, 3, 1, tzinfo=UTC)
#: The path of it says that everything before was delivered.
LAST = "LAST"


@dataclass
class World:
    """A hub with one CPO and so many receivers."""

    hub: Hub
    far: Upstream
    platforms: Platforms
    session: aiohttp.ClientSession
    cpo: Platform
    #: Stands before the names of its receivers, which share one upstream with others.
    name: str
    receivers: int = 0
    changes: int = 0
    #: Milliseconds until a change was accepted, and until the last receiver had it.
    accepting: list[float] = field(default_factory=list)
    delivering: list[float] = field(default_factory=list)

    async def grow(self, count: int) -> None:
        """Have so many receivers: the first registers, the others are copies of it in the hub's database."""
        if self.receivers == 0:
            offers = {("locations", "RECEIVER"): self._url(0)}
            await self.platforms.join(self.hub, f"{self.name}0", "EMSP", numbered_party(0), offers)
            self.receivers = 1
        if self.receivers < count:
            await self.hub.running.end()
            copies = [
                Copy(f"{self.name}{number}", numbered_party(number), self._url(number))
                for number in range(self.receivers, count)
            ]
            copy_platform(self.hub.database, f"{self.name}0", copies)
            await self.hub.start()
            self.receivers = count
            await adopted(self.hub.database, count + 1)
            await self.hub.settled()

    def _url(self, number: int) -> str:
        return self.far.endpoint(f"{self.name}{number}", "locations", "RECEIVER")

    def put(self, name: str, size: int = SMALL_BYTES) -> Request:
        """A location that is new, or newer."""
        self.changes += 1
        newer = {"last_updated": moment_text(BEGINNING + timedelta(seconds=self.changes))}
        body = exact_json.encode(location(CPO, name, size) | newer)
        return Request("PUT", f"{PREFIX}/receiver/locations/{CPO}/{name}", self.cpo.token, HUB, CPO, body)

    async def sends(self, request: Request) -> float:
        """Send it; how many milliseconds it took to be accepted."""
        headers = {
            name: value
            for name, value in (line.split(": ", 1) for line in _head(request))
            if name not in {"Host", "Content-Length"}
        }
        begun = monotonic()
        url = self.hub.url + request.path
        async with self.session.request(request.method, url, data=request.body, headers=headers) as answer:
            text = await answer.read()
        took = (monotonic() - begun) * 1000
        assert exact_json.decode(text)["status_code"] == 1000, text
        return took

    async def tells(self, name: str) -> None:
        """Change a location, and wait until every receiver has it."""
        before, begun = await self.far.count(), monotonic()
        self.accepting.append(await self.sends(self.put(name)))
        assert await self.far.counts(before + self.receivers, PATIENCE)
        last = (await self.far.arrivals())[-1]
        self.delivering.append((last.at - begun) * 1000)


def _head(request: Request) -> list[str]:
    return request.text().partition(b"\r\n\r\n")[0].decode().replace(NUMBER, "00000000").split("\r\n")[1:]


async def world(stack: AsyncExitStack, folder: Path, far: Upstream, name: str) -> World:
    """A hub without receivers yet; it ends before whom it delivers to."""
    platforms = await stack.enter_async_context(Platforms())
    made = await stack.enter_async_context(hub(folder))
    session = await stack.enter_async_context(aiohttp.ClientSession())
    cpo = await platforms.join(made, "cpo", "CPO", CPO, {})
    return World(made, far, platforms, session, cpo, name)


async def measure(scale: Scale, folder: Path) -> Findings:
    """One change to ever more receivers, then the storm."""
    findings = Findings("Fan-out: one accepted change, delivered to each receiver by its own pump")
    async with AsyncExitStack() as stack:
        far = await stack.enter_async_context(upstream(folder / "far", is_recorded=True))
        # One receiver all the time, in turn with ever more: costs are compared in the same minute.
        few, many = [await world(stack, folder / name, far, name) for name in ("few", "many")]
        await few.grow(1)
        for count in scale.receivers:
            await many.grow(count)
            await _one_by_one(few, many, scale, findings)
            if count == scale.storm_receivers:
                await _storm(many, scale, folder, findings)
    return findings


async def _one_by_one(few: World, many: World, scale: Scale, findings: Findings) -> None:
    for each in (few, many):
        await each.tells("FIRST")
        await each.tells("FIRST")
        each.accepting.clear()
        each.delivering.clear()
    used = 0.0
    for _ in range(scale.changes):
        await few.tells("ONE")
        before = many.hub.running.seconds()
        await many.tells("ONE")
        used += many.hub.running.seconds() - before
    deliveries, ratio = scale.changes * many.receivers, middle(_ratios(many.accepting, few.accepting))
    findings.row(
        f"1 change to {_count(many)}",
        **{
            "accepted after ms": middle(many.accepting),
            "of that with 1": ratio,
            "last has it after ms": middle(many.delivering),
            "CPU µs a delivery": 1e6 * used / deliveries,
            "deliveries/s a core": deliveries / used,
        },
    )
    before = many.hub.running.seconds()
    await many.hub.ask("PATCH", f"/platforms/{many.name}0", {"rate_limit": RATE_LIMIT + many.receivers})
    findings.row(
        f"an operator's change of one of {shown(many.receivers + 1)} platforms",
        **{"CPU ms": 1000 * (many.hub.running.seconds() - before)},
    )
    if many.receivers == scale.receivers[-1]:
        findings.at_most(
            f"cost of accepting with {_count(many)}, of that with 1",
            MOST_COST,
            ratio,
        )
    if many.receivers == min(JUDGED, scale.receivers[-1]):
        findings.at_least(
            f"deliveries/s a core, 1 change to {_count(many)}",
            LEAST_DELIVERIES,
            deliveries / used,
        )


def _count(made: World) -> str:
    return f"{shown(made.receivers)} receivers" if made.receivers > 1 else "1 receiver"


def _ratios(many: Sequence[float], few: Sequence[float]) -> list[float]:
    return [one / other for one, other in zip(many, few, strict=True)]


async def _storm(made: World, scale: Scale, folder: Path, findings: Findings) -> None:
    for number in range(scale.storm_locations):
        # As large as it takes for so many EVSEs.
        await made.sends(made.put(f"STORM{number}", SMALL_BYTES // 2 + EVSES * 290))
    await made.sends(made.put(LAST))
    assert await _all_have_the_last(made, times=1)
    before, used, begun = await made.far.count(), made.hub.running.seconds(), monotonic()
    found = await load(
        folder,
        made.hub.port,
        _status_changes(made, scale.storm_locations),
        seconds=scale.storm_seconds,
        rate=scale.storm_rate,
        connections=scale.connections,
    )
    await made.sends(made.put(LAST))
    ended = monotonic()
    # The change log is in order: who has this one has been told of the newest state of everything before it.
    assert await _all_have_the_last(made, times=2)
    lasts = [each.at for each in await made.far.arrivals() if each.path.endswith(f"/{LAST}")]
    used = made.hub.running.seconds() - used
    deliveries = await made.far.count() - before
    owed = (found.good + 1) * made.receivers
    findings.row(
        f"{scale.storm_rate} EVSE status changes/s to {_count(made)}, {scale.storm_seconds:g} s",
        **{
            "accepted/s": found.a_second,
            "accepted after ms": found.latencies.p50,
            "accepted after ms, p99": found.latencies.p99,
            "last has it after ms": (max(lasts) - ended) * 1000,
            "deliveries": deliveries,
            "of what was owed": deliveries / owed,
            "deliveries/s": deliveries / (max(lasts) - begun),
            "CPU µs a delivery": 1e6 * used / deliveries,
            "deliveries/s a core": deliveries / used,
            "not good": found.bad,
        },
    )
    findings.notes.append(
        "In the storm a receiver that is behind gets the newest state of an object once, not each change: "
        "`of what was owed` says how many deliveries that left."
    )


def _status_changes(made: World, locations: int) -> list[Request]:
    changes = []
    for number in range(locations):
        for evse in range(EVSES):
            path = f"{PREFIX}/receiver/locations/{CPO}/STORM{number}/{evse:04d}"
            # Each later than all before it, by the number of the request in the fraction of a second.
            body = f'{{"status":"CHARGING","last_updated":"2026-04-01T00:00:00.{NUMBER}Z"}}'
            changes.append(Request("PATCH", path, made.cpo.token, HUB, CPO, body.encode()))
    return changes


async def _all_have_the_last(made: World, times: int) -> bool:
    end = monotonic() + PATIENCE
    while monotonic() < end:
        arrived = await made.far.arrivals()
        if sum(each.path.endswith(f"/{LAST}") for each in arrived) >= times * made.receivers:
            return True
        await asyncio.sleep(0.2)
    return False
