"""Every frame that our charge point and our central system send is what OCPP 1.6's JSON Schemas allow.

The schemas are those that the `ocpp` package carries; they are applied here to the frames on the wire, as
somebody who listens on the line sees them.
"""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

from jsonschema import Draft4Validator
from ocpp.messages import get_validator

from partners.charger.driver import rfid_visit
from partners.charger.settings import ChargerSettings
from partners.charger.states import EnergyUnit
from partners.charger.vehicle import Vehicle
from partners.cpo.stations.remote_outcome import RemoteOutcome
from partners.ocpp.errors import ErrorCode, spelled
from partners.ocpp.versions import Version
from tests.unit.partners.ocpp_world import CpoNode, Frame, Wire, cpo_node, patiently, simulator, wire_to

CALL, CALL_RESULT, CALL_ERROR = 2, 3, 4
CODES = {spelled(code, Version.V1_6) for code in ErrorCode}


def faults(frames: list[Frame]) -> list[str]:
    """What is wrong with the frames, each in one line."""
    asked: dict[tuple[str, str], str] = {}
    found: list[str] = []
    for says, content in frames:
        kind, message_id = content[0], content[1]
        if len(message_id) > 36:
            found.append(f"{message_id} is too long")
        if kind == CALL:
            asked[says, message_id] = content[2]
            found += violations(CALL, content[2], content[3])
            continue
        action = asked.get((other(says), message_id))
        if action is None:
            found.append(f"{says} answers what nobody asked: {content}")
        elif kind == CALL_RESULT:
            found += violations(CALL_RESULT, action, content[2])
        elif content[2] not in CODES or len(content) != 5 or not isinstance(content[4], dict):
            found.append(f"{says}: no CALLERROR: {content}")
    return found


def violations(kind: int, action: str, payload: dict[str, Any]) -> list[str]:
    # The package keeps each validator as it was first made, for all tests: of decimals, as it makes some.
    validator: Draft4Validator = get_validator(kind, action, "1.6", parse_float=Decimal)
    return [f"{action}: {error.message}" for error in validator.iter_errors(payload)]


def other(side: str) -> str:
    return "central" if side == "charger" else "charger"


async def a_full_day(node: CpoNode, wire: Wire) -> None:
    """Everything that the two can say to each other."""
    settings = ChargerSettings(
        connectors=2,
        energy_unit=EnergyUnit.KWH,
        vehicle=Vehicle(capacity_wh=Decimal(8_000), soc=Decimal("0.61")),
        reconnect_after=timedelta(milliseconds=10),
    )
    node.cpo.refused.add("THIEF")
    async with simulator(wire.url(), settings) as charger:
        await patiently(charger.until_connected())
        await patiently(rfid_visit(charger, 1, "TAG"))
        await patiently(rfid_visit(charger, 1, "THIEF"))
        node.cpo.fails = {"transaction_started": 1, "authorize": 1}
        await patiently(rfid_visit(charger, 1, "TAG"))
        charger.plug_in(2)
        assert await node.central.remote_start("CP001", 2, "APP") is RemoteOutcome.ACCEPTED
        number = await patiently(charger.until_numbered(2))
        await node.central.remote_stop("CP001", number)
        await node.central.remote_start("CP001", None, "THIEF")
        await node.central.unlock("CP001", 1)
        for requested in ("BootNotification", "Heartbeat", "StatusNotification", "MeterValues"):
            await node.central.ask("CP001", "TriggerMessage", {"requestedMessage": requested})
        await node.central.ask("CP001", "GetConfiguration", {})
        await node.central.ask("CP001", "ChangeConfiguration", {"key": "HeartbeatInterval", "value": "600"})
        await node.central.ask("CP001", "ChangeAvailability", {"connectorId": 0, "type": "Inoperative"})
        await node.central.ask("CP001", "Reset", {"type": "Soft"})
        await node.cpo.until_told("booted", 3)
        await wire.until(lambda: bool(wire.said("charger", "Heartbeat")))
        charger.break_down(1)
        await patiently(charger.until_told())


async def test_every_frame_is_valid_by_the_schemas_of_ocpp() -> None:
    async with cpo_node() as node, wire_to(node) as wire:
        await a_full_day(node, wire)
    assert faults(wire.frames) == []
    spoken = Counter((frame.says, frame.content[2]) for frame in wire.frames if frame.content[0] == CALL)
    assert set(spoken) == {
        ("charger", "Authorize"),
        ("charger", "BootNotification"),
        ("charger", "Heartbeat"),
        ("charger", "MeterValues"),
        ("charger", "StartTransaction"),
        ("charger", "StatusNotification"),
        ("charger", "StopTransaction"),
        ("central", "ChangeAvailability"),
        ("central", "ChangeConfiguration"),
        ("central", "GetConfiguration"),
        ("central", "RemoteStartTransaction"),
        ("central", "RemoteStopTransaction"),
        ("central", "Reset"),
        ("central", "TriggerMessage"),
        ("central", "UnlockConnector"),
    }
    assert any(frame.content[0] == CALL_ERROR for frame in wire.frames)


def test_the_check_itself_finds_what_is_wrong() -> None:
    assert faults([Frame("charger", [2, "1", "Authorize", {"idTag": 5}])]) == [
        "Authorize: 5 is not of type 'string'"
    ]
    assert len(faults([Frame("central", [3, "9", {}])])) == 1
    heartbeat = Frame("charger", [2, "1", "Heartbeat", {}])
    assert faults([heartbeat, Frame("central", [3, "1", {}])]) == [
        "Heartbeat: 'currentTime' is a required property"
    ]
    assert len(faults([heartbeat, Frame("central", [4, "1", "Oops", "", {}])])) == 1
