"""2.2.1, Transport and format, Versions, Message routing, Pagination: the CPO node in its role."""

from decimal import Decimal
from typing import Any

import pytest

from partners.charger.driver import rfid_visit
from tests.fixtures.cpo_world import CPO, EMSP, HUB, World, token, world
from tests.fixtures.recorder import ABSENT, Answered, Reply

LISTS = ("locations", "tariffs", "sessions", "cdrs")


async def get(made: World, module: str, query: str = "") -> Answered:
    url = made.hub.far_end[module, "SENDER"] + query
    return await made.hub.call("GET", url, to=str(CPO), sender=EMSP)


async def visited(made: World) -> None:
    charger = await made.charger()
    await rfid_visit(charger, 1, "CARD1", Decimal(1000))
    await made.hub.receives("POST", "/receiver/cdrs")
    await made.cpo.until(lambda: all(each.taken_at for each in made.cpo.cdrs()))


@pytest.mark.holds("TR-24", "TR-40", by="cpo")
@pytest.mark.parametrize(
    ("method", "module", "side", "tail"),
    [
        ("POST", "tokens", "RECEIVER", "/NL/MSP/CARD1"),
        ("DELETE", "tokens", "RECEIVER", "/NL/MSP/CARD1"),
        ("POST", "locations", "SENDER", ""),
        ("PUT", "tariffs", "SENDER", ""),
        ("DELETE", "cdrs", "SENDER", ""),
        ("PATCH", "sessions", "SENDER", ""),
        ("PATCH", "chargingprofiles", "RECEIVER", "/any"),
    ],
)
async def test_what_an_interface_does_not_know_is_405(method: str, module: str, side: str, tail: str) -> None:
    async with world() as made:
        url = made.hub.far_end[module, side] + tail
        answer = await made.hub.call(method, url, {}, to=str(CPO), sender=EMSP)
        assert answer.status == 405
        assert answer.envelope["status_code"] >= 2000


@pytest.mark.holds("ST-01", "TR-09", "PG-10", by="cpo")
async def test_every_list_is_1000_with_a_list_as_data_and_a_push_has_none() -> None:
    async with world(tokens=(token(),)) as made:
        await visited(made)
        for module in LISTS:
            answer = await get(made, module)
            assert (answer.status, answer.code) == (200, 1000)
            assert isinstance(answer.data, list)
            assert answer.data
            assert answer.headers["X-Total-Count"] == str(len(answer.data))
        pushed = await made.push(token("CARD2"))
        assert (pushed.status, pushed.code, pushed.data) == (201, 1000, None)


@pytest.mark.holds("ST-05", "CMD-12", by="cpo")
@pytest.mark.parametrize("command", ["START_SESSION", "RESERVE_NOW", "UNLOCK_CONNECTOR"])
async def test_a_command_for_a_location_that_is_not_ours_is_2003(command: str) -> None:
    wanted: dict[str, Any] = {"location_id": "nowhere", "evse_uid": "E1"}
    wanted |= {
        "START_SESSION": {"token": token()},
        "RESERVE_NOW": {"token": token(), "reservation_id": "R", "expiry_date": "2099-01-01T00:00:00Z"},
        "UNLOCK_CONNECTOR": {"connector_id": "1"},
    }[command]
    async with world() as made:
        answer = await made.command(command, wanted)
        assert (answer.status, answer.code) == (200, 2003)


@pytest.mark.holds("VE-07", "TR-30", by="cpo")
async def test_what_an_interface_depends_on_is_offered_too() -> None:
    async with world() as made:
        offered = made.hub.far_end.keys()
        assert {module for module, _ in offered} == {
            *LISTS,
            "credentials",
            "tokens",
            "commands",
            "chargingprofiles",
            "hubclientinfo",
        }
        assert {(module, "SENDER") for module in LISTS} <= offered


@pytest.mark.holds("RT-39", "RT-28", "SES-01", "LOC-20", by="cpo")
async def test_what_concerns_everybody_goes_to_the_hub_and_what_concerns_one_to_that_one() -> None:
    async with world(tokens=(token(),)) as made:
        await visited(made)
        for module in ("sessions", "cdrs"):
            told = made.hub.all("*", f"/receiver/{module}")
            assert told
            assert {each.to for each in told} == {EMSP}
        statuses = made.hub.all("*", "/receiver/locations")
        assert {each.to for each in statuses} == {HUB}
        assert {each.sender for each in made.hub.all("*", "/receiver/")} == {str(CPO)}


@pytest.mark.holds("LOC-05", "LOC-07", "SES-08", "TAR-03", by="cpo")
async def test_the_address_of_what_is_pushed_is_what_its_body_says() -> None:
    async with world(tokens=(token(),)) as made:
        for key in made.cpo.locations.published():
            made.cpo.handover.owe_whole(key)
        await visited(made)
        puts = [each for each in made.hub.all("PUT", "/receiver/") if "chargingprofiles" not in each.path]
        assert {each.path.split("/")[4] for each in puts} == {"locations", "tariffs", "sessions"}
        for each in puts:
            owner = (each.value["country_code"], each.value["party_id"], each.value["id"])
            assert tuple(each.path.split("/")[-3:]) == owner
        assert all("last_updated" in each.value for each in made.hub.all("PATCH", "/receiver/"))


@pytest.mark.holds("PG-01", "PG-02", "PG-03", "PG-20", by="cpo")
@pytest.mark.parametrize("module", LISTS)
async def test_every_list_has_four_parameters(module: str) -> None:
    """Dates with and without a zone, with and without fractions."""
    async with world(tokens=(token(),)) as made:
        await visited(made)
        (found,) = (await get(made, module, "?limit=1&offset=0")).data
        at = found["last_updated"]
        assert len((await get(made, module, f"?date_from={at}")).data) == 1
        assert len((await get(made, module, f"?date_from={at[:19]}")).data) == 1
        assert (await get(made, module, f"?date_to={at}")).data == []
        assert (await get(made, module, "?date_from=2020-01-01T00:00:00.000Z&offset=1")).data == []


@pytest.mark.holds("PG-19", by="cpo")
@pytest.mark.parametrize("query", ["limit=x", "limit=0", "limit=-1", "offset=-1", "date_from=yesterday"])
async def test_a_wrong_parameter_is_2001(query: str) -> None:
    async with world() as made:
        answer = await get(made, "sessions", f"?{query}")
        assert (answer.status, answer.code) == (200, 2001)


@pytest.mark.holds("TR-11", by="cpo")
@pytest.mark.parametrize("data", [ABSENT, None, "thanks", {"any": "thing"}, [1]])
async def test_whatever_data_an_acknowledgement_has_it_is_one(data: Any) -> None:
    async with world(tokens=(token(),)) as made:
        made.hub.answers("*", "/receiver/", Reply(data))
        await visited(made)
        assert all(each.taken_at for each in made.cpo.cdrs())
        assert all(not each.is_owed for each in made.cpo.sessions())


@pytest.mark.holds("HCI-11", "HCI-12", "HCI-13", "HCI-14", by="cpo")
@pytest.mark.parametrize("status", ["OFFLINE", "PLANNED", "SUSPENDED"])
async def test_an_emsp_that_is_not_connected_is_sent_nothing_until_it_is(status: str) -> None:
    """Then it hears of the newest state, once; what lies between it has to GET."""
    async with world(tokens=(token(),)) as made:
        await client_is(made, status)
        charger = await made.charger()
        await rfid_visit(charger, 1, "CARD1", Decimal(1000))
        await charger.until_told()
        assert made.hub.all("*", "/receiver/sessions") == []
        assert made.hub.all("*", "/receiver/cdrs") == []
        await client_is(made, "CONNECTED")
        await made.hub.receives("POST", "/receiver/cdrs")
        assert [each["status"] for each in made.sessions()] == ["COMPLETED"]


async def client_is(made: World, status: str) -> None:
    country_code, party_id = EMSP.split("/")
    info = {
        "country_code": country_code,
        "party_id": party_id,
        "role": "EMSP",
        "status": status,
        "last_updated": "2026-01-01T00:00:00Z",
    }
    url = f"{made.hub.far_end['hubclientinfo', 'RECEIVER']}/{EMSP}"
    assert (await made.hub.call("PUT", url, info)).code == 1000
