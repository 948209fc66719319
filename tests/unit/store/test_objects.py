"""Objects are accepted many in one transaction, and read in pages."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text
from sqlalchemy.pool import QueuePool

from hub.ocpi.errors import NotFound, OcpiError, ServerError
from hub.ocpi.modules import MODULES
from hub.ocpi.paging import PageRequest
from hub.ocpi.party import Party
from hub.ocpi.timestamps import format_timestamp
from hub.store.database import Database
from hub.store.dialects import Alone
from hub.store.objects import ObjectStore, Outcome, append_client_infos
from schemas import exact_json
from schemas.v2_2_1 import ClientInfo, ConnectionStatus, Role
from tests.fixtures.changes import EARLIER, LATER, change, evse, location, patch, put
from tests.unit.store.conftest import NOW, Opening

Stored = tuple[Database, ObjectStore]
#: Of the engine's pool.
ALL = PageRequest(offset=0, limit=1000)


async def log_of(database: Database) -> list[Any]:
    async with database.reading() as connection:
        return list((await connection.execute(text("SELECT * FROM change ORDER BY seq"))).all())


def ids(bodies: Sequence[bytes]) -> list[str]:
    return [exact_json.decode(body)["id"] for body in bodies]


async def fill(objects: ObjectStore, count: int, owner: str = "TNM") -> None:
    for number in range(count):
        await objects.accept(put("tariffs", f"/NL/{owner}/T{number}", id=f"T{number}"))


async def test_a_change_is_the_new_state_and_one_row_of_the_log(stored: Stored) -> None:
    database, objects = stored
    first = await objects.accept(location(evses=[evse("1", status="AVAILABLE")]))
    second = await objects.accept(patch("locations", "/nl/tnm/loc1/1", LATER, status="CHARGING"))
    assert (first.outcome, second.outcome) == (Outcome.CREATED, Outcome.PATCHED)
    rows = await log_of(database)
    assert [row.seq for row in rows] == [first.seq, second.seq]
    assert [(row.method, row.tail, row.object_id) for row in rows] == [
        ("PUT", "/NL/TNM/LOC1", "LOC1"),
        ("PATCH", "/nl/tnm/loc1/1", "LOC1"),
    ]
    assert exact_json.decode(rows[1].body) == {"status": "CHARGING", "last_updated": LATER}
    [body] = (await objects.page("locations", ALL)).bodies
    assert exact_json.decode(body)["evses"][0]["status"] == "CHARGING"


async def test_the_body_of_a_whole_put_is_kept_once_and_as_it_came(stored: Stored) -> None:
    database, objects = stored
    body = b'{"id": "LOC1",  "x_new": 1.50, "last_updated": "2026-05-01T12:00:00Z"}'
    await objects.accept(change("PUT", "locations", "/NL/TNM/LOC1", body=body))
    assert (await objects.page("locations", ALL)).bodies == (body,)
    assert (await log_of(database))[0].body == ""


async def test_concurrent_callers_share_a_transaction(stored: Stored) -> None:
    database, objects = stored
    commits: list[object] = []
    event.listen(database.engine.sync_engine, "commit", commits.append)
    accepted = await asyncio.gather(
        *(objects.accept(put("tariffs", f"/NL/TNM/T{n}", id=f"T{n}")) for n in range(100))
    )
    assert {each.outcome for each in accepted} == {Outcome.CREATED}
    assert [each.seq for each in accepted] == list(range(1, 101))
    assert len(commits) <= 2


async def test_changes_of_one_object_in_one_transaction_are_applied_in_order(stored: Stored) -> None:
    _, objects = stored
    outcomes = await asyncio.gather(
        objects.accept(location(evses=[evse("1")])),
        objects.accept(patch("locations", "/NL/TNM/LOC1/1", LATER, status="CHARGING")),
        objects.accept(location(EARLIER)),
        objects.accept(patch("locations", "/NL/TNM/LOC1", LATER, name="Gent")),
    )
    assert [each.outcome for each in outcomes] == [
        Outcome.CREATED,
        Outcome.PATCHED,
        Outcome.IGNORED_OLDER,
        Outcome.PATCHED,
    ]
    [body] = (await objects.page("locations", ALL)).bodies
    value = exact_json.decode(body)
    assert (value["name"], value["evses"][0]["status"]) == ("Gent", "CHARGING")


async def test_a_refusal_goes_to_its_caller_only(stored: Stored) -> None:
    database, objects = stored
    results = await asyncio.gather(
        objects.accept(put("tariffs", "/NL/TNM/T1", id="T1")),
        objects.accept(change("DELETE", "tariffs", "/NL/TNM/NONE")),
        objects.accept(patch("locations", "/NL/TNM/NONE", name="x")),
        objects.accept(change("PUT", "tariffs", "/NL/TNM/T2", body=b'["not an object"]')),
        objects.accept(put("tariffs", "/NL/TNM/T3", id="T3")),
        return_exceptions=True,
    )
    assert [isinstance(each, OcpiError) for each in results] == [False, True, True, True, False]
    assert isinstance(results[1], NotFound)
    assert len(await log_of(database)) == 2


async def test_what_is_ignored_is_owed_to_nobody(stored: Stored) -> None:
    database, objects = stored
    await objects.accept(location())
    ignored = await objects.accept(location(EARLIER))
    assert (ignored.outcome, ignored.seq) == (Outcome.IGNORED_OLDER, None)
    assert len(await log_of(database)) == 1


async def test_if_the_commit_fails_nobody_is_told_that_it_was_accepted(stored: Stored) -> None:
    database, objects = stored
    async with database.writing() as connection:
        await connection.execute(text("ALTER TABLE change RENAME TO gone"))
    failed = await asyncio.gather(
        *(objects.accept(put("tariffs", f"/NL/TNM/T{n}", id=f"T{n}")) for n in range(3)),
        return_exceptions=True,
    )
    assert all(isinstance(each, ServerError) for each in failed)
    async with database.writing() as connection:
        await connection.execute(text("ALTER TABLE gone RENAME TO change"))
    assert (await objects.page("tariffs", ALL)).total == 0
    assert (await objects.accept(put("tariffs", "/NL/TNM/T1", id="T1"))).outcome is Outcome.CREATED


async def test_a_caller_that_goes_away_does_not_stop_the_others(stored: Stored) -> None:
    _, objects = stored
    async with asyncio.TaskGroup() as tasks:
        leaving = tasks.create_task(objects.accept(put("tariffs", "/NL/TNM/T1", id="T1")))
        staying = tasks.create_task(objects.accept(put("tariffs", "/NL/TNM/T2", id="T2")))
        await asyncio.sleep(0)
        leaving.cancel()
        assert (await staying).outcome is Outcome.CREATED


async def test_who_waits_when_the_hub_stops_is_told(stored: Stored) -> None:
    database, _ = stored
    stopping = ObjectStore(database, lambda: NOW)
    async with asyncio.TaskGroup() as tasks:
        writer = tasks.create_task(stopping.run())
        await asyncio.sleep(0)  # it has begun to wait for something to write
        async with database.writing(Alone.LOG):
            waiting = [tasks.create_task(_refusal(stopping, f"T{number}")) for number in range(3)]
            while not any(task.done() for task in waiting):
                writer.cancel()
                await asyncio.sleep(0)
    assert [type(task.result()) for task in waiting] == [ServerError] * 3
    assert isinstance(await _refusal(stopping, "T4"), ServerError)


async def _refusal(objects: ObjectStore, name: str) -> OcpiError | None:
    try:
        await objects.accept(put("tariffs", f"/NL/TNM/{name}", id=name))
    except OcpiError as refusal:
        return refusal
    return None


async def test_what_was_accepted_is_there_after_a_restart(start: Opening) -> None:
    async with start() as (_, objects):
        await objects.accept(location(name="kept"))
    async with start() as (_, objects):
        [body] = (await objects.page("locations", ALL)).bodies
        assert exact_json.decode(body)["name"] == "kept"
        assert (await objects.accept(location(LATER))).seq == 2


async def test_pages_are_stable_and_count_exactly(objects: ObjectStore) -> None:
    await fill(objects, 7)
    await objects.accept(put("tariffs", "/NL/TNM/T0", LATER, id="T0"))
    pages = [await objects.page("tariffs", PageRequest(offset, 3)) for offset in (0, 3, 6, 9)]
    assert [ids(page.bodies) for page in pages] == [["T0", "T1", "T2"], ["T3", "T4", "T5"], ["T6"], []]
    assert {page.total for page in pages} == {7}


async def test_deleted_objects_are_not_listed_and_come_back_at_the_end(objects: ObjectStore) -> None:
    await fill(objects, 3)
    await objects.accept(change("DELETE", "tariffs", "/NL/TNM/T0"))
    page = await objects.page("tariffs", ALL)
    assert (ids(page.bodies), page.total) == (["T1", "T2"], 2)
    assert (await objects.accept(put("tariffs", "/NL/TNM/T0", LATER, id="T0"))).outcome is Outcome.CREATED
    assert ids((await objects.page("tariffs", ALL)).bodies) == ["T1", "T2", "T0"]


async def test_date_from_counts_and_date_to_does_not(objects: ObjectStore) -> None:
    for hour in range(4):
        updated = format_timestamp(NOW + timedelta(hours=hour))
        await objects.accept(put("tariffs", f"/NL/TNM/T{hour}", updated, id=f"T{hour}"))
    window = PageRequest(0, 10, NOW + timedelta(hours=1), NOW + timedelta(hours=3))
    page = await objects.page("tariffs", window)
    assert (ids(page.bodies), page.total) == (["T1", "T2"], 2)
    await objects.accept(put("tariffs", "/NL/TNM/T0", format_timestamp(NOW + timedelta(hours=2)), id="T0"))
    page = await objects.page("tariffs", window)
    assert (ids(page.bodies), page.total) == (["T0", "T1", "T2"], 3)


async def test_what_stands_before_the_first_page_by_date_is_skipped_the_next_time(stored: Stored) -> None:
    database, objects = stored
    for hour in range(4):
        updated = format_timestamp(NOW + timedelta(hours=hour))
        await objects.accept(put("tariffs", f"/NL/TNM/T{hour}", updated, id=f"T{hour}"))
    asked: list[str] = []
    event.listen(
        database.engine.sync_engine,
        "before_cursor_execute",
        lambda *what: asked.append(str(what[3])) if " body, " in what[2] else None,
    )
    window = PageRequest(0, 10, NOW + timedelta(hours=2))
    for _ in range(3):
        assert ids((await objects.page("tariffs", window)).bodies) == ["T2", "T3"]
    first, second, third = asked
    assert first != second
    assert second == third


async def test_only_the_owners_that_may_be_seen_are_listed_and_counted(objects: ObjectStore) -> None:
    await fill(objects, 3, "TNM")
    await fill(objects, 2, "ABC")
    assert await objects.owners("tariffs") == {Party("NL", "TNM"), Party("NL", "ABC")}
    for visible, count in (({Party("nl", "abc")}, 2), ({Party("NL", "XXX")}, 0), (set(), 0), (None, 5)):
        page = await objects.page("tariffs", ALL, visible)
        assert (page.total, len(page.bodies)) == (count, count)
    await fill(objects, 1, "XXX")
    assert (await objects.page("tariffs", ALL, {Party("NL", "XXX")})).total == 1


async def test_single_objects_and_what_lies_inside_are_found(objects: ObjectStore) -> None:
    connector = {"id": "A", "last_updated": LATER, "max_voltage": 400}
    await objects.accept(location(evses=[evse("E1", connectors=[connector])]))
    module = MODULES["locations"]
    for path, found in (
        ({"location_id": "loc1"}, "LOC1"),
        ({"location_id": "LOC1", "evse_uid": "e1"}, "E1"),
        ({"location_id": "LOC1", "evse_uid": "E1", "connector_id": "a"}, "A"),
    ):
        [body] = await objects.with_id(module, path)
        value = exact_json.decode(body)
        assert found in {value.get("id"), value.get("uid")}
    assert await objects.with_id(module, {"location_id": "LOC2"}) == ()
    assert await objects.with_id(module, {"location_id": "LOC1", "evse_uid": "E2"}) == ()
    assert await objects.with_id(module, {"location_id": "LOC1"}, {Party("NL", "ABC")}) == ()
    assert await objects.get(location().key) == (await objects.page("locations", ALL)).bodies[0]


async def test_two_owners_may_use_the_same_id(objects: ObjectStore) -> None:
    await fill(objects, 1, "TNM")
    await fill(objects, 1, "ABC")
    assert len(await objects.with_id(MODULES["tariffs"], {"tariff_id": "T0"})) == 2


async def test_tokens_with_one_uid_and_two_types_are_two(objects: ObjectStore) -> None:
    for query in ("", "type=APP_USER"):
        value = {"uid": "1", "last_updated": LATER}
        accepted = await objects.accept(change("PUT", "tokens", "/NL/TNM/1", value, query=query))
        assert accepted.outcome is Outcome.CREATED
    assert (await objects.page("tokens", ALL)).total == 2


async def test_what_is_remembered_is_owed_to_nobody(stored: Stored) -> None:
    database, objects = stored
    await objects.remember(put("sessions", "/NL/TNM/S1", id="S1", charging_periods=[1]))
    kept = await objects.remember(patch("sessions", "/NL/TNM/S1", LATER, charging_periods=[2]))
    assert (kept.outcome, kept.seq) == (Outcome.PATCHED, None)
    body = await objects.get(put("sessions", "/NL/TNM/S1").key)
    assert body is not None
    assert exact_json.decode(body)["charging_periods"] == [1, 2]
    assert await log_of(database) == []


async def test_client_infos_are_kept_one_for_each_role_and_owed(stored: Stored) -> None:
    database, objects = stored
    infos = [_info(Role.CPO, ConnectionStatus.CONNECTED), _info(Role.EMSP, ConnectionStatus.CONNECTED)]
    await _append(database, infos)
    await _append(database, [_info(Role.CPO, ConnectionStatus.OFFLINE)])
    rows = await log_of(database)
    assert [(row.method, row.tail, row.variant, row.sender_role) for row in rows] == [
        ("PUT", "/NL/TNM", "CPO", "HUB"),
        ("PUT", "/NL/TNM", "EMSP", "HUB"),
        ("PUT", "/NL/TNM", "CPO", "HUB"),
    ]
    page = await objects.page("hubclientinfo", ALL)
    assert [exact_json.decode(body)["status"] for body in page.bodies] == ["OFFLINE", "CONNECTED"]
    await _append(database, [_info(Role.NSP, ConnectionStatus.PLANNED)])
    assert (await objects.page("hubclientinfo", ALL)).total == 3


async def _append(database: Database, infos: list[ClientInfo]) -> None:
    async with database.writing() as connection:
        await append_client_infos(connection, infos, platform_id=1, correlation_id="c", accepted_at=NOW)


def _info(role: Role, status: ConnectionStatus) -> ClientInfo:
    return ClientInfo(party_id="TNM", country_code="NL", role=role, status=status, last_updated=NOW)


OWNERS = ("TNM", "ABC", "XYZ")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "delete"]), st.sampled_from(OWNERS), st.integers(0, 5), st.integers(0, 9)
    ),
    max_size=25,
)
WINDOWS = st.lists(
    st.tuples(
        st.none() | st.sets(st.sampled_from(OWNERS)),
        st.none() | st.integers(0, 9),
        st.none() | st.integers(0, 9),
        st.integers(1, 4),
    ),
    min_size=1,
    max_size=4,
)
START = datetime(2026, 1, 1, tzinfo=UTC)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=st.lists(st.tuples(STEPS, WINDOWS), min_size=1, max_size=3))
async def test_pages_put_together_are_what_a_list_would_be(start: Opening, rounds: list[Any]) -> None:
    async with start() as (database, objects):
        async with database.writing() as connection:
            await connection.execute(text("DELETE FROM object"))
        model: dict[tuple[str, int], int] = {}
        for steps, windows in rounds:
            for step in steps:
                await _take(objects, model, *step)
            for owners, first, last, limit in windows:
                expected = [
                    f"{owner}{number}"
                    for (owner, number), hour in model.items()
                    if (owners is None or owner in owners)
                    and (first is None or hour >= first)
                    and (last is None or hour < last)
                ]
                assert await _walk(objects, owners, first, last, limit) == expected


async def _take(
    objects: ObjectStore, model: dict[tuple[str, int], int], step: str, owner: str, number: int, hour: int
) -> None:
    tail = f"/NL/{owner}/{number}"
    if step == "delete":
        if model.pop((owner, number), None) is not None:
            await objects.accept(change("DELETE", "tariffs", tail))
        return
    updated = format_timestamp(START + timedelta(hours=hour))
    accepted = await objects.accept(put("tariffs", tail, updated, id=f"{owner}{number}"))
    if accepted.outcome is not Outcome.IGNORED_OLDER:
        model[owner, number] = hour


async def _walk(
    objects: ObjectStore, owners: set[str] | None, first: int | None, last: int | None, limit: int
) -> list[str]:
    visible = None if owners is None else {Party("NL", owner) for owner in owners}
    start, end = (None if hour is None else START + timedelta(hours=hour) for hour in (first, last))
    found: list[str] = []
    offset = 0
    while True:
        page = await objects.page("tariffs", PageRequest(offset, limit, start, end), visible)
        found += ids(page.bodies)
        offset += limit
        if offset >= page.total:
            assert len(found) == page.total
            return found


@pytest.mark.parametrize("objects_kept", [200])
async def test_the_last_page_skips_nothing_once_the_way_is_known(
    objects: ObjectStore, objects_kept: int
) -> None:
    await fill(objects, objects_kept)
    walk = [ids((await objects.page("tariffs", PageRequest(at, 10))).bodies) for at in range(0, 200, 10)]
    assert [name for page in walk for name in page] == [f"T{n}" for n in range(objects_kept)]
    known = next(iter(objects._pages._walks.values()))
    assert [offset for offset, _ in known.beginnings] == list(range(0, 201, 10))


def most_connections(database: Database) -> int:
    pool = database.engine.pool
    assert isinstance(pool, QueuePool)
    return pool.size() + pool._max_overflow


@pytest.mark.holds("RT-54", by="hub")
async def test_who_comes_while_a_page_is_read_is_not_on_it_unless_the_asker_may_see_it(
    stored: Stored,
) -> None:
    """Everybody whom the asker may see is everybody there is, until a stranger's first object is there."""
    database, objects = stored
    await fill(objects, 1)
    friends = await objects.owners("tariffs")
    async with asyncio.TaskGroup() as tasks, AsyncExitStack() as held:
        # No connection is free: the stranger's change waits for one, and the page behind it.
        for _ in range(most_connections(database) - 1):
            await held.enter_async_context(database.engine.connect())
        last = await database.engine.connect()
        tasks.create_task(objects.accept(put("tariffs", "/BE/BEC/T9", id="T9")))
        reading = tasks.create_task(objects.page("tariffs", ALL, owners=friends))
        for _ in range(100):
            await asyncio.sleep(0)  # Both have come as far as they can.
        await last.close()
        page = await reading
    assert (ids(page.bodies), page.total) == (["T0"], 1)
    assert (await objects.page("tariffs", ALL)).total == 2


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_date_far_ahead_does_not_keep_out_what_comes_later(objects: ObjectStore, method: str) -> None:
    """A partner's clock was wrong once; without this it would hear 1000 for ever, and nobody anything."""
    await objects.accept(location("2062-01-01T00:00:00Z", evses=[evse("1", status="AVAILABLE")]))
    change_now = change(
        method, "locations", "/NL/TNM/LOC1", {"id": "LOC1", "name": "now", "last_updated": LATER}
    )
    assert (await objects.accept(change_now)).seq is not None
    [body] = (await objects.page("locations", ALL)).bodies
    assert exact_json.decode(body)["last_updated"] == LATER
    tomorrow = format_timestamp(NOW + timedelta(hours=20))
    await objects.accept(location(tomorrow))
    assert (await objects.accept(location(LATER))).outcome is Outcome.IGNORED_OLDER
