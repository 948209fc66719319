"""What chargers do and what becomes of it, frame by frame; `docs/cpo-node.md` has the list of all."""

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from partners.cpo.transactions.transactions import Patience
from tests.fixtures.cpo_world import EMSP, SettableClock, World, location, token, world
from tests.fixtures.recorder import Fault, Reply
from tests.unit.partners.cpo.test_odd_chargers import Charger, at, charger, current, status
from tests.unit.partners.cpo.test_odd_stations import CARD, register, station

TESTS = Path(__file__).parents[1]
MAPPING = TESTS.parent / "docs" / "cpo-node.md"
VECTORS = range(1, 29)
CLOSED = Reply(status_code=4003, status_message="not connected")


def test_each_vector_has_a_test() -> None:
    """The table in the documentation names 28 of them, and every test that it names is there."""
    rows = re.findall(r"^\| (\d+) \| .* \| (`test_.*) \|$", MAPPING.read_text(), re.MULTILINE)
    assert [int(number) for number, _ in rows] == [*VECTORS]
    for _, tests in rows:
        named = re.findall(r"`(\w+)` \[\S+\]\(\.\./tests/(\S+)\)", tests)
        assert len(named) == len(tests.split("; "))
        for name, file in named:
            assert f"def {name}(" in (TESTS / file).read_text(), name


async def start_asked(made: World, one: Charger, **wanted: Any) -> dict[str, Any]:
    """The remote start that the charger gets, which it accepts."""
    assert (await made.command("START_SESSION", {"location_id": "square", **wanted})).data[
        "result"
    ] == "ACCEPTED"
    asked = await one.wire.hear()
    assert asked[2] == "RemoteStartTransaction"
    await one.wire.say(3, asked[1], {"status": "Accepted"})
    assert (await made.result("START_SESSION")).value["result"] == "ACCEPTED"
    payload: dict[str, Any] = asked[3]
    return payload


async def test_vector_2_a_connector_that_is_preparing_may_be_started() -> None:
    """Its EVSE is told as CHARGING, and is free all the same, also for who names no EVSE."""
    async with world(locations=[location("square", *one_evse())]) as made, charger(made) as one:
        await one.shows("Preparing")
        assert status(made) == "CHARGING"
        asked = await start_asked(made, one, token=token("APP-1", type="APP_USER"))
        assert asked == {"connectorId": 1, "idTag": "APP-1"}
        await one.starts(idTag="APP-1")
        assert (await made.active())["cdr_token"]["uid"] == "APP-1"


def one_evse() -> list[dict[str, Any]]:
    evses: list[dict[str, Any]] = location()["evses"][:1]
    return evses


@pytest.mark.parametrize("down", [CLOSED, Fault.CLOSE, Fault.HTML])
async def test_vector_4_who_must_always_be_asked_about_does_not_charge_while_the_emsp_is_down(
    down: Reply | Fault,
) -> None:
    async with world(tokens=(token(whitelist="NEVER"),)) as made, charger(made) as one:
        made.hub.answers("POST", "/authorize", down)
        refused = await one.says("Authorize", idTag="CARD1")
        assert refused["idTagInfo"]["status"] == "Invalid"
        # Nor by a card that was shown to nobody before.
        started = await one.says(
            "StartTransaction", connectorId=1, idTag="CARD1", meterStart=0, timestamp=at(0)
        )
        assert started["idTagInfo"]["status"] == "Invalid"
        assert made.cpo.sessions() == []
        made.hub.answers(
            "POST", "/authorize", Reply({"allowed": "ALLOWED", "token": token(whitelist="NEVER")})
        )
        assert (await one.says("Authorize", idTag="CARD1"))["idTagInfo"]["status"] == "Accepted"


@pytest.mark.holds("CMD-14", by="cpo")
@pytest.mark.parametrize(("minutes", "is_asked"), [(10, False), (16, True)])
async def test_vector_5_a_card_that_a_command_named_is_not_asked_about_for_a_quarter_of_an_hour(
    *, minutes: int, is_asked: bool
) -> None:
    clock = SettableClock()
    card = token(whitelist="NEVER")
    async with world(tokens=(card,), clock=clock) as made, charger(made) as one:
        made.hub.answers("POST", "/authorize", Reply({"allowed": "ALLOWED", "token": card}))
        await start_asked(made, one, evse_uid="E1", token=card, authorization_reference="REF")
        clock.ahead += timedelta(minutes=minutes)
        assert (await one.says("Authorize", idTag="CARD1"))["idTagInfo"]["status"] == "Accepted"
        assert bool(made.hub.all("POST", "/authorize")) is is_asked
        await one.starts()
        session = current(made, -1)
        method = ("AUTH_REQUEST", None) if is_asked else ("COMMAND", "REF")
        assert (session["auth_method"], session.get("authorization_reference")) == method


async def test_vector_8_a_stop_before_its_start_ends_the_session_when_the_start_comes() -> None:
    """The stop names no number that anybody gave out; the Session is told once, and over."""
    async with world(tokens=(token(),)) as made, charger(made) as one:
        assert await one.stops(-1, idTag="CARD1") == {}
        assert made.cpo.sessions() == []
        await one.starts()
        cdr = (await made.hub.receives("POST", "/receiver/cdrs")).value
        assert (cdr["total_energy"], cdr["total_time"]) == (10, 1)
        assert [each["status"] for each in made.sessions()] == ["COMPLETED"]


async def test_vector_11_kwh_and_wh_mixed_in_one_transaction_are_each_by_itself() -> None:
    """As two products do it: 2.0.1 begins in kWh and ends in Wh, 1.6 measures in kWh and stops in Wh."""
    async with world(tokens=(token(),)) as made, station(made) as one, charger(made, "CP2") as other:
        begin = register(0, 1234.5, "kWh", context="Transaction.Begin")
        await one.starts(meterValue=[begin])
        await one.tells("Updated", 1, 1800, meterValue=[register(1800, 1_238_500)])
        assert current(made)["kwh"] == 4
        await one.tells("Updated", 2, 2700, meterValue=[register(2700, 1240.5, "kWh")])
        await one.ends(3, wh=1_242_500)
        number = await other.starts(meterStart=1_234_500)
        for seconds, kwh in ((1200, "1237.0"), (2400, "1240.25")):
            value = {"timestamp": at(seconds), "sampledValue": [{"value": kwh, "unit": "kWh"}]}
            await other.says("MeterValues", connectorId=1, transactionId=number, meterValue=[value])
        assert current(made, -1)["kwh"] == Decimal("5.75")
        await other.stops(number, meterStop=1_242_500)
        await made.hub.receives("POST", "/receiver/cdrs", 2)
        cdrs = [each.value for each in made.hub.all("POST", "/receiver/cdrs")]
        assert [(each["total_energy"], each.get("remark")) for each in cdrs] == [(8, None)] * 2


@pytest.mark.parametrize("phases", [("L1", "L2", "L3"), ("L1-N", "L2-N", "L3-N")])
async def test_vector_12_a_register_by_phases_is_their_sum(phases: tuple[str, ...]) -> None:
    def parts(seconds: int, each_wh: int, context: str) -> dict[str, Any]:
        sampled = [{"value": each_wh, "phase": phase, "context": context} for phase in phases]
        return {"timestamp": at(seconds), "sampledValue": sampled}

    async with world(tokens=(token(),)) as made, station(made) as one:
        await one.starts(meterValue=[parts(0, 1000, "Transaction.Begin")])
        await one.tells("Ended", 1, 3600, meterValue=[parts(3600, 4000, "Transaction.End")])
        assert (await made.hub.receives("POST", "/receiver/cdrs")).value["total_energy"] == 9


async def test_vector_13_samples_that_count_from_the_start_are_offsets() -> None:
    async with world(tokens=(token(),)) as made, charger(made) as one:
        number = await one.starts(meterStart=7_900_000)
        await one.measures(1200, 3000)
        await one.measures(2400, 6000)
        assert current(made)["kwh"] == 6
        await one.stops(number, meterStop=7_910_000)
        cdr = (await made.hub.receives("POST", "/receiver/cdrs")).value
        assert cdr["total_energy"] == 10
        assert "remark" not in cdr


async def test_vector_14_a_register_that_is_reset_in_mid_session_counts_on_and_is_told() -> None:
    async with world(tokens=(token(),)) as made, charger(made) as one:
        number = await one.starts(meterStart=7_900_000)
        await one.measures(900, 7_904_000)
        await one.measures(1800, 500)
        await one.measures(2700, 3500)
        await one.stops(number, meterStop=5500)
        cdr = (await made.hub.receives("POST", "/receiver/cdrs")).value
        assert cdr["total_energy"] == 4 + 5
        assert cdr["remark"] == "register reset"


async def test_vector_23_a_schedule_without_a_limit_is_told_as_what_the_evse_can_give() -> None:
    able = [location("square", {**one_evse()[0], "capabilities": ["CHARGING_PROFILE_CAPABLE"]})]
    async with world(tokens=(token(),), locations=able) as made, charger(made) as one:
        number = await one.starts()
        assert number > 0
        url = made.hub.far_end["chargingprofiles", "RECEIVER"]
        session_id = current(made)["id"]
        query = f"duration=600&response_url={made.hub.url}/results/profile"
        answer = await made.hub.call("GET", f"{url}/{session_id}?{query}", to="NL/CPO", sender=EMSP)
        assert answer.data["result"] == "ACCEPTED"
        while (asked := await one.wire.hear())[2] != "GetCompositeSchedule":
            await one.wire.say(4, asked[1], "NotSupported", "", {})
        schedule = {
            "duration": 600,
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": -1.0}],
        }
        told = {"status": "Accepted", "connectorId": 1, "scheduleStart": at(0), "chargingSchedule": schedule}
        await one.wire.say(3, asked[1], told)
        result = (await made.result("profile")).value
        (period,) = result["profile"]["charging_profile"]["charging_profile_period"]
        assert (period["start_period"], period["limit"]) == (0, 3 * 230 * 32)


async def test_vector_25_what_happened_in_three_days_without_a_link_is_told_in_one_burst() -> None:
    """Twelve sessions, late and in order: each is told once, over, with its true times and energy."""
    hours, cards = 6, 12
    async with world(tokens=(token(),), gap_patience=Patience()) as made, station(made) as one:
        for place in range(cards):
            begun, name = place * hours * 3600, f"T-{place}"
            meter = [register(begun, 1000 + place * 9000, context="Transaction.Begin")]
            more = {"transaction": name, "offline": True}
            await one.tells(
                "Started",
                0,
                begun,
                evse={"id": 1, "connectorId": 1},
                idToken=CARD,
                chargingState="Charging",
                meterValue=meter,
                **more,
            )
            await one.tells(
                "Updated", 1, begun + 1800, meterValue=[register(begun + 1800, 5500 + place * 9000)], **more
            )
            meter = [register(begun + 3600, 10_000 + place * 9000, context="Transaction.End")]
            await one.tells("Ended", 2, begun + 3600, meterValue=meter, **more)
        await made.hub.receives("POST", "/receiver/cdrs", cards)
        told = [each.value for each in made.hub.all("POST", "/receiver/cdrs")]
    assert [each["start_date_time"] for each in told] == [at(place * hours * 3600) for place in range(cards)]
    assert [(each["total_energy"], each["total_time"]) for each in told] == [(Decimal(9), 1)] * cards
    assert len({each["session_id"] for each in told}) == cards
