"""Pulling: the hub reads long lists of many parties of one platform, page by page; time, cost and memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import monotonic

from aiohttp import web

from schemas import exact_json
from tests.bench.hub import Hub, Platforms, hub
from tests.bench.machine import memory_mib
from tests.bench.results import Findings, shown
from tests.bench.scale import Scale
from tests.bench.upstream import MOMENT, SMALL_BYTES, location

PAGE = 100
COUNTRY_CODE = "BE"
#: How long everything may take.
PATIENCE_SECONDS = 600.0
#: Of what is held when half of the list is there.
MOST_GROWTH = 1.1


class Lists:
    """The locations of each party, made when they are asked for."""

    def __init__(self, each: int) -> None:
        self._each = each
        self.url = ""

    async def page(self, request: web.Request) -> web.Response:
        """A page of the party's list that OCPI-to names."""
        offset, party_id = int(request.query.get("offset", 0)), request.headers["OCPI-to-party-id"]
        end = min(offset + PAGE, self._each)
        party = f"{COUNTRY_CODE}/{party_id}"
        found = [location(party, f"L{number}", SMALL_BYTES) for number in range(offset, end)]
        headers = {"X-Total-Count": str(self._each), "X-Limit": str(PAGE)}
        if end < self._each:
            headers["Link"] = f'<{self.url}?offset={end}&limit={PAGE}>; rel="next"'
        body = exact_json.encode({"data": found, "status_code": 1000, "timestamp": MOMENT})
        return web.Response(body=body, content_type="application/json", headers=headers)


async def measure(scale: Scale, folder: Path) -> Findings:
    """One full pull of everything."""
    count = scale.pulled_each * scale.pulled_owners
    findings = Findings(f"Pulling {shown(count)} locations of {scale.pulled_owners} parties, {PAGE} a page")
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(_served(Lists(scale.pulled_each)))
        platforms = await stack.enter_async_context(Platforms())
        made = await stack.enter_async_context(hub(folder / "hub"))
        parties = [f"{COUNTRY_CODE}/{number:03d}" for number in range(scale.pulled_owners)]
        offers = {("locations", "SENDER"): url}
        await platforms.join(made, "crowd", "CPO", parties[0], offers, more_parties=parties[1:])
        begun, before, held = monotonic(), made.running.seconds(), [memory_mib(made.running.group)]
        await made.ask("POST", "/pulls", {"platform": "crowd", "module": "locations", "is_full": True})
        for share in (0.25, 0.5, 0.75, 1.0):
            stored = await _pulled(made, share * count)
            held.append(memory_mib(made.running.group))
            findings.row(
                f"after {share:.0%}",
                **{
                    "stored": stored,
                    "s": monotonic() - begun,
                    "CPU µs a location": 1e6 * (made.running.seconds() - before) / stored,
                    "RSS MiB": held[-1],
                },
            )
    findings.at_most("memory after a long pull, of that after half", MOST_GROWTH, held[-1] / held[2])
    return findings


@asynccontextmanager
async def _served(lists: Lists) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get("/locations", lists.page)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        lists.url = f"http://127.0.0.1:{runner.addresses[0][1]}/locations"
        yield lists.url
    finally:
        await runner.cleanup()


async def _pulled(made: Hub, wanted: float) -> int:
    """Wait until so many are stored, and tell how many there are."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            lists = (await made.ask("GET", "/pulls"))["lists"]
            stored = sum(each["stored"] for each in lists)
            if stored >= wanted:
                return int(stored)
            await asyncio.sleep(0.1)
