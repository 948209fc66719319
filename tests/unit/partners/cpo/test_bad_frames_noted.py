"""What a charger says that OCPP does not allow is a line in its log, and harms nobody else."""

import pytest

from partners.cpo.app import CpoNode
from partners.cpo.health.charger_log import Kind
from tests.fixtures.cpo_world import cpo_settings, evse, location
from tests.unit.partners.ocpp_world import patiently, raw_charge_point

LOCATIONS = [location("LOC1", evse("E1", "CP1"), evse("E2", "CP2"))]


def noted(node: CpoNode, name: str) -> list[str]:
    lines = node.care.log.newest(name, 1000)
    return [each.detail["what"] for each in lines if each.kind is Kind.BAD_FRAME]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("not JSON", "no OCPP frame"),
        ('[2,"1","Heartbeat"]', "a CALL is"),
        ('[2,"1","NoSuchAction",{}]', "NoSuchAction was refused: NotImplemented"),
        ('[2,"1","Authorize",{"idTag":5}]', "Authorize was refused: TypeConstraintViolation /idTag"),
        ('[2,"1","MeterValues",{"connectorId":1,"meterValue":[' + "0," * 20_000 + "0]}]", "MeterValues was"),
    ],
    ids=["no JSON", "half a CALL", "unknown", "wrong type", "huge array"],
)
async def test_a_frame_that_is_refused_or_passed_over_is_noted(text: str, told: str) -> None:
    async with (
        CpoNode(cpo_settings(None, locations=LOCATIONS)) as node,
        raw_charge_point(f"{node.ocpp_url}/CP1") as charger,
        raw_charge_point(f"{node.ocpp_url}/CP2") as other,
    ):
        await charger.websocket.send_str(text)
        await charger.say(2, "end", "Heartbeat", {})
        while (await charger.hear())[1] != "end":
            pass
        (what,) = noted(node, "CP1")
        assert told in what
        assert (await other.ask("1", "Heartbeat", {}))[:2] == [3, "1"]
        assert noted(node, "CP2") == []


async def test_what_ends_a_link_is_noted_with_the_code_of_its_end() -> None:
    async with CpoNode(cpo_settings(None, locations=LOCATIONS)) as node:
        async with raw_charge_point(f"{node.ocpp_url}/CP1") as charger:
            await charger.websocket.send_bytes(b"[2]")
            assert await charger.farewell() == 1003
        async with raw_charge_point(f"{node.ocpp_url}/CP2") as charger:
            await charger.websocket.send_str("x" * 140_000)
            assert await charger.farewell() == 1009
        assert noted(node, "CP1") == ["the link was closed (1003): OCPP-J is text"]
        assert noted(node, "CP2") == ["the link was closed (1009): a message has at most 131072 bytes"]


async def test_one_who_goes_on_and_on_does_not_fill_the_log() -> None:
    async with (
        CpoNode(cpo_settings(None, locations=LOCATIONS)) as node,
        raw_charge_point(f"{node.ocpp_url}/CP1") as charger,
    ):
        for _ in range(150):
            await charger.websocket.send_str("[]")
        await patiently(charger.ask("1", "Heartbeat", {}))
        lines = [each for each in node.care.log.newest("CP1", 1000) if each.kind is Kind.BAD_FRAME]
        assert [each.detail["count"] for each in lines] == [1, 10, 100]
