"""GET All over a long list: first, middle and last page, and by date, against a library with it in memory."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hub.ocpi.description import ObjectKey
from hub.store.acceptance import State
from hub.store.database import microseconds, opened
from hub.store.object_rows import ObjectWrite, log_and_keep
from schemas import exact_json
from schemas.moment import moment_text
from tests.bench.fronts import library_front
from tests.bench.hub import HUB, PREFIX, Platforms, hub
from tests.bench.loading import Load, Request, load
from tests.bench.obtaining import Missing
from tests.bench.processes import Running
from tests.bench.results import Findings, middle, shown
from tests.bench.scale import Scale
from tests.bench.upstream import SMALL_BYTES, location
from tests.fixtures.made_tables import DATABASE, with_tables

CPO, EMSP = "BE/BEC", "NL/TNM"
PAGE = 50
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
AT_ONCE = 5_000
MOST_CPU, MOST_OF_FIRST = 3.0, 1.5
HUB_NAME, LIBRARY = "ocpi-hub", "extrawest-ocpi, from memory"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that has the list."""

    name: str
    port: int
    program: Running
    #: Its requests by the page that they ask for.
    requests: Mapping[str, Request]


@dataclass(frozen=True, slots=True)
class Turn:
    """What one candidate did in a round; the processor time is in milliseconds a page."""

    load: Load
    cost: float


async def measure(scale: Scale, folder: Path) -> Findings:
    """Pages of 50, one after the other."""
    findings = Findings(f"GET All: pages of {PAGE} of {shown(scale.locations)} locations of 1 KB")
    async with AsyncExitStack() as stack:
        candidates = [await _hub_with_list(stack, scale, folder)]
        if scale.has_library:
            try:
                candidates.append(await _library_with_list(stack, scale, folder))
            except Missing as missing:
                findings.notes.append(f"{LIBRARY} is not compared: {missing}")
        await _compare(candidates, scale, folder, findings)
    return findings


async def _hub_with_list(stack: AsyncExitStack, scale: Scale, folder: Path) -> Candidate:
    # The list is there when the hub starts: it is the reading that is measured.
    await fill(folder / "hub", scale.locations)
    platforms = await stack.enter_async_context(Platforms())
    made = await stack.enter_async_context(hub(folder / "hub"))
    await platforms.join(made, "cpo", "CPO", CPO, {})
    emsp = await platforms.join(made, "emsp", "EMSP", EMSP, {})
    path = f"{PREFIX}/sender/locations"
    requests = {
        page: Request("GET", f"{path}?limit={PAGE}&{query}", emsp.token, HUB, EMSP)
        for page, query in queries(scale.locations).items()
    }
    return Candidate(HUB_NAME, made.port, made.running, requests)


async def _library_with_list(stack: AsyncExitStack, scale: Scale, folder: Path) -> Candidate:
    token, body = "of-the-emsp", exact_json.encode(location(CPO, "L00000000", SMALL_BYTES))
    front = await stack.enter_async_context(library_front(folder, body, scale.locations, token))
    requests = {
        page: Request("GET", f"/ocpi/cpo/2.2.1/locations/?limit={PAGE}&{query}", token, None, EMSP)
        for page, query in queries(scale.locations).items()
    }
    return Candidate(LIBRARY, front.port, front.program, requests)


def queries(count: int) -> dict[str, str]:
    """What to ask for, by the page that it is."""
    half = moment_text(BEGINNING + timedelta(seconds=count // 2))
    return {
        "first page": "offset=0",
        "middle page": f"offset={count // 2}",
        "last page": f"offset={count - PAGE}",
        "first page by date_from": f"offset=0&date_from={half}",
        "last page by date_from": f"offset={count - count // 2 - PAGE}&date_from={half}",
    }


async def fill(folder: Path, count: int) -> None:
    """Locations in the database of a hub that does not run: N was updated N seconds after the year began."""
    async with opened(f"sqlite+aiosqlite:///{with_tables(folder / 'data') / DATABASE}") as database:
        for start in range(0, count, AT_ONCE):
            writes = [_kept(number) for number in range(start, min(start + AT_ONCE, count))]
            async with database.writing() as connection:
                await log_and_keep(connection, (), writes)


def _kept(number: int) -> ObjectWrite:
    at, name = BEGINNING + timedelta(seconds=number), f"L{number:08d}"
    body = exact_json.encode(location(CPO, name, SMALL_BYTES) | {"last_updated": moment_text(at)})
    key = ObjectKey("locations", *CPO.split("/"), name, "")
    return ObjectWrite(key, State(body.decode(), microseconds(at)), platform_id=1)


async def _compare(candidates: list[Candidate], scale: Scale, folder: Path, findings: Findings) -> None:
    costs: dict[str, float] = {}
    for page in queries(scale.locations):
        for each in candidates:
            await _turn(each, page, scale.seconds / 4, folder)  # it gets warm
        rounds = [
            {each.name: await _turn(each, page, scale.seconds / 2, folder) for each in candidates}
            for _ in range(scale.rounds)
        ]
        for each in candidates:
            turns = [one[each.name] for one in rounds]
            cost = middle([turn.cost for turn in turns])
            costs.setdefault(page, cost)
            findings.row(
                f"{page}: {each.name}",
                **{
                    "CPU ms a page": cost,
                    "of the hub's": middle([one[each.name].cost / one[HUB_NAME].cost for one in rounds]),
                    "pages/s": middle([turn.load.a_second for turn in turns]),
                    "p50 ms": middle([turn.load.latencies.p50 for turn in turns]),
                    "p99 ms": middle([turn.load.latencies.p99 for turn in turns]),
                    "not good": sum(turn.load.bad for turn in turns),
                },
            )
    findings.at_most("GET All, CPU ms for the costliest page", MOST_CPU, max(costs.values()))
    findings.at_most(
        "GET All, last page, of the first", MOST_OF_FIRST, costs["last page"] / costs["first page"]
    )


async def _turn(candidate: Candidate, page: str, seconds: float, folder: Path) -> Turn:
    before = candidate.program.seconds()
    found = await load(folder, candidate.port, [candidate.requests[page]], seconds=seconds, connections=1)
    used = candidate.program.seconds() - before
    return Turn(found, 1000 * used / max(1, found.good))
