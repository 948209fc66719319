"""What others may read at the CPO, and what they may not."""

from decimal import Decimal

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


@pytest.mark.holds("TAR-04", "LOC-01", "CDR-11", "SES-19", by="cpo")
async def test_each_list_holds_what_its_model_says() -> None:
    """TAR-04, LOC-01; that of CDRs refuses what only Sessions may tell (CDR-11, SES-19)."""
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


@pytest.mark.holds("CDR-17", "SES-02", "TR-09", "PG-10", by="cpo")
@pytest.mark.parametrize("module", ["sessions", "cdrs"])
async def test_an_emsp_sees_what_its_own_tokens_did_and_nothing_else(module: str) -> None:
    """CDR-17, SES-02 (without date_from, too); an empty list is one, too (TR-09, PG-10)."""
    async with world(tokens=(token(), OTHER)) as made:
        await charged(made)
        for sender, uid in ((EMSP, "CARD1"), ("nl/xyz", "CARD2")):
            answer = await get(made, module, sender=sender)
            assert [each["cdr_token"]["uid"] for each in answer.data] == [uid]
            assert answer.headers["X-Total-Count"] == "1"
        nothing = await get(made, module, sender="DE/ABC")
        assert nothing.data == []
        assert (nothing.headers["X-Total-Count"], nothing.headers["X-Limit"]) == ("0", "100")


@pytest.mark.holds("PG-02", "PG-03", by="cpo")
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


@pytest.mark.holds("PG-04", "PG-05", "PG-06", "PG-07", "PG-08", "PG-09", "PG-10", by="cpo")
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


@pytest.mark.holds("PG-06", "PG-07", "PG-08", "PG-09", "PG-10", "PG-11", by="cpo")
@pytest.mark.parametrize("module", ["sessions", "cdrs"])
async def test_an_emsp_walks_through_its_own_sessions_and_cdrs_page_by_page(module: str) -> None:
    """PG-06 to PG-11: the filters go along, oldest first, a full last page has no Link."""
    async with world(tokens=(token(), OTHER)) as made:
        chargers = [await made.charger(name) for name in ("CP1", "CP2")]
        for charger, card in (
            (chargers[0], "CARD1"),
            (chargers[0], "CARD2"),
            (chargers[0], "CARD1"),
            (chargers[1], "CARD1"),
            (chargers[1], "CARD1"),
        ):
            await rfid_visit(charger, 1, card, Decimal(200))
        await made.hub.receives("POST", "/receiver/cdrs", 5)
        whole = (await get(made, module)).data
        seen, url = [], made.hub.far_end[module, "SENDER"] + "?limit=2&date_from=2020-01-01T00:00:00Z"
        for number_of_page in range(2):
            answer = await made.hub.call("GET", url, to=str(CPO), sender=EMSP)
            assert len(answer.data) == 2
            assert (answer.headers["X-Total-Count"], answer.headers["X-Limit"]) == ("4", "100")
            seen += [each["id"] for each in answer.data]
            assert ("Link" in answer.headers) == (number_of_page == 0)
            url = answer.headers.get("Link", "").split(">")[0].removeprefix("<")
            assert ("date_from=" in url) == (number_of_page == 0)
        assert seen == [each["id"] for each in whole]
        assert {each["cdr_token"]["uid"] for each in whole} == {"CARD1"}
        starts = [each["start_date_time"] for each in whole]
        assert starts == sorted(starts)


@pytest.mark.holds("LOC-01", "LOC-02", by="cpo")
async def test_a_location_with_one_changed_evse_is_listed_whole() -> None:
    """LOC-01, LOC-02: the window is over the location's own time, which is that of the change."""
    async with world(locations=[location(), location("park", evse("P1", "CP9"))]) as made:
        await made.charger("CP1")
        await made.hub.receives("PATCH", "/receiver/locations")
        (before,) = (await get(made, "locations", "/park")).data["evses"]
        changed = (await get(made, "locations", "/square")).data
        assert changed["last_updated"] == changed["evses"][0]["last_updated"]
        assert changed["last_updated"] > before["last_updated"]
        listed = await get(made, "locations", f"?date_from={changed['last_updated']}")
        assert listed.data == [changed]
        assert [each["uid"] for each in listed.data[0]["evses"]] == ["E1", "E2"]


@pytest.mark.holds("TR-30", by="cpo")
async def test_all_that_a_cpo_owns_can_be_read_and_what_it_needs_can_be_sent() -> None:
    """TR-30: pull is required, push is not."""
    async with world() as made:
        owned = {(module, "SENDER") for module in ("locations", "tariffs", "sessions", "cdrs")}
        needed = {(module, "RECEIVER") for module in ("tokens", "commands", "hubclientinfo")}
        assert owned | needed <= made.hub.far_end.keys()


@pytest.mark.holds("LOC-03", by="cpo")
async def test_a_location_is_read_at_three_depths() -> None:
    """LOC-03."""
    async with world() as made:
        whole = (await get(made, "locations", "/SQUARE")).data
        assert whole["id"] == "square"
        assert (await get(made, "locations", "/square/E2")).data == whole["evses"][1]
        assert (await get(made, "locations", "/square/e2/1")).data == whole["evses"][1]["connectors"][0]


@pytest.mark.holds("TR-14", "LOC-03", by="cpo")
@pytest.mark.parametrize("tail", ["/circle", "/square/E9", "/square/E1/9", "/circle/E1/1"])
async def test_what_is_not_there_is_not_found(tail: str) -> None:
    """TR-14, LOC-03."""
    async with world() as made:
        answer = await get(made, "locations", tail)
        assert (answer.status, answer.code) == (404, 2003)
