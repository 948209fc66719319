"""Charge points that answer oddly when they are to reserve, or to keep within a profile: raw frames."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from partners.cpo.stations.central_system import CentralSystemSettings
from tests.fixtures.cpo_world import CPO, EMSP, World, evse, location, token, world
from tests.unit.partners.ocpp_world import RawChargePoint, raw_charge_point

IMPATIENT = CentralSystemSettings(answer_within=timedelta(milliseconds=500))
ABLE = [location("square", evse("E1", "CP1", capabilities=["RESERVABLE", "CHARGING_PROFILE_CAPABLE"]))]
WANTED = {
    "token": token("APP-1", type="APP_USER", whitelist="NEVER"),
    "expiry_date": "2099-01-01T00:00:00Z",
    "reservation_id": "R1",
    "location_id": "square",
    "evse_uid": "E1",
}
PROFILE = {"charging_rate_unit": "W", "charging_profile_period": [{"start_period": 0, "limit": 6000}]}
SETTINGS = {"configurationKey": [], "unknownKey": []}


def odd(**changes: Any) -> Any:
    standard = {"locations": ABLE, "tokens": (token(),), "central_system": IMPATIENT}
    return world(**(standard | changes))


async def answers(wire: RawChargePoint, *frames: list[Any] | None) -> list[Any]:
    """Answer the next CALLs with these frames, in their order, or not at all; what was asked."""
    asked = []
    for frame in frames:
        call = await wire.hear()
        asked.append(call)
        if frame is not None:
            await wire.say(frame[0], call[1], *frame[1:])
    return asked


async def says(wire: RawChargePoint, action: str, **payload: Any) -> Any:
    return (await wire.ask(f"{action}-{len(payload)}-{payload.get('status')}", action, payload))[2]


async def shows(wire: RawChargePoint, status: str) -> None:
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    await says(wire, "StatusNotification", connectorId=1, status=status, errorCode="NoError", timestamp=at)


@pytest.mark.holds("CMD-02", "CMD-03", by="cpo")
@pytest.mark.parametrize(
    ("frame", "result"),
    [
        ([3, {"status": "Accepted"}], "ACCEPTED"),
        ([3, {"status": "Rejected"}], "REJECTED"),
        ([3, {"status": "Occupied"}], "EVSE_OCCUPIED"),
        ([3, {"status": "Faulted"}], "EVSE_INOPERATIVE"),
        ([3, {"status": "Unavailable"}], "EVSE_INOPERATIVE"),
        ([4, "NotImplemented", "", {}], "NOT_SUPPORTED"),
        ([4, "InternalError", "", {}], "FAILED"),
        (None, "TIMEOUT"),
    ],
)
async def test_each_answer_to_a_reservation_has_a_result(frame: list[Any] | None, result: str) -> None:
    async with odd() as made, raw_charge_point(f"{made.cpo.ocpp_url}/CP1") as wire:
        assert (await made.command("RESERVE_NOW", WANTED)).data["result"] == "ACCEPTED"
        (asked,) = await answers(wire, frame)
        assert asked[2] == "ReserveNow"
        assert asked[3]["idTag"] == "APP-1"
        assert "R1" not in str(asked[3])
        assert (await made.result("RESERVE_NOW")).value["result"] == result
        assert (len(made.cpo.sessions()) == 1) is (result == "ACCEPTED")


@pytest.mark.parametrize(
    ("frame", "result", "is_over"),
    [
        ([3, {"status": "Accepted"}], "ACCEPTED", True),
        ([3, {"status": "Rejected"}], "UNKNOWN_RESERVATION", True),
        ([4, "NotSupported", "", {}], "NOT_SUPPORTED", False),
        (None, "TIMEOUT", False),
    ],
)
async def test_each_answer_to_a_cancellation_has_a_result(
    frame: list[Any] | None, result: str, *, is_over: bool
) -> None:
    async with odd() as made, raw_charge_point(f"{made.cpo.ocpp_url}/CP1") as wire:
        await made.command("RESERVE_NOW", WANTED)
        await answers(wire, [3, {"status": "Accepted"}])
        await made.result("RESERVE_NOW")
        await made.command("CANCEL_RESERVATION", {"reservation_id": "R1"})
        await answers(wire, frame)
        assert (await made.result("CANCEL_RESERVATION")).value["result"] == result
        status = "COMPLETED" if is_over else "RESERVATION"
        assert made.cpo.sessions()[0].current["status"] == status


async def test_a_charge_point_that_drops_a_reservation_breaks_it() -> None:
    """OCPP 1.6 has no word for it but the state."""
    async with odd() as made, raw_charge_point(f"{made.cpo.ocpp_url}/CP1") as wire:
        await made.command("RESERVE_NOW", WANTED)
        await answers(wire, [3, {"status": "Accepted"}])
        await made.result("RESERVE_NOW")
        await shows(wire, "Reserved")
        await shows(wire, "Available")
        assert (await made.result("RESERVE_NOW", 2)).value["result"] == "CANCELED_RESERVATION"


async def begun(made: World, wire: RawChargePoint) -> str:
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    await says(wire, "StartTransaction", connectorId=1, idTag="CARD1", meterStart=0, timestamp=at)
    return str((await made.active())["id"])


async def ask(made: World, method: str, session_id: str) -> Any:
    url = f"{made.hub.far_end['chargingprofiles', 'RECEIVER']}/{session_id}"
    there = f"{made.hub.url}/results/{method}"
    if method == "PUT":
        body = {"response_url": there, "charging_profile": PROFILE}
        return await made.hub.call("PUT", url, body, to=str(CPO), sender=EMSP)
    return await made.hub.call(method, f"{url}?duration=900&response_url={there}", to=str(CPO), sender=EMSP)


@pytest.mark.holds("CHP-04", by="cpo")
@pytest.mark.parametrize(
    ("frame", "result"),
    [
        ([3, {"status": "Accepted"}], "ACCEPTED"),
        ([3, {"status": "Rejected"}], "REJECTED"),
        ([3, {"status": "NotSupported"}], "REJECTED"),
        ([4, "NotImplemented", "", {}], "REJECTED"),
        (None, "REJECTED"),
    ],
)
async def test_each_answer_to_a_profile_has_a_result(frame: list[Any] | None, result: str) -> None:
    """There is no word for what is not supported, or not answered."""
    async with odd() as made, raw_charge_point(f"{made.cpo.ocpp_url}/CP1") as wire:
        session_id = await begun(made, wire)
        assert (await ask(made, "PUT", session_id)).data["result"] == "ACCEPTED"
        *_, call = await answers(wire, [3, SETTINGS], [4, "NotSupported", "", {}], frame)
        assert call[2] == "SetChargingProfile"
        assert call[3]["csChargingProfiles"]["chargingProfilePurpose"] == "TxProfile"
        assert (await made.result("PUT")).value == {"result": result}


@pytest.mark.parametrize(
    ("allowed", "unit", "limit"),
    [("Current", "A", "8.6"), ("Power", "W", "6000"), ("A", "A", "8.6"), ("Current,Power", "W", "6000")],
)
async def test_a_profile_comes_in_the_unit_that_the_charge_point_knows(
    allowed: str, unit: str, limit: str
) -> None:
    """6000 W on three phases, never more."""
    async with odd() as made, raw_charge_point(f"{made.cpo.ocpp_url}/CP1") as wire:
        session_id = await begun(made, wire)
        await ask(made, "PUT", session_id)
        key = "ChargingScheduleAllowedChargingRateUnit"
        known = {"configurationKey": [{"key": key, "readonly": True, "value": allowed}], "unknownKey": []}
        *_, call = await answers(wire, [3, known], [3, SETTINGS], [3, {"status": "Accepted"}])
        schedule = call[3]["csChargingProfiles"]["chargingSchedule"]
        assert schedule["chargingRateUnit"] == unit
        assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": Decimal(limit)}]


def schedule(**changes: Any) -> dict[str, Any]:
    value = {
        "chargingRateUnit": "W",
        "duration": 900,
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 5000.0}],
    }
    return {
        "status": "Accepted",
        "connectorId": 1,
        "scheduleStart": "2026-01-01T00:00:00Z",
        "chargingSchedule": value | changes,
    }


@pytest.mark.holds("CHP-07", by="cpo")
@pytest.mark.parametrize(
    ("frame", "limits"),
    [
        ([3, schedule()], [5000]),
        ([3, schedule(chargingSchedulePeriod=[{"startPeriod": 0, "limit": -1}])], [22080]),
        ([3, schedule(chargingSchedulePeriod=[{"startPeriod": 0, "limit": 99999}])], [22080]),
        ([3, schedule(chargingRateUnit="A", chargingSchedulePeriod=[{"startPeriod": 0, "limit": -1}])], [32]),
        ([3, schedule(chargingRateUnit="hp")], None),
        ([3, schedule() | {"scheduleStart": "noon"}], None),
        ([3, {"status": "Accepted"}], None),
        ([3, {"status": "Rejected"}], None),
        ([4, "NotSupported", "", {}], None),
        (None, None),
    ],
)
async def test_a_schedule_is_told_with_limits_that_make_sense_or_not_at_all(
    frame: list[Any] | None, limits: list[int] | None
) -> None:
    """-1 is some charge points' word for no limit; OCPI wants the maximum of the EVSE."""
    async with odd() as made, raw_charge_point(f"{made.cpo.ocpp_url}/CP1") as wire:
        session_id = await begun(made, wire)
        await ask(made, "GET", session_id)
        await answers(wire, frame)
        told = (await made.result("GET")).value
        if limits is None:
            assert told == {"result": "REJECTED"}
        else:
            periods = told["profile"]["charging_profile"]["charging_profile_period"]
            assert [each["limit"] for each in periods] == limits
