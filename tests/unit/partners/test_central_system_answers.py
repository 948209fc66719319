"""What the central system answers, and when: stored first, answered after, and never done twice."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from partners.cpo.charging.charging_events import BootInfo, ConnectorStatus, StartedTransaction
from partners.cpo.stations.recent_answers import RecentAnswers
from partners.ocpp.frames import Call
from tests.unit.partners.ocpp_world import cpo_node, raw_charge_point, start_transaction

STOP = {"transactionId": 1, "meterStop": 5000, "timestamp": "2026-01-02T04:04:05Z", "idTag": "TAG"}
METER = {
    "connectorId": 1,
    "transactionId": 1,
    "meterValue": [{"timestamp": "2026-01-02T03:30:00Z", "sampledValue": [{"value": "2000"}]}],
}


async def test_a_boot_is_accepted_with_the_present_time_and_the_heartbeat_interval() -> None:
    boot = {"chargePointVendor": "V", "chargePointModel": "M", "meterSerialNumber": "42"}
    async with cpo_node() as node, raw_charge_point(node.url()) as charger:
        _, _, answer = await charger.ask("1", "BootNotification", boot)
    assert answer["status"] == "Accepted"
    assert answer["interval"] == 300
    told = datetime.fromisoformat(answer["currentTime"])
    assert answer["currentTime"].endswith("Z")
    assert abs(datetime.now(UTC) - told) < timedelta(minutes=1)
    assert node.cpo.told("booted") == [BootInfo(vendor="V", model="M", meter_serial_number="42")]


async def test_a_status_is_told_with_its_instant_in_utc() -> None:
    status = {
        "connectorId": 2,
        "errorCode": "GroundFailure",
        "status": "Faulted",
        "timestamp": "2026-01-02T03:04:05.123456789+01:00",
    }
    async with cpo_node() as node, raw_charge_point(node.url()) as charger:
        assert await charger.ask("1", "StatusNotification", status) == [3, "1", {}]
    at = datetime(2026, 1, 2, 2, 4, 5, 123456, tzinfo=UTC)
    assert node.cpo.told("status_changed") == [(2, ConnectorStatus.FAULTED, "GroundFailure", at)]


async def test_a_status_without_an_instant_is_of_now() -> None:
    status = {"connectorId": 0, "errorCode": "NoError", "status": "Available"}
    before = datetime.now(UTC)
    async with cpo_node() as node, raw_charge_point(node.url()) as charger:
        await charger.ask("1", "StatusNotification", status)
    assert before <= node.cpo.told("status_changed")[0].at <= datetime.now(UTC)


async def test_a_start_is_told_exactly_and_answered_with_its_number() -> None:
    async with cpo_node() as node, raw_charge_point(node.url()) as charger:
        answer = await charger.ask("1", "StartTransaction", start_transaction(reservationId=7))
    assert answer == [3, "1", {"transactionId": 1, "idTagInfo": {"status": "Accepted"}}]
    assert node.cpo.told("transaction_started") == [
        StartedTransaction(
            charge_point="CP001",
            connector_id=1,
            id_tag="TAG",
            meter_start_wh=Decimal(1000),
            at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            reservation_id=7,
        )
    ]


async def test_a_start_of_a_refused_token_gets_a_number_all_the_same() -> None:
    async with cpo_node() as node, raw_charge_point(node.url()) as charger:
        node.cpo.refused.add("TAG")
        answer = await charger.ask("1", "StartTransaction", start_transaction())
    assert answer == [3, "1", {"transactionId": 1, "idTagInfo": {"status": "Blocked"}}]


async def test_a_stop_is_told_with_its_reason_and_its_samples() -> None:
    data = [{"timestamp": "2026-01-02T04:04:05Z", "sampledValue": [{"value": "5", "unit": "kWh"}]}]
    async with cpo_node() as node, raw_charge_point(node.url()) as charger:
        payload = STOP | {"reason": "Remote", "transactionData": data}
        assert await charger.ask("1", "StopTransaction", payload) == [
            3,
            "1",
            {"idTagInfo": {"status": "Accepted"}},
        ]
    (stopped,) = node.cpo.told("transaction_stopped")
    assert (stopped.transaction_id, stopped.meter_stop_wh, stopped.reason) == (1, Decimal(5000), "Remote")
    assert [sample.energy_wh for sample in stopped.samples] == [Decimal(5000)]


async def test_a_stop_without_a_reason_is_local_and_without_a_token_answered_with_nothing() -> None:
    silent = {name: STOP[name] for name in ("transactionId", "meterStop", "timestamp")}
    async with cpo_node() as node, raw_charge_point(node.url()) as charger:
        assert await charger.ask("1", "StopTransaction", silent) == [3, "1", {}]
    assert node.cpo.told("transaction_stopped")[0].reason == "Local"


@pytest.mark.parametrize(
    ("callback", "action", "payload"),
    [
        ("transaction_started", "StartTransaction", start_transaction()),
        ("transaction_stopped", "StopTransaction", STOP),
    ],
)
async def test_the_answer_to_a_transaction_message_leaves_only_after_it_is_stored(
    callback: str, action: str, payload: dict[str, Any]
) -> None:
    async with cpo_node() as node, raw_charge_point(node.url()) as charger:
        stored = node.cpo.holds[callback] = asyncio.Event()
        await charger.say(2, "1", action, payload)
        await node.cpo.until_told(callback)
        # A frame that is answered at once comes back, and no other answer has come before it.
        await charger.say(2, "2", "Heartbeat")
        assert (await charger.hear())[:3] == [4, "2", "ProtocolError"]
        stored.set()
        assert (await charger.hear())[:2] == [3, "1"]


@pytest.mark.parametrize(
    ("callback", "action", "payload"),
    [
        ("transaction_started", "StartTransaction", start_transaction()),
        ("transaction_stopped", "StopTransaction", STOP),
        ("meter_values", "MeterValues", METER),
        ("authorize", "Authorize", {"idTag": "TAG"}),
    ],
)
async def test_what_could_not_be_stored_is_an_internal_error_and_may_be_said_again(
    callback: str, action: str, payload: dict[str, Any]
) -> None:
    async with cpo_node() as node, raw_charge_point(node.url()) as charger:
        node.cpo.fails[callback] = 1
        assert await charger.ask("1", action, payload) == [4, "1", "InternalError", "", {}]
        assert (await charger.ask("1", action, payload))[:2] == [3, "1"]
    assert len(node.cpo.told(callback)) == 1


@pytest.mark.parametrize(
    ("callback", "action", "payload"),
    [
        ("transaction_started", "StartTransaction", start_transaction()),
        ("transaction_stopped", "StopTransaction", STOP),
        ("meter_values", "MeterValues", METER),
    ],
)
async def test_a_transaction_message_said_again_gets_the_same_answer_and_happens_once_over_any_link(
    callback: str, action: str, payload: dict[str, Any]
) -> None:
    async with cpo_node() as node:
        async with raw_charge_point(node.url()) as charger:
            first = await charger.ask("same", action, payload)
            assert await charger.ask("same", action, payload) == first
        async with raw_charge_point(node.url()) as charger:
            assert await charger.ask("same", action, payload) == first
        async with raw_charge_point(node.url("CP002")) as another:
            await another.ask("same", action, payload)
    assert [event.charge_point for event in node.cpo.events if event.name == callback] == ["CP001", "CP002"]


async def test_a_message_id_used_again_for_something_else_is_another_message() -> None:
    async with cpo_node() as node, raw_charge_point(node.url()) as charger:
        first = await charger.ask("1", "StartTransaction", start_transaction())
        second = await charger.ask("1", "StartTransaction", start_transaction(connectorId=2))
        third = await charger.ask("1", "StopTransaction", STOP)
    assert (first[2]["transactionId"], second[2]["transactionId"]) == (1, 2)
    assert third[2] == {"idTagInfo": {"status": "Accepted"}}


async def test_a_status_with_an_old_message_id_counts_on_a_new_link() -> None:
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
    async with cpo_node() as node:
        for _ in range(2):
            async with raw_charge_point(node.url()) as charger:
                await charger.ask("1", "StatusNotification", status)
                await charger.ask("1", "StatusNotification", status)
    assert len(node.cpo.told("status_changed")) == 2


async def test_a_heartbeat_with_an_old_message_id_gets_the_present_time() -> None:
    async with cpo_node() as node, raw_charge_point(node.url()) as charger:
        times = []
        while len(set(times)) < 2:  # milliseconds go by
            answer = await charger.ask("1", "Heartbeat", {})
            times.append(answer[2]["currentTime"])
    assert times == sorted(times)


def test_answers_are_kept_for_a_day_and_only_so_many() -> None:
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    answers = RecentAnswers(lambda: now[0], most=3)
    calls = [Call(str(number), "StopTransaction", STOP) for number in range(4)]
    for call in calls:
        answers.remember(call, {"answer": call.message_id})
    assert [answers.recall(call) for call in calls] == [None, *({"answer": n} for n in "123")]
    now[0] += timedelta(hours=24)
    assert answers.recall(calls[3]) == {"answer": "3"}
    now[0] += timedelta(seconds=1)
    assert answers.recall(calls[3]) is None
