"""What a hub takes and gives in a second: accepted pushes, and pages of 50, on SQLite and on PostgreSQL.

On PostgreSQL by one process on one core, and by two on both.

PostgreSQL is that of OCPI_BENCH_POSTGRESQL, a URL of an empty database, or else one from the package that the
tests use, with its own settings: fsync is on.
"""

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from schemas import exact_json
from tests.bench.fan_out import CPO
from tests.bench.hub import HUB, PREFIX, Hub, Platform, Platforms, hub
from tests.bench.lists import EMSP, PAGE
from tests.bench.loading import NUMBER, Request, load
from tests.bench.machine import family_seconds
from tests.bench.obtaining import Missing
from tests.bench.processes import DidNotStart
from tests.bench.results import Findings, middle
from tests.bench.scale import Scale
from tests.bench.upstream import SMALL_BYTES, location
from tests.fixtures.postgresql import Server

POSTGRESQL_URL = "OCPI_BENCH_POSTGRESQL"
LEAST_PUSHES, LEAST_PAGES = 1500, 500


async def measure(scale: Scale, folder: Path) -> Findings:
    """Pushes of new locations, then pages of them; nobody is owed a delivery."""
    findings = Findings(f"Storing: pushes of 1 KB and pages of {PAGE}, {scale.connections} connections")
    await _on(Storage("SQLite", ()), scale, folder / "sqlite", findings)
    rates = []
    # A database that was given is empty once.
    for workers in (1,) if POSTGRESQL_URL in os.environ else scale.workers:
        name = "PostgreSQL" if workers == 1 else f"PostgreSQL, {workers} workers"
        try:
            async with given_or_own_postgresql() as (url, server):
                storage = Storage(name, ("--database", url), server, workers)
                rates.append(await _on(storage, scale, folder / f"postgresql-{workers}", findings))
        except (Missing, DidNotStart) as problem:
            findings.notes.append(f"{name} is not measured: {problem}")
    if rates:
        pushes, pages = map(max, zip(*rates, strict=True))
        findings.at_least("accepted pushes a second on PostgreSQL", LEAST_PUSHES, pushes)
        findings.at_least(f"pages of {PAGE} a second on PostgreSQL", LEAST_PAGES, pages)
    return findings


@dataclass(frozen=True, slots=True)
class Storage:
    """What the hub stores in."""

    name: str
    options: tuple[str, ...]
    #: The process of the server; None where there is none, or it is not ours.
    server: int | None = None
    workers: int = 1

    def seconds(self) -> float:
        """What its server has had of the processors."""
        return 0.0 if self.server is None else family_seconds(self.server)


@asynccontextmanager
async def given_or_own_postgresql() -> AsyncIterator[tuple[str, int | None]]:
    """An empty one: its URL, and its process if it is ours."""
    if (given := os.environ.get(POSTGRESQL_URL)) is not None:
        yield given, None
        return
    # Its own user must be able to go there, which it is not in a directory of ours.
    with tempfile.TemporaryDirectory(prefix="ocpi-hub-bench-pg-") as folder:
        try:
            server = Server(Path(folder) / "pg")
        except (ImportError, OSError, RuntimeError) as error:
            raise Missing(f"no PostgreSQL: {error}; set {POSTGRESQL_URL}") from error
        try:
            yield server.url(), server.process
        finally:
            server.close()


async def _on(storage: Storage, scale: Scale, folder: Path, findings: Findings) -> tuple[float, float]:
    async with Platforms() as platforms, hub(folder, *storage.options, workers=storage.workers) as made:
        cpo = await platforms.join(made, "cpo", "CPO", CPO, {})
        emsp = await platforms.join(made, "emsp", "EMSP", EMSP, {})
        return (
            await _loaded(made, storage, "pushes", _push(cpo), scale, findings),
            await _loaded(made, storage, "pages", _page(emsp), scale, findings),
        )


def _push(cpo: Platform) -> Request:
    name = f"LOC{NUMBER}"
    body = exact_json.encode(location(CPO, name, SMALL_BYTES))
    return Request("PUT", f"{PREFIX}/receiver/locations/{CPO}/{name}", cpo.token, HUB, CPO, body)


def _page(emsp: Platform) -> Request:
    return Request("GET", f"{PREFIX}/sender/locations?limit={PAGE}", emsp.token, HUB, EMSP)


async def _loaded(
    made: Hub, storage: Storage, what: str, request: Request, scale: Scale, findings: Findings
) -> float:
    before, server_before, loads = made.running.seconds(), storage.seconds(), []
    for number in range(scale.rounds):
        # Each round has new objects.
        first = number * 10_000_000
        found = await load(
            made.folder,
            made.port,
            [request],
            seconds=scale.seconds,
            connections=scale.connections,
            first_number=first,
        )
        loads.append(found)
    used, server_used = made.running.seconds() - before, storage.seconds() - server_before
    good = max(1, sum(each.good for each in loads))
    findings.row(
        f"{storage.name}: {what}",
        **{
            "a second": middle([each.a_second for each in loads]),
            "hub, CPU µs each": 1e6 * used / good,
            "server, CPU µs each": 1e6 * server_used / good,
            "p50 ms": middle([each.latencies.p50 for each in loads]),
            "p99 ms": middle([each.latencies.p99 for each in loads]),
            "not good": sum(each.bad for each in loads),
        },
    )
    return middle([each.a_second for each in loads])
