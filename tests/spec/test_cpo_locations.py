"""2.2.1, Locations: what the CPO node publishes, and what it keeps to itself."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from partners.charger.states import Status
from partners.configuration_file import SettingsWrong
from partners.cpo.app import CpoNode
from partners.cpo.configuration import configuration
from tests.fixtures.cpo_world import (
    CPO,
    EMSP,
    World,
    connector,
    cpo_settings,
    evse,
    location,
    tariff,
    token,
    world,
)
from tests.fixtures.recorder import Recorder

PRIVATE = location("garage", evse("P1", "CP9"), private=True)


async def listed(made: World, query: str = "", module: str = "locations") -> list[dict[str, Any]]:
    url = made.hub.far_end[module, "SENDER"] + query
    value: list[dict[str, Any]] = (await made.hub.call("GET", url, to=str(CPO), sender=EMSP)).data
    return value


@pytest.mark.holds("LOC-01", "LOC-02", "PG-02", "TAR-04", by="cpo")
async def test_a_list_since_then_holds_whole_locations_of_which_any_part_changed() -> None:
    """One of two EVSEs changes: the Location comes with both, and its time is that of the change."""
    async with world(locations=[location("square"), location("other", evse("E3", "CP3"))]) as made:
        before = await listed(made)
        charger = await made.charger()
        await made.hub.until(lambda: made.hub.all("PATCH", "/square/E1"))
        patch = made.hub.all("PATCH", "/square/E1")[-1].value
        (changed,) = [each for each in await listed(made) if each["id"] == "square"]
        assert changed["last_updated"] == changed["evses"][0]["last_updated"] == patch["last_updated"]
        since = await listed(made, f"?date_from={changed['last_updated']}")
        assert [len(each["evses"]) for each in since if each["id"] == "square"] == [2]
        other = next(each for each in before if each["id"] == "other")
        assert other in await listed(made)
        assert charger.connector(1).status is Status.AVAILABLE
        assert [each["id"] for each in await listed(made, module="tariffs")] == ["standard"]


@pytest.mark.holds("LOC-13", "CDR-18", by="cpo")
async def test_nobody_hears_of_a_private_location_but_whoever_charges_there_is_billed() -> None:
    async with world(locations=[location(), PRIVATE], tokens=(token(),)) as made:
        charger = await made.charger("CP9")
        assert [each["id"] for each in await listed(made)] == ["square"]
        url = made.hub.far_end["locations", "SENDER"] + "/garage"
        assert (await made.hub.call("GET", url, to=str(CPO), sender=EMSP)).status == 404
        start = {"location_id": "garage", "evse_uid": "P1", "token": token()}
        assert (await made.command("START_SESSION", start)).code == 2003
        charger.plug_in(1)
        await charger.tap(1, "CARD1")
        assert (await made.active())["location_id"] == "garage"
        await charger.until_energy(1, 1000)
        charger.unplug(1)
        cdr = (await made.hub.receives("POST", "/receiver/cdrs")).value
        assert cdr["cdr_location"]["id"] == "garage"
        assert made.hub.all("*", "/garage") == []


@pytest.mark.holds("LOC-09", "LOC-13", by="cpo")
async def test_a_location_that_becomes_private_is_withdrawn(tmp_path: Path) -> None:
    async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub:
        both = [location(), location("garage", evse("P1", "CP9"))]
        async with CpoNode(cpo_settings(tmp_path, locations=both)) as cpo:
            await cpo.register(hub.versions_url, hub.accept_new_token())
            await cpo.until_introduced()
        hub.received.clear()
        async with CpoNode(cpo_settings(tmp_path, locations=[location(), PRIVATE])) as cpo:
            await cpo.until_introduced()
            told = hub.all("PUT", "/receiver/locations/NL/CPO/garage")[-1].value
            assert [each["status"] for each in told["evses"]] == ["REMOVED"]
    assert hub.all("DELETE", "/receiver/locations") == []


@pytest.mark.holds("LOC-17", by="cpo")
async def test_a_schedule_of_status_is_told_and_changes_nothing() -> None:
    """The status is what the charge point says, and is pushed when that changes."""
    begin = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    schedule = [{"period_begin": begin, "status": "OUTOFORDER"}]
    there = location("square", evse("E1", "CP1", status_schedule=schedule))
    async with world(locations=[there]) as made:
        await made.charger()
        await made.hub.until(lambda: made.hub.all("PATCH", "/square/E1"))
        assert made.hub.all("PATCH", "/square/E1")[-1].value["status"] == "AVAILABLE"
        (told,) = await listed(made)
        assert told["evses"][0]["status_schedule"] == schedule
        assert told["evses"][0]["status"] == "AVAILABLE"


SUMMER = {"end_date_time": "2030-10-01T00:00:00Z"}
WINTER = {"start_date_time": "2030-10-01T00:00:00Z"}


@pytest.mark.holds("LOC-19", by="cpo")
@pytest.mark.parametrize(
    ("one", "other", "is_wrong"),
    [
        ({}, {}, True),
        ({}, {"type": "REGULAR"}, False),
        (SUMMER, WINTER, False),
        (WINTER, SUMMER, False),
        (SUMMER, {}, True),
        (SUMMER, {"start_date_time": "2030-09-30T00:00:00Z"}, True),
        ({"type": "PROFILE_CHEAP"}, {"type": "PROFILE_CHEAP"}, True),
    ],
)
def test_tariffs_of_one_type_do_not_hold_at_the_same_time(
    one: dict[str, Any], other: dict[str, Any], *, is_wrong: bool
) -> None:
    tables = {
        "tariffs": [tariff(id="one", **one), tariff(id="other", **other)],
        "locations": [
            location("square", evse("E1", "CP1", connectors=[connector(tariff_ids=["one", "other"])]))
        ],
    }
    if is_wrong:
        with pytest.raises(SettingsWrong, match="two tariffs of type"):
            configuration(tables)
    else:
        assert configuration(tables)


@pytest.mark.holds("LOC-11", by="cpo")
def test_a_connector_that_is_told_twice_is_named() -> None:
    two = [connector(), connector(ocpp_connector=2)]
    tables = {"tariffs": [tariff()], "locations": [location("square", evse("E1", "CP1", connectors=two))]}
    with pytest.raises(SettingsWrong, match=r"connectors\[1\].id: '1' is told twice"):
        configuration(tables)


@pytest.mark.holds("TAR-01", "TAR-02", "TAR-03", by="cpo")
async def test_a_tariff_is_put_when_it_changes_and_deleted_when_nobody_names_it_any_more(
    tmp_path: Path,
) -> None:
    """First the connectors let go of it; and nobody is sent a PATCH."""
    async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub:
        old = [connector(tariff_ids=["old"])]
        first = {
            "tariffs": [tariff(), tariff(id="old")],
            "locations": [location("square", evse("E1", "CP1", connectors=old))],
        }
        async with CpoNode(cpo_settings(tmp_path, **first)) as cpo:
            await cpo.register(hub.versions_url, hub.accept_new_token())
            await cpo.until_introduced()
        hub.received.clear()
        dearer = tariff({"type": "ENERGY", "price": 1, "step_size": 1})
        then = {"tariffs": [dearer], "locations": [location("square", evse("E1", "CP1"))]}
        async with CpoNode(cpo_settings(tmp_path, **then)) as cpo:
            await cpo.until_introduced()
            assert cpo.locations.withdrawn_tariffs() == []
        told = [(each.method, each.path.split("/receiver/")[1]) for each in hub.all("*", "/receiver/")]
        of_tariffs = [each for each in told if each[1].startswith("tariffs")]
        assert of_tariffs == [("PUT", "tariffs/NL/CPO/standard"), ("DELETE", "tariffs/NL/CPO/old")]
        put = told.index(("PUT", "locations/NL/CPO/square"))
        assert put < told.index(("DELETE", "tariffs/NL/CPO/old"))
        (changed,) = [each.value for each in hub.all("PUT", "/receiver/tariffs")]
        assert changed["elements"][0]["price_components"][0]["price"] == 1
        assert (changed["country_code"], changed["party_id"], changed["id"]) == ("NL", "CPO", "standard")


async def test_a_status_is_told_only_of_what_was_told_whole_before() -> None:
    """Chargers connect before the hub knows their Location: it comes whole, with their status (LOC-22)."""
    async with (
        Recorder(roles=[("HUB", "HU", "HUB")]) as hub,
        CpoNode(cpo_settings(None)) as cpo,
        AsyncExitStack() as stack,
    ):
        made = World(hub, cpo, stack)
        made.knows()
        await made.charger()
        await cpo.register(hub.versions_url, hub.accept_new_token())
        await cpo.until_introduced()
        told = hub.all("*", "/receiver/locations")
        assert [(each.method, each.value["evses"][0]["status"]) for each in told] == [("PUT", "AVAILABLE")]
