"""The central system and frames that no charge point should send (OCPP-J 1.6, 4)."""

from typing import Any

import pytest

from partners.ocpp.payloads import Relaxation
from tests.unit.partners.ocpp_world import cpo_node, raw_charge_point, start_transaction


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not JSON",
        "{}",
        "[]",
        "[2]",
        "2",
        '[2, 5, "Heartbeat", {}]',
        '[99, "1", "Heartbeat", {}]',
        '[3, "nobody asked", {}]',
        '[3, "nobody asked"]',
        '[4, "nobody asked", "NoSuchCode", "", {}]',
        "[4]",
        "[" * 100_000,
        '[2, "\\ud800", "Heartbeat", {}]',
    ],
)
async def test_a_frame_that_cannot_be_answered_is_passed_over_and_the_link_stays(text: str) -> None:
    async with cpo_node() as node, raw_charge_point(node.url()) as charger:
        await charger.websocket.send_str(text)
        answer = await charger.ask("1", "Heartbeat", {})
    assert answer[:2] == [3, "1"]


async def test_a_binary_message_ends_the_link_and_no_other() -> None:
    async with (
        cpo_node() as node,
        raw_charge_point(node.url()) as charger,
        raw_charge_point(node.url("CP002")) as other,
    ):
        await charger.websocket.send_bytes(b'[2,"0","Heartbeat",{}]')
        assert await charger.farewell() == 1003
        assert (await other.ask("1", "Heartbeat", {}))[:2] == [3, "1"]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ([2, "1", "Heartbeat"], "ProtocolError"),
        ([2, "1", "Heartbeat", []], "ProtocolError"),
        ([2, "1", "Heartbeat", "NotAnObject"], "ProtocolError"),
        ([2, "1", "Heartbeat", {}, {}], "ProtocolError"),
        ([2, "1", {}, {}], "ProtocolError"),
        ([2, "1", "NoSuchAction", {}], "NotImplemented"),
        ([2, "1", "../../v201/schemas/HeartbeatRequest", {}], "NotImplemented"),
        ([2, "1", "heartbeat", {}], "NotImplemented"),
        ([2, "1", "RemoteStartTransaction", {"idTag": "A"}], "NotSupported"),
        ([2, "1", "Authorize", {}], "OccurenceConstraintViolation"),
        ([2, "1", "MeterValues", {"connectorId": 1, "meterValue": []}], "OccurenceConstraintViolation"),
        ([2, "1", "Authorize", {"idTag": 5}], "TypeConstraintViolation"),
        ([2, "1", "Authorize", {"idTag": None}], "TypeConstraintViolation"),
        ([2, "1", "StartTransaction", start_transaction(meterStart="5")], "TypeConstraintViolation"),
        ([2, "1", "StartTransaction", start_transaction(meterStart=2**60)], "PropertyConstraintViolation"),
        ([2, "1", "StartTransaction", start_transaction(timestamp="soon")], "PropertyConstraintViolation"),
        (
            [2, "1", "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Tired"}],
            "PropertyConstraintViolation",
        ),
    ],
)
async def test_a_call_that_cannot_be_answered_is_refused_by_its_own_code(frame: list[Any], code: str) -> None:
    async with cpo_node() as node, raw_charge_point(node.url()) as charger:
        await charger.say(*frame)
        kind, message_id, answered, description, details = await charger.hear()
    assert (kind, message_id, answered, details) == (4, "1", code, {})
    assert len(description) <= 255
    assert [event.name for event in node.cpo.events] == ["connected", "disconnected"]


@pytest.mark.parametrize(
    ("changed", "code", "relaxation"),
    [
        ({"vendorSpecific": {"a": 1}}, "FormationViolation", Relaxation.EXTRA_FIELDS),
        ({"idTag": "TOO-LONG-FOR-AN-ID-TAG"}, "PropertyConstraintViolation", Relaxation.LONG_TEXTS),
    ],
)
async def test_a_known_fault_is_let_pass_by_its_name_and_for_its_charger_alone(
    changed: dict[str, Any], code: str, relaxation: Relaxation
) -> None:
    payload = start_transaction(**changed)
    async with (
        cpo_node(relaxed=lambda name: [relaxation] if name == "ODD" else []) as node,
        raw_charge_point(node.url()) as charger,
        raw_charge_point(node.url("ODD")) as odd,
    ):
        assert (await charger.ask("1", "StartTransaction", payload))[2] == code
        assert (await odd.ask("1", "StartTransaction", payload))[2]["transactionId"] == 1


async def test_a_frame_beyond_all_measure_ends_the_link() -> None:
    async with cpo_node() as node, raw_charge_point(node.url()) as charger:
        await charger.websocket.send_str("[" + " " * 300_000)
        assert await charger.farewell() == 1009
        await node.cpo.until_told("disconnected")


@pytest.mark.parametrize(
    ("action", "payload", "result"),
    [
        ("DataTransfer", {"vendorId": "v"}, {"status": "UnknownVendorId"}),
        ("DiagnosticsStatusNotification", {"status": "Idle"}, {}),
        ("FirmwareStatusNotification", {"status": "Idle"}, {}),
        ("SecurityEventNotification", {"type": "t", "timestamp": "2026-01-02T03:04:05Z"}, {}),
    ],
)
async def test_what_is_only_noted_is_answered_all_the_same(
    action: str, payload: dict[str, Any], result: dict[str, Any]
) -> None:
    async with cpo_node() as node, raw_charge_point(node.url()) as charger:
        assert await charger.ask("1", action, payload) == [3, "1", result]
