"""What a station of OCPP 2.x is asked, as an independent implementation understands it."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest

from partners.cpo.stations.questions import HEARTBEAT_INTERVAL, RATE_UNITS, ListedToken
from partners.ocpp.link import NoAnswer
from schemas.v2_2_1 import TokenType
from tests.fixtures.independent_station import independent_station
from tests.fixtures.waiting import until
from tests.unit.partners.ocpp_world import PATIENCE, CpoNode, cpo_node, raw_charge_point

EXPIRES = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("version", ["ocpp2.0.1", "ocpp2.1"])
async def test_every_question_is_understood(version: str) -> None:
    async with cpo_node() as node, independent_station(node.url(), version) as station:
        central, name = node.central, "CP001"
        assert (await central.request_start(name, 2, "APP", TokenType.APP_USER, 7)).outcome == "accepted"
        assert await central.remote_stop(name, "T-1") == "accepted"
        assert await central.unlock(name, 2) == "accepted"
        assert await central.reserve(name, 0, "CARD", TokenType.RFID, 5, EXPIRES) == "accepted"
        assert await central.cancel_reservation(name, 5) == "accepted"
        assert await central.trigger(name, "StatusNotification", 2) == "accepted"
        assert await central.trigger(name, "MeterValues", 2) == "accepted"
        assert await central.change_availability(name, 0, operative=False) == "accepted"
        assert await central.reset(name) == "accepted"
        assert await central.setting(name, RATE_UNITS) == "W,A"
        assert await central.change_setting(name, HEARTBEAT_INTERVAL, "60") == "Accepted"
        assert await central.local_list_version(name) == 7
        listed = [
            ListedToken("CARD", TokenType.RFID, "Accepted", EXPIRES),
            ListedToken("GONE", TokenType.RFID),
        ]
        assert await central.send_local_list(name, 8, listed, whole=False) == "Accepted"
        asked = dict(station.asked)
    assert asked["RequestStartTransaction"] == {
        "id_token": {"id_token": "APP", "type": "Central"},
        "remote_start_id": 7,
        "evse_id": 2,
    }
    assert "evse_id" not in asked["ReserveNow"]
    assert asked["TriggerMessage"]["evse"] == {"id": 2}
    assert asked["Reset"] == {"type": "OnIdle"}


@pytest.mark.parametrize("is_replaced", [False, True])
async def test_a_report_ends_with_the_link_over_which_it_was_asked_for(*, is_replaced: bool) -> None:
    async def asks(node: CpoNode) -> None:
        # Long before the report would be given up.
        async with asyncio.timeout(PATIENCE / 2):
            with pytest.raises(NoAnswer):
                await node.central.base_report("CP001")

    async with cpo_node() as node, AsyncExitStack() as newer, asyncio.TaskGroup() as group:
        async with independent_station(node.url(), "ocpp2.0.1") as station:
            asked = group.create_task(asks(node))
            await until(lambda: "GetBaseReport" in dict(station.asked))
            if is_replaced:
                await newer.enter_async_context(raw_charge_point(node.url(), ["ocpp2.0.1"]))
                await asked
                assert node.central.is_connected("CP001")
        await asked
