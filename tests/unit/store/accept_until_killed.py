"""A program that accepts objects, and says of each that it was accepted, until it is killed."""

import asyncio
import sys

from hub.ocpi.timestamps import utc_now
from hub.store.database import opened
from hub.store.objects import ObjectStore
from tests.fixtures.changes import put

CALLERS = 16


async def main(url: str) -> None:
    """Accept for ever, with many callers at the same time."""
    async with opened(url) as database:
        objects = ObjectStore(database, utc_now)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(objects.run())
            for caller in range(CALLERS):
                tasks.create_task(_accept(objects, caller))


async def _accept(objects: ObjectStore, caller: int) -> None:
    number = 0
    while True:
        number += 1
        name = f"T{caller}-{number}"
        await objects.accept(put("tariffs", f"/NL/TNM/{name}", id=name))
        sys.stdout.write(f"{name}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
