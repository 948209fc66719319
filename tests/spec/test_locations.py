"""Locations at the hub: kept down to the connector, and read from there (2.2.1, chapter Locations)."""

from typing import Any

import pytest

from tests.fixtures.recorder import Answered
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, Roaming

T0, T1, T2 = (f"2026-01-01T{hour}:00:00Z" for hour in (10, 11, 12))
EVSE = LOCATION["evses"][0]
CONNECTOR = EVSE["connectors"][0]


async def push(world: Roaming, method: str, value: Any, tail: str = "") -> Answered:
    url = world.url("locations", "RECEIVER", f"/{CPO}/LOC1{tail}")
    return await world.cpo.call(method, url, value, to=HUB, sender=CPO)


async def read(world: Roaming, tail: str = "/LOC1") -> Answered:
    return await world.emsp.call("GET", world.url("locations", "SENDER", tail), to=HUB, sender=EMSP)


@pytest.mark.holds("RT-56", by="hub")
async def test_a_location_is_read_at_each_depth_and_what_is_not_there_is_404(world: Roaming) -> None:
    await push(world, "PUT", LOCATION)
    for tail, expected in (("/LOC1", LOCATION), ("/loc1/3256", EVSE), ("/LOC1/3256/1", CONNECTOR)):
        answer = await read(world, tail)
        assert (answer.status, answer.code, answer.data) == (200, 1000, expected)
        assert (answer.to, answer.sender) == (EMSP, HUB)
    for tail in ("/NOPE", "/LOC1/NOPE", "/LOC1/3256/NOPE", "/LOC1/NOPE/1"):
        answer = await read(world, tail)
        assert (answer.status, answer.code) == (404, 2003)
        assert "data" not in answer.envelope


@pytest.mark.holds("LOC-05", "TR-27", by="hub")
@pytest.mark.parametrize(
    ("value", "tail", "named"),
    [
        (LOCATION | {"country_code": "NL"}, "", "/country_code"),
        (LOCATION | {"party_id": "XXX"}, "", "/party_id"),
        (LOCATION | {"id": "LOC2"}, "", "/id"),
        (EVSE | {"uid": "3257"}, "/3256", "/uid"),
        (CONNECTOR | {"id": "2"}, "/3256/1", "/id"),
    ],
)
async def test_url_and_body_name_the_same_object(
    world: Roaming, value: dict[str, Any], tail: str, named: str
) -> None:
    await push(world, "PUT", LOCATION)
    answer = await push(world, "PUT", value, tail)
    assert (answer.status, answer.code) == (200, 2001)
    assert named in answer.envelope["status_message"]
    assert (await read(world)).data == LOCATION


@pytest.mark.holds("LOC-06", by="hub")
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_change_inside_moves_its_parents_on(world: Roaming, method: str) -> None:
    await push(world, "PUT", LOCATION)
    changed = {"status": "CHARGING", "last_updated": T1}
    assert (await push(world, method, changed if method == "PATCH" else EVSE | changed, "/3256")).code == 1000
    location = (await read(world)).data
    assert (location["last_updated"], location["evses"][0]["last_updated"]) == (T1, T1)
    changed = {"max_amperage": 16, "last_updated": T2}
    value = changed if method == "PATCH" else CONNECTOR | changed
    assert (await push(world, method, value, "/3256/1")).code == 1000
    location = (await read(world)).data
    evse = location["evses"][0]
    assert (location["last_updated"], evse["last_updated"], evse["status"]) == (T2, T2, "CHARGING")
    assert evse["connectors"] == [CONNECTOR | changed]
    listed = await read(world, f"?date_from={T2}")
    assert listed.data == [location]


@pytest.mark.holds("LOC-06", "LOC-23", by="hub")
async def test_an_older_change_of_one_evse_is_no_older_change_of_another(world: Roaming) -> None:
    """Parents move on, never back."""
    await push(world, "PUT", LOCATION | {"evses": [EVSE, EVSE | {"uid": "OTHER"}]})
    await push(world, "PATCH", {"status": "CHARGING", "last_updated": T2}, "/3256")
    assert (await push(world, "PATCH", {"status": "BLOCKED", "last_updated": T1}, "/OTHER")).code == 1000
    assert (await push(world, "PATCH", {"status": "UNKNOWN", "last_updated": T1}, "/3256")).code == 1000
    location = (await read(world)).data
    assert [each["status"] for each in location["evses"]] == ["CHARGING", "BLOCKED"]
    assert location["last_updated"] == T2


@pytest.mark.holds("LOC-23", by="hub")
async def test_an_older_push_is_answered_and_changes_nothing(world: Roaming) -> None:
    await push(world, "PUT", LOCATION | {"name": "new", "last_updated": T1})
    await world.emsp.receives("PUT", "/receiver/locations")
    ids = {"X-Correlation-ID": "older"}
    url = world.url("locations", "RECEIVER", f"/{CPO}/LOC1")
    answer = await world.cpo.call("PUT", url, LOCATION, to=HUB, sender=CPO, headers=ids)
    assert (answer.status, answer.code) == (200, 1000)
    assert (await push(world, "PATCH", {"name": "old", "last_updated": T0})).code == 1000
    assert (await read(world)).data["name"] == "new"
    assert [each.note for each in world.noted("older")] == ["ignored_older"]
    await push(world, "PUT", LOCATION | {"name": "newest", "last_updated": T2})
    assert (await world.emsp.receives("PUT", "/receiver/locations", 2)).value["name"] == "newest"


@pytest.mark.holds("LOC-08", "TR-21", by="hub")
async def test_a_patch_takes_nothing_away_and_a_put_does(world: Roaming) -> None:
    await push(world, "PUT", LOCATION | {"name": "Gent", "x_new": 1})
    assert (await push(world, "PATCH", {"city": "Ghent", "last_updated": T1})).code == 1000
    assert (await read(world)).data == LOCATION | {
        "name": "Gent", "x_new": 1, "city": "Ghent", "last_updated": T1,
    }  # fmt: skip
    await push(world, "PUT", LOCATION | {"last_updated": T2})
    assert (await read(world)).data == LOCATION | {"last_updated": T2}


@pytest.mark.holds("LOC-09", by="hub")
async def test_a_removed_evse_stays_with_its_status_and_nothing_is_ever_deleted(world: Roaming) -> None:
    await push(world, "PUT", LOCATION)
    assert (await push(world, "PATCH", {"status": "REMOVED", "last_updated": T1}, "/3256")).code == 1000
    assert (await read(world, "/LOC1/3256")).data["status"] == "REMOVED"
    for method in ("DELETE", "POST"):
        answer = await push(world, method, LOCATION)
        assert (answer.status, answer.code) == (405, 2000), method
    assert (await read(world)).status == 200


@pytest.mark.holds("LOC-12", by="hub")
@pytest.mark.parametrize(
    ("value", "tail", "named"),
    [
        ({name: each for name, each in LOCATION.items() if name != "time_zone"}, "", "/time_zone"),
        ({"uid": "3256", "status": "AVAILABLE", "last_updated": T1}, "/3256", "/connectors"),
        ({"id": "1", "standard": "IEC_62196_T2", "last_updated": T1}, "/3256/1", "/format"),
    ],
)
async def test_what_lacks_required_fields_is_refused_at_each_depth(
    world: Roaming, value: dict[str, Any], tail: str, named: str
) -> None:
    await push(world, "PUT", LOCATION)
    answer = await push(world, "PUT", value, tail)
    assert (answer.status, answer.code) == (200, 2001)
    assert named in answer.envelope["status_message"]
    assert (await read(world)).data == LOCATION


@pytest.mark.holds("LOC-22", by="hub")
@pytest.mark.parametrize(
    ("method", "value", "tail"),
    [
        ("PUT", EVSE, "/3256"),
        ("PUT", CONNECTOR, "/3256/1"),
        ("PATCH", {"last_updated": T1}, ""),
        ("PATCH", {"last_updated": T1}, "/3256"),
        ("PATCH", {"last_updated": T1}, "/3256/1"),
    ],
)
async def test_what_belongs_to_an_unknown_location_is_404_and_then_comes_whole(
    world: Roaming, method: str, value: dict[str, Any], tail: str
) -> None:
    answer = await push(world, method, value, tail)
    assert (answer.status, answer.code) == (404, 2003)
    assert "send the whole object" in answer.envelope["status_message"]
    assert (await push(world, "PUT", LOCATION)).status == 201
    assert (await push(world, method, value, tail)).code == 1000


async def test_a_new_evse_and_a_new_connector_join_what_is_there(world: Roaming) -> None:
    await push(world, "PUT", LOCATION)
    await push(world, "PUT", EVSE | {"uid": "NEW", "last_updated": T1}, "/NEW")
    await push(world, "PUT", CONNECTOR | {"id": "2", "last_updated": T2}, "/NEW/2")
    location = (await read(world)).data
    assert [each["uid"] for each in location["evses"]] == ["3256", "NEW"]
    assert [each["id"] for each in location["evses"][1]["connectors"]] == ["1", "2"]


@pytest.mark.holds("RT-55", by="hub")
async def test_what_is_for_one_party_alone_is_not_among_everybodys(world: Roaming) -> None:
    url = world.url("locations", "RECEIVER", f"/{CPO}/LOC1")
    assert (await world.cpo.call("PUT", url, LOCATION, to=EMSP, sender=CPO)).code == 1000
    assert (await read(world, "")).data == []
    assert (await read(world)).status == 404


@pytest.mark.holds("LOC-24", by="hub")
def test_the_hub_offers_tariffs_wherever_it_offers_locations(world: Roaming) -> None:
    for side in ("SENDER", "RECEIVER"):
        assert (("locations", side) in world.cpo.far_end) == (("tariffs", side) in world.cpo.far_end) is True
