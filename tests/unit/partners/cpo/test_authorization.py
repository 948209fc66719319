"""Whether a card may charge: each whitelist type with the eMSP there, away, and of another opinion."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from partners.charger.driver import rfid_visit
from partners.charger.states import Verdict as Said
from tests.fixtures.cpo_world import CPO, EMSP, SettableClock, World, token, world
from tests.fixtures.recorder import Fault, Reply
from tests.unit.partners.cpo.test_odd_chargers import charger as charger_at
from tests.unit.partners.cpo.test_odd_stations import station

AUTHORIZE = "/authorize"


def allowed(answer: str = "ALLOWED", **changes: Any) -> Reply:
    return Reply({"allowed": answer, "token": token(**changes.pop("of", {})), **changes})


async def tapped(made: World, id_tag: str = "CARD1") -> Said:
    charger = await made.charger()
    charger.plug_in(1)
    return await charger.tap(1, id_tag)


UP = allowed()
BLOCKED = allowed("BLOCKED")
AWAY = Reply(status_code=4003, status_message="not connected")
TIMED_OUT = Reply(status_code=4002, status_message="no answer in time")
UNKNOWN = Reply(status=404, status_code=2004, status_message="unknown token")


@pytest.mark.holds("TOK-07", "TOK-08", "TOK-21", by="cpo")
@pytest.mark.parametrize(
    ("whitelist", "valid", "emsp", "said", "is_asked"),
    [
        ("ALWAYS", True, BLOCKED, Said.ACCEPTED, False),
        ("ALWAYS", False, UP, Said.INVALID, False),
        ("ALLOWED", True, BLOCKED, Said.ACCEPTED, False),
        ("ALLOWED", False, UP, Said.INVALID, False),
        ("ALLOWED_OFFLINE", True, UP, Said.ACCEPTED, True),
        ("ALLOWED_OFFLINE", True, BLOCKED, Said.BLOCKED, True),
        ("ALLOWED_OFFLINE", True, AWAY, Said.ACCEPTED, True),
        ("ALLOWED_OFFLINE", True, TIMED_OUT, Said.ACCEPTED, True),
        ("ALLOWED_OFFLINE", True, Fault.CLOSE, Said.ACCEPTED, True),
        ("ALLOWED_OFFLINE", True, Fault.HTML, Said.ACCEPTED, True),
        ("ALLOWED_OFFLINE", True, Reply({"allowed": "SURE"}), Said.ACCEPTED, True),
        ("ALLOWED_OFFLINE", False, AWAY, Said.INVALID, True),
        ("ALLOWED_OFFLINE", True, UNKNOWN, Said.INVALID, True),
        ("ALLOWED_OFFLINE", True, Reply(status_code=4001), Said.INVALID, True),
        ("NEVER", True, UP, Said.ACCEPTED, True),
        ("NEVER", False, UP, Said.ACCEPTED, True),
        ("NEVER", True, BLOCKED, Said.BLOCKED, True),
        ("NEVER", True, AWAY, Said.INVALID, True),
        ("NEVER", True, Fault.SERVER_ERROR, Said.INVALID, True),
    ],
)
async def test_the_whitelist_decides_who_decides(
    *, whitelist: str, valid: bool, emsp: Reply | Fault, said: Said, is_asked: bool
) -> None:
    """TOK-07, TOK-08, TOK-21."""
    async with world(tokens=(token(whitelist=whitelist, valid=valid),)) as made:
        made.hub.answers("POST", AUTHORIZE, emsp)
        assert await tapped(made) is said
        assert bool(made.hub.all("POST", AUTHORIZE)) is is_asked


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("ALLOWED", Said.ACCEPTED),
        ("BLOCKED", Said.BLOCKED),
        ("EXPIRED", Said.EXPIRED),
        ("NO_CREDIT", Said.BLOCKED),
        ("NOT_ALLOWED", Said.INVALID),
        ("PERHAPS", Said.INVALID),
    ],
)
async def test_each_word_of_the_emsp_has_one_of_ocpp(answer: str, said: Said) -> None:
    async with world(tokens=(token(whitelist="NEVER"),)) as made:
        made.hub.answers("POST", AUTHORIZE, allowed(answer))
        assert await tapped(made) is said


@pytest.mark.holds("TOK-09", by="cpo")
async def test_the_emsp_of_a_known_token_is_asked_with_the_place() -> None:
    """TOK-09."""
    async with world(tokens=(token(whitelist="NEVER"),)) as made:
        made.hub.answers("POST", AUTHORIZE, UP)
        await tapped(made)
        asked = await made.hub.receives("POST", AUTHORIZE)
        assert asked.path.endswith("/sender/tokens/CARD1/authorize")
        assert (asked.query, asked.to, asked.sender) == ("type=RFID", EMSP, str(CPO))
        assert asked.value == {"location_id": "square", "evse_uids": ["E1"]}


@pytest.mark.holds("RT-44", by="cpo")
async def test_an_unknown_token_is_asked_of_whoever_the_hub_finds() -> None:
    """RT-44: no OCPI-to; the token and its owner are learnt from the answer."""
    async with world() as made:
        made.hub.answers("POST", AUTHORIZE, allowed(of={"uid": "STRANGER", "party_id": "XYZ"}))
        charger = await made.charger()
        await rfid_visit(charger, 1, "STRANGER", Decimal(1000))
        asked = await made.hub.receives("POST", AUTHORIZE)
        assert (asked.to, asked.sender) == (None, str(CPO))
        cdr = await made.hub.receives("POST", "/receiver/cdrs")
        assert cdr.to == "NL/XYZ"
        assert cdr.value["cdr_token"]["uid"] == "STRANGER"
        assert cdr.value["auth_method"] == "AUTH_REQUEST"


@pytest.mark.parametrize("answer", [UNKNOWN, AWAY, Reply(status_code=4001), Fault.CLOSE])
async def test_a_token_that_nobody_knows_does_not_charge(answer: Reply | Fault) -> None:
    async with world() as made:
        made.hub.answers("POST", AUTHORIZE, answer)
        assert await tapped(made, "STRANGER") is Said.INVALID
        assert made.cpo.sessions() == []


async def test_an_emsp_that_takes_too_long_counts_as_away() -> None:
    async with world(
        tokens=(token(whitelist="ALLOWED_OFFLINE"),), authorize_within=timedelta(milliseconds=50)
    ) as made:
        made.hub.answers("POST", AUTHORIZE, Fault.HANG)
        assert await tapped(made) is Said.ACCEPTED


async def test_a_token_that_may_charge_elsewhere_only_does_not_charge_here() -> None:
    """TOK-13."""
    async with world(tokens=(token(whitelist="NEVER"),)) as made:
        elsewhere = {"location_id": "square", "evse_uids": ["E2"]}
        made.hub.answers("POST", AUTHORIZE, allowed(location=elsewhere))
        assert await tapped(made) is Said.INVALID


@pytest.mark.holds("TOK-15", "SES-12", "CDR-13", by="cpo")
async def test_the_reference_of_the_emsp_goes_into_session_and_cdr() -> None:
    """TOK-15, SES-12, CDR-13."""
    async with world(tokens=(token(whitelist="NEVER"),)) as made:
        made.hub.answers("POST", AUTHORIZE, allowed(authorization_reference="REF-1"))
        charger = await made.charger()
        await rfid_visit(charger, 1, "CARD1", Decimal(1000))
        cdr = (await made.hub.receives("POST", "/receiver/cdrs")).value
        assert (cdr["auth_method"], cdr["authorization_reference"]) == ("AUTH_REQUEST", "REF-1")
        assert made.sessions()[0]["authorization_reference"] == "REF-1"
        assert len(made.hub.all("POST", AUTHORIZE)) == 1


async def test_two_emsps_with_the_same_uid_are_not_guessed_between() -> None:
    async with world(tokens=(token(), token(party_id="XYZ"))) as made:
        assert await tapped(made) is Said.INVALID
        assert made.hub.all("POST", AUTHORIZE) == []


async def test_a_token_that_is_pushed_counts_at_once() -> None:
    """TOK-01, TOK-18."""
    async with world(tokens=(token(whitelist="ALWAYS"),)) as made:
        answer = await made.push(token(valid=False, last_updated="2026-02-01T00:00:00Z"))
        assert (answer.status, answer.code) == (200, 1000)
        assert await tapped(made) is Said.INVALID
        url = f"{made.hub.far_end['tokens', 'RECEIVER']}/NL/MSP/CARD1"
        stored = await made.hub.call("GET", url, to=str(CPO), sender=EMSP)
        assert stored.data["valid"] is False
        assert (await made.hub.call("GET", url + "9", to=str(CPO), sender=EMSP)).status == 404


async def test_an_older_push_does_not_undo_a_newer_one() -> None:
    async with world() as made:
        await made.push(token(valid=False, last_updated="2026-02-01T00:00:00Z"))
        await made.push(token(valid=True, last_updated="2026-01-01T00:00:00Z"))
        assert await tapped(made) is Said.INVALID


START = {"location_id": "square", "evse_uid": "E1"}


@pytest.mark.holds("CMD-14", by="cpo")
@pytest.mark.parametrize(("minutes", "asked"), [(14, 0), (16, 1)])
async def test_a_card_that_a_command_named_is_not_asked_about_for_a_quarter_of_an_hour(
    minutes: int, asked: int
) -> None:
    """CMD-14."""
    clock = SettableClock()
    async with world(tokens=(token(whitelist="NEVER"),), clock=clock) as made:
        made.hub.answers("POST", AUTHORIZE, UP)
        charger = await made.charger()
        await made.command("START_SESSION", START | {"token": token(whitelist="NEVER")})
        await made.result("START_SESSION")
        clock.ahead = timedelta(minutes=minutes)
        # The driver comes later than the charge point waits: it has forgotten the command, and asks.
        await charger.until(lambda: charger.station.connectors[1].authorized is None)
        assert await charger.tap(1, "CARD1") is Said.ACCEPTED
        assert len(made.hub.all("POST", AUTHORIZE)) == asked


async def test_what_the_emsp_says_to_its_driver_is_shown_in_the_drivers_language() -> None:
    """Contract, 3 and 4: `language` and `info`; 1.6 has no words for them."""
    card = token(whitelist="NEVER", language="nl")
    info = {"language": "nl", "text": "Uw tegoed is op"}
    async with world(tokens=(card,)) as made, station(made) as one, charger_at(made, "CP2") as other:
        said = {"allowed": "NO_CREDIT", "token": card, "info": info}
        made.hub.answers("POST", AUTHORIZE, Reply(said))
        told = await one.says("Authorize", idToken={"idToken": "CARD1", "type": "ISO14443"})
        assert told["idTokenInfo"]["language1"] == "nl"
        shown = {"format": "UTF8", "language": "nl", "content": "Uw tegoed is op"}
        assert told["idTokenInfo"]["personalMessage"] == shown
        assert (await other.says("Authorize", idTag="CARD1"))["idTagInfo"]["status"] == "Blocked"


@pytest.mark.holds("TOK-08", by="cpo")
@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@pytest.mark.parametrize(("whitelist", "is_billed"), [("ALLOWED_OFFLINE", True), ("NEVER", False)])
async def test_who_began_without_a_link_was_decided_about_by_the_whitelist(
    *, version: str, whitelist: str, is_billed: bool
) -> None:
    """What the eMSP says of the token today is not what held when it charged."""
    card = token(whitelist=whitelist)
    async with world(tokens=(card,), trust_clock=timedelta(minutes=5)) as made:
        made.hub.answers("POST", AUTHORIZE, BLOCKED)
        if version == "1.6":
            async with charger_at(made) as one:
                await one.stops(await one.starts())
        else:
            async with station(made) as two:
                await two.starts(offline=True)
                await two.ends(offline=True)
        methods = [each.current["auth_method"] for each in made.cpo.sessions()]
        assert methods == (["WHITELIST"] if is_billed else [])
        assert bool(made.hub.all("POST", AUTHORIZE)) is not is_billed
