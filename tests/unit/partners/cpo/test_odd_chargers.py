"""Charge points that say things twice, late, wrongly or not at all: told in raw frames."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from partners.cpo.charging.charging_log import Charging
from partners.cpo.stations.central_system import CentralSystemSettings
from tests.fixtures.cpo_world import World, connector, evse, location, token, world
from tests.unit.partners.ocpp_world import RawChargePoint, raw_charge_point

BEGUN = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
IMPATIENT = CentralSystemSettings(answer_within=timedelta(milliseconds=500))
APP = token("APP-1", type="APP_USER", whitelist="NEVER")
START = {"location_id": "square", "evse_uid": "E1", "token": APP}


class Charger:
    """The far end of a socket, with the words of a charge point."""

    def __init__(self, wire: RawChargePoint) -> None:
        self.wire = wire
        self._count = 0

    async def says(self, action: str, **payload: Any) -> dict[str, Any]:
        self._count += 1
        frame = await self.wire.ask(f"{action}-{self._count}", action, payload)
        assert frame[0] == 3, frame
        answer: dict[str, Any] = frame[2]
        return answer

    async def starts(self, **changes: Any) -> int:
        begun = {"connectorId": 1, "idTag": "CARD1", "meterStart": 1000, "timestamp": at(0)}
        number: int = (await self.says("StartTransaction", **begun | changes))["transactionId"]
        return number

    async def stops(self, number: int, **changes: Any) -> dict[str, Any]:
        ended = {"transactionId": number, "meterStop": 11_000, "timestamp": at(3600)}
        return await self.says("StopTransaction", **ended | changes)

    async def measures(self, seconds: int, wh: int, **changes: Any) -> None:
        value = {"timestamp": at(seconds), "sampledValue": [{"value": str(wh)}]}
        await self.says("MeterValues", **{"connectorId": 1, "meterValue": [value]} | changes)

    async def shows(self, status: str, seconds: int = 0, number: int = 1, **changes: Any) -> None:
        shown = {"connectorId": number, "status": status, "errorCode": "NoError", "timestamp": at(seconds)}
        await self.says("StatusNotification", **shown | changes)


def at(seconds: float) -> str:
    return (BEGUN + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


@asynccontextmanager
async def charger(made: World, name: str = "CP1") -> AsyncIterator[Charger]:
    async with raw_charge_point(f"{made.cpo.ocpp_url}/{name}") as wire:
        yield Charger(wire)


def current(made: World, place: int = 0) -> dict[str, Any]:
    return made.cpo.sessions()[place].current


# Twice, late, or with the wrong number.


async def test_a_start_that_is_told_again_is_the_same_transaction() -> None:
    async with world(tokens=(token(),)) as made, charger(made) as one:
        assert await one.starts() == await one.starts()
        assert len(made.cpo.sessions()) == 1


async def test_a_start_that_is_told_again_after_a_restart_of_the_link_is_the_same_transaction() -> None:
    async with world(tokens=(token(),)) as made:
        async with charger(made) as one:
            first = await one.starts()
        async with charger(made) as again:
            assert await again.starts() == first
        assert len(made.cpo.sessions()) == 1


async def test_a_stop_that_is_told_again_makes_no_second_cdr() -> None:
    async with world(tokens=(token(),)) as made, charger(made) as one:
        number = await one.starts()
        await one.stops(number)
        await one.stops(number, meterStop=20_000)
        await made.cpo.until(lambda: made.cpo.cdrs()[0].taken_at)
        assert len(made.hub.all("POST", "/receiver/cdrs")) == 1
        assert made.cpo.cdrs()[0].current["total_energy"] == 10


@pytest.mark.parametrize("number", [-1, 0, 4711])
async def test_a_stop_without_the_right_number_ends_the_only_transaction_that_it_can_mean(
    number: int,
) -> None:
    async with world(tokens=(token(),)) as made, charger(made) as one:
        await one.starts()
        await one.stops(number, idTag="CARD1")
        assert current(made)["status"] == "COMPLETED"
        assert current(made)["kwh"] == 10


async def test_a_stop_that_belongs_to_nothing_is_answered_and_kept() -> None:
    async with world(tokens=(token(),)) as made, charger(made) as one:
        await one.stops(4711)
        rows = made.cpo.node.database.rows("SELECT * FROM orphaned_stop")
        assert [row["transaction_id"] for row in rows] == [4711]
        assert made.cpo.sessions() == []


async def test_a_card_that_is_refused_still_gets_a_number_and_pays_nothing() -> None:
    async with world(tokens=(token(valid=False),)) as made, charger(made) as one:
        answer = await one.says(
            "StartTransaction", connectorId=1, idTag="CARD1", meterStart=0, timestamp=at(0)
        )
        assert answer["transactionId"] > 0
        assert answer["idTagInfo"]["status"] == "Invalid"
        await one.stops(answer["transactionId"])
        assert made.cpo.sessions() == []
        assert made.cpo.charging_log.open_at("CP1") == []


async def test_numbers_are_unique_over_all_charge_points() -> None:
    async with world(tokens=(token(),)) as made, charger(made) as one, charger(made, "CP2") as two:
        assert await one.starts() != await two.starts()


async def test_a_start_on_a_connector_in_use_ends_what_was_there_with_the_last_that_is_known() -> None:
    async with world(tokens=(token(),)) as made, charger(made) as one:
        await one.starts()
        await one.measures(1800, 6000)
        await one.starts(timestamp=at(7200), meterStart=6500)
        await made.hub.receives("POST", "/receiver/cdrs")
        cdr = made.cpo.cdrs()[0].current
        assert (cdr["total_energy"], cdr["total_time"]) == (5, Decimal("0.5"))
        assert cdr["remark"].startswith("estimated")
        assert [each.current["status"] for each in made.cpo.sessions()] == ["COMPLETED", "ACTIVE"]


@pytest.mark.holds("CDR-01", by="cpo")
async def test_an_end_that_comes_after_all_takes_the_cdr_back_and_makes_a_right_one() -> None:
    """CDR-01, vector 10: the CDR is out, and final; said twice it changes nothing more."""
    async with world(tokens=(token(),)) as made, charger(made) as one:
        first = await one.starts()
        await one.measures(1800, 6000)
        await one.starts(timestamp=at(7200), meterStart=11_000)
        for _ in range(2):
            await one.stops(first)
        estimated, credit, right = [each.current for each in made.cpo.cdrs()]
        assert credit["credit_reference_id"] == estimated["id"]
        assert [each["total_energy"] for each in (estimated, right)] == [5, 10]
        assert "remark" not in right or not right["remark"].startswith("estimated")


async def test_nobody_charges_at_a_connector_that_is_not_configured() -> None:
    async with world(tokens=(token(),)) as made, charger(made) as one:
        answer = await one.says(
            "StartTransaction", connectorId=7, idTag="CARD1", meterStart=0, timestamp=at(0)
        )
        assert answer["idTagInfo"]["status"] == "Invalid"
        assert made.cpo.sessions() == []


# Meter values.


async def test_meter_values_without_a_number_belong_to_what_is_under_way() -> None:
    async with world(tokens=(token(),)) as made, charger(made) as one:
        await one.starts()
        await one.measures(60, 1250)
        assert current(made)["kwh"] == Decimal("0.25")


async def test_meter_values_of_nothing_are_nobodys() -> None:
    async with world(tokens=(token(),)) as made, charger(made) as one:
        await one.measures(60, 1250)
        number = await one.starts()
        await one.measures(-60, 900)
        await one.stops(number)
        await one.measures(7200, 90_000, transactionId=number)
        assert current(made)["kwh"] == 10


async def test_what_comes_with_the_stop_counts() -> None:
    """transactionData; the Begin sample in it again changes nothing."""
    async with world(tokens=(token(),)) as made, charger(made) as one:
        number = await one.starts()
        data = [
            {"timestamp": at(0), "sampledValue": [{"value": "1000", "context": "Transaction.Begin"}]},
            {"timestamp": at(1800), "sampledValue": [{"value": "9.000", "unit": "kWh"}]},
        ]
        await one.stops(number, transactionData=data)
        charging: Charging = made.cpo.charging_log.charging(number)
        assert len(made.cpo.charging_log.samples(charging)) == 2
        assert current(made)["kwh"] == 10


async def test_parking_is_told_by_the_state_of_the_connector() -> None:
    async with world(tokens=(token(),)) as made, charger(made) as one:
        await one.shows("Preparing", -10)
        number = await one.starts()
        await one.shows("Charging", 2)
        await one.measures(1800, 11_000)
        await one.shows("SuspendedEV", 1800)
        await one.stops(number)
        cdr = (await made.hub.receives("POST", "/receiver/cdrs")).value
        assert (cdr["total_time"], cdr["total_parking_time"]) == (1, Decimal("0.5"))
        # 0.50 + 10 kWh x 0.3517 + 0.5 h x 1.20 + 0.5 h x 2.40; VAT 21 %, on parking 9 %.
        assert cdr["total_cost"] == {"excl_vat": Decimal("5.817"), "incl_vat": Decimal("6.8946")}


@pytest.mark.holds("CDR-10", "TAR-13", by="cpo")
async def test_a_price_that_changes_at_five_begins_a_period_at_five() -> None:
    """CDR-10, TAR-13: the clock at the location; energy is the register's, not spread evenly."""
    cheap = {"type": "ENERGY", "price": Decimal("0.10"), "step_size": 1}
    dear = {"type": "ENERGY", "price": Decimal("0.50"), "step_size": 1}
    evening = {
        "id": "standard",
        "currency": "EUR",
        "elements": [
            {"price_components": [dear], "restrictions": {"start_time": "17:00", "end_time": "20:00"}},
            {"price_components": [cheap]},
        ],
    }
    async with world(tokens=(token(),), tariffs=[evening]) as made, charger(made) as one:
        five = int((datetime(2026, 3, 1, 16, tzinfo=UTC) - BEGUN).total_seconds())
        number = await one.starts(timestamp=at(five - 1800))
        await one.measures(five, 9000)
        await one.stops(number, timestamp=at(five + 1800))
        cdr = (await made.hub.receives("POST", "/receiver/cdrs")).value
        assert [each["start_date_time"] for each in cdr["charging_periods"]] == [
            "2026-03-01T15:30:00Z",
            "2026-03-01T16:00:00Z",
        ]
        assert cdr["total_cost"]["excl_vat"] == Decimal(8) * Decimal("0.10") + Decimal(2) * Decimal("0.50")


# Statuses.


async def test_an_older_status_does_not_undo_a_newer_one() -> None:
    async with world() as made, charger(made) as one:
        await one.shows("Faulted", 10)
        await one.shows("Available", 5)
        await made.hub.receives("PATCH", "/receiver/locations")
        assert status(made) == "OUTOFORDER"


async def test_a_charge_point_out_of_use_keeps_charging_whoever_charges() -> None:
    """Connector 0 speaks for all, but for those on which somebody charges."""
    two = evse("E1", "CP1"), evse("E2", "CP1", connectors=[connector(ocpp_connector=2)])
    async with world(tokens=(token(),), locations=[location("square", *two)]) as made, charger(made) as one:
        await one.shows("Available", number=1)
        await one.shows("Available", number=2)
        number = await one.starts()
        await one.shows("Unavailable", 10, number=0)
        assert (status(made), status(made, "E2")) == ("CHARGING", "INOPERATIVE")
        await one.stops(number)
        assert status(made) == "INOPERATIVE"


async def test_a_charge_point_that_is_gone_for_longer_than_the_grace_is_unknown() -> None:
    async with world(offline_grace=timedelta(milliseconds=50)) as made:
        async with charger(made) as one:
            await one.shows("Available")
            assert status(made) == "AVAILABLE"
        await made.cpo.until(lambda: status(made) == "UNKNOWN")
        async with charger(made):
            await made.cpo.until(lambda: status(made) == "AVAILABLE")


def status(made: World, evse_uid: str = "E1") -> str:
    whole = made.cpo.locations.location("square")
    assert whole is not None
    found: str = next(each["status"] for each in whole["evses"] if each["uid"] == evse_uid)
    return found


# Commands.


async def answered(made: World, one: Charger, frame: list[Any] | None, command: str, wanted: Any) -> str:
    """The result of a command to which the charge point answers with this frame, or not at all."""
    response = await made.command(command, wanted)
    assert response.data["result"] == "ACCEPTED"
    asked = await one.wire.hear()
    if frame is not None:
        await one.wire.say(frame[0], asked[1], *frame[1:])
    result: str = (await made.result(command)).value["result"]
    return result


@pytest.mark.holds("CMD-02", "CMD-03", by="cpo")
@pytest.mark.parametrize(
    ("frame", "result"),
    [
        ([3, {"status": "Accepted"}], "ACCEPTED"),
        ([3, {"status": "Rejected"}], "REJECTED"),
        ([4, "NotImplemented", "", {}], "NOT_SUPPORTED"),
        ([4, "NotSupported", "", {}], "NOT_SUPPORTED"),
        ([4, "InternalError", "", {}], "FAILED"),
        ([3, {"status": "Perhaps"}], "FAILED"),
        (None, "TIMEOUT"),
    ],
)
async def test_each_answer_of_a_charge_point_has_a_result(frame: list[Any] | None, result: str) -> None:
    """CMD-02, CMD-03."""
    async with world(central_system=IMPATIENT) as made, charger(made) as one:
        assert await answered(made, one, frame, "START_SESSION", START) == result
        assert len(made.hub.all("POST", "/results")) == 1


async def test_a_link_that_is_lost_after_the_command_is_a_timeout() -> None:
    async with world() as made:
        async with charger(made) as one:
            await made.command("START_SESSION", START)
            await one.wire.hear()
        assert (await made.result("START_SESSION")).value["result"] == "TIMEOUT"


async def test_a_start_after_the_timeout_is_told_all_the_same() -> None:
    """AM-40."""
    async with world(central_system=IMPATIENT) as made, charger(made) as one:
        wanted = START | {"authorization_reference": "REF"}
        assert await answered(made, one, None, "START_SESSION", wanted) == "TIMEOUT"
        await one.starts(idTag="APP-1")
        session = (await made.hub.receives("PUT", "/receiver/sessions")).value
        assert (session["auth_method"], session["authorization_reference"]) == ("COMMAND", "REF")


async def test_a_stop_that_is_rejected_leaves_the_session_running() -> None:
    async with world(tokens=(token(),)) as made, charger(made) as one:
        await one.starts()
        frame = [3, {"status": "Rejected"}]
        wanted = {"session_id": current(made)["id"]}
        assert await answered(made, one, frame, "STOP_SESSION", wanted) == "REJECTED"
        assert current(made)["status"] == "ACTIVE"


async def test_a_card_does_not_inherit_what_a_rejected_command_allowed() -> None:
    async with world(tokens=(token(whitelist="ALWAYS", valid=False),)) as made, charger(made) as one:
        wanted = START | {"token": token(valid=False)}
        await answered(made, one, [3, {"status": "Rejected"}], "START_SESSION", wanted)
        answer = await one.says("Authorize", idTag="CARD1")
        assert answer["idTagInfo"]["status"] == "Invalid"
