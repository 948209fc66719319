"""Two eMSP parties on one platform and three CPOs of which one hangs, through the real hub."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
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
from partners.emsp.settings import EmspSettings
from partners.settings import NamedParty, NodeSettings
from tests.fixtures.emsp_world import RFID
from tests.fixtures.recorder import Answered, Fault, Recorder, Reply
from tests.fixtures.roaming import joined, settings
from tests.fixtures.samples import cdr, cdr_token, location, session, tariff

A, B, HUB = "NL/EMA", "NL/EMB", "NL/HUB"
ONE, TWO, HANGS = "BE/ONE", "BE/TWO", "BE/HNG"


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
            await journey.send(name, "PUT", path, owned(location(), name))
        await emsp.until(lambda: all(len(each.places.all()) == 3 for each in journey.parties))
        yield journey


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
