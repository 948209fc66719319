"""How fast objects are accepted and read in pages: `python -m tests.measuring.storing --database postgresql`.

The server waits for the disk at each commit, and shares the machine with the store.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter, process_time

import uvloop

from hub.ocpi.paging import PageRequest
from hub.ocpi.timestamps import utc_now
from hub.store.database import opened
from hub.store.objects import ObjectStore
from tests.fixtures.changes import put
from tests.fixtures.databases import Kind
from tests.fixtures.postgresql import Server

CALLERS, EACH, READERS, PAGE = 64, 60, 8, 50
BODY = "x" * 12_000


@asynccontextmanager
async def database(kind: Kind) -> AsyncIterator[str]:
    """The URL of an empty one."""
    with tempfile.TemporaryDirectory(prefix="ocpi-hub-store-", ignore_cleanup_errors=True) as folder:
        if kind is Kind.SQLITE:
            yield f"sqlite+aiosqlite:///{Path(folder) / 'hub.sqlite3'}"
            return
        server = Server(Path(folder) / "pg")
        try:
            yield server.url()
        finally:
            server.close()


async def rate(
    what: str, seconds: float, callers: int, work: Callable[[int, int], Awaitable[object]]
) -> None:
    """Tell how often a second the callers get it done, and what it costs this process."""
    done = 0
    began, cpu = perf_counter(), process_time()

    async def call(caller: int) -> None:
        nonlocal done
        number = 0
        while perf_counter() - began < seconds:
            await work(caller, number)
            number += 1
            done += 1

    async with asyncio.TaskGroup() as tasks:
        for caller in range(callers):
            tasks.create_task(call(caller))
    took, spent = perf_counter() - began, process_time() - cpu
    sys.stdout.write(f"{what}: {done / took:.0f} a second, {spent / done * 1e6:.0f} µs of CPU each\n")


async def main(kind: Kind, seconds: float) -> None:
    """Fill, accept, read."""
    changes = [
        [put("locations", f"/NL/TNM/L{caller}-{n}", id=f"L{caller}-{n}", filler=BODY) for n in range(EACH)]
        for caller in range(CALLERS)
    ]
    async with database(kind) as url, opened(url) as made, asyncio.TaskGroup() as tasks:
        objects = ObjectStore(made, utc_now)
        running = tasks.create_task(objects.run())
        await asyncio.gather(*(objects.accept(change) for each in changes for change in each))
        last = CALLERS * EACH - PAGE

        def accept(caller: int, number: int) -> Awaitable[object]:
            return objects.accept(changes[caller][number % EACH])

        def read(caller: int, number: int) -> Awaitable[object]:
            offset = (caller + number * READERS) * PAGE % last
            return objects.page("locations", PageRequest(offset, PAGE, None, None))

        await rate(f"{kind}: objects of 12 KB accepted", seconds, CALLERS, accept)
        await rate(f"{kind}: pages of {PAGE} read", seconds, READERS, read)
        running.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=[str(each) for each in Kind], default=str(Kind.POSTGRESQL))
    parser.add_argument("--seconds", type=float, default=6)
    chosen = parser.parse_args()
    uvloop.run(main(Kind(chosen.database), chosen.seconds))
