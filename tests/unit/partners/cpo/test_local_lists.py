"""The lists of charge points follow the tokens, and say what the whitelist allows offline."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partners.charger.charge_point import ChargerSimulator
from partners.charger.settings import ChargerSettings
from partners.charger.states import Token, Verdict
from partners.cpo.stations.central_system import CentralSystemSettings
from partners.cpo.tokens.local_lists import Flavour, status_in_list
from schemas import v2_2_1
from tests.fixtures.cpo_world import World, token, world
from tests.fixtures.recorder import Fault
from tests.fixtures.waiting import until
from tests.unit.partners.ocpp_world import RawChargePoint, raw_charge_point

AT_ONCE = CentralSystemSettings(settle=timedelta(milliseconds=1))
MOMENT = timedelta(milliseconds=5)
LONG_GROUP = "f3a1c0de-0000-4000-8000-9b1d2c3e4f50"
LONG_UID = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"

each_version = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])


@asynccontextmanager
async def listing(*tokens: dict[str, Any], **changes: Any) -> AsyncIterator[World]:
    async with world(tokens=tokens, local_lists=True, central_system=AT_ONCE, **changes) as made:
        yield made


async def charger(made: World, version: str = "1.6", **values: str) -> ChargerSimulator:
    like = ChargerSettings(version=version, reconnect_after=MOMENT, reconnect_at_most=MOMENT)
    simulated = ChargerSimulator(f"{made.cpo.ocpp_url}/CP1", like, time=made.time)
    simulated.configuration.values.update(values)
    await made.stack.enter_async_context(simulated)
    await simulated.until_connected()
    return simulated


def known(simulated: ChargerSimulator, *uids: str) -> list[Verdict | None]:
    return [simulated.station.reader.tokens.verdict(Token(uid)) for uid in uids]


async def knows(simulated: ChargerSimulator, uid: str, verdict: Verdict | None) -> None:
    await until(lambda: known(simulated, uid) == [verdict])


# In step.


@pytest.mark.holds("TOK-07", "TOK-08", by="cpo")
@each_version
async def test_a_charge_point_has_the_cards_that_may_charge_and_follows_each_change(version: str) -> None:
    async with listing(token("CARD1"), token("CARD2", whitelist="NEVER")) as made:
        one = await charger(made, version)
        await knows(one, "CARD1", Verdict.ACCEPTED)
        assert known(one, "CARD2", "CARD3") == [None, None]
        await made.push(token("CARD3"))
        await knows(one, "CARD3", Verdict.ACCEPTED)
        await made.push(token("CARD1", valid=False))
        await knows(one, "CARD1", Verdict.INVALID)
        await made.push(token("CARD3", whitelist="NEVER"))
        await knows(one, "CARD3", None)


@each_version
async def test_offline_the_list_decides_who_charges(version: str) -> None:
    """The link is cut: who is listed charges, who is not does not, who was blocked does not."""
    cards = (token("CARD1"), token("CARD2", whitelist="NEVER"), token("CARD3", valid=False))
    async with listing(*cards) as made:
        one = await charger(made, version, AllowOfflineTxForUnknownId="false")
        await knows(one, "CARD3", Verdict.INVALID)
        await one.uplink.cut()
        found = {}
        for uid in ("CARD1", "CARD2", "CARD3", "STRANGER"):
            found[uid] = await one.station.reader.verdict(Token(uid))
        assert found == {
            "CARD1": Verdict.ACCEPTED,
            "CARD2": Verdict.INVALID,
            "CARD3": Verdict.INVALID,
            "STRANGER": Verdict.INVALID,
        }


async def test_who_must_be_asked_is_listed_where_the_charge_point_asks_first_and_nowhere_else() -> None:
    """ALLOWED_OFFLINE: asked while there is a link, known when there is none."""
    card = token("CARD1", whitelist="ALLOWED_OFFLINE")
    for pre_authorizes, listed in (("false", Verdict.ACCEPTED), ("true", None)):
        async with listing(card, token("CARD2")) as made:
            one = await charger(made, LocalPreAuthorize=pre_authorizes)
            await knows(one, "CARD2", Verdict.ACCEPTED)
            assert known(one, "CARD1") == [listed]
            made.hub.answers("POST", "/authorize", Fault.CLOSE)
            assert await one.station.reader.verdict(Token("CARD1")) is Verdict.ACCEPTED
            assert made.hub.all("POST", "/authorize")


async def test_a_charge_point_that_comes_back_gets_what_changed_and_no_more() -> None:
    async with listing(token("CARD1")) as made, wired(made) as first:
        await first.has(0)
        assert (await first.sent())["updateType"] == "Full"
        await first.is_closed()
        await made.push(token("CARD2"))
        async with wired(made) as again:
            await again.has(first.version)
            sent = await again.sent()
            assert (sent["updateType"], uids(sent)) == ("Differential", ["CARD2"])
            await made.push(token("CARD2", whitelist="NEVER"))
            gone = await again.sent()
            assert gone["localAuthorizationList"] == [{"idTag": "CARD2"}]
            assert gone["listVersion"] > sent["listVersion"] > first.version


async def test_after_a_reboot_that_lost_the_list_the_whole_one_is_sent() -> None:
    async with listing(token("CARD1"), token("CARD2")) as made, wired(made) as one:
        await one.has(0)
        await one.sent()
        boot = {"chargePointVendor": "V", "chargePointModel": "M"}
        await one.wire.say(2, "boot", "BootNotification", boot)
        await one.has(0)
        sent = await one.sent()
        assert (sent["updateType"], uids(sent)) == ("Full", ["CARD1", "CARD2"])


async def test_a_version_that_does_not_match_is_followed_by_the_whole_list() -> None:
    async with listing(token("CARD1")) as made, wired(made) as one:
        await one.has(0)
        await one.sent()
        await made.push(token("CARD2"))
        assert (await one.sent("VersionMismatch"))["updateType"] == "Differential"
        sent = await one.sent()
        assert (sent["updateType"], uids(sent)) == ("Full", ["CARD1", "CARD2"])


@pytest.mark.parametrize(
    "answer", [[3, {"listVersion": -1}], [4, "NotSupported", "", {}], [4, "NotImplemented", "", {}]]
)
async def test_a_charge_point_without_lists_is_left_in_peace(answer: list[Any]) -> None:
    async with listing(token("CARD1")) as made, wired(made) as one:
        asked = await one.asked()
        assert asked[2] == "GetLocalListVersion"
        await one.wire.say(answer[0], asked[1], *answer[1:])
        await until(lambda: made.cpo.local_lists.is_in_step("CP1"))
        await made.push(token("CARD2"))
        await one.wire.say(2, "beat", "Heartbeat", {})
        assert (await one.asked())[1] == "beat"


async def test_one_that_fails_is_tried_again_with_the_next_change() -> None:
    async with listing(token("CARD1")) as made, wired(made) as one:
        await one.has(0)
        await one.sent("Failed")
        await until(lambda: not made.cpo.local_lists.is_busy("CP1"))
        await made.push(token("CARD2"))
        assert uids(await one.sent()) == ["CARD1", "CARD2"]


async def test_one_that_fails_is_tried_again_after_a_while_though_nothing_changes() -> None:
    async with listing(token("A1")) as made, wired(made) as one:
        made.cpo.local_lists.again = timedelta(milliseconds=20)
        await one.has(0)
        for word in ("Failed", "Failed", "Accepted"):
            assert uids(await one.sent(word)) == ["A1"]
        await until(lambda: made.cpo.local_lists.is_in_step("CP1"))
        await one.wire.say(2, "beat", "Heartbeat", {})
        assert (await one.asked())[1] == "beat"


async def test_a_long_list_is_sent_in_parts_each_with_a_higher_version() -> None:
    cards = [token(f"CARD{number}") for number in range(7)]
    async with listing(*cards) as made, wired(made, part=3) as one:
        await one.has(0)
        parts = [await one.sent() for _ in range(3)]
        assert [each["updateType"] for each in parts] == ["Full", "Differential", "Differential"]
        versions = [each["listVersion"] for each in parts]
        assert versions == sorted(set(versions))
        assert [uid for each in parts for uid in uids(each)] == [f"CARD{number}" for number in range(7)]
        await until(lambda: made.cpo.local_lists.is_in_step("CP1"))


async def test_where_not_all_fits_those_who_may_charge_and_are_new_go_first() -> None:
    cards = [token("CARD1", valid=False), token("CARD2"), token("CARD3"), token("CARD4")]
    async with listing(*cards) as made, wired(made, most=2) as one:
        await one.has(0)
        assert sorted(uids(await one.sent())) == ["CARD3", "CARD4"]
        await made.push(token("CARD5"))
        sent = await one.sent()
        assert (sent["updateType"], sorted(uids(sent))) == ("Full", ["CARD4", "CARD5"])


# Names.


@each_version
async def test_uids_and_groups_that_are_too_long_have_surrogates_which_the_list_and_the_answer_share(
    version: str,
) -> None:
    card = token(LONG_UID, type="OTHER", group_id=LONG_GROUP)
    async with listing(card) as made:
        one = await charger(made, version)
        stored = v2_2_1.Token.model_validate(card)
        id_tag = made.cpo.id_tags.id_tag(stored, 20 if version == "1.6" else 36)
        group = made.cpo.id_tags.group(stored)
        assert group is not None
        assert len(group) == 20
        assert (id_tag == LONG_UID) is (version != "1.6")
        await knows(one, id_tag, Verdict.ACCEPTED)
        info = await made.cpo.chargings.authorize("CP1", id_tag)
        assert (info.status, info.parent_id_tag) == ("Accepted", group)


async def test_a_uid_that_two_emsps_gave_out_is_not_listed_and_comes_back_when_one_is_gone() -> None:
    async with listing(token("CARD1")) as made:
        one = await charger(made)
        await knows(one, "CARD1", Verdict.ACCEPTED)
        await made.push(token("CARD1", party_id="XYZ"))
        await knows(one, "CARD1", None)


def test_an_app_is_shown_to_no_reader() -> None:
    for kind in ("APP_USER", "AD_HOC_USER"):
        value = v2_2_1.Token.model_validate(token(type=kind))
        assert status_in_list(value, Flavour(36, asks_first=True)) is None


async def test_the_same_token_again_changes_no_list() -> None:
    async with listing(token("CARD1")) as made:
        before = made.cpo.local_lists.version
        await made.push(token("CARD1"))
        assert made.cpo.local_lists.version == before


async def test_lists_can_be_switched_off() -> None:
    async with world(tokens=(token(),), central_system=AT_ONCE) as made, wired(made) as one:
        await one.wire.say(2, "beat", "Heartbeat", {})
        assert (await one.wire.hear())[1] == "beat"
        asked = await one.wire.hear()
        assert asked[2] == "TriggerMessage"


@settings(max_examples=50)
@given(
    whitelist=st.sampled_from(["ALWAYS", "ALLOWED", "ALLOWED_OFFLINE", "NEVER"]),
    valid=st.booleans(),
    asks_first=st.booleans(),
)
def test_a_list_never_lets_in_whom_the_whitelist_does_not(
    *, whitelist: str, valid: bool, asks_first: bool
) -> None:
    value = v2_2_1.Token.model_validate(token(whitelist=whitelist, valid=valid))
    found = status_in_list(value, Flavour(20, asks_first))
    if found == "Accepted":
        assert valid
        assert whitelist in {"ALWAYS", "ALLOWED"} or (whitelist == "ALLOWED_OFFLINE" and asks_first)


# A charge point that is played by hand.


class Wired:
    """Answers what it is asked of its list."""

    def __init__(self, wire: RawChargePoint, part: int, most: int) -> None:
        self.wire = wire
        self.version = 0
        self._values = {
            "LocalPreAuthorize": "false",
            "SendLocalListMaxLength": str(part),
            "LocalAuthListMaxLength": str(most),
        }

    async def has(self, version: int) -> None:
        """It is asked for its version, and for what it can take."""
        asked = await self.asked()
        assert asked[2] == "GetLocalListVersion"
        await self.wire.say(3, asked[1], {"listVersion": version})
        for _ in self._values:
            asked = await self.asked()
            (key,) = asked[3]["key"]
            value = {"key": key, "readonly": True, "value": self._values[key]}
            await self.wire.say(3, asked[1], {"configurationKey": [value]})

    async def sent(self, word: str = "Accepted") -> dict[str, Any]:
        """It is sent a list, or changes of it."""
        asked = await self.asked()
        assert asked[2] == "SendLocalList", asked
        await self.wire.say(3, asked[1], {"status": word})
        if word == "Accepted":
            self.version = asked[3]["listVersion"]
        payload: dict[str, Any] = asked[3]
        return payload

    async def is_closed(self) -> None:
        await self.wire.websocket.close()

    async def asked(self) -> list[Any]:
        """The next frame that is about more than its status."""
        while True:
            frame = await self.wire.hear()
            if frame[2] == "TriggerMessage":
                await self.wire.say(3, frame[1], {"status": "Rejected"})
            elif frame[1] != "boot":
                return frame


@asynccontextmanager
async def wired(made: World, part: int = 100, most: int = 1000) -> AsyncIterator[Wired]:
    async with raw_charge_point(f"{made.cpo.ocpp_url}/CP1") as wire:
        yield Wired(wire, part, most)


def uids(sent: dict[str, Any]) -> list[str]:
    return [each["idTag"] for each in sent["localAuthorizationList"]]
