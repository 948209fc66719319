"""What is between two parties is kept for these two, and for so long (design D4; RT-49, RT-54, SES-20)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from hub.ocpi.errors import NotFound
from hub.ocpi.paging import PageRequest
from hub.ocpi.party import Party
from hub.store.acceptance import AcceptedChange
from hub.store.database import Database
from hub.store.objects import Between, KeptSession, ObjectStore, Outcome
from schemas import exact_json
from tests.fixtures.changes import EARLIER, LATER, THEN, change
from tests.unit.store.conftest import NOW

CPO, OTHER_CPO, EMSP, OTHER_EMSP = (
    Party("BE", "BEC"),
    Party("FR", "CPO"),
    Party("NL", "TNM"),
    Party("DE", "ALL"),
)
CPOS = frozenset({CPO.folded, OTHER_CPO.folded})
ALL = PageRequest(offset=0, limit=100)


def session(
    name: str = "S1",
    method: str = "PUT",
    *,
    owner: Party = CPO,
    emsp: Party = EMSP,
    updated: str = THEN,
    **fields: Any,
) -> AcceptedChange:
    value = {"id": name, "last_updated": updated, **fields}
    return change(method, "sessions", f"/{owner}/{name}", value, addressee=emsp)


async def seen(objects: ObjectStore, between: Between, request: PageRequest = ALL) -> list[str]:
    """The ids on the page, after a look at the total."""
    page = await objects.page("sessions", request, between=between)
    assert page.total >= len(page.bodies)
    if request is ALL:
        assert page.total == len(page.bodies)
    return [exact_json.decode(body)["id"] for body in page.bodies]


def for_emsp(emsp: Party, senders: frozenset[tuple[str, str]] = CPOS) -> Between:
    return Between(addressee=emsp.folded, senders=senders)


async def test_each_party_sees_its_own_and_the_counts_follow(objects: ObjectStore) -> None:
    views = {
        "cpo": Between(owner=CPO.folded),
        "other cpo": Between(owner=OTHER_CPO.folded),
        "emsp": for_emsp(EMSP),
        "other emsp": for_emsp(OTHER_EMSP),
        "no agreement with anybody": for_emsp(EMSP, frozenset()),
        "only with the other": for_emsp(EMSP, frozenset({OTHER_CPO.folded})),
        "nothing": Between(),
    }
    for view in views.values():
        assert await seen(objects, view) == []
    await objects.remember(session("A"))
    await objects.remember(session("B", emsp=OTHER_EMSP))
    await objects.remember(session("C", owner=OTHER_CPO))
    assert {name: await seen(objects, view) for name, view in views.items()} == {
        "cpo": ["A", "B"],
        "other cpo": ["C"],
        "emsp": ["A", "C"],
        "other emsp": ["B"],
        "no agreement with anybody": [],
        "only with the other": ["C"],
        "nothing": [],
    }


async def test_a_party_that_plays_both_roles_sees_each_object_once(objects: ObjectStore) -> None:
    await objects.remember(session("A", owner=CPO, emsp=CPO))
    await objects.remember(session("B", owner=CPO))
    await objects.remember(session("C", owner=OTHER_CPO, emsp=CPO))
    both = Between(owner=CPO.folded, addressee=CPO.folded, senders=CPOS)
    assert await seen(objects, both) == ["A", "B", "C"]


async def test_an_object_that_goes_to_another_party_leaves_the_first(objects: ObjectStore) -> None:
    await objects.remember(session("A"))
    assert await seen(objects, for_emsp(EMSP)) == ["A"]
    await objects.remember(session("A", emsp=OTHER_EMSP, updated=LATER))
    assert await seen(objects, for_emsp(EMSP)) == []
    assert await seen(objects, for_emsp(OTHER_EMSP)) == ["A"]


async def test_a_patch_appends_periods_and_merges_the_rest(objects: ObjectStore) -> None:
    """SES-03, SES-04."""
    await objects.remember(session(kwh=1, status="ACTIVE", charging_periods=[{"n": 1}, {"n": 2}]))
    await objects.remember(session("S1", "PATCH", kwh=2, charging_periods=[{"n": 3}]))
    await objects.remember(session("S1", "PATCH", kwh=3, charging_periods=[]))
    await objects.remember(session("S1", "PATCH", kwh=4))
    body = (await objects.page("sessions", ALL, between=for_emsp(EMSP))).bodies[0]
    value = exact_json.decode(body)
    assert (value["kwh"], value["status"]) == (4, "ACTIVE")
    assert value["charging_periods"] == [{"n": 1}, {"n": 2}, {"n": 3}]


async def test_a_patch_for_somebody_else_changes_nothing(objects: ObjectStore) -> None:
    await objects.remember(session(kwh=1))
    with pytest.raises(NotFound):
        await objects.remember(session("S1", "PATCH", emsp=OTHER_EMSP, updated=LATER, kwh=2))
    with pytest.raises(NotFound):
        await objects.remember(session("S2", "PATCH", kwh=2))
    older = await objects.remember(session("S1", "PATCH", updated=EARLIER, kwh=2))
    assert older.outcome is Outcome.IGNORED_OLDER


@pytest.mark.holds("SES-20", by="hub")
async def test_sessions_are_found_by_id_for_their_two_parties_alone(objects: ObjectStore) -> None:
    """RT-49, RT-50, SES-20."""
    await objects.remember(session("s1"))
    await objects.remember(session("S1", owner=OTHER_CPO))
    ours, theirs = KeptSession(CPO, EMSP), KeptSession(OTHER_CPO, EMSP)
    assert await objects.sessions_of(EMSP, "S1") == (ours, theirs)
    assert await objects.sessions_of(CPO, "s1") == (ours,)
    assert await objects.sessions_of(OTHER_EMSP, "S1") == ()
    assert await objects.sessions_of(EMSP, "S2") == ()


async def test_who_reads_while_others_write_counts_right_in_the_end(objects: ObjectStore) -> None:
    views = [for_emsp(EMSP), Between(owner=CPO.folded), for_emsp(EMSP, frozenset({CPO.folded}))]

    async def read(view: Between) -> None:
        while (page := await objects.page("sessions", ALL, between=view)).total < 30:
            assert len(page.bodies) <= 30
            await objects.owners("sessions")

    async with asyncio.TaskGroup() as tasks:
        for view in views:
            tasks.create_task(read(view))
        for number in range(30):
            await objects.remember(session(f"S{number}"))
    for view in views:
        assert (await objects.page("sessions", ALL, between=view)).total == 30
    assert await objects.owners("sessions") == {CPO}


async def test_what_is_too_old_is_gone_and_counted_no_more(
    objects: ObjectStore, stored: tuple[Database, ObjectStore]
) -> None:
    await objects.remember(session("A"))
    await objects.accept(change("PUT", "tariffs", "/BE/BEC/T1", {"id": "T1", "last_updated": EARLIER}))
    assert await seen(objects, for_emsp(EMSP)) == ["A"]
    assert await objects.forget_kept(NOW) == 0
    assert await objects.forget_kept(NOW + timedelta(seconds=1)) == 1
    assert await seen(objects, for_emsp(EMSP)) == []
    async with stored[0].reading() as connection:
        rows = (await connection.execute(text("SELECT module FROM object"))).scalars().all()
    assert rows == ["tariffs"]
