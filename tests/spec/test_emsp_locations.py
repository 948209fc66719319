"""2.2.1, Locations, as the eMSP holds and shows them: three depths, who may see what, who operates."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from partners.emsp.tokens import UnknownToken
from schemas.v2_2_1 import TokenType
from tests.fixtures.emsp_world import World, emsp_world
from tests.fixtures.recorder import Answered, Recorder
from tests.fixtures.samples import T0, T1, T2, connector, evse, location

LOCATION = "locations/receiver/BE/BEC/LOC1"
DEPTHS = [
    ("", location()),
    ("/E1", evse()),
    ("/E1/1", connector()),
]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with emsp_world() as world:
        yield world


async def shown(world: World, token: str | None = None) -> list[dict[str, Any]]:
    """What the eMSP's own API shows to a driver."""
    query = "" if token is None else f"?token={token}"
    bearer = {"Authorization": f"Bearer {world.node.admin_key}"}
    answer: Answered = await world.hub.call(
        "GET", f"{world.node.admin_url}/node/locations{query}", headers=bearer
    )
    assert answer.status == 200
    return answer.envelope


@pytest.mark.holds("LOC-04", "LOC-16", "TR-15", by="emsp")
@pytest.mark.parametrize(("tail", "value"), DEPTHS)
async def test_each_depth_is_put_replaced_and_read(world: World, tail: str, value: dict[str, Any]) -> None:
    bare = location(evses=[evse(uid="E9", connectors=[connector(id="9")])])
    await world.call("PUT", LOCATION, bare)
    if tail == "/E1/1":
        await world.call("PUT", f"{LOCATION}/E1", evse(connectors=[connector(id="9")]))
    first = await world.call("PUT", LOCATION + tail, {**value, "last_updated": T1})
    again = await world.call("PUT", LOCATION + tail, {**value, "last_updated": T2})
    assert [each.status for each in (first, again)] == [201 if tail else 200, 200]
    assert (await world.call("GET", LOCATION + tail)).data == {**value, "last_updated": T2}


@pytest.mark.holds("LOC-04", "LOC-06", "TR-22", by="emsp")
@pytest.mark.parametrize(
    ("tail", "patch"),
    [("", {"name": "New"}), ("/E1", {"status": "BLOCKED"}), ("/E1/1", {"max_amperage": 16})],
)
async def test_a_patch_at_each_depth_moves_the_time_of_all_above(
    world: World, tail: str, patch: dict[str, Any]
) -> None:
    await world.call("PUT", LOCATION, location())
    assert (await world.call("PATCH", LOCATION + tail, {**patch, "last_updated": T2})).code == 1000
    for place in ("", "/E1", "/E1/1"):
        found = (await world.call("GET", LOCATION + place)).data
        assert found["last_updated"] == (T2 if tail.startswith(place) else T0)
    changed = (await world.call("GET", LOCATION + tail)).data
    assert changed.items() >= patch.items()


@pytest.mark.holds("LOC-08", "AM-17", "AM-19", by="emsp")
async def test_a_patch_takes_nothing_away_a_put_does(world: World) -> None:
    """EVSEs that a PATCH does not name stay, and so do required fields that it names as null."""
    await world.call("PUT", LOCATION, location(evses=[evse(), evse(uid="E2")]))
    patch = {"evses": [evse(uid="E2", status="BLOCKED")], "last_updated": T1}
    assert (await world.call("PATCH", LOCATION, patch)).code == 1000
    statuses = [(each.uid, each.status) for each in world.node.locations()[0].evses]
    assert statuses == [("E1", "AVAILABLE"), ("E2", "BLOCKED")]
    assert (await world.call("PATCH", LOCATION, {"address": None, "last_updated": T1})).code == 2001
    assert world.node.locations()[0].address == "F.Rooseveltlaan 3A"
    await world.call("PUT", LOCATION, location(evses=[evse(uid="E2")], last_updated=T2))
    assert [each.uid for each in world.node.locations()[0].evses] == ["E2"]


@pytest.mark.holds("LOC-10", by="emsp")
async def test_a_place_whose_evses_are_all_removed_is_not_shown_any_more(world: World) -> None:
    await world.call("PUT", LOCATION, location(evses=[evse(), evse(uid="E2")]))
    for number, uid in enumerate(("E1", "E2")):
        assert len(await shown(world)) == 1
        patch = {"status": "REMOVED", "last_updated": (T1, T2)[number]}
        await world.call("PATCH", f"{LOCATION}/{uid}", patch)
    assert await shown(world) == []
    assert (await world.call("GET", LOCATION)).status == 200  # it is kept: a CDR may still come


class TestWhoMaySee:
    """LOC-14, LOC-15: `publish` false, shown to those whose token matches all set fields of one entry."""

    @pytest.mark.holds("LOC-14", by="emsp")
    @pytest.mark.parametrize(
        ("entries", "seen_by"),
        [
            (None, set()),
            ([], set()),
            ([{"uid": "CARD", "type": "RFID"}], {"CARD"}),
            ([{"uid": "CARD", "type": "APP_USER"}], set()),
            ([{"visual_number": "V1", "issuer": "eMSP A"}], {"CARD"}),
            ([{"visual_number": "V1", "issuer": "somebody"}], set()),
            ([{"group_id": "G1"}], {"CARD", "app"}),
            ([{"group_id": "G1", "uid": "app", "type": "APP_USER"}], {"app"}),
            ([{"uid": "other", "type": "RFID"}, {"uid": "app", "type": "APP_USER"}], {"app"}),
        ],
    )
    async def test_a_place_is_shown_to_the_tokens_that_it_names(
        self, world: World, entries: list[Any] | None, seen_by: set[str]
    ) -> None:
        card = {"uid": "CARD", "visual_number": "V1", "issuer": "eMSP A", "group_id": "G1"}
        world.node.tokens.issue(card)
        world.node.tokens.issue({"uid": "app", "type": TokenType.APP_USER, "group_id": "G1"})
        more = {} if entries is None else {"publish_allowed_to": entries}
        await world.call("PUT", LOCATION, location(publish=False, **more))
        assert await shown(world) == []
        assert {token for token in ("CARD", "app") if await shown(world, token)} == seen_by

    @pytest.mark.holds("LOC-14", "AM-51", by="emsp")
    async def test_what_is_no_longer_published_disappears_and_can_come_back(self, world: World) -> None:
        for publish, at in ((True, T0), (False, T1), (True, T2)):
            await world.call("PUT", LOCATION, location(publish=publish, last_updated=at))
            assert bool(await shown(world)) is publish

    @pytest.mark.holds("LOC-15", by="emsp")
    async def test_the_token_of_another_emsp_that_may_see_it_starts_nothing(self, world: World) -> None:
        entries = [{"uid": "FOREIGN", "type": "RFID"}, {"uid": "04A1B2C3", "type": "RFID"}]
        await world.call("PUT", LOCATION, location(publish=False, publish_allowed_to=entries))
        with pytest.raises(UnknownToken):
            await world.node.start_session("FOREIGN", "LOC1")
        assert world.hub.all("POST", "/receiver/commands") == []
        world.later("/receiver/commands/", {"result": "ACCEPTED"})
        assert (await world.node.start_session("04A1B2C3", "LOC1")).outcome.is_accepted


class TestOperator:
    """LOC-18: who operates a place."""

    @pytest.mark.holds("LOC-18", by="emsp")
    async def test_it_is_as_the_location_says(self, world: World) -> None:
        await world.call("PUT", LOCATION, location())
        assert [each["operator"] for each in await shown(world)] == ["BeCharged"]

    @pytest.mark.holds("LOC-18", by="emsp")
    async def test_else_it_is_the_owner_by_the_name_it_registered(self, world: World) -> None:
        without = location()
        del without["operator"]
        await world.node.node.unregister()
        async with Recorder(roles=[("CPO", "BE", "AAA"), ("CPO", "BE", "BEC")]) as cpo:
            await cpo.register(world.node.versions_url, world.node.issue_token_a())
            url = f"{world.node.url}/ocpi/2.2.1/{LOCATION}"
            assert (await cpo.call("PUT", url, without, to="NL/EMA", sender="BE/BEC")).status == 201
            assert [each["operator"] for each in await shown(world)] == ["Recorder BE/BEC"]

    @pytest.mark.holds("LOC-18", "AM-14", by="emsp")
    async def test_behind_a_hub_nobody_has_told(self, world: World) -> None:
        """Not the hub's own name, for one."""
        without = location()
        del without["operator"]
        await world.call("PUT", LOCATION, without)
        assert [each["operator"] for each in await shown(world)] == [None]
