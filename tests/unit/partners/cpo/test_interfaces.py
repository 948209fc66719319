"""What others may read at the CPO, and what they may not."""

from decimal import Decimal
from typing import Any

import pytest

from partners.charger.driver import rfid_visit
from schemas.v2_2_1 import CDR, Location, Session, Tariff
from tests.fixtures.cpo_world import CPO, EMSP, World, evse, location, token, world
from tests.fixtures.recorder import Answered

OTHER = token("CARD2", party_id="XYZ")


async def get(made: World, module: str, tail: str = "", sender: str = EMSP) -> Answered:
    url = made.hub.far_end[module, "SENDER"] + tail
    return await made.hub.call("GET", url, to=str(CPO), sender=sender)


async def charged(made: World) -> None:
    """One session for each of two eMSPs."""
    for card, name in (("CARD1", "CP1"), ("CARD2", "CP2")):
        charger = await made.charger(name)
        await rfid_visit(charger, 1, card, Decimal(1000))
    await made.hub.receives("POST", "/receiver/cdrs", 2)


async def test_each_list_holds_what_its_model_says() -> None:
    async with world(tokens=(token(), OTHER)) as made:
        await charged(made)
        for module, model in (
            ("locations", Location),
            ("tariffs", Tariff),
            ("sessions", Session),
            ("cdrs", CDR),
        ):
            answer = await get(made, module)
            assert (answer.status, answer.code, len(answer.data)) == (200, 1000, 1), module
            assert (answer.to, answer.sender) == (EMSP, str(CPO))
            model.model_validate(answer.data[0])


@pytest.mark.parametrize("module", ["sessions", "cdrs"])
async def test_an_emsp_sees_what_its_own_tokens_did_and_nothing_else(module: str) -> None:
    """CDR-17, SES-02 (without date_from, too)."""
    async with world(tokens=(token(), OTHER)) as made:
        await charged(made)
        for sender, uid in ((EMSP, "CARD1"), ("nl/xyz", "CARD2")):
            answer = await get(made, module, sender=sender)
            assert [each["cdr_token"]["uid"] for each in answer.data] == [uid]
            assert answer.headers["X-Total-Count"] == "1"
        assert (await get(made, module, sender="DE/ABC")).data == []


@pytest.mark.parametrize("module", ["locations", "tariffs", "sessions", "cdrs"])
async def test_a_list_is_filtered_by_last_updated(module: str) -> None:
    """PG-02, PG-03: from inclusive, to exclusive."""
    async with world(tokens=(token(), OTHER)) as made:
        await charged(made)
        (only,) = (await get(made, module)).data
        moment = only["last_updated"]
        assert len((await get(made, module, f"?date_from={moment}")).data) == 1
        assert (await get(made, module, f"?date_to={moment}")).data == []
        assert (await get(made, module, "?date_from=2099-01-01T00:00:00Z")).data == []
        assert (await get(made, module, "?limit=nothing")).code == 2001


async def test_a_list_comes_in_pages() -> None:
    """PG-04 to PG-10."""
    places = [location(f"place-{number}", evse(f"E{number}", f"CP{number}")) for number in range(3)]
    async with world(locations=places) as made:
        seen, url = [], made.hub.far_end["locations", "SENDER"] + "?limit=2"
        while url:
            answer = await made.hub.call("GET", url, to=str(CPO), sender=EMSP)
            assert answer.headers["X-Total-Count"] == "3"
            seen += [each["id"] for each in answer.data]
            link = answer.headers.get("Link")
            url = None if link is None else link.split(">")[0].removeprefix("<")
        assert seen == ["place-0", "place-1", "place-2"]


async def test_a_location_is_read_at_three_depths() -> None:
    """LOC-03."""
    async with world() as made:
        whole = (await get(made, "locations", "/SQUARE")).data
        assert whole["id"] == "square"
        assert (await get(made, "locations", "/square/E2")).data == whole["evses"][1]
        assert (await get(made, "locations", "/square/e2/1")).data == whole["evses"][1]["connectors"][0]


@pytest.mark.parametrize("tail", ["/circle", "/square/E9", "/square/E1/9", "/circle/E1/1"])
async def test_what_is_not_there_is_not_found(tail: str) -> None:
    """TR-14, LOC-03."""
    async with world() as made:
        answer = await get(made, "locations", tail)
        assert (answer.status, answer.code) == (404, 2003)


async def test_evses_have_no_charging_preferences() -> None:
    """SES-16, AM-29."""
    async with world(tokens=(token(),)) as made:
        url = made.hub.far_end["sessions", "SENDER"] + "/any/charging_preferences"
        answer = await made.hub.call("PUT", url, {"profile_type": "CHEAP"}, to=str(CPO), sender=EMSP)
        assert (answer.status, answer.code) == (404, 2001)


async def test_charging_profiles_are_not_supported() -> None:
    """CHP-12: an unknown session is unknown first."""
    async with world(tokens=(token(),)) as made:
        charger = await made.charger()
        await rfid_visit(charger, 1, "CARD1", Decimal(1000))
        session = made.cpo.sessions()[0].current["id"]
        profile: dict[str, Any] = {
            "response_url": f"{made.hub.url}/results",
            "charging_profile": {"charging_rate_unit": "W"},
        }
        for session_id, result in ((session, "NOT_SUPPORTED"), ("other", "UNKNOWN_SESSION")):
            url = f"{made.hub.far_end['chargingprofiles', 'RECEIVER']}/{session_id}"
            for method in ("PUT", "DELETE", "GET"):
                body = profile if method == "PUT" else None
                answer = await (
                    made.hub.call(method, url, body, to=str(CPO), sender=EMSP)
                    if body
                    else made.hub.call(method, url + "?duration=900", to=str(CPO), sender=EMSP)
                )
                assert answer.data["result"] == result
        assert made.hub.all("POST", "/results") == []
