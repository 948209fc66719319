"""Tariffs as they were, from when on, and how long that is known."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub.ocpi.party import Party
from hub.store.database import microseconds, opened
from hub.store.objects import ObjectStore
from tests.fixtures.changes import change, put
from tests.fixtures.databases import database_in

NOW = datetime(2026, 6, 1, tzinfo=UTC)
OWNER = Party("NL", "TNM")


@pytest.fixture
async def objects(tmp_path: Path) -> AsyncIterator[ObjectStore]:
    async with opened(database_in(tmp_path)) as database:
        store = ObjectStore(database, lambda: NOW)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(store.run())
            yield store
            task.cancel()


def at(month: int) -> str:
    return f"2026-{month:02}-01T00:00:00Z"


def since(month: int) -> int:
    return microseconds(datetime(2026, month, 1, tzinfo=UTC))


async def versions(objects: ObjectStore) -> list[int]:
    return [each.since for each in await objects.tariff_versions(OWNER, ["t1"])]


async def test_each_state_is_a_version_and_an_old_one_that_comes_late_is_none(objects: ObjectStore) -> None:
    for month in (1, 3, 3, 2):
        await objects.accept(put("tariffs", "/NL/TNM/T1", at(month), id="T1"))
    await objects.accept(put("tariffs", "/NL/TNM/T2", at(5), id="T2"))
    assert await versions(objects) == [since(1), since(3)]
    assert len(await objects.tariff_versions(OWNER, ["T1", "T2"])) == 3
    assert await objects.tariff_versions(OWNER, []) == ()
    assert await objects.tariff_versions(Party("BE", "BEC"), ["T1"]) == ()


async def test_a_state_never_takes_the_place_of_the_one_before(objects: ObjectStore) -> None:
    """Changed without a new `last_updated`, or brought again after a DELETE, it holds from when it came."""
    for name in ("dear", "dearer", "dearer"):
        await objects.accept(put("tariffs", "/NL/TNM/T1", at(3), id="T1", tariff_alt_url=name))
    assert await versions(objects) == [since(3), since(6)]
    await objects.accept(change("DELETE", "tariffs", "/NL/TNM/T1"))
    await objects.accept(put("tariffs", "/NL/TNM/T1", at(3), id="T1"))
    kept = await objects.tariff_versions(OWNER, ["t1"])
    assert [bool(each.body) for each in kept] == [True, True, False, True]


async def test_a_state_of_tomorrow_holds_from_when_it_came(objects: ObjectStore) -> None:
    await objects.accept(put("tariffs", "/NL/TNM/T1", "2026-06-01T12:00:00Z", id="T1"))
    assert await versions(objects) == [since(6)]


async def test_what_was_replaced_long_ago_is_forgotten_and_what_holds_never(objects: ObjectStore) -> None:
    for month in (1, 2, 4):
        await objects.accept(put("tariffs", "/NL/TNM/T1", at(month), id="T1"))
    assert await objects.forget_replaced_tariffs(datetime(2026, 3, 1, tzinfo=UTC)) == 1
    assert await versions(objects) == [since(2), since(4)]
    await objects.forget_replaced_tariffs(NOW + timedelta(days=999))
    assert await versions(objects) == [since(4)]
