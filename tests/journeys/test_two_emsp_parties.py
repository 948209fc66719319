"""Two eMSP parties on one platform and three CPOs of which one hangs, through the real hub."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hub.ocpi.party import Party
from hub.web.app import RunningHub, running_hub
from partners.emsp.app import EmspNode
from partners.emsp.authorization import EVERYWHERE
from partners.emsp.bills import balances
from partners.emsp.provider import Provider
from partners.emsp.reservations import ReservationState, reservations
from partners.emsp.settings import EmspSettings
from partners.settings import NamedParty, NodeSettings
from schemas.v2_2_1 import ChargingPreferences, ChargingPreferencesResponse, ChargingProfile
from tests.fixtures.emsp_world import RFID, response_url
from tests.fixtures.recorder import Answered, Fault, Received, Recorder, Reply
from tests.fixtures.roaming import joined, settings
from tests.fixtures.samples import T1, cdr, cdr_token, evse, location, session, tariff

A, B, HUB = "NL/EMA", "NL/EMB", "NL/HUB"
ONE, TWO, HANGS = "BE/ONE", "BE/TWO", "BE/HNG"
UNTIL = datetime(2030, 1, 1, tzinfo=UTC)
ACCEPTED = Reply({"result": "ACCEPTED", "timeout": 5})
ACTIVE = {
    "start_date_time": T1,
    "charging_profile": {
        "charging_rate_unit": "W",
        "charging_profile_period": [{"start_period": 0, "limit": 7000}],
    },
}


@dataclass(frozen=True)
class Journey:
    """The hub, the platform of both eMSPs, and the CPOs."""

    hub: RunningHub
    emsp: EmspNode
    cpos: dict[str, Recorder]

    @property
    def parties(self) -> tuple[Provider, Provider]:
        first, second = self.emsp.providers.values()
        return first, second

    async def send(
        self, sender: str, method: str, path: str, value: object, to: str = HUB, code: int = 1000
    ) -> Answered:
        """A request of a CPO to the hub."""
        url = f"{self.hub.public_url}/ocpi/2.2.1/{path}"
        answer = await self.cpos[sender].call(method, url, value, to=to, sender=sender)
        assert answer.code == code, answer.body
        return answer

    def later(self, cpo: str, fragment: str, result: Any) -> None:
        """Let a CPO accept such requests, and post this to the response_url, which is the hub's."""

        async def accept(received: Received) -> Reply:
            url = response_url(received)
            assert url.startswith(self.hub.public_url)
            answer = await self.cpos[cpo].call("POST", url, result, to=received.sender, sender=cpo)
            assert answer.code == 1000, answer.body
            return ACCEPTED

        self.cpos[cpo].answers("*", fragment, accept)


def owned(value: dict[str, Any], owner: str) -> dict[str, Any]:
    country_code, party_id = owner.split("/")
    return {**value, "country_code": country_code, "party_id": party_id}


@pytest.fixture
async def journey(tmp_path: Path) -> AsyncIterator[Journey]:
    patient = settings(tmp_path)
    patient = replace(patient, limits=replace(patient.limits, relay=timedelta(milliseconds=500)))
    platform = NodeSettings(
        party=Party.parse(A), name="eMSP A", more_parties=(NamedParty(Party.parse(B), "eMSP B"),)
    )
    theirs = {Party.parse(B): [({"uid": "only-b"}, EVERYWHERE)]}
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(running_hub(patient, log=None))
        emsps = EmspSettings(node=platform, tokens=[(RFID, EVERYWHERE)], more_tokens=theirs)
        emsp = await stack.enter_async_context(EmspNode(emsps))
        cpos = {}
        for name in (ONE, TWO, HANGS):
            cpo = await stack.enter_async_context(Recorder([("CPO", *name.split("/"))]))
            cpos[name] = await joined(hub, cpo, name.replace("/", "-"))
        invitation = await hub.platforms.invite("emsps")
        await emsp.register(hub.versions_url, invitation.token)
        journey = Journey(hub, emsp, cpos)
        for name in cpos:
            path = f"receiver/locations/{name}/LOC1"
            await journey.send(name, "PUT", path, owned(location(evses=[capable()]), name))
        await emsp.until(lambda: all(len(each.places.all()) == 3 for each in journey.parties))
        yield journey


def capable() -> dict[str, Any]:
    return evse(capabilities=["CHARGING_PREFERENCES_CAPABLE", "CHARGING_PROFILE_CAPABLE", "RESERVABLE"])


@pytest.mark.holds("CR-20", "RT-01", by="emsp")
async def test_a_tariff_for_one_of_them_is_not_the_others(journey: Journey) -> None:
    first, second = journey.parties
    await journey.send(ONE, "PUT", f"receiver/tariffs/{ONE}/T1", owned(tariff(), ONE), to=A)
    await journey.send(ONE, "PUT", f"receiver/tariffs/{ONE}/T2", owned(tariff(id="T2"), ONE))
    await journey.emsp.until(lambda: journey.emsp.node.objects.held_by(Party.parse(B)).all("tariffs"))
    await journey.emsp.pull()
    held = [
        [each.key.object_id for each in journey.emsp.node.objects.held_by(party.party).all("tariffs")]
        for party in (first, second)
    ]
    assert held == [["T1", "T2"], ["T2"]]


async def test_a_cpo_that_hangs_is_left_out_of_a_pull_and_of_nothing_else(journey: Journey) -> None:
    first, second = journey.parties
    journey.cpos[HANGS].answers("GET", "/sender/sessions", Fault.HANG)
    listed = [owned(session(id="S1"), ONE), owned(session(id="S2", cdr_token=cdr_token(party_id="EMB")), ONE)]
    journey.cpos[ONE].answers(
        "GET",
        "/sender/sessions",
        lambda asked: Reply([listed[asked.sender == B]], headers={"X-Total-Count": "1"}),
    )
    pulled = await journey.emsp.pull()
    assert {what for what in pulled if what.startswith("sessions")} == {
        f"sessions of {cpo} for {party}" for cpo in (ONE, TWO) for party in (A, B)
    }
    assert [[each.id for each in party.sessions.all()] for party in (first, second)] == [["S1"], ["S2"]]


async def test_a_reservation_is_taken_back_by_its_cpo(journey: Journey) -> None:
    """CMD-09: on the hub's URL, which was used before."""
    _, second = journey.parties
    journey.later(ONE, "/commands/RESERVE_NOW", {"result": "ACCEPTED"})
    reserved = await second.driver.reserve("only-b", "LOC1", UNTIL, "E1", owner=Party.parse(ONE))
    assert reserved.outcome.is_accepted
    post = journey.cpos[ONE].all("POST", "/commands/RESERVE_NOW")[0]
    assert (post.to, post.sender) == (ONE, B)
    canceled = {"result": "CANCELED_RESERVATION"}
    answer = await journey.cpos[ONE].call("POST", response_url(post), canceled, to=B, sender=ONE)
    assert answer.code == 1000, answer.body
    (found,) = reservations(second.commands.all(), datetime.now(UTC))
    assert found.state is ReservationState.CANCELED


@pytest.mark.holds("CHP-01", "CHP-02", "SES-15", by="emsp")
async def test_a_session_is_limited_and_charges_as_the_driver_prefers(journey: Journey) -> None:
    """All three requests, with results at the hub's URLs, and news of the active profile."""
    _, second = journey.parties
    value = owned(session(cdr_token=cdr_token(party_id="EMB", uid="only-b")), TWO)
    await journey.send(TWO, "PUT", f"receiver/sessions/{TWO}/S1", value, to=B)
    profile = ChargingProfile.model_validate(ACTIVE["charging_profile"])
    smart = second.smart_charging
    journey.later(TWO, "/receiver/chargingprofiles/", {"result": "ACCEPTED"})
    assert (await smart.limit("S1", profile)).is_accepted
    journey.later(TWO, "/receiver/chargingprofiles/", {"result": "ACCEPTED", "profile": ACTIVE})
    told = await smart.active("S1")
    assert told.profile is not None
    assert told.profile.to_wire() == ACTIVE
    journey.later(TWO, "/receiver/chargingprofiles/", {"result": "REJECTED"})
    assert (await smart.unlimit("S1")).result == "REJECTED"
    assert [each.method for each in journey.cpos[TWO].all("*", "/receiver/chargingprofiles/")] == [
        "PUT",
        "GET",
        "DELETE",
    ]
    later = {**ACTIVE, "start_date_time": "2026-01-01T15:00:00Z"}
    await journey.send(TWO, "PUT", "sender/chargingprofiles/S1", later, to=B)
    known = second.profiles.known(second.sessions.all()[0])
    assert known is not None
    assert known.to_wire() == later
    journey.cpos[TWO].answers("PUT", "/charging_preferences", Reply("NOT_POSSIBLE"))
    preferences = ChargingPreferences.model_validate({"profile_type": "FAST"})
    assert await smart.prefer("S1", preferences) is ChargingPreferencesResponse.NOT_POSSIBLE


@pytest.mark.holds("CDR-02", "CDR-06", "CDR-07", by="emsp")
async def test_a_cdr_is_credited_and_replaced(journey: Journey) -> None:
    """10, taken back, and 5: 5 are owed, by the party of the token."""
    first, second = journey.parties
    wrong = owned(cdr(cdr_token=cdr_token(party_id="EMB"), total_cost={"excl_vat": Decimal(10)}), TWO)
    back = {"credit": True, "credit_reference_id": "C1", "total_cost": {"excl_vat": Decimal(-10)}}
    right = {"id": "C2", "total_cost": {"excl_vat": Decimal(5)}}
    for value in (wrong, {**wrong, "id": "C1-CREDIT", **back}, {**wrong, **right}):
        answer = await journey.send(TWO, "POST", "receiver/cdrs", value, to=B)
        where = answer.headers["Location"]
        assert where.startswith(journey.hub.public_url)
        there = await journey.cpos[TWO].call("GET", where, to=B, sender=TWO)
        assert there.data["id"] == value["id"]
    (owed,) = balances(second.bills())
    assert (owed.total, owed.cdr_ids) == (Decimal("5.00"), ("C1", "C1-CREDIT", "C2"))
    assert first.bills() == []


@pytest.mark.holds("CR-13", by="emsp")
async def test_who_leaves_and_comes_back_reads_everything_anew(journey: Journey) -> None:
    node = journey.emsp.node
    await node.unregister()
    path = f"receiver/sessions/{ONE}/S1"
    for party in (A, B):
        url = f"{journey.hub.public_url}/ocpi/2.2.1/{path}"
        answer = await journey.cpos[ONE].call("PUT", url, owned(session(), ONE), to=party, sender=ONE)
        assert answer.code in {4001, 4003}
    await journey.send(ONE, "PUT", f"receiver/locations/{ONE}/LOC2", owned(location(id="LOC2"), ONE))
    invitation = await journey.hub.platforms.invite_again("emsps")
    await journey.emsp.register(journey.hub.versions_url, invitation.token)
    pulled = await journey.emsp.pull_changes()
    assert pulled[f"locations of {HUB} for {B}"].kept == 4
    await journey.send(ONE, "PUT", path, owned(session(), ONE), to=A)
