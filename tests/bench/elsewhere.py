"""How soon what an operator changes at one process is in force at another one, on one PostgreSQL."""

import asyncio
from pathlib import Path
from time import perf_counter

import aiohttp

from tests.bench.fan_out import CPO
from tests.bench.hub import HUB, PREFIX, Hub, Platform, Platforms, hub
from tests.bench.lists import EMSP
from tests.bench.loading import Request
from tests.bench.obtaining import Missing
from tests.bench.processes import DidNotStart
from tests.bench.results import Findings, middle
from tests.bench.scale import Scale
from tests.bench.storing import given_or_own_postgresql

MOST_MS = 1_000.0
OFTEN = 0.002


async def measure(scale: Scale, folder: Path) -> Findings:
    """A platform is suspended and resumed at one hub, and asks the other one all the time."""
    findings = Findings("Elsewhere: a change of the Directory at one process, in force at another")
    try:
        async with given_or_own_postgresql() as (url, _), Platforms() as platforms:
            options = ("--database", url)
            async with hub(folder / "first", *options) as first:
                await platforms.join(first, "cpo", "CPO", CPO, {})
                emsp = await platforms.join(first, "emsp", "EMSP", EMSP, {})
                # The same keys: both open the same tokens.
                (folder / "second" / "data").mkdir(parents=True)
                for key in (folder / "first" / "data").glob("*.key"):
                    (folder / "second" / "data" / key.name).write_bytes(key.read_bytes())
                async with hub(folder / "second", *options) as second:
                    delays = await _delays(first, second, emsp, 2 * scale.changes)
    except (Missing, DidNotStart) as problem:
        findings.notes.append(f"not measured: {problem}")
        return findings
    findings.row("suspended, resumed", **{"p50 ms": middle(delays), "most ms": max(delays)})
    findings.at_most("a change is in force at another process, after ms at most", MOST_MS, max(delays))
    return findings


async def _delays(first: Hub, second: Hub, emsp: Platform, count: int) -> list[float]:
    """Milliseconds from the operator's answer until the other hub goes by it, change after change."""
    asked = Request("GET", f"{PREFIX}/sender/locations", emsp.token, HUB, EMSP)
    headers = dict(line.split(": ", 1) for line in asked.text().decode().split("\r\n")[1:] if ": " in line)
    delays = []
    async with aiohttp.ClientSession(headers=headers) as session:

        async def until(status: int) -> None:
            while True:
                async with session.get(f"{second.url}{asked.path}") as answer:
                    if answer.status == status:
                        return
                await asyncio.sleep(OFTEN)

        await until(200)
        for number in range(count):
            what, status = ("suspend", 403) if number % 2 == 0 else ("resume", 200)
            await first.ask("POST", f"/platforms/emsp/{what}")
            began = perf_counter()
            await until(status)
            delays.append(1000 * (perf_counter() - began))
    return delays
