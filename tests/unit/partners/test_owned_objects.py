"""Copies of others' objects: the Receiver interface of client-owned modules (TR-21 to TR-29, LOC, SES)."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from partners.node import Node
from tests.fixtures.nodes import hub_beside, receiving, running_node
from tests.fixtures.recorder import Answered, Recorder, from_json
from tests.fixtures.samples import T0, T1, T2, connector, evse, location, period, session, tariff, token

LOCATION = "locations/receiver/BE/BEC/LOC1"
EVSE = f"{LOCATION}/E1"
CONNECTOR = f"{EVSE}/1"
SESSION = "sessions/receiver/BE/BEC/S1"
TARIFF = "tariffs/receiver/BE/BEC/T1"
TOKEN = "tokens/receiver/NL/EMA/04A1B2C3"


class World:
    """A node with a hub beside it, which pushes in the name of the owner."""

    def __init__(self, node: Node, hub: Recorder) -> None:
        self.node = node
        self.hub = hub

    async def call(self, method: str, path: str, *value: Any, sender: str = "HU/HUB") -> Answered:
        url = f"{self.node.url}/ocpi/2.2.1/{path}"
        return await self.hub.call(method, url, *value, to="NL/EMA", sender=sender)

    async def get(self, path: str) -> Any:
        return (await self.call("GET", path)).data


@pytest.fixture
async def world() -> AsyncIterator[World]:
    modules = receiving("locations", "tariffs", "sessions", "tokens")
    async with running_node(offers=modules) as node, hub_beside(node) as hub:
        yield World(node, hub)


@pytest.mark.parametrize(
    ("path", "value"), [(LOCATION, location()), (SESSION, session()), (TARIFF, tariff()), (TOKEN, token())]
)
@pytest.mark.holds("TR-10", "TR-15", by=("cpo", "emsp"))
@pytest.mark.holds("LOC-04", "LOC-16", "SES-18", by="emsp")
async def test_put_is_201_when_new_and_200_when_it_replaced(
    world: World, path: str, value: dict[str, Any]
) -> None:
    """TR-15, TR-10, LOC-16, SES-18, TOK-18: and GET gives back what came."""
    first, second = await world.call("PUT", path, value), await world.call("PUT", path, value)
    assert [(each.status, each.code) for each in (first, second)] == [(201, 1000), (200, 1000)]
    assert "data" not in first.envelope
    assert await world.get(path) == value


@pytest.mark.holds("AM-32", by=("cpo", "emsp"))
async def test_a_number_and_an_unknown_field_come_out_as_they_went_in(world: World) -> None:
    """RT-25, AM-32: every digit."""
    value = session(kwh=Decimal("1.50"), nl_ema_note={"x": [1, Decimal("2.500")]})
    await world.call("PUT", SESSION, value)
    answer = await world.call("GET", SESSION)
    assert b'"kwh":1.50' in answer.body
    assert b"2.500" in answer.body


@pytest.mark.holds("TR-21", by=("cpo", "emsp"))
async def test_put_replaces_the_whole_object(world: World) -> None:
    """TR-21."""
    await world.call("PUT", LOCATION, location(name="Old"))
    without = location(last_updated=T1)
    del without["name"]
    await world.call("PUT", LOCATION, without)
    assert "name" not in await world.get(LOCATION)


@pytest.mark.holds("TR-22", by=("cpo", "emsp"))
async def test_patch_touches_only_what_it_names(world: World) -> None:
    """TR-22."""
    await world.call("PUT", LOCATION, location())
    answer = await world.call("PATCH", LOCATION, {"name": "New", "last_updated": T1})
    assert (answer.status, answer.code) == (200, 1000)
    assert await world.get(LOCATION) == location(name="New", last_updated=T1)


@pytest.mark.parametrize(("path", "value"), [(LOCATION, location()), (SESSION, session()), (TOKEN, token())])
@pytest.mark.holds("ST-03", by=("cpo", "emsp"))
@pytest.mark.holds("LOC-07", by="emsp")
async def test_patch_without_last_updated_is_2001(world: World, path: str, value: dict[str, Any]) -> None:
    """ST-03, LOC-07, SES-07, TOK-04."""
    await world.call("PUT", path, value)
    answer = await world.call("PATCH", path, {"valid": False})
    assert (answer.status, answer.code) == (200, 2001)
    assert "/last_updated" in answer.envelope["status_message"]
    assert await world.get(path) == value


@pytest.mark.parametrize(
    ("path", "code"), [(LOCATION, 2003), (EVSE, 2003), (CONNECTOR, 2003), (SESSION, 2001), (TOKEN, 2001)]
)
@pytest.mark.holds("AM-18", by=("cpo", "emsp"))
@pytest.mark.holds("LOC-22", by="emsp")
async def test_patch_of_what_is_not_there_is_404(world: World, path: str, code: int) -> None:
    """AM-18, LOC-22, TOK-04: the sender then PUTs it."""
    answer = await world.call("PATCH", path, {"last_updated": T1})
    assert (answer.status, answer.code) == (404, code)


@pytest.mark.holds("AM-19", by=("cpo", "emsp"))
async def test_patch_may_take_an_optional_field_away_but_no_required_one(world: World) -> None:
    """AM-19."""
    await world.call("PUT", LOCATION, location())
    await world.call("PATCH", LOCATION, {"name": None, "last_updated": T1})
    assert "name" not in await world.get(LOCATION)
    answer = await world.call("PATCH", LOCATION, {"city": None, "last_updated": T2})
    assert answer.code == 2001
    assert (await world.get(LOCATION))["city"] == "Gent"


@pytest.mark.holds("TR-27", by=("cpo", "emsp"))
async def test_patch_cannot_rename_an_object(world: World) -> None:
    """TR-27, LOC-11."""
    await world.call("PUT", LOCATION, location())
    answer = await world.call("PATCH", LOCATION, {"id": "LOC2", "last_updated": T1})
    assert answer.code == 2001
    assert (await world.get(LOCATION))["id"] == "LOC1"


@pytest.mark.parametrize(
    ("path", "value", "pointer"),
    [
        (LOCATION, location(id="LOC2"), "/id"),
        (LOCATION, location(country_code="NL"), "/country_code"),
        (LOCATION, location(party_id="XXX"), "/party_id"),
        (SESSION, session(id="S2"), "/id"),
        (TARIFF, tariff(party_id="XXX"), "/party_id"),
        (TOKEN, token(uid="other"), "/uid"),
        (TOKEN, token(type="APP_USER"), "/type"),
        (TOKEN + "?type=APP_USER", token(), "/type"),
    ],
)
@pytest.mark.holds("TR-27", by=("cpo", "emsp"))
@pytest.mark.holds("LOC-05", by="emsp")
async def test_ids_in_the_url_and_in_the_body_must_agree(
    world: World, path: str, value: dict[str, Any], pointer: str
) -> None:
    """TR-27, LOC-05, SES-08, TAR-03, TOK-02, TOK-03: 2001, nothing stored."""
    answer = await world.call("PUT", path, value)
    assert (answer.status, answer.code) == (200, 2001)
    assert pointer in answer.envelope["status_message"]
    assert (await world.call("GET", path)).status == 404


@pytest.mark.parametrize(
    ("path", "value", "child"),
    [(EVSE, evse(uid="E2"), "/uid"), (CONNECTOR, connector(id="2"), "/id")],
)
@pytest.mark.holds("LOC-05", by="emsp")
async def test_ids_of_children_must_agree_too(
    world: World, path: str, value: dict[str, Any], child: str
) -> None:
    await world.call("PUT", LOCATION, location())
    answer = await world.call("PUT", path, value)
    assert answer.code == 2001
    assert child in answer.envelope["status_message"]


@pytest.mark.holds("AM-28", "AM-34", by=("cpo", "emsp"))
async def test_ids_ignore_case(world: World) -> None:
    """AM-28, AM-34: one object, however it is spelled."""
    await world.call("PUT", "locations/receiver/be/bec/loc1", location())
    assert (await world.call("PUT", LOCATION, location())).status == 200


@pytest.mark.holds("TOK-03", by=("cpo", "emsp"))
async def test_tokens_of_one_uid_differ_by_type(world: World) -> None:
    """TOK-03: RFID unless the query says otherwise."""
    await world.call("PUT", TOKEN, token())
    assert (await world.call("PUT", TOKEN + "?type=APP_USER", token(type="APP_USER"))).status == 201
    assert (await world.get(TOKEN))["type"] == "RFID"
    assert (await world.get(TOKEN + "?type=APP_USER"))["type"] == "APP_USER"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (LOCATION, {key: value for key, value in location().items() if key != "city"}),
        (SESSION, session(status="DANCING", kwh="much")),
        (TARIFF, tariff(elements=[])),
        (LOCATION, []),
    ],
)
@pytest.mark.holds("TR-13", "TR-38", by=("cpo", "emsp"))
async def test_what_is_not_the_object_is_2001_with_the_place(world: World, path: str, value: Any) -> None:
    """TR-13, TR-38."""
    answer = await world.call("PUT", path, value)
    assert (answer.status, answer.code) == (200, 2001)
    assert "/" in answer.envelope["status_message"]


@pytest.mark.holds("AM-33", by=("cpo", "emsp"))
async def test_an_enum_value_of_a_later_version_is_kept(world: World) -> None:
    """AM-33."""
    await world.call("PUT", LOCATION, location(parking_type="ON_THE_MOON"))
    assert (await world.get(LOCATION))["parking_type"] == "ON_THE_MOON"


@pytest.mark.holds("LOC-23", by="emsp")
async def test_an_older_state_does_not_overwrite_a_newer_one(world: World) -> None:
    """LOC-23: answered with success, and ignored."""
    await world.call("PUT", LOCATION, location(name="Newer", last_updated=T1))
    for method, value in (("PUT", location(name="Older")), ("PATCH", {"name": "O", "last_updated": T0})):
        answer = await world.call(method, LOCATION, value)
        assert (answer.status, answer.code) == (200, 1000)
    assert (await world.get(LOCATION))["name"] == "Newer"


class TestChildren:
    """EVSEs and Connectors have addresses of their own: LOC-04, LOC-06, LOC-22."""

    @pytest.mark.holds("LOC-04", "LOC-06", by="emsp")
    async def test_put_of_a_new_evse_is_201_and_touches_its_location(self, world: World) -> None:
        await world.call("PUT", LOCATION, location())
        answer = await world.call("PUT", f"{LOCATION}/E2", evse(uid="E2", last_updated=T1))
        assert answer.status == 201
        whole = await world.get(LOCATION)
        assert [each["uid"] for each in whole["evses"]] == ["E1", "E2"]
        assert whole["last_updated"] == T1

    @pytest.mark.holds("LOC-06", by="emsp")
    async def test_patch_of_an_evse_touches_its_location(self, world: World) -> None:
        await world.call("PUT", LOCATION, location())
        answer = await world.call("PATCH", EVSE, {"status": "CHARGING", "last_updated": T1})
        assert (answer.status, answer.code) == (200, 1000)
        whole = await world.get(LOCATION)
        assert whole["evses"][0] == evse(status="CHARGING", last_updated=T1)
        assert whole["last_updated"] == T1

    @pytest.mark.holds("LOC-06", by="emsp")
    async def test_patch_of_a_connector_touches_evse_and_location(self, world: World) -> None:
        await world.call("PUT", LOCATION, location())
        await world.call("PATCH", CONNECTOR, {"max_amperage": 16, "last_updated": T1})
        whole = await world.get(LOCATION)
        assert whole["evses"][0]["connectors"][0] == connector(max_amperage=16, last_updated=T1)
        assert {whole["last_updated"], whole["evses"][0]["last_updated"]} == {T1}

    async def test_a_parent_that_is_newer_keeps_its_time(self, world: World) -> None:
        await world.call("PUT", LOCATION, location(last_updated=T2))
        await world.call("PATCH", EVSE, {"status": "CHARGING", "last_updated": T1})
        assert (await world.get(LOCATION))["last_updated"] == T2

    @pytest.mark.holds("LOC-16", by="emsp")
    async def test_each_depth_can_be_read(self, world: World) -> None:
        await world.call("PUT", LOCATION, location())
        assert await world.get(EVSE) == evse()
        assert await world.get(CONNECTOR) == connector()
        assert (await world.call("GET", f"{LOCATION}/E9")).status == 404
        assert (await world.call("GET", f"{EVSE}/9")).status == 404

    @pytest.mark.parametrize(("path", "value"), [(EVSE, evse()), (CONNECTOR, connector())])
    @pytest.mark.holds("LOC-22", by="emsp")
    async def test_put_without_the_parent_is_404(
        self, world: World, path: str, value: dict[str, Any]
    ) -> None:
        answer = await world.call("PUT", path, value)
        assert (answer.status, answer.code) == (404, 2003)

    @pytest.mark.holds("LOC-22", by="emsp")
    async def test_put_of_a_connector_of_an_unknown_evse_is_404(self, world: World) -> None:
        await world.call("PUT", LOCATION, location())
        answer = await world.call("PUT", f"{LOCATION}/E9/1", connector())
        assert (answer.status, answer.code) == (404, 2003)


class TestSessions:
    """SES-03 to SES-06."""

    @pytest.mark.holds("SES-03", by="emsp")
    async def test_put_without_periods_empties_them(self, world: World) -> None:
        await world.call("PUT", SESSION, session())
        without = session(last_updated=T1)
        del without["charging_periods"]
        await world.call("PUT", SESSION, without)
        assert "charging_periods" not in await world.get(SESSION)

    @pytest.mark.holds("SES-04", by="emsp")
    async def test_patch_appends_periods(self, world: World) -> None:
        await world.call("PUT", SESSION, session())
        later = period(T1, ENERGY="2")
        await world.call("PATCH", SESSION, {"charging_periods": [later], "last_updated": T1})
        assert (await world.get(SESSION))["charging_periods"] == [period(ENERGY="1.5"), later]

    @pytest.mark.parametrize("patch", [{}, {"charging_periods": []}])
    @pytest.mark.holds("SES-04", by="emsp")
    async def test_patch_without_periods_leaves_them(self, world: World, patch: dict[str, Any]) -> None:
        await world.call("PUT", SESSION, session())
        await world.call("PATCH", SESSION, {**patch, "kwh": Decimal(3), "last_updated": T1})
        assert (await world.get(SESSION))["charging_periods"] == [period(ENERGY="1.5")]

    @pytest.mark.holds("SES-06", by="emsp")
    async def test_there_is_no_address_inside_a_session(self, world: World) -> None:
        answer = await world.call("PATCH", f"{SESSION}/charging_periods", {"last_updated": T1})
        assert answer.status == 404

    @pytest.mark.parametrize("method", ["POST", "DELETE"])
    @pytest.mark.holds("SES-18", by="emsp")
    async def test_other_methods_do_not_exist(self, world: World, method: str) -> None:
        assert (await world.call(method, SESSION)).status == 405


@pytest.mark.holds("TAR-02", by="emsp")
async def test_a_deleted_tariff_is_gone(world: World) -> None:
    """TAR-02."""
    await world.call("PUT", TARIFF, tariff())
    answer = await world.call("DELETE", TARIFF)
    assert (answer.status, answer.code) == (200, 1000)
    assert (await world.call("GET", TARIFF)).status == 404
    assert (await world.call("DELETE", TARIFF)).status == 404


@pytest.mark.holds("TR-40", by="emsp")
async def test_tariffs_know_no_patch(world: World) -> None:
    """TAR-01."""
    assert (await world.call("PATCH", TARIFF, {"last_updated": T1})).status == 405


class TestOwners:
    """Whose objects a link may bring: RT-37, TR-26, AM-05, AM-07."""

    @pytest.mark.parametrize("sender", ["HU/HUB", "BE/BEC"])
    @pytest.mark.holds("RT-37", "AM-05", by=("cpo", "emsp"))
    async def test_a_hub_brings_everybodys(self, world: World, sender: str) -> None:
        assert (await world.call("PUT", LOCATION, location(), sender=sender)).status == 201

    @pytest.mark.holds("AM-07", by=("cpo", "emsp"))
    async def test_through_a_hub_nobody_speaks_about_what_others_own(self, world: World) -> None:
        answer = await world.call("PUT", LOCATION, location(), sender="DE/XXX")
        assert (answer.status, answer.code) == (200, 2001)
        assert world.node.objects.all("locations") == []

    async def test_codes_that_nobody_can_have_are_404(self, world: World) -> None:
        assert (await world.call("GET", "locations/receiver/BEL/BECX/LOC1")).status == 404

    @pytest.mark.holds("TR-26", by=("cpo", "emsp"))
    async def test_on_a_direct_link_foreign_owners_are_404(self) -> None:
        async with running_node() as node, Recorder(roles=[("CPO", "BE", "BEC")]) as cpo:
            await cpo.register(node.versions_url, node.issue_token_a())
            url = f"{node.url}/ocpi/2.2.1/locations/receiver/DE/XXX/LOC1"
            answer = await cpo.call("PUT", url, location(country_code="DE", party_id="XXX"))
            assert answer.status == 404
            assert node.objects.all("locations") == []


async def test_what_was_answered_for_is_there_after_a_restart(tmp_path: Any) -> None:
    settings = {"database": tmp_path / "node.sqlite"}
    async with running_node(settings=settings) as node, hub_beside(node) as hub:
        await World(node, hub).call("PUT", LOCATION, location())
    async with running_node(settings=settings) as node:
        (stored,) = node.objects.all("locations")
        assert from_json(stored.text) == location()
