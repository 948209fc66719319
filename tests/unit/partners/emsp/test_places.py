"""What drivers see: locations by push and by pull, and who may see which (LOC rows)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub.ocpi.party import Party
from partners.emsp.locations import is_shown
from partners.emsp.tokens import UnknownToken
from schemas.v2_2_1 import Location, Token
from tests.fixtures.emsp_world import World, emsp_world
from tests.fixtures.samples import T1, client_info, evse, location, tariff, token

LOCATION = "locations/receiver/BE/BEC/LOC1"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with emsp_world() as world:
        yield world


async def test_a_pull_reads_tariffs_and_locations_of_everybody(world: World) -> None:
    """RT-52, LOC-20: TO the hub."""
    world.lists("locations", location(), location(id="LOC2", party_id="XXX"))
    world.lists("tariffs", tariff())
    await world.node.pull()
    assert [each.id for each in world.node.locations()] == ["LOC1", "LOC2"]
    assert {(each.to, each.sender) for each in world.hub.received} == {("HU/HUB", "NL/EMA")}
    assert [each.path.rpartition("/")[2] for each in world.hub.received] == ["tariffs", "locations"]


async def test_a_pull_reads_who_is_connected_where_the_hub_tells(world: World) -> None:
    """HCI-05."""
    world.hub.endpoints.append(("hubclientinfo", "SENDER"))
    await world.node.node.update_credentials()
    world.lists("hubclientinfo", client_info())
    await world.node.pull()
    assert [each.party_id for each in world.node.node.clients.all()] == ["BEC"]


async def test_a_push_shows_at_once(world: World) -> None:
    await world.call("PUT", LOCATION, location(), sender="HU/HUB")
    await world.call("PATCH", LOCATION + "/E1", {"status": "CHARGING", "last_updated": T1}, sender="HU/HUB")
    assert world.node.locations()[0].evses[0].status == "CHARGING"


@pytest.mark.parametrize(
    ("evses", "is_there"),
    [([], False), ([evse(status="REMOVED")], False), ([evse(status="REMOVED"), evse(uid="E2")], True)],
)
@pytest.mark.holds("LOC-10", by="emsp")
async def test_a_location_without_evses_is_hidden(world: World, evses: list[Any], is_there: bool) -> None:  # noqa: FBT001 a column of the table
    """LOC-09, LOC-10."""
    await world.call("PUT", LOCATION, location(evses=evses))
    assert bool(world.node.locations()) == is_there


@pytest.mark.holds("LOC-14", by="emsp")
async def test_an_unpublished_location_is_shown_to_the_tokens_it_names(world: World) -> None:
    """LOC-14."""
    allowed = [{"uid": "04A1B2C3", "type": "RFID"}]
    await world.call("PUT", LOCATION, location(publish=False, publish_allowed_to=allowed))
    assert world.node.locations() == []
    assert world.node.locations("app-1") == []
    assert [each.id for each in world.node.locations("04A1B2C3")] == ["LOC1"]


@pytest.mark.parametrize(
    ("entries", "is_seen"),
    [
        ([], False),
        ([{"uid": "04A1B2C3", "type": "RFID"}], True),
        ([{"uid": "04a1b2c3", "type": "RFID"}], True),
        ([{"uid": "04A1B2C3", "type": "APP_USER"}], False),
        ([{"uid": "04A1B2C3", "type": "RFID", "group_id": "G1"}], False),
        ([{"visual_number": "V1", "issuer": "eMSP A"}], True),
        ([{"visual_number": "V1", "issuer": "eMSP B"}], False),
        ([{"group_id": "G1"}], False),
        ([{"group_id": "G1"}, {"visual_number": "V1", "issuer": "eMSP A"}], True),
    ],
)
@pytest.mark.holds("LOC-14", by="emsp")
def test_all_fields_of_one_entry_must_match(entries: list[dict[str, str]], is_seen: bool) -> None:  # noqa: FBT001 a column of the table
    """LOC-14."""
    value = location(publish=False, publish_allowed_to=entries)
    shown = Token.model_validate(token(visual_number="V1"))
    assert is_shown(Location.model_validate(value), shown) == is_seen


@pytest.mark.holds("LOC-15", by="emsp")
async def test_a_place_that_others_tokens_may_see_is_no_place_to_use_them(world: World) -> None:
    """LOC-15: sessions are started with tokens of our own only."""
    shown = {"uid": "04FFFFFF", "type": "RFID"}
    value = location(publish=False, publish_allowed_to=[shown])
    await world.call("PUT", "locations/receiver/BE/BEC/LOC1", value)
    with pytest.raises(UnknownToken):
        await world.node.start_session("04FFFFFF", "LOC1")
    assert world.hub.all("POST", "/receiver/commands") == []


@pytest.mark.holds("TAR-18", "AM-28", by="emsp")
async def test_the_tariffs_of_a_connector_are_those_of_its_owner(world: World) -> None:
    """AM-28, TAR-18: a tariff that we do not know is left out."""
    await world.call("PUT", LOCATION, location())
    await world.call(
        "PUT", "tariffs/receiver/BE/XXX/T1", tariff(party_id="XXX", currency="SEK"), sender="BE/XXX"
    )
    (found,) = world.node.locations()
    connector = found.evses[0].connectors[0]
    places, owner = world.node.places, Party("BE", "BEC")
    assert places.tariffs(connector, owner) == []
    await world.call("PUT", "tariffs/receiver/BE/BEC/T1", tariff())
    assert [each.currency for each in places.tariffs(connector, owner)] == ["EUR"]
