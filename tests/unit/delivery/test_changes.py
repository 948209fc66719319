"""The change log: read at its end from memory, and from the database by who is behind."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from hub.delivery.changes import Change, ChangeLog
from hub.delivery.newest_states import NewestStates
from hub.ocpi.description import ObjectKey
from hub.store.acceptance import State
from hub.store.database import Database, opened
from hub.store.object_rows import KeptState
from hub.store.objects import ObjectStore
from tests.fixtures.changes import LATER, change, evse, location, patch, put
from tests.fixtures.databases import database_in
from tests.fixtures.delivering import NOW


class Hands:
    """A clock whose hands a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    async with opened(database_in(path.parent, path.name)) as database:
        yield database


@pytest.fixture
async def objects(database: Database, clock: Hands) -> AsyncIterator[ObjectStore]:
    objects = ObjectStore(database, clock)
    async with asyncio.TaskGroup() as tasks:
        writer = tasks.create_task(objects.run())
        yield objects
        writer.cancel()


async def opened_log(database: Database, tail: int = 100) -> ChangeLog:
    log = ChangeLog(database, tail=tail)
    await log.open()
    return log


def shape(changes: list[Change]) -> list[tuple[int, str, str, bytes]]:
    return [(each.seq, each.method, each.tail, each.body) for each in changes]


@pytest.mark.parametrize("tail", [1, 3, 100])
async def test_it_reads_the_same_from_memory_and_from_the_database(
    database: Database, objects: ObjectStore, tail: int
) -> None:
    log = await opened_log(database, tail)
    await objects.accept(location(evses=[evse("1")]))
    for number in range(9):
        await objects.accept(patch("locations", "/NL/TNM/LOC1/1", LATER, n=number))
        await log.read_on()
    fresh = await opened_log(database)
    for start in range(11):
        assert shape(await log.after(start, 4)) == shape(await fresh.after(start, 4))
    assert [each.seq for each in await log.after(0, 100)] == list(range(1, 11))
    assert (log.end, fresh.end) == (10, 10)


async def test_the_newest_change_of_an_object_is_known_for_memory_and_database(
    database: Database, objects: ObjectStore
) -> None:
    log = await opened_log(database, tail=1)
    await objects.accept(location(evses=[evse("1")]))
    await objects.accept(put("tariffs", "/NL/TNM/T1", id="T1"))
    await objects.accept(patch("locations", "/NL/TNM/LOC1/1", LATER, n=1))
    await log.read_on()
    assert [log.newest(each) for each in await log.after(0, 10)] == [3, 2, 3]
    behind = await (await opened_log(database)).after(0, 10)
    await objects.accept(patch("locations", "/NL/TNM/LOC1/1", LATER, n=2))
    await log.read_on()
    # What was read before knows of what came since, once the log was read on.
    assert [log.newest(each) for each in behind] == [4, 2, 4]


async def test_a_deleted_object_is_a_state_too(database: Database, objects: ObjectStore) -> None:
    log = await opened_log(database)
    await objects.accept(put("tariffs", "/NL/TNM/T1", id="T1"))
    await objects.accept(change("DELETE", "tariffs", "/NL/TNM/T1"))
    await log.read_on()
    key = put("tariffs", "/NL/TNM/T1").key
    assert (await log.states([key]))[key].state.is_deleted
    assert await log.states([key._replace(object_id="NONE")]) == {}


async def test_states_are_the_newest_also_when_the_log_was_not_read_on(
    database: Database, objects: ObjectStore
) -> None:
    log = await opened_log(database)
    key = location().key
    for number in range(3):
        await objects.accept(location(LATER, n=number))
        await log.read_on()
        [kept] = (await log.states([key])).values()
        assert f'"n":{number}' in kept.state.body
        assert kept.change_seq == number + 1


async def test_what_is_too_old_leaves_the_log_with_the_deleted_objects(
    database: Database, objects: ObjectStore, clock: Hands
) -> None:
    for number in range(3):
        await objects.accept(put("tariffs", f"/NL/TNM/T{number}", id=f"T{number}"))
    await objects.accept(change("DELETE", "tariffs", "/NL/TNM/T0"))
    clock.now += timedelta(days=7)
    await objects.accept(change("DELETE", "tariffs", "/NL/TNM/T1"))
    log = await opened_log(database)
    await log.trim(clock.now - timedelta(days=6))
    assert [each.seq for each in await log.after(0, 10)] == [5]
    assert await _names(database) == ["T1", "T2"]
    clock.now += timedelta(days=30)
    await log.trim(clock.now)
    # The last one stays: the next must not get its number again, nor a new receiver a place before it.
    assert [each.seq for each in await log.after(0, 10)] == [5]
    assert (await opened_log(database)).end == 5
    assert (await objects.accept(put("tariffs", "/NL/TNM/T9", LATER, id="T9"))).seq == 6


async def _names(database: Database) -> list[str]:
    async with database.reading() as connection:
        rows = (await connection.execute(text("SELECT object_id FROM object ORDER BY object_id"))).all()
    return [row.object_id for row in rows]


KEYS = [ObjectKey("tariffs", "NL", "TNM", f"T{number}") for number in range(5)]


@given(st.lists(st.tuples(st.sampled_from(KEYS), st.integers(0, 60) | st.none()), max_size=40))
async def test_states_in_memory_stay_within_their_bound(steps: list[tuple[ObjectKey, int | None]]) -> None:
    states = NewestStates(largest=100)
    held: dict[ObjectKey, KeptState] = {}
    for key, size in steps:
        held.pop(key, None)
        if size is None:
            states.changed(key, None)
        else:
            held[key] = KeptState(State("x" * size, 0), 1)
            states.changed(key, held[key])
        while sum(len(each.state.body) for each in held.values()) > 100:
            del held[next(iter(held))]
    assert dict(states._states) == held
    assert states._size == sum(len(each.state.body) for each in held.values())


async def test_nothing_is_read_that_is_committed_and_not_in_force_yet(
    database: Database, objects: ObjectStore
) -> None:
    in_force, asked = asyncio.Event(), asyncio.Event()

    async def until_in_force() -> None:
        asked.set()
        await in_force.wait()

    log = ChangeLog(database, until_in_force)
    await log.open()
    await objects.accept(location())
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(log.read_on())
        await asked.wait()
        assert (log.end, await log.after(0, 10)) == (0, [])
        in_force.set()
    assert (log.end, len(await log.after(0, 10))) == (1, 1)
