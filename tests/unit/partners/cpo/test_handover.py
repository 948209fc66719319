"""What is owed is handed over: after an outage, after a restart, in order, once."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from partners.charger.charge_point import ChargerSimulator
from partners.charger.driver import rfid_visit
from partners.cpo.app import CpoNode
from partners.cpo.billing.sessions import Pace
from tests.fixtures.cpo_world import EMSP, SettableClock, World, cpo_settings, token, world
from tests.fixtures.recorder import Fault, Received, Reply
from tests.unit.partners.cpo.test_odd_chargers import charger as charger_at
from tests.unit.partners.ocpp_world import RawChargePoint, raw_charge_point

OTHER = token("CARD2", party_id="XYZ")


async def visited(made: World, card: str = "CARD1", charge_point: str = "CP1") -> None:
    charger = await made.charger(charge_point)
    await rfid_visit(charger, 1, card, Decimal(1000))


def works_again(made: World) -> None:
    made.hub.answers("*", "/receiver/", Reply())


@pytest.mark.holds("TR-31", by="cpo")
async def test_while_the_hub_is_away_nothing_is_lost_and_afterwards_only_the_newest_is_told() -> None:
    """TR-31: newest states, not a queue of messages."""
    async with world(tokens=(token(),)) as made:
        made.hub.answers("*", "/receiver/", Fault.CLOSE)
        await visited(made)
        assert made.cpo.sessions()[0].current["status"] == "COMPLETED"
        made.hub.received.clear()
        works_again(made)
        await made.cpo.until(lambda: made.cpo.cdrs()[0].taken_at)
        told = [each for each in made.hub.received if "/sessions/" in each.path or "/cdrs" in each.path]
        # One may still have been on its way when the hub came back.
        assert {each.method for each in told} == {"PUT", "POST"}
        assert [each.method for each in told[-2:]] == ["PUT", "POST"]
        assert told[-2].value["status"] == "COMPLETED"
        await made.cpo.until(lambda: made.cpo.broadcast.is_settled)
        assert made.hub.all("PATCH", "/receiver/locations")[-1].value["status"] == "AVAILABLE"


@pytest.mark.parametrize(
    "away",
    [
        Fault.CLOSE,
        Fault.HALF_AN_ANSWER,
        Fault.HTML,
        Fault.SERVER_ERROR,
        Fault.REDIRECT,
        Reply(status_code=4002),
        Reply(status_code=4003),
        Reply(status_code=3000),
        Reply(status=401, status_code=2000),
        Reply(status=429, status_code=2000),
    ],
)
async def test_a_cdr_is_sent_until_it_is_taken(away: Reply | Fault) -> None:
    async with world(tokens=(token(),)) as made:
        made.hub.answers("POST", "/receiver/cdrs", away)
        await visited(made)
        await made.hub.receives("POST", "/receiver/cdrs", 3)
        assert made.cpo.cdrs()[0].taken_at is None
        made.hub.answers("POST", "/receiver/cdrs", Reply(status=201, headers={"Location": "https://x/1"}))
        await made.cpo.until(lambda: made.cpo.cdrs()[0].taken_at)
        bodies = {each.body for each in made.hub.all("POST", "/receiver/cdrs")}
        assert len(bodies) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Reply(status=409, status_code=2000, status_message="conflict"),
        Reply(status_code=2001, status_message="CDR with this id already exists"),
        Reply(status_code=2000, status_message="Duplicate CDR"),
    ],
)
async def test_a_cdr_that_is_there_already_is_taken(answer: Reply) -> None:
    """CDR-19, AM-48."""
    async with world(tokens=(token(),)) as made:
        made.hub.answers("POST", "/receiver/cdrs", answer)
        await visited(made)
        await made.cpo.until(lambda: made.cpo.cdrs()[0].taken_at)
        assert len(made.hub.all("POST", "/receiver/cdrs")) == 1


async def test_a_cdr_that_is_refused_is_told_to_the_operator_and_tried_again_later() -> None:
    clock = SettableClock()
    async with world(tokens=(token(),), clock=clock) as made:
        no = Reply(status_code=2001, status_message="/total_cost: too much")
        made.hub.answers("POST", "/receiver/cdrs", no)
        await visited(made)
        await made.cpo.until(lambda: made.cpo.cdrs()[0].refusal)
        assert "too much" in (made.cpo.cdrs()[0].refusal or "")
        # Another session of the same eMSP is not held up by it.
        made.hub.answers("POST", "/receiver/cdrs", Reply(), times=1)
        await visited(made, charge_point="CP2")
        await made.cpo.until(lambda: len(made.cpo.cdrs()) == 2 and made.cpo.cdrs()[1].taken_at)
        assert made.cpo.cdrs()[0].taken_at is None
        works_again(made)
        clock.ahead = timedelta(hours=7)
        made.cpo.handover.owe(made.cpo.outbox.creditors()[0])
        await made.cpo.until(lambda: made.cpo.cdrs()[0].taken_at)


async def test_an_emsp_that_is_away_delays_nobody_else() -> None:
    async with world(tokens=(token(), OTHER)) as made:

        def first_emsp_hangs(received: Received) -> Reply | Fault:
            return Fault.HANG if received.to == EMSP else Reply()

        made.hub.answers("*", "/receiver/", first_emsp_hangs)
        await visited(made)
        await visited(made, "CARD2", "CP2")
        cdr = await made.hub.until(
            lambda: [each for each in made.hub.all("POST", "/cdrs") if each.to == "NL/XYZ"]
        )
        assert cdr[0].value["cdr_token"]["uid"] == "CARD2"


async def test_what_is_for_one_emsp_is_never_sent_to_another() -> None:
    """AM-26."""
    async with world(tokens=(token(), OTHER)) as made:
        await visited(made)
        await visited(made, "CARD2", "CP2")
        await made.hub.receives("POST", "/receiver/cdrs", 2)
        for each in [*made.hub.all("PUT", "/receiver/sessions"), *made.hub.all("POST", "/receiver/cdrs")]:
            owner = each.value["cdr_token"]
            assert each.to == f"{owner['country_code']}/{owner['party_id']}"


async def test_a_patch_that_may_have_arrived_is_followed_by_a_put() -> None:
    """SES-04: a PATCH appends, so it is never sent again."""
    async with world(tokens=(token(),), longest_period=timedelta(minutes=5)) as made:
        made.hub.answers("PATCH", "/receiver/sessions", Fault.CLOSE, times=1)
        charger = await made.charger()
        await rfid_visit(charger, 1, "CARD1", Decimal(4000))
        await made.hub.receives("POST", "/receiver/cdrs")
        methods = [each.method for each in made.hub.all("*", "/receiver/sessions")]
        assert methods[:3] == ["PUT", "PATCH", "PUT"]


@pytest.mark.holds("TR-23", by="cpo")
async def test_a_patch_of_a_session_that_the_emsp_lacks_becomes_a_put() -> None:
    """TR-23."""
    async with world(tokens=(token(),)) as made:
        made.hub.answers("PATCH", "/receiver/sessions", Reply(status=404, status_code=2001))
        charger = await made.charger()
        await rfid_visit(charger, 1, "CARD1", Decimal(2000))
        await made.hub.receives("POST", "/receiver/cdrs")
        methods = [each.method for each in made.hub.all("*", "/receiver/sessions")]
        place = methods.index("PATCH")
        assert methods[place + 1] == "PUT"


async def test_a_session_that_is_refused_is_not_sent_with_every_sample() -> None:
    async with world(tokens=(token(),), pace=Pace(energy=Decimal(100))) as made:
        made.hub.answers("PUT", "/receiver/sessions", Reply(status_code=2001))
        charger = await made.charger()
        await rfid_visit(charger, 1, "CARD1", Decimal(4000))
        await made.hub.receives("POST", "/receiver/cdrs")
        states = [each.value["status"] for each in made.hub.all("PUT", "/receiver/sessions")]
        assert states == ["ACTIVE", "COMPLETED"]


async def test_what_was_measured_while_the_start_was_being_told_waits_its_turn() -> None:
    """An eMSP that takes its time is not told more often than one that answers at once."""
    async with world(tokens=(token(),), pace=Pace(energy=Decimal(2))) as made:
        may_answer = asyncio.Event()

        async def slowly(_: Received) -> Reply:
            await may_answer.wait()
            return Reply()

        made.hub.answers("PUT", "/receiver/sessions", slowly)
        async with charger_at(made) as one:
            await one.starts()
            await made.hub.receives("PUT", "/receiver/sessions")
            await one.measures(100, 1600)
            assert made.cpo.sessions()[0].current["kwh"] == Decimal("0.6")
            may_answer.set()
            await made.cpo.until(lambda: not made.cpo.sessions()[0].is_owed)
            assert made.hub.all("PATCH", "/receiver/sessions") == []
            await one.measures(600, 3100)
            patch = await made.hub.receives("PATCH", "/receiver/sessions")
            assert patch.value["kwh"] == Decimal("2.1")


async def test_the_url_at_which_the_emsp_keeps_a_cdr_is_kept() -> None:
    """CDR-02, CDR-03."""
    async with world(tokens=(token(),)) as made:
        url = "https://hub.example/via/1"
        made.hub.answers("POST", "/receiver/cdrs", Reply(status=201, headers={"Location": url}))
        await visited(made)
        await made.cpo.until(lambda: made.cpo.cdrs()[0].taken_at)
        assert made.cpo.cdrs()[0].url == url


async def test_a_session_that_is_refused_is_told_to_the_operator_and_its_cdr_goes_out() -> None:
    async with world(tokens=(token(),)) as made:
        no = Reply(status_code=2001, status_message="no such contract")
        made.hub.answers("PUT", "/receiver/sessions", no)
        made.hub.answers("PATCH", "/receiver/sessions", no)
        await visited(made)
        await made.cpo.until(lambda: made.cpo.cdrs()[0].taken_at)
        assert "no such contract" in (made.cpo.sessions()[0].refusal or "")


# A restart in mid-session.


async def restarted(folder: Path) -> CpoNode:
    return CpoNode(cpo_settings(folder))


async def test_a_restart_in_mid_session_loses_neither_session_nor_cdr(tmp_path: Path) -> None:
    async with world(tmp_path, tokens=(token(),)) as made:
        charger = await made.charger()
        charger.plug_in(1)
        await charger.tap(1, "CARD1")
        number = await charger.until_numbered(1)
        await charger.until_energy(1, Decimal(1000))
        await made.hub.receives("PATCH", "/receiver/sessions")
        session_id = made.cpo.sessions()[0].current["id"]
        register = charger.connector(1).register_wh
        await made.cpo.__aexit__(None, None, None)
        made.hub.received.clear()
        async with await restarted(tmp_path) as again:
            await again.until_introduced()
            assert again.sessions()[0].current["status"] == "ACTIVE"
            async with raw_charge_point(f"{again.ocpp_url}/CP1") as wire:
                await say_stopped(wire, number, int(register) + 2000, charger)
                cdr = (await made.hub.receives("POST", "/receiver/cdrs")).value
            assert cdr["session_id"] == session_id
            assert cdr["total_energy"] > Decimal("2.9")
            assert "remark" not in cdr
            assert again.sessions()[0].current["status"] == "COMPLETED"


async def test_a_cdr_that_was_owed_before_a_restart_is_handed_over_after_it(tmp_path: Path) -> None:
    async with world(tmp_path, tokens=(token(),)) as made:
        made.hub.answers("*", "/receiver/", Fault.CLOSE)
        await visited(made)
        await made.cpo.__aexit__(None, None, None)
        made.hub.received.clear()
        works_again(made)
        async with await restarted(tmp_path) as again:
            await again.until(lambda: again.cdrs()[0].taken_at)
            methods = [
                each.method for each in made.hub.received if "/sessions/" in each.path or "/cdrs" in each.path
            ]
            assert methods == ["PUT", "POST"]


async def test_after_a_restart_only_what_is_owed_is_told_again(tmp_path: Path) -> None:
    async with world(tmp_path, tokens=(token(),)) as made:
        await visited(made)
        await made.cpo.until(lambda: made.cpo.cdrs()[0].taken_at)
        await made.cpo.__aexit__(None, None, None)
        made.hub.received.clear()
        async with await restarted(tmp_path) as again:
            await again.until_introduced()
            assert made.hub.all("*", "/receiver/sessions") == []
            assert made.hub.all("*", "/receiver/cdrs") == []
            assert [each.method for each in made.hub.all("*", "/receiver/locations")] == ["PUT"]
            assert [each.method for each in made.hub.all("*", "/receiver/tariffs")] == ["PUT"]


async def say_stopped(
    wire: RawChargePoint, number: int, register: int, charger: ChargerSimulator
) -> list[Any]:
    # Late enough for 2 kWh to have flowed, however quick this machine is: more would not be believed.
    stopped = {
        "transactionId": number,
        "meterStop": register,
        "timestamp": (charger.time.now() + timedelta(minutes=10)).isoformat(),
        "idTag": "CARD1",
    }
    return await wire.ask("stop", "StopTransaction", stopped)
