"""The eMSP's tokens on the wire: TOK-01 to TOK-16 and the paging rows, over real sockets."""

from collections.abc import AsyncIterator

import pytest

from hub.ocpi.client import PeerRefused
from partners.emsp.authorization import Standing
from partners.emsp.tokens import UnknownToken
from schemas.v2_2_1 import AllowedType, LocationReferences
from tests.fixtures.clocks import Clock
from tests.fixtures.emsp_world import APP, RFID, World, emsp_world
from tests.fixtures.recorder import Recorder, Reply

AUTHORIZE = "tokens/sender/{}/authorize"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def world(clock: Clock) -> AsyncIterator[World]:
    async with emsp_world(clock=clock, settings={"page_limit": 10}) as world:
        yield world


@pytest.mark.holds("TR-30", "LOC-24", "TOK-06", "VE-07", by="emsp")
async def test_what_an_emsp_needs_can_be_sent_to_it_and_its_tokens_can_be_read(world: World) -> None:
    """TR-30; with locations go tariffs (LOC-24); who is asked about tokens can be asked (TOK-06)."""
    needed = {
        (module, "RECEIVER") for module in ("locations", "tariffs", "sessions", "cdrs", "hubclientinfo")
    }
    needed |= {(module, "SENDER") for module in ("tokens", "commands", "chargingprofiles", "credentials")}
    assert needed == world.hub.far_end.keys()


@pytest.mark.holds("TOK-01", "TOK-02", "TOK-03", "TOK-16", "TR-25", "RT-28", by="emsp")
async def test_a_push_goes_to_everybody_with_all_fields(world: World) -> None:
    """TOK-01, TOK-02, TOK-03, RT-28: owner and uid in the URL, the type in the query, TO the hub."""
    assert await world.node.push_tokens() == 2
    rfid, app = world.hub.all("PUT")
    assert (rfid.path, rfid.query) == ("/partner/2.2.1/receiver/tokens/NL/EMA/04A1B2C3", "type=RFID")
    assert (app.path, app.query) == ("/partner/2.2.1/receiver/tokens/NL/EMA/app-1", "type=APP_USER")
    assert {(each.to, each.sender) for each in (rfid, app)} == {("HU/HUB", "NL/EMA")}
    assert rfid.value == {
        "country_code": "NL",
        "party_id": "EMA",
        "uid": "04A1B2C3",
        "type": "RFID",
        "contract_id": "NL-EMA-000001",
        "issuer": "eMSP A",
        "valid": True,
        "whitelist": "ALLOWED",
        "last_updated": "2026-01-01T12:00:00Z",
    }
    assert app.value["whitelist"] == "NEVER"  # TOK-16


async def test_without_a_hub_each_cpo_gets_the_token() -> None:
    async with emsp_world() as world, Recorder(roles=[("CPO", "BE", "AAA"), ("CPO", "BE", "BBB")]) as cpo:
        await world.node.node.unregister()
        await world.node.register(cpo.versions_url, cpo.accept_new_token())
        cpo.received.clear()
        await world.node.push_tokens()
        assert [each.to for each in cpo.all("PUT")] == ["BE/AAA", "BE/BBB"] * 2


async def test_a_refused_push_is_told(world: World) -> None:
    world.hub.answers("PUT", "/receiver/tokens", Reply(status_code=2001, status_message="no such type"))
    with pytest.raises(PeerRefused, match="no such type"):
        await world.node.push_tokens()


@pytest.mark.holds("TOK-01", by="emsp")
async def test_a_blocked_token_is_not_deleted_but_invalid(world: World, clock: Clock) -> None:
    """TOK-01."""
    clock.passes(hours=1)
    blocked = world.node.tokens.block("04A1B2C3")
    assert (blocked.valid, blocked.last_updated) == (False, clock())
    (listed, _) = (await world.call("GET", "tokens/sender")).data
    assert (listed["valid"], listed["last_updated"]) == (False, "2026-01-01T13:00:00Z")


@pytest.mark.holds("AM-20", by="emsp")
async def test_issuing_the_same_again_changes_nothing(world: World, clock: Clock) -> None:
    """AM-20: last_updated moves on a change only."""
    before = world.node.tokens.get("04A1B2C3")
    clock.passes(hours=1)
    assert world.node.tokens.issue(RFID) == before
    assert world.node.tokens.issue({**RFID, "language": "nl"}).last_updated == clock()


class TestList:
    """PG-01 to PG-20 and TOK-05."""

    @pytest.mark.holds("PG-04", "PG-06", "PG-07", "PG-08", "PG-11", "TOK-05", "TR-30", by="emsp")
    async def test_a_list_comes_in_pages_of_equal_filters(self, world: World) -> None:
        for number in range(3):
            world.node.tokens.issue({"uid": f"U{number}"})
        date_from = "2026-01-01T00:00:00Z"
        first = await world.call("GET", f"tokens/sender?limit=2&date_from={date_from}")
        assert [each["uid"] for each in first.data] == ["04A1B2C3", "app-1"]
        assert (first.headers["X-Total-Count"], first.headers["X-Limit"]) == ("5", "10")
        assert "date_from=2026-01-01" in first.headers["Link"]
        assert first.headers["Link"].startswith(f"<{world.node.url}/")
        seen = [each["uid"] for each in first.data]
        link = first.headers["Link"]
        while link:
            url = link.partition(">")[0].removeprefix("<")
            page = await world.hub.call("GET", url)
            seen += [each["uid"] for each in page.data]
            assert page.headers["X-Total-Count"] == "5"
            link = page.headers.get("Link", "")
        assert seen == ["04A1B2C3", "app-1", "U0", "U1", "U2"]

    @pytest.mark.holds("PG-06", by="emsp")
    async def test_a_full_last_page_has_no_link(self, world: World) -> None:
        answer = await world.call("GET", "tokens/sender?limit=2")
        assert len(answer.data) == 2
        assert "Link" not in answer.headers

    @pytest.mark.holds("PG-10", "TR-09", by="emsp")
    async def test_a_page_beyond_the_end_is_empty(self, world: World) -> None:
        answer = await world.call("GET", "tokens/sender?offset=10")
        assert answer.data == []
        assert answer.headers["X-Total-Count"] == "2"

    @pytest.mark.holds("PG-05", "PG-09", "AM-27", by="emsp")
    async def test_more_than_the_limit_is_not_returned(self, world: World) -> None:
        for number in range(20):
            world.node.tokens.issue({"uid": f"U{number}"})
        assert len((await world.call("GET", "tokens/sender?limit=1000")).data) == 10

    @pytest.mark.parametrize(
        ("window", "found"),
        [
            ("date_from=2026-01-01T12:00:00Z", 2),
            ("date_from=2026-01-01T12:00:00.001Z", 0),
            ("date_to=2026-01-01T12:00:00Z", 0),
            ("date_to=2026-01-01T12:00:01", 2),
        ],
    )
    @pytest.mark.holds("PG-01", "PG-02", "PG-03", "PG-20", by="emsp")
    async def test_a_window_includes_its_start_and_not_its_end(
        self, world: World, window: str, found: int
    ) -> None:
        answer = await world.call("GET", f"tokens/sender?{window}")
        assert len(answer.data) == found
        assert answer.headers["X-Total-Count"] == str(found)

    @pytest.mark.parametrize("query", ["limit=0", "limit=x", "offset=-1", "date_from=yesterday"])
    @pytest.mark.holds("PG-19", by="emsp")
    async def test_a_wrong_parameter_is_2001(self, world: World, query: str) -> None:
        answer = await world.call("GET", f"tokens/sender?{query}")
        assert (answer.status, answer.code) == (200, 2001)
        assert query.partition("=")[0] in answer.envelope["status_message"]


class TestAuthorize:
    """TOK-09 to TOK-14."""

    @pytest.mark.holds("TOK-10", "ST-01", by="emsp")
    async def test_a_known_token_is_allowed_without_a_body(self, world: World) -> None:
        answer = await world.call("POST", AUTHORIZE.format("04A1B2C3"))
        assert (answer.status, answer.code) == (200, 1000)
        assert answer.data["allowed"] == "ALLOWED"
        assert answer.data["token"] == world.node.tokens.get("04A1B2C3").to_wire()
        assert 0 < len(answer.data["authorization_reference"]) <= 36
        assert (answer.to, answer.sender) == ("BE/BEC", "NL/EMA")

    @pytest.mark.holds("TOK-03", by="emsp")
    async def test_the_type_is_rfid_unless_the_query_says_otherwise(self, world: World) -> None:
        assert (await world.call("POST", AUTHORIZE.format("app-1"))).status == 404
        answer = await world.call("POST", AUTHORIZE.format("app-1") + "?type=APP_USER")
        assert answer.data["allowed"] == "ALLOWED"

    @pytest.mark.holds("TOK-11", "ST-06", "AM-25", by="emsp")
    async def test_an_unknown_token_is_404_and_2004_without_data(self, world: World) -> None:
        answer = await world.call("POST", AUTHORIZE.format("who"))
        assert (answer.status, answer.code, answer.data) == (404, 2004, None)

    @pytest.mark.parametrize("allowed", [each for each in AllowedType if each != AllowedType.ALLOWED])
    @pytest.mark.holds("TOK-10", by="emsp")
    async def test_a_refusal_is_200_and_1000(self, world: World, allowed: AllowedType) -> None:
        world.node.tokens.issue(RFID, Standing(allowed))
        answer = await world.call("POST", AUTHORIZE.format("04A1B2C3"), {"location_id": "LOC1"})
        assert (answer.status, answer.code) == (200, 1000)
        assert answer.data["allowed"] == allowed
        assert "location" not in answer.data

    @pytest.mark.holds("TOK-13", "TOK-14", by="emsp")
    async def test_a_place_that_was_asked_for_is_told_back(self, world: World) -> None:
        asked = {"location_id": "NOWHERE", "evse_uids": ["E1"]}
        answer = await world.call("POST", AUTHORIZE.format("04A1B2C3"), asked)
        assert answer.data["location"] == asked

    @pytest.mark.holds("TOK-12", "TOK-13", "ST-04", by="emsp")
    async def test_a_token_for_certain_places_needs_to_know_the_place(self, world: World) -> None:
        places = (LocationReferences(location_id="LOC1", evse_uids=("E1", "E2")),)
        world.node.tokens.issue(RFID, Standing(places=places))
        without = await world.call("POST", AUTHORIZE.format("04A1B2C3"))
        assert (without.status, without.code) == (200, 2002)

        async def asked(**place: object) -> object:
            answer = await world.call("POST", AUTHORIZE.format("04A1B2C3"), place)
            return answer.data["allowed"], answer.data.get("location", {}).get("evse_uids")

        assert await asked(location_id="LOC1", evse_uids=["E2", "E3"]) == ("ALLOWED", ["E2"])
        assert await asked(location_id="loc1") == ("ALLOWED", ["E1", "E2"])
        assert await asked(location_id="LOC1", evse_uids=["E3"]) == ("NOT_ALLOWED", None)
        assert await asked(location_id="LOC2") == ("NOT_ALLOWED", None)

    @pytest.mark.holds("ST-03", by="emsp")
    async def test_a_body_that_is_no_place_is_2001(self, world: World) -> None:
        answer = await world.call("POST", AUTHORIZE.format("04A1B2C3"), {"evse_uids": ["E1"]})
        assert (answer.status, answer.code) == (200, 2001)
        assert "/location_id" in answer.envelope["status_message"]

    @pytest.mark.holds("TOK-10", by="emsp")
    async def test_a_blocked_token_is_blocked_at_once(self, world: World) -> None:
        world.node.tokens.block("04A1B2C3")
        answer = await world.call("POST", AUTHORIZE.format("04A1B2C3"))
        assert answer.data["allowed"] == "BLOCKED"


@pytest.mark.holds("TR-40", by="emsp")
async def test_only_post_authorizes_and_only_get_lists(world: World) -> None:
    """TR-40."""
    assert (await world.call("GET", AUTHORIZE.format("04A1B2C3"))).status == 405
    assert (await world.call("PUT", "tokens/sender", RFID)).status == 405
    assert (await world.call("GET", "tokens/sender/04A1B2C3")).status == 404


async def test_uids_are_found_in_any_case_but_not_at_random(world: World) -> None:
    assert world.node.tokens.get("04a1b2c3").uid == "04A1B2C3"
    assert world.node.tokens.find("APP-1").type == APP["type"]
    with pytest.raises(UnknownToken):
        world.node.tokens.get("app-1")
    world.node.tokens.issue({"uid": "app-1"})
    with pytest.raises(UnknownToken, match="2 tokens"):
        world.node.tokens.find("app-1")
