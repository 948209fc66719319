"""A reader at the end of the change log skips nothing, although several processes write to it (design D3)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

from hub.delivery.changes import ChangeLog
from hub.store.database import Database, opened
from hub.store.dialects import Alone
from hub.store.object_rows import change_row, log_and_keep
from hub.store.objects import ObjectStore
from schemas.v2_2_1 import Role
from tests.fixtures.changes import put

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
WRITERS, CALLERS, EACH = 2, 8, 25
#: Longer than a write takes that waits for nobody.
A_MOMENT = 0.3


@asynccontextmanager
async def process(url: str) -> AsyncIterator[tuple[Database, ObjectStore]]:
    """What a hub's process has of the store: connections of its own."""
    async with opened(url) as database, asyncio.TaskGroup() as tasks:
        objects = ObjectStore(database, lambda: NOW)
        running = tasks.create_task(objects.run())
        yield database, objects
        running.cancel()


async def test_a_change_with_a_later_number_does_not_come_into_sight_before_an_earlier_one(url: str) -> None:
    async with process(url) as (slow, _), process(url) as (_, quick), opened(url) as reading:
        log = ChangeLog(reading)
        await log.open()
        async with asyncio.TaskGroup() as tasks, slow.writing(Alone.LOG) as connection:
            row = change_row(
                put("tariffs", "/NL/TNM/T1", id="T1").key,
                method="PUT",
                tail="/NL/TNM/T1",
                query="",
                body="",
                sender_role=Role.CPO,
                sender_platform_id=1,
                correlation_id="c",
                accepted_at=NOW,
            )
            (first,) = await log_and_keep(connection, [row], ())
            later = tasks.create_task(quick.accept(put("tariffs", "/NL/TNM/T2", id="T2")))
            await asyncio.wait([later], timeout=A_MOMENT)
            await log.read_on()
            assert not later.done()
            assert log.end < first
        await log.read_on()
        second = later.result().seq
        assert second is not None
        assert [change.seq for change in await log.after(0, 10)] == [first, second]


async def test_whoever_follows_the_log_sees_everything_that_several_processes_accept(url: str) -> None:
    async with AsyncExitStack() as stack:
        stores = [(await stack.enter_async_context(process(url)))[1] for _ in range(WRITERS)]
        log = ChangeLog(await stack.enter_async_context(opened(url)))
        await log.open()

        async def accept(objects: ObjectStore, name: str) -> list[int | None]:
            return [
                (await objects.accept(put("tariffs", f"/NL/TNM/{name}{n}", id=f"{name}{n}"))).seq
                for n in range(EACH)
            ]

        async with asyncio.TaskGroup() as tasks:
            writing = [
                tasks.create_task(accept(objects, f"T{number}-{caller}-"))
                for number, objects in enumerate(stores)
                for caller in range(CALLERS)
            ]
            while not all(task.done() for task in writing):
                await log.read_on()
                await asyncio.sleep(0)
        await log.read_on()
        seen = [change.seq for change in await log.after(0, 10_000)]
        accepted = sorted(seq for task in writing for seq in task.result() if seq is not None)
    assert seen == accepted
    assert len(seen) == WRITERS * CALLERS * EACH
