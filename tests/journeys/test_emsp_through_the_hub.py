"""The eMSP node through the real hub, with a CPO that writes down what it gets: over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from hub.ocpi.client import PeerRefused
from hub.ocpi.party import Party
from hub.web.app import RunningHub, running_hub
from partners.emsp.app import EmspNode
from partners.emsp.authorization import EVERYWHERE
from partners.emsp.provider import PriceHabits
from partners.emsp.quote import Wish
from partners.emsp.quoting import Place
from partners.emsp.settings import EmspSettings
from partners.settings import NodeSettings
from schemas.moment import moment_text
from schemas.v2_2_1 import CommandResultType
from tests.fixtures.emsp_world import APP, RFID, WHENEVER
from tests.fixtures.recorder import Answered, Received, Recorder, Reply
from tests.fixtures.roaming import joined, settings
from tests.fixtures.samples import T1, cdr, location, period, session, tariff

CPO, EMSP, HUB = "BE/BEC", "NL/EMA", "NL/HUB"


@dataclass(frozen=True)
class Journey:
    """The hub, the eMSP and a CPO."""

    hub: RunningHub
    emsp: EmspNode
    cpo: Recorder

    async def cpo_sends(self, method: str, path: str, value: object, to: str = EMSP) -> Answered:
        """A request of the CPO to the hub, which must be taken."""
        url = f"{self.hub.public_url}/ocpi/2.2.1/{path}"
        answer = await self.cpo.call(method, url, value, to=to, sender=CPO)
        assert answer.code == 1000, answer.body
        return answer


@pytest.fixture
async def emsp() -> AsyncIterator[EmspNode]:
    node = NodeSettings(party=Party.parse(EMSP), name="eMSP A")
    given = EmspSettings(
        node=node,
        tokens=[(RFID, EVERYWHERE), (APP, EVERYWHERE)],
        prices=PriceHabits(measures=WHENEVER),
    )
    async with EmspNode(given) as emsp:
        yield emsp


@pytest.fixture
async def journey(tmp_path: Path, emsp: EmspNode) -> AsyncIterator[Journey]:
    async with (
        running_hub(settings(tmp_path), log=None) as hub,
        Recorder([("CPO", *CPO.split("/"))]) as cpo,
    ):
        await joined(hub, cpo, "cpo")
        invitation = await hub.platforms.invite("emsp")
        await emsp.register(hub.versions_url, invitation.token)
        yield Journey(hub, emsp, cpo)


async def test_the_hub_registers_at_the_emsp(tmp_path: Path, emsp: EmspNode) -> None:
    """CR-01: the other way round; afterwards the eMSP talks to the hub as ever."""
    async with running_hub(settings(tmp_path), log=None) as hub:
        await hub.registering.register_at("emsp", emsp.versions_url, emsp.issue_token_a())
        assert str(emsp.node.link.hub) == HUB
        await emsp.pull()


async def test_tokens_are_rotated_from_the_emsps_side(journey: Journey) -> None:
    """CR-18: after the PUT everything goes on."""
    await journey.emsp.node.update_credentials()
    await journey.emsp.pull()
    await journey.cpo_sends("PUT", "receiver/sessions/BE/BEC/S1", session())


async def test_a_broadcast_location_reaches_the_emsp_and_a_later_pull_agrees(journey: Journey) -> None:
    """RT-35, RT-37, RT-52: FROM the hub, owned by the CPO."""
    await journey.cpo_sends("PUT", "receiver/tariffs/BE/BEC/T1", tariff(), to=HUB)
    await journey.cpo_sends("PUT", "receiver/locations/BE/BEC/LOC1", location(), to=HUB)
    (pushed,) = await journey.emsp.until(journey.emsp.locations)
    change = {"status": "CHARGING", "last_updated": T1}
    await journey.cpo_sends("PATCH", "receiver/locations/BE/BEC/LOC1/E1", change, to=HUB)
    await journey.emsp.until(lambda: journey.emsp.locations()[0].evses[0].status == "CHARGING")
    pulled = await journey.emsp.pull()
    assert {what: each.outdated for what, each in pulled.items()} == {
        f"tariffs of {HUB}": 0,
        f"locations of {HUB}": 0,
        "sessions of BE/BEC": 0,
        "cdrs of BE/BEC": 0,
    }
    assert journey.emsp.locations()[0].id == pushed.id


async def test_tokens_reach_the_cpo(journey: Journey) -> None:
    """RT-28: TO the CPO, FROM the hub, with the eMSP's codes in the URL."""
    await journey.emsp.push_tokens()
    app = await journey.cpo.receives("PUT", "/receiver/tokens/NL/EMA/app-1")
    assert (app.query, app.to, app.sender) == ("type=APP_USER", CPO, HUB)
    assert app.value["whitelist"] == "NEVER"


async def test_a_cpo_asks_in_real_time(journey: Journey) -> None:
    """TOK-19: the eMSP's own answer, also when it is 404 and 2004 (AM-25)."""
    answer = await journey.cpo_sends(
        "POST", "sender/tokens/04A1B2C3/authorize", {"location_id": "LOC1", "evse_uids": ["E1"]}
    )
    assert (answer.data["allowed"], answer.to, answer.sender) == ("ALLOWED", CPO, EMSP)
    url = f"{journey.hub.public_url}/ocpi/2.2.1/sender/tokens/who/authorize"
    unknown = await journey.cpo.call("POST", url, to=EMSP, sender=CPO)
    assert (unknown.status, unknown.code) == (404, 2004)


async def test_a_driver_charges_and_gets_a_bill(journey: Journey) -> None:
    """Location, START_SESSION, session, STOP_SESSION, CDR, bill: every callback URL leads through the hub."""
    emsp, cpo = journey.emsp, journey.cpo
    await journey.cpo_sends("PUT", "receiver/tariffs/BE/BEC/T1", tariff(), to=HUB)
    await journey.cpo_sends("PUT", "receiver/locations/BE/BEC/LOC1", location(), to=HUB)
    await emsp.until(emsp.locations)

    async def accept(received: Received) -> Reply:
        url = received.value["response_url"]
        assert url.startswith(journey.hub.public_url)
        answer = await cpo.call("POST", url, {"result": "ACCEPTED"}, to=EMSP, sender=CPO)
        assert answer.code == 1000, answer.body
        return Reply({"result": "ACCEPTED", "timeout": 5})

    cpo.answers("POST", "/receiver/commands/", accept)
    started = await emsp.start_session("app-1", "LOC1", "E1", "1")
    assert started.outcome.result == CommandResultType.ACCEPTED
    start = await cpo.receives("POST", "/commands/START_SESSION")
    assert (start.to, start.sender) == (CPO, EMSP)

    token = {name: start.value["token"][name] for name in ("country_code", "party_id", "uid", "type")}
    shared = {
        "cdr_token": {**token, "contract_id": start.value["token"]["contract_id"]},
        "auth_method": "COMMAND",
        "authorization_reference": start.value["authorization_reference"],
    }
    await journey.cpo_sends("PUT", "receiver/sessions/BE/BEC/S1", session(**shared))
    reference = started.authorization_reference
    (charging,) = await emsp.until(lambda: emsp.charging.with_reference(reference))
    assert (await emsp.stop_session(charging.id)).is_accepted
    final = {
        "status": "COMPLETED",
        "kwh": 10,
        "end_date_time": "2026-01-01T11:30:00Z",
        "last_updated": T1,
    }
    await journey.cpo_sends("PATCH", "receiver/sessions/BE/BEC/S1", final)

    handed_over = await journey.cpo_sends("POST", "receiver/cdrs", cdr(**shared))
    where = handed_over.headers["Location"]
    assert where.startswith(journey.hub.public_url)
    there = await cpo.call("GET", where, to=EMSP, sender=CPO)
    assert there.data["id"] == "C1"
    (bill,) = emsp.bills()
    assert (bill.token_uid, bill.total, bill.agrees) == ("app-1", Decimal("4.20"), True)
    assert bill.remarks == ()


async def test_a_quote_before_the_start_is_the_bill_though_the_tariff_changes_meanwhile(
    journey: Journey,
) -> None:
    """The driver is told 4.20; the CPO's PUT through the hub, in mid-session, changes nothing."""
    emsp = journey.emsp
    began = datetime.now(UTC).replace(microsecond=0)
    told = {"last_updated": moment_text(began - timedelta(hours=1))}
    await journey.cpo_sends("PUT", "receiver/tariffs/BE/BEC/T1", tariff(**told), to=HUB)
    await journey.cpo_sends("PUT", "receiver/locations/BE/BEC/LOC1", location(**told), to=HUB)
    await emsp.until(emsp.locations)
    wish = Wish(began, Decimal(10), timedelta(hours=1), timedelta(minutes=30))
    quote = emsp.provider.quoting.quote(Place("LOC1", "E1", "1"), wish).quote.as_data()
    assert quote["total"] == Decimal("4.20")

    history = emsp.provider.tariff_history
    dearer = [{"price_components": [{"type": "ENERGY", "price": Decimal(9), "vat": 20, "step_size": 1}]}]
    change = tariff(elements=dearer, last_updated=moment_text(began + timedelta(seconds=1)))
    await journey.cpo_sends("PUT", "receiver/tariffs/BE/BEC/T1", change, to=HUB)
    await emsp.until(lambda: len(history.versions(Party.parse(CPO), ["T1"])) == 2)
    stopped, ended = (moment_text(began + timedelta(minutes=each)) for each in (60, 90))
    happened = {
        "start_date_time": moment_text(began),
        "end_date_time": ended,
        "last_updated": ended,
        "charging_periods": [
            period(moment_text(began), ENERGY="10", TIME="1"),
            period(stopped, PARKING_TIME="0.5"),
        ],
    }
    await journey.cpo_sends("POST", "receiver/cdrs", cdr(**happened, tariffs=[tariff(**told)]))
    by_change = {"total_energy_cost": {"excl_vat": 90}, "total_cost": {"excl_vat": 91}}
    other = cdr(id="C2", session_id="S2", **happened, tariffs=[change], **by_change)
    await journey.cpo_sends("POST", "receiver/cdrs", other)
    honest, dear = emsp.bills()
    assert (honest.total, honest.agrees) == (quote["total"], True)
    assert "tariff" not in {each.rule for each in honest.findings}
    assert dear.is_disputed
    assert ("published-price-lines", "/total_energy_cost/excl_vat") in {
        (each.rule, each.pointer) for each in dear.findings
    }


async def test_a_cpo_that_hangs_costs_the_driver_an_error_and_a_late_start_is_kept(journey: Journey) -> None:
    """CMD-11, RT-15."""
    emsp, cpo = journey.emsp, journey.cpo
    await journey.cpo_sends("PUT", "receiver/locations/BE/BEC/LOC1", location(), to=HUB)
    await emsp.until(emsp.locations)
    answered = asyncio.Event()

    async def late(_: Received) -> Reply:
        await answered.wait()
        return Reply({"result": "ACCEPTED", "timeout": 5})

    cpo.answers("POST", "/receiver/commands/", late)
    with pytest.raises(PeerRefused, match="4002"):
        await emsp.start_session("04A1B2C3", "LOC1")
    answered.set()
    url = cpo.all("POST", "/receiver/commands/")[0].value["response_url"]
    result = await cpo.call("POST", url, {"result": "ACCEPTED"}, to=EMSP, sender=CPO)
    assert result.code == 1000
    assert emsp.commands.all()[0].result == CommandResultType.ACCEPTED


async def test_after_the_end_nobody_gets_in(journey: Journey) -> None:
    """CR-13."""
    await journey.emsp.node.unregister()
    url = f"{journey.hub.public_url}/ocpi/2.2.1/receiver/sessions/BE/BEC/S1"
    answer = await journey.cpo.call("PUT", url, session(), to=EMSP, sender=CPO)
    assert answer.code in {4001, 4003}
    assert journey.emsp.sessions() == []
