"""2.2.1, Tokens, as their owner: what is pushed and how, and answers in real time."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub.ocpi.client import PeerRefused
from partners.emsp.authorization import Standing
from partners.emsp.tokens import remarks
from schemas.v2_2_1 import AllowedType, LocationReferences, Token, TokenType, WhitelistType
from tests.fixtures.clocks import Clock
from tests.fixtures.emsp_world import RFID, World, emsp_world
from tests.fixtures.recorder import Recorder, Reply
from tests.fixtures.samples import evse, location, token

TOKENS = "/receiver/tokens/"
AUTHORIZE = "tokens/sender/04A1B2C3/authorize"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def world(clock: Clock) -> AsyncIterator[World]:
    async with emsp_world(clock=clock) as world:
        yield world


async def block(world: World, uid: str = "04A1B2C3", kind: str = "RFID") -> Token:
    blocked = world.node.tokens.block(uid, kind)
    await world.node.tokens.tell_change(blocked, "valid")
    return blocked


class TestPush:
    """A new token is PUT, a change PATCHed; nothing is ever deleted."""

    @pytest.mark.holds("TOK-01", "TOK-02", "TOK-03", "TOK-04", by="emsp")
    @pytest.mark.parametrize(("uid", "kind"), [("04A1B2C3", "RFID"), ("app-1", "APP_USER")])
    async def test_a_token_that_goes_out_of_use_is_patched_to_invalid(
        self, world: World, clock: Clock, uid: str, kind: str
    ) -> None:
        clock.passes(hours=1)
        await block(world, uid, kind)
        (patch,) = world.hub.all("*", TOKENS)
        assert (patch.method, patch.query) == ("PATCH", f"type={kind}")
        assert patch.path.endswith(f"/receiver/tokens/NL/EMA/{uid}")
        assert patch.value == {"valid": False, "last_updated": "2026-01-01T13:00:00Z"}
        assert (patch.to, patch.sender) == ("HU/HUB", "NL/EMA")

    @pytest.mark.holds("TOK-04", "TR-23", by="emsp")
    async def test_a_hub_that_lacks_it_gets_it_whole(self, world: World) -> None:
        world.hub.answers("PATCH", TOKENS, Reply(status=404, status_code=2001))
        blocked = await block(world)
        assert [each.method for each in world.hub.all("*", TOKENS)] == ["PATCH", "PUT"]
        assert world.hub.all("PUT", TOKENS)[0].value == blocked.to_wire()

    @pytest.mark.holds("TOK-04", "TOK-18", "TR-23", by="emsp")
    @pytest.mark.parametrize(("there", "methods"), [(404, ["PATCH", "GET", "PUT"]), (200, ["PATCH", "GET"])])
    async def test_a_cpo_that_does_not_take_a_change_is_asked_what_it_has(
        self, there: int, methods: list[str]
    ) -> None:
        """GET at the CPO, with the type; only what is missing there is PUT."""
        async with emsp_world() as world, Recorder(roles=[("CPO", "BE", "AAA")]) as cpo:
            await world.node.node.unregister()
            await world.node.register(cpo.versions_url, cpo.accept_new_token())
            cpo.received.clear()
            cpo.answers("PATCH", TOKENS, Reply(status=404, status_code=2001))
            cpo.answers("GET", TOKENS, Reply(token(), status=there))
            refused = there == 200
            try:
                await block(world)
            except PeerRefused:
                assert refused
            assert [each.method for each in cpo.all("*", TOKENS)] == methods
            assert {each.query for each in cpo.all("*", TOKENS)} == {"type=RFID"}
            assert {each.to for each in cpo.all("*", TOKENS)} == {"BE/AAA"}

    @pytest.mark.holds("TOK-03", "AM-52", by="emsp")
    async def test_one_uid_may_be_two_tokens(self, world: World) -> None:
        world.node.tokens.issue({"uid": "04A1B2C3", "type": TokenType.OTHER})
        await world.node.push_tokens()
        same = [each for each in world.hub.all("PUT", TOKENS) if each.path.endswith("/04A1B2C3")]
        assert [each.query for each in same] == ["type=RFID", "type=OTHER"]
        assert [each.value["type"] for each in same] == ["RFID", "OTHER"]


@pytest.mark.holds("TOK-16", "TOK-17", by="emsp")
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"type": "APP_USER", "whitelist": "NEVER"}, []),
        ({"type": "APP_USER", "whitelist": "ALLOWED"}, ["NEVER"]),
        ({"type": "AD_HOC_USER", "whitelist": "ALWAYS"}, ["NEVER"]),
        ({"type": "RFID", "whitelist": "ALWAYS"}, []),
        ({"group_id": "g" * 20}, []),
        ({"group_id": "g" * 21}, ["OCPP"]),
        ({"type": "APP_USER", "group_id": "g" * 21}, ["NEVER", "OCPP"]),
    ],
)
async def test_what_ocpi_advises_against_is_remarked_and_pushed(
    world: World, changes: dict[str, Any], said: list[str]
) -> None:
    found = remarks(Token.model_validate(token(**changes)))
    assert len(found) == len(said)
    assert all(word in remark for word, remark in zip(said, found, strict=True))
    body = {"uid": "new", **changes}
    bearer = {"Authorization": f"Bearer {world.node.admin_key}"}
    url = f"{world.node.admin_url}/node/tokens"
    told = (await world.hub.call("POST", url, body, headers=bearer)).envelope
    shown = Token.model_validate({name: each for name, each in told.items() if name != "remarks"})
    assert told.get("remarks", []) == remarks(shown)
    assert "remarks" not in world.hub.all("PUT", TOKENS)[-1].value


@pytest.mark.holds("TOK-16", by="emsp")
@pytest.mark.parametrize("kind", [TokenType.APP_USER, TokenType.AD_HOC_USER])
async def test_what_an_app_makes_up_is_never_whitelisted_unless_told_so(
    world: World, kind: TokenType
) -> None:
    assert world.node.tokens.issue({"uid": "new", "type": kind}).whitelist is WhitelistType.NEVER


class TestAuthorize:
    """Real-time authorization, TOK-06 and TOK-10 to TOK-14."""

    @pytest.mark.holds("TOK-06", "TOK-10", by="emsp")
    @pytest.mark.parametrize("whitelist", list(WhitelistType))
    async def test_every_token_can_be_asked_about(self, world: World, whitelist: WhitelistType) -> None:
        world.node.tokens.issue({**RFID, "whitelist": whitelist})
        answer = await world.call("POST", AUTHORIZE)
        assert (answer.status, answer.code, answer.data["allowed"]) == (200, 1000, "ALLOWED")
        assert answer.data["token"] == world.node.tokens.get("04A1B2C3").to_wire()

    @pytest.mark.holds("TOK-14", by="emsp")
    @pytest.mark.parametrize(
        "changes",
        [
            {"evses": [evse(status="INOPERATIVE")]},
            {"evses": [evse(status="CHARGING")]},
            {"opening_times": {"twentyfourseven": False, "regular_hours": [], "exceptional_openings": []}},
            {"publish": False},
        ],
    )
    async def test_status_hours_and_publication_of_a_place_do_not_matter(
        self, world: World, changes: dict[str, Any]
    ) -> None:
        await world.call("PUT", "locations/receiver/BE/BEC/LOC1", location(**changes))
        answer = await world.call("POST", AUTHORIZE, {"location_id": "LOC1", "evse_uids": ["E1"]})
        assert answer.data["allowed"] == "ALLOWED"
        assert answer.data["location"] == {"location_id": "LOC1", "evse_uids": ["E1"]}

    @pytest.mark.holds("TOK-11", "ST-06", by="emsp")
    @pytest.mark.parametrize("query", ["", "?type=RFID", "?type=APP_USER", "?type=NONSENSE"])
    async def test_who_is_not_known_is_404_and_2004_without_data(self, world: World, query: str) -> None:
        answer = await world.call("POST", f"tokens/sender/STRANGER/authorize{query}")
        assert (answer.status, answer.code) == (404, 2004)
        assert "data" not in answer.envelope

    @pytest.mark.holds("TOK-12", "ST-04", by="emsp")
    async def test_where_the_place_decides_it_has_to_be_said(self, world: World) -> None:
        place = LocationReferences(location_id="LOC1")
        world.node.tokens.issue(RFID, Standing(places=(place,)))
        answer = await world.call("POST", AUTHORIZE)
        assert (answer.status, answer.code) == (200, 2002)

    @pytest.mark.holds("TOK-13", by="emsp")
    @pytest.mark.parametrize(
        ("asked", "allowed", "told"),
        [
            ({"location_id": "LOC1", "evse_uids": ["E1", "E3"]}, "ALLOWED", ["E1"]),
            ({"location_id": "LOC1", "evse_uids": ["E3"]}, "NOT_ALLOWED", None),
            ({"location_id": "LOC2", "evse_uids": ["E1"]}, "NOT_ALLOWED", None),
            ({"location_id": "LOC1"}, "ALLOWED", ["E1", "E2"]),
        ],
    )
    async def test_only_what_was_asked_and_is_allowed_is_told_back(
        self, world: World, asked: dict[str, Any], allowed: str, told: list[str] | None
    ) -> None:
        place = LocationReferences(location_id="LOC1", evse_uids=("E1", "E2"))
        world.node.tokens.issue(RFID, Standing(places=(place,)))
        data = (await world.call("POST", AUTHORIZE, asked)).data
        assert data["allowed"] == allowed
        assert data.get("location", {}).get("evse_uids") == told

    @pytest.mark.holds("TOK-10", "AM-25", by="emsp")
    @pytest.mark.parametrize("allowed", list(AllowedType))
    async def test_a_refusal_is_no_error(self, world: World, allowed: AllowedType) -> None:
        world.node.tokens.issue(RFID, Standing(allowed))
        answer = await world.call("POST", AUTHORIZE)
        assert (answer.status, answer.code, answer.data["allowed"]) == (200, 1000, allowed)
