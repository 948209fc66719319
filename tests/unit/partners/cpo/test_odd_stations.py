"""Stations of OCPP 2.x as they are in the field: late, twice, out of order, without what one would expect."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from partners.cpo.app import CpoNode
from partners.cpo.stations.central_system import CentralSystemSettings
from partners.cpo.transactions.transactions import Patience
from tests.fixtures.cpo_world import World, connector, cpo_settings, evse, location, token, world
from tests.fixtures.independent_station import at
from tests.unit.partners.ocpp_world import RawChargePoint, raw_charge_point

CARD = {"idToken": "CARD1", "type": "ISO14443"}
EVSE = {"id": 1, "connectorId": 1}
APP = token("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", type="APP_USER", whitelist="NEVER")
START = {"location_id": "square", "evse_uid": "E1", "token": APP}


class Station:
    """The far end of a socket, with the words of a station."""

    def __init__(self, wire: RawChargePoint) -> None:
        self.wire = wire
        self._count = 0

    async def says(self, action: str, **payload: Any) -> dict[str, Any]:
        self._count += 1
        frame = await self.wire.ask(f"{action}-{self._count}", action, payload)
        assert frame[0] == 3, frame
        answer: dict[str, Any] = frame[2]
        return answer

    async def tells(self, kind: str, sequence: int, seconds: float, **more: Any) -> dict[str, Any]:
        info = {"transactionId": more.pop("transaction", "T-1")}
        for field in ("chargingState", "remoteStartId", "stoppedReason"):
            if field in more:
                info[field] = more.pop(field)
        event = {
            "eventType": kind,
            "timestamp": at(seconds),
            "triggerReason": more.pop("trigger", "MeterValuePeriodic"),
            "seqNo": sequence,
            "transactionInfo": info,
        }
        return await self.says("TransactionEvent", **event | more)

    async def starts(self, **more: Any) -> dict[str, Any]:
        begun = {"evse": EVSE, "idToken": CARD, "chargingState": "Charging"}
        meter = [register(0, 1000, context="Transaction.Begin")]
        return await self.tells("Started", 0, 0, **begun | {"meterValue": meter} | more)

    async def ends(self, sequence: int = 1, wh: int = 11_000, **more: Any) -> dict[str, Any]:
        meter = [register(3600, wh, context="Transaction.End")]
        return await self.tells("Ended", sequence, 3600, **{"meterValue": meter} | more)

    async def shows(self, status: str, evse_id: int = 1, connector_id: int = 1, seconds: float = 0) -> None:
        shown = {"evseId": evse_id, "connectorId": connector_id, "connectorStatus": status}
        await self.says("StatusNotification", timestamp=at(seconds), **shown)


def register(seconds: float, value: float, unit: str = "Wh", **more: Any) -> dict[str, Any]:
    sampled = {"value": value, "unitOfMeasure": {"unit": unit}, **more}
    return {"timestamp": at(seconds), "sampledValue": [sampled]}


@asynccontextmanager
async def station(made: World, name: str = "CP1", version: str = "ocpp2.0.1") -> AsyncIterator[Station]:
    async with raw_charge_point(f"{made.cpo.ocpp_url}/{name}", [version]) as wire:
        yield Station(wire)


def sessions(made: World) -> list[dict[str, Any]]:
    return [each.current for each in made.cpo.sessions()]


def cdrs(made: World) -> list[dict[str, Any]]:
    return [each.current for each in made.cpo.cdrs()]


def status(made: World, evse_uid: str = "E1") -> str:
    whole = made.cpo.locations.location("square")
    assert whole is not None
    found: str = next(each["status"] for each in whole["evses"] if each["uid"] == evse_uid)
    return found


# Twice, late, out of order.


async def test_an_event_that_is_told_again_gets_the_same_answer_over_any_link_and_no_second_session() -> None:
    async with world(tokens=(token(),)) as made:
        async with station(made) as one:
            first = await one.starts()
            assert first["idTokenInfo"]["status"] == "Accepted"
            again = await one.starts()
        async with station(made) as one:
            await one.says("Heartbeat")  # so that this is another message id
            assert (
                (await one.starts())["idTokenInfo"]["status"] == again["idTokenInfo"]["status"] == "Accepted"
            )
            await one.ends()
            await one.ends()
        assert len(sessions(made)) == len(cdrs(made)) == 1


async def test_numbers_that_are_all_0_lose_nothing() -> None:
    async with world(tokens=(token(),)) as made, station(made) as one:
        await one.starts()
        await one.tells("Updated", 0, 1800, meterValue=[register(1800, 6000)])
        await one.tells("Updated", 0, 2400, meterValue=[register(2400, 8000)])
        assert sessions(made)[0]["kwh"] == 7
        await one.ends(0)
        assert cdrs(made)[0]["total_energy"] == 10


async def test_an_end_waits_for_what_is_missing_before_it() -> None:
    async with world(tokens=(token(),)) as made, station(made) as one:
        await one.starts()
        await one.ends(3)
        await one.tells("Updated", 1, 900, meterValue=[register(900, 3000)])
        assert cdrs(made) == []
        assert sessions(made)[0]["status"] == "ACTIVE"
        await one.tells("Updated", 2, 1800, meterValue=[register(1800, 6000)])
        assert sessions(made)[0]["status"] == "COMPLETED"
        assert cdrs(made)[0]["total_energy"] == 10


async def test_an_end_does_not_wait_for_ever_and_what_comes_after_its_cdr_changes_it_by_a_credit() -> None:
    """The Begin sample was missing: the first register that was known was too high."""
    hasty = Patience(timedelta(milliseconds=20), timedelta(milliseconds=20))
    async with world(tokens=(token(),), gap_patience=hasty) as made, station(made) as one:
        await one.tells(
            "Updated",
            1,
            600,
            evse=EVSE,
            idToken=CARD,
            chargingState="Charging",
            meterValue=[register(600, 3000)],
        )
        await one.ends(2)
        await made.cpo.until(lambda: cdrs(made))
        assert cdrs(made)[0]["total_energy"] == 8
        await one.starts()
        first, credit, new = cdrs(made)
        assert (credit["credit"], credit["credit_reference_id"]) == (True, first["id"])
        assert (new["total_energy"], new["total_time"]) == (10, 1)
        assert len(sessions(made)) == 1


async def test_an_update_before_the_start_opens_the_transaction_and_the_start_puts_it_right() -> None:
    async with world(tokens=(token(),)) as made, station(made) as one:
        await one.tells("Updated", 1, 1800, evse=EVSE, meterValue=[register(1800, 6000)])
        assert sessions(made) == []
        await one.starts()
        await one.ends(2)
        cdr = cdrs(made)[0]
        assert (cdr["start_date_time"], cdr["total_energy"], cdr["total_time"]) == (at(0), 10, 1)


async def test_a_session_that_was_offline_is_delivered_with_its_true_times() -> None:
    async with world(tokens=(token(),)) as made, station(made) as one:
        # A newer one is under way already; what is told late does not end it.
        await one.starts(transaction="T-2", timestamp=at(90_000))
        await one.starts(offline=True)
        await one.tells("Updated", 1, 1800, offline=True, meterValue=[register(1800, 6000)])
        await one.ends(2, offline=True)
        cdr = cdrs(made)[0]
        assert (cdr["start_date_time"], cdr["end_date_time"], cdr["total_energy"]) == (at(0), at(3600), 10)
        assert [each["status"] for each in sessions(made)] == ["ACTIVE", "COMPLETED"]


async def test_a_new_transaction_ends_the_one_that_nobody_ended() -> None:
    async with world(tokens=(token(),)) as made, station(made) as one:
        await one.starts()
        await one.tells("Updated", 1, 1800, meterValue=[register(1800, 6000)])
        await one.starts(transaction="T-2", timestamp=at(7200))
        assert [each["status"] for each in sessions(made)] == ["COMPLETED", "ACTIVE"]
        assert cdrs(made)[0]["remark"].startswith("estimated")


async def test_the_answer_to_an_event_leaves_only_when_it_is_on_disk() -> None:
    async with world(tokens=(token(),)) as made, station(made) as one:
        await one.starts()
        await one.tells("Updated", 1, 1800, meterValue=[register(1800, 6000)])
        assert not made.cpo.node.database.is_behind


# Without what one would expect.


async def test_a_start_without_a_token_is_no_session_until_the_token_is_told() -> None:
    async with world(tokens=(token(),)) as made, station(made) as one:
        await one.tells("Started", 0, 0, evse=EVSE, chargingState="EVConnected", trigger="CablePluggedIn")
        await one.tells("Updated", 1, 30, chargingState="EVConnected")
        assert sessions(made) == []
        answer = await one.tells("Updated", 2, 60, idToken=CARD, trigger="Authorized")
        assert answer["idTokenInfo"]["status"] == "Accepted"
        assert (sessions(made)[0]["start_date_time"], sessions(made)[0]["status"]) == (at(60), "ACTIVE")


async def test_a_card_before_the_cable_begins_when_the_car_is_plugged_in() -> None:
    async with world(tokens=(token(),)) as made, station(made) as one:
        await one.starts(chargingState="Idle", trigger="Authorized")
        await one.tells("Updated", 1, 120, chargingState="Charging", trigger="CablePluggedIn")
        await one.ends(2)
        assert (cdrs(made)[0]["start_date_time"], cdrs(made)[0]["total_energy"]) == (at(120), 10)


async def test_an_end_without_a_meter_value_is_estimated_from_the_last_one() -> None:
    async with world(tokens=(token(),)) as made, station(made) as one:
        await one.starts()
        await one.tells("Updated", 1, 3000, meterValue=[register(3000, 9.5, "kWh")])
        await one.tells("Ended", 2, 3600)
        cdr = cdrs(made)[0]
        assert (cdr["total_energy"], cdr["end_date_time"]) == (Decimal("8.5"), at(3600))
        assert cdr["remark"].startswith("estimated")


@pytest.mark.parametrize(
    "samples", [{}, {"meterValue": [register(3600, 9000, measurand="Energy.Active.Export.Register")]}]
)
async def test_a_session_without_any_register_is_not_billed(samples: dict[str, Any]) -> None:
    """A missing start is not 0, and what went out is not what came in."""
    async with world(tokens=(token(),)) as made, station(made) as one:
        await one.starts(meterValue=[register(0, 5000, measurand="Energy.Active.Export.Register")])
        await one.tells("Ended", 1, 3600, **samples)
        assert cdrs(made) == []
        assert (sessions(made)[0]["status"], sessions(made)[0]["kwh"]) == ("COMPLETED", 0)


async def test_a_lifetime_register_without_a_begin_sample_is_not_billed_from_0() -> None:
    async with world(tokens=(token(),)) as made, station(made) as one:
        await one.starts(meterValue=[register(10, 7_900_000)])
        await one.ends(1, 7_910_000)
        assert cdrs(made)[0]["total_energy"] == 10


@pytest.mark.parametrize(
    "told", ["while nobody charged", "at the end of another one", "in one without an end"]
)
async def test_the_register_before_a_start_is_known_after_a_restart_of_the_node(
    tmp_path: Path, told: str
) -> None:
    """Contract, 7.2: a start that tells none begins there, and is no estimate."""
    async with world(tmp_path, tokens=(token(),)) as made:
        async with station(made) as one:
            if told == "while nobody charged":
                await one.says("MeterValues", evseId=1, meterValue=[register(3500, 11_000)])
            else:
                await one.starts()
                await one.tells("Updated", 1, 3600, meterValue=[register(3600, 11_000)])
            if told == "at the end of another one":
                await one.tells("Ended", 2, 3601)
                await made.hub.receives("POST", "/receiver/cdrs")
        await made.cpo.__aexit__(None, None, None)
        made.hub.received.clear()
        async with CpoNode(cpo_settings(tmp_path)) as again:
            await again.until_introduced()
            async with raw_charge_point(f"{again.ocpp_url}/CP1", ["ocpp2.0.1"]) as wire:
                one = Station(wire)
                begun = {"transaction": "T-2", "evse": EVSE, "idToken": CARD, "chargingState": "Charging"}
                await one.tells("Started", 0, 3900, meterValue=[register(4200, 13_000)], **begun)
                end = [register(5400, 17_000, context="Transaction.End")]
                await one.tells("Ended", 1, 5400, transaction="T-2", meterValue=end)
                count = 2 if told == "in one without an end" else 1
                await made.hub.receives("POST", "/receiver/cdrs", count)
        cdr = made.hub.all("POST", "/receiver/cdrs")[-1].value
        assert (cdr["total_energy"], cdr.get("remark")) == (6, None)


async def test_what_does_not_say_where_it_is_belongs_to_where_somebody_is() -> None:
    two = evse("E1", "CP1"), evse("E2", "CP1", connectors=[connector(ocpp_connector=2)])
    async with world(tokens=(token(),), locations=[location("square", *two)]) as made, station(made) as one:
        await one.shows("Occupied", 2)
        await one.tells("Started", 0, 0, idToken=CARD, chargingState="Charging")
        assert sessions(made)[0]["evse_uid"] == "E2"


async def test_a_refused_card_is_answered_and_makes_no_session() -> None:
    async with world(tokens=(token(valid=False),)) as made, station(made) as one:
        assert (await one.starts())["idTokenInfo"]["status"] == "Invalid"
        await one.ends()
        assert sessions(made) == cdrs(made) == []


async def test_free_charging_is_nobodys_session() -> None:
    async with world() as made, station(made) as one:
        answer = await one.starts(idToken={"idToken": "", "type": "NoAuthorization"})
        assert answer["idTokenInfo"]["status"] == "Accepted"
        await one.ends()
        assert sessions(made) == []


# States.


async def test_the_station_as_a_whole_is_evse_0() -> None:
    async with world() as made, station(made) as one:
        await one.shows("Available")
        assert status(made) == "AVAILABLE"
        await one.shows("Unavailable", 0, 0)
        assert status(made) == "INOPERATIVE"
        await one.shows("Available", 0, 0)
        assert status(made) == "AVAILABLE"


async def test_a_state_may_come_as_an_event_of_the_device_model() -> None:
    event = {
        "eventId": 1,
        "timestamp": at(0),
        "trigger": "Delta",
        "actualValue": "Faulted",
        "eventNotificationType": "HardWiredNotification",
        "component": {"name": "Connector", "evse": EVSE},
        "variable": {"name": "AvailabilityState"},
    }
    async with world() as made, station(made, version="ocpp2.1") as one:
        await one.says("NotifyEvent", generatedAt=at(0), seqNo=0, eventData=[event])
        assert status(made) == "OUTOFORDER"


async def test_a_station_that_comes_back_without_a_word_is_asked_for_each_connector() -> None:
    soon = CentralSystemSettings(settle=timedelta(milliseconds=20))
    two = evse("E1", "CP1"), evse("E2", "CP1", connectors=[connector(ocpp_connector=2)])
    async with (
        world(central_system=soon, locations=[location("square", *two)]) as made,
        station(made) as one,
    ):
        for evse_id in (1, 2):
            asked = await one.wire.hear()
            wanted = {"id": evse_id, "connectorId": 1}
            assert asked[2:] == ["TriggerMessage", {"requestedMessage": "StatusNotification", "evse": wanted}]
            await one.wire.say(3, asked[1], {"status": "Accepted"})


# Commands.


async def start_asked(made: World, one: Station) -> dict[str, Any]:
    await made.command("START_SESSION", START)
    asked = await one.wire.hear()
    await one.wire.say(3, asked[1], {"status": "Accepted"})
    payload: dict[str, Any] = asked[3]
    return payload


@pytest.mark.parametrize("says_number", [True, False])
async def test_a_remote_start_is_known_by_its_number_or_by_its_token(says_number: bool) -> None:  # noqa: FBT001
    async with world() as made, station(made) as one:
        asked = await start_asked(made, one)
        assert asked["idToken"] == {"idToken": APP["uid"], "type": "Central"}
        assert asked["evseId"] == 1
        told = {"remoteStartId": asked["remoteStartId"]} if says_number else {"idToken": asked["idToken"]}
        await one.tells("Started", 0, 0, evse=EVSE, chargingState="Charging", trigger="RemoteStart", **told)
        session = await made.active()
        assert (session["cdr_token"]["uid"], session["auth_method"]) == (APP["uid"], "COMMAND")


async def test_a_remote_start_of_what_is_under_way_already_is_bound_by_the_answer() -> None:
    async with world() as made, station(made) as one:
        await one.tells("Started", 0, 0, evse=EVSE, chargingState="EVConnected", trigger="CablePluggedIn")
        await made.command("START_SESSION", START)
        asked = await one.wire.hear()
        await one.wire.say(3, asked[1], {"status": "Accepted", "transactionId": "T-1"})
        assert (await made.active())["cdr_token"]["uid"] == APP["uid"]


async def test_a_start_after_the_timeout_is_told_all_the_same() -> None:
    hasty = CentralSystemSettings(answer_within=timedelta(milliseconds=200))
    async with world(central_system=hasty) as made, station(made) as one:
        await made.command("START_SESSION", START)
        asked = (await one.wire.hear())[3]
        assert (await made.result("START_SESSION")).value["result"] == "TIMEOUT"
        await one.tells(
            "Started", 0, 0, evse=EVSE, remoteStartId=asked["remoteStartId"], chargingState="Charging"
        )
        assert (await made.active())["auth_method"] == "COMMAND"


async def test_a_session_is_stopped_by_the_name_that_its_station_gave_it() -> None:
    async with world(tokens=(token(),)) as made, station(made) as one:
        await one.starts(transaction="a-name-of-its-own")
        await made.command("STOP_SESSION", {"session_id": sessions(made)[0]["id"]})
        asked = await one.wire.hear()
        assert asked[2:] == ["RequestStopTransaction", {"transactionId": "a-name-of-its-own"}]
        await one.wire.say(3, asked[1], {"status": "Accepted"})
        assert (await made.result("STOP_SESSION")).value["result"] == "ACCEPTED"


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ({"status": "Rejected", "statusInfo": {"reasonCode": "TxInProgress"}}, "EVSE_OCCUPIED"),
        ({"status": "Rejected"}, "REJECTED"),
        ({"status": "Perhaps"}, "FAILED"),
    ],
)
async def test_the_reason_of_a_station_refines_its_no(answer: dict[str, Any], result: str) -> None:
    async with world() as made, station(made) as one:
        await made.command("START_SESSION", START)
        await one.wire.say(3, (await one.wire.hear())[1], answer)
        assert (await made.result("START_SESSION")).value["result"] == result


async def test_many_stations_at_once_are_stored_together_and_each_is_answered() -> None:
    places = [evse(f"E{number}", f"CP{number}") for number in range(20)]
    async with world(tokens=(token(),), locations=[location("square", *places)]) as made:

        async def charges(name: str) -> None:
            async with station(made, name) as one:
                await one.starts()
                for step in range(1, 4):
                    await one.tells("Updated", step, step * 60, meterValue=[register(step * 60, 1000 + step)])
                await one.ends(4)

        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(charges(f"CP{number}"))
        assert len(cdrs(made)) == 20
