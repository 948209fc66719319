"""The central system and what no station of OCPP 2.0.1 or 2.1 should send (OCPP-J 2.0.1, 4)."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from partners.ocpp.payloads import Relaxation
from schemas import exact_json
from tests.unit.partners.ocpp_world import cpo_node, raw_charge_point

VERSIONS = ("ocpp2.0.1", "ocpp2.1")
AT = "2026-01-02T03:04:05Z"
CARD = {"idToken": "CARD1", "type": "ISO14443"}
EVENT = {
    "eventType": "Started",
    "timestamp": AT,
    "triggerReason": "Authorized",
    "seqNo": 0,
    "transactionInfo": {"transactionId": "T-1"},
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("text", "message_id", "code"),
    [
        ("", "-1", "RpcFrameworkError"),
        ("}{not JSON", "-1", "RpcFrameworkError"),
        ("[]", "-1", "RpcFrameworkError"),
        ("[2]", "-1", "RpcFrameworkError"),
        ("{}", "-1", "RpcFrameworkError"),
        ('[2, 5, "Heartbeat", {}]', 5, "FormatViolation"),
        (f'[2, {2**60}, "Heartbeat", {{}}]', "-1", "RpcFrameworkError"),
        ('[2, true, "Heartbeat", {}]', "-1", "RpcFrameworkError"),
        ('[2, null, "Heartbeat", {}]', "-1", "RpcFrameworkError"),
        (f'[2, "{"x" * 37}", "Heartbeat", {{}}]', "-1", "RpcFrameworkError"),
        ("[" * 100_000, "-1", "RpcFrameworkError"),
        ('[99, "1", "Heartbeat", {}]', "1", "MessageTypeNotSupported"),
        ('[2, "1", "Heartbeat"]', "1", "FormatViolation"),
        ('[2, "1", "Heartbeat", {}, {}]', "1", "FormatViolation"),
        ('[2, "1", "Heartbeat", "text"]', "1", "FormatViolation"),
        ('[2, "1", "Heartbeat", ' + '{"a":' * 500 + "{}" + "}" * 500 + "]", "1", "FormatViolation"),
    ],
)
async def test_a_frame_that_is_none_is_refused_and_the_link_stays(
    version: str, text: str, message_id: str | int, code: str
) -> None:
    async with cpo_node() as node, raw_charge_point(node.url(), [version]) as station:
        await station.websocket.send_str(text)
        assert (await station.hear())[:3] == [4, message_id, code]
        assert (await station.ask("2", "Heartbeat", {}))[:2] == [3, "2"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("NoSuchAction", {}, "NotImplemented"),
        ("StartTransaction", {}, "NotImplemented"),
        ("../../v16/schemas/Heartbeat", {}, "NotImplemented"),
        ("RequestStartTransaction", {"idToken": CARD, "remoteStartId": 1}, "NotSupported"),
        ("Authorize", {}, "OccurrenceConstraintViolation"),
        ("MeterValues", {"evseId": 1, "meterValue": []}, "OccurrenceConstraintViolation"),
        ("Authorize", {"idToken": "CARD1"}, "TypeConstraintViolation"),
        ("TransactionEvent", EVENT | {"seqNo": "0"}, "TypeConstraintViolation"),
        ("TransactionEvent", EVENT | {"eventType": "Paused"}, "PropertyConstraintViolation"),
        ("TransactionEvent", EVENT | {"timestamp": "soon"}, "PropertyConstraintViolation"),
        ("TransactionEvent", EVENT | {"seqNo": 2**60}, "PropertyConstraintViolation"),
        ("TransactionEvent", EVENT | {"mood": "good"}, "FormatViolation"),
        (
            "BootNotification",
            {"chargingStation": {"model": "M", "vendorName": "V"}},
            "OccurrenceConstraintViolation",
        ),
    ],
)
async def test_a_call_that_cannot_be_answered_is_refused_by_its_own_code(
    version: str, action: str, payload: dict[str, Any], code: str
) -> None:
    async with cpo_node() as node, raw_charge_point(node.url(), [version]) as station:
        kind, message_id, answered, description, details = await station.ask("1", action, payload)
    assert (kind, message_id, answered, details) == (4, "1", code, {})
    assert len(description) <= 255
    assert [event.name for event in node.cpo.events] == ["connected", "disconnected"]


HASHED = {"hashAlgorithm": "SHA256", "issuerNameHash": "a", "issuerKeyHash": "b", "serialNumber": "c"}
NAMESPACE = "urn:iso:15118:2:2013:MsgDef"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("action", "payload"),
    [
        (
            "Get15118EVCertificate",
            {"iso15118SchemaVersion": NAMESPACE, "action": "Install", "exiRequest": "gJgCAA=="},
        ),
        ("GetCertificateStatus", {"ocspRequestData": HASHED | {"responderURL": "http://ocsp.example"}}),
        (
            "NotifyEVChargingSchedule",
            {
                "timeBase": AT,
                "evseId": 1,
                "chargingSchedule": {
                    "id": 1,
                    "chargingRateUnit": "W",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 1}],
                },
            },
        ),
    ],
)
async def test_what_we_do_not_offer_of_iso_15118_is_not_supported_and_the_link_stays(
    version: str, action: str, payload: dict[str, Any]
) -> None:
    async with cpo_node() as node, raw_charge_point(node.url(), [version]) as station:
        assert (await station.ask("1", action, payload))[:3] == [4, "1", "NotSupported"]
        assert (await station.ask("2", "Heartbeat", {}))[:2] == [3, "2"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("FirmwareStatusNotification", {"status": "Downloading"}),
        ("PublishFirmwareStatusNotification", {"status": "Downloading"}),
        ("LogStatusNotification", {"status": "Uploading", "requestId": 1}),
    ],
)
async def test_what_is_only_noted_of_firmware_and_logs_is_answered(
    version: str, action: str, payload: dict[str, Any]
) -> None:
    async with cpo_node() as node, raw_charge_point(node.url(), [version]) as station:
        assert await station.ask("1", action, payload) == [3, "1", {}]


async def test_a_meter_value_list_without_end_is_refused_with_few_words() -> None:
    wrong = [{"timestamp": AT, "sampledValue": [{"value": "1"}]}] * 1000
    async with cpo_node() as node, raw_charge_point(node.url(), ["ocpp2.0.1"]) as station:
        answer = await station.ask("1", "MeterValues", {"evseId": 1, "meterValue": wrong})
    assert answer[2:4] == ["TypeConstraintViolation", "/meterValue/0/sampledValue/0/value: type"]


async def test_a_send_of_2_1_is_not_answered() -> None:
    stream = {"id": 1, "pending": 0, "basetime": AT, "data": []}
    async with cpo_node() as node, raw_charge_point(node.url(), ["ocpp2.1"]) as station:
        await station.say(6, "1", "NotifyPeriodicEventStream", stream)
        assert (await station.ask("2", "Heartbeat", {}))[:2] == [3, "2"]


async def test_a_result_that_is_not_valid_is_named_as_such_in_2_1() -> None:
    async with cpo_node() as node, raw_charge_point(node.url(), ["ocpp2.1"]) as station:
        await node.cpo.until_told("connected")
        async with asyncio.TaskGroup() as group:
            outcome = group.create_task(node.central.unlock("CP001", 1))
            asked = await station.hear()
            assert asked[2:] == ["UnlockConnector", {"evseId": 1, "connectorId": 1}]
            await station.say(3, asked[1], {"status": "Perhaps"})
            assert (await station.hear())[:3] == [5, asked[1], "PropertyConstraintViolation"]
        assert outcome.result() == "failed"


#: Where a station may put a whole number.
WHOLE_NUMBERS = (
    '{"seqNo":%s}',
    '{"reservationId":%s}',
    '{"evse":{"id":%s}}',
    '{"evse":{"id":1,"connectorId":%s}}',
    '{"transactionInfo":{"transactionId":"T","remoteStartId":%s}}',
    '{"meterValue":[{"timestamp":"2026-03-01T10:00Z","sampledValue":[{"value":1,"unitOfMeasure":{"multiplier":%s}}]}]}',
)


@pytest.mark.parametrize("relaxed", [(), (Relaxation.ANY_NUMBERS,)])
async def test_a_number_that_nobody_can_count_to_is_refused_at_once(relaxed: tuple[Relaxation, ...]) -> None:
    async with cpo_node(relaxed=lambda _: relaxed) as node, raw_charge_point(node.url(), VERSIONS) as station:
        for number in ("1e9999999", "-1e9999999", str(10**30)):
            for text in WHOLE_NUMBERS:
                event = EVENT | exact_json.decode(text % number)
                answer = await station.ask("1", "TransactionEvent", event)
                assert answer[:3] == [4, "1", "PropertyConstraintViolation"], (text, number)


async def test_a_whole_number_may_be_written_with_a_fraction_of_nothing() -> None:
    one = Decimal("1.0")
    evse = {"id": one, "connectorId": one}
    status = {"evseId": one, "connectorId": one, "connectorStatus": "Available", "timestamp": AT}
    ended = {"reservationId": one, "reservationUpdateStatus": "Expired"}
    async with cpo_node() as node, raw_charge_point(node.url(), VERSIONS) as station:
        event = EVENT | {"seqNo": one, "reservationId": one, "evse": evse}
        assert (await station.ask("1", "TransactionEvent", event))[0] == 3
        assert (await station.ask("2", "StatusNotification", status))[0] == 3
        assert (await station.ask("3", "ReservationStatusUpdate", ended))[0] == 3
    told = node.cpo.told("transaction_event")[0]
    numbers = [told.sequence, told.reservation_id, *node.cpo.told("reservation_ended")]
    places = [told.connector_id, node.cpo.told("status_changed")[0].connector_id]
    assert numbers == [1, 1, 1]
    assert places[0] == places[1]
    assert {type(each) for each in numbers + places} == {int}


async def test_an_evse_far_beyond_all_is_nobodys_and_can_be_kept() -> None:
    event = EVENT | {"evse": {"id": 2**53 - 1, "connectorId": 7}}
    async with cpo_node() as node, raw_charge_point(node.url(), VERSIONS) as station:
        assert (await station.ask("1", "TransactionEvent", event))[0] == 3
    assert 10_000 < node.cpo.told("transaction_event")[0].connector_id < 2**63
