"""Links of charge points: who may connect, who takes over, how it ends (OCPP-J 1.6, 3)."""

import asyncio
from datetime import timedelta

import aiohttp
import pytest

from partners.cpo.stations.central_system import CentralSystemSettings
from tests.unit.partners.ocpp_world import PATIENCE, cpo_node, patiently, raw_charge_point, start_transaction

IMPATIENT = CentralSystemSettings(
    settle=timedelta(milliseconds=20),
    answer_within=timedelta(seconds=PATIENCE),
    close_within=timedelta(seconds=1),
)


@pytest.mark.parametrize("protocols", [("ocpp2.0",), ("ocpp1.5", "soap")])
async def test_a_handshake_without_a_known_version_is_completed_and_closed_at_once(
    protocols: tuple[str, ...],
) -> None:
    async with cpo_node() as node, raw_charge_point(node.url(), protocols) as charger:
        assert charger.websocket.protocol is None
        assert await charger.farewell() == 1002
    assert node.cpo.events == []


async def test_a_handshake_without_a_subprotocol_is_refused() -> None:
    async with cpo_node() as node:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with raw_charge_point(node.url(), ()):
                pass
    assert refused.value.status == 400
    assert node.cpo.events == []


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (("ocpp1.6",), "ocpp1.6"),
        (("ocpp2.0.1",), "ocpp2.0.1"),
        (("ocpp2.1",), "ocpp2.1"),
        (("ocpp2.1", "ocpp2.0.1"), "ocpp2.1"),
        (("ocpp3.0", "ocpp1.6", "ocpp2.0.1"), "ocpp1.6"),
    ],
)
async def test_the_first_version_that_is_known_is_chosen_among_those_that_a_charge_point_offers(
    offered: tuple[str, ...], chosen: str
) -> None:
    async with cpo_node() as node, raw_charge_point(node.url(), offered) as charger:
        assert charger.websocket.protocol == chosen
        await node.cpo.until_told("connected")
        assert node.central.version("CP001") == chosen


async def test_a_charge_point_that_does_not_belong_to_the_cpo_gets_404() -> None:
    async with cpo_node(known=lambda charge_point: charge_point == "CP001") as node:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with raw_charge_point(node.url("CP002")):
                pass
        assert refused.value.status == 404
        async with raw_charge_point(node.url("CP001")):
            await node.cpo.until_told("connected")


async def test_an_identity_that_differs_only_in_case_from_another_is_refused() -> None:
    async with cpo_node() as node, raw_charge_point(node.url("CP001")):
        await node.cpo.until_told("connected")
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with raw_charge_point(node.url("cp001")):
                pass
    assert refused.value.status == 404


async def test_an_identity_may_hold_characters_that_a_url_must_escape() -> None:
    async with cpo_node() as node, raw_charge_point(node.url("CP%20001%2FA")):
        await node.cpo.until_told("connected")
    assert node.cpo.events[0].charge_point == "CP 001/A"


async def test_a_request_that_is_no_websocket_gets_400() -> None:
    async with cpo_node() as node, aiohttp.ClientSession() as session:
        headers = {"Sec-WebSocket-Protocol": "ocpp1.6"}
        async with session.get(node.url().replace("ws:", "http:"), headers=headers) as answer:
            assert answer.status == 400
    assert node.cpo.events == []


async def test_the_newest_socket_of_a_charge_point_wins_and_the_old_ones_end_is_no_disconnect() -> None:
    async with cpo_node() as node, raw_charge_point(node.url()) as old:
        await node.cpo.until_told("connected")
        async with raw_charge_point(node.url()) as new:
            assert await old.farewell() == 1000
            command = asyncio.ensure_future(node.central.unlock("CP001", 1))  # noqa: TID251 - the test's own
            message_id = (await new.hear())[1]
            await new.say(3, message_id, {"status": "Unlocked"})
            assert await patiently(command) == "accepted"
            names = [event.name for event in node.cpo.events]
            assert names == ["connected", "connected"]
            assert node.central.is_connected("CP001")
        await node.cpo.until_told("disconnected")
    assert not node.central.is_connected("CP001")
    assert [event.name for event in node.cpo.events] == ["connected", "connected", "disconnected"]


async def test_an_old_socket_that_hangs_does_not_hold_up_the_new_one() -> None:
    async with cpo_node() as node:
        node.cpo.holds["transaction_started"] = asyncio.Event()
        async with raw_charge_point(node.url()) as old, raw_charge_point(node.url("CP002")):
            await old.say(2, "1", "StartTransaction", start_transaction())
            await node.cpo.until_told("transaction_started")
            async with raw_charge_point(node.url()) as new:
                await new.say(2, "2", "Heartbeat", {})
                # What the old link has begun is brought to its end before the new one has its turn.
                node.cpo.holds.pop("transaction_started").set()
                assert (await new.hear())[:2] == [3, "2"]


async def test_a_message_said_again_over_a_new_link_waits_for_what_the_old_link_has_begun() -> None:
    async with cpo_node() as node, raw_charge_point(node.url("CP002")) as other:
        stored = node.cpo.holds["transaction_started"] = asyncio.Event()
        async with raw_charge_point(node.url()) as old:
            await old.say(2, "1", "StartTransaction", start_transaction())
            await node.cpo.until_told("transaction_started")
        async with raw_charge_point(node.url()) as new:
            await new.say(2, "1", "StartTransaction", start_transaction())
            for number in range(5):  # the central system has had time to look at it
                await other.ask(str(number), "Heartbeat", {})
            stored.set()
            assert await new.hear() == [3, "1", {"transactionId": 1, "idTagInfo": {"status": "Accepted"}}]
    assert len(node.cpo.told("transaction_started")) == 1


async def test_links_are_closed_with_going_away_when_the_central_system_stops() -> None:
    async with (
        cpo_node() as node,
        raw_charge_point(node.url()) as one,
        raw_charge_point(node.url("B")) as two,
    ):
        await node.cpo.until_told("connected", 2)
        async with asyncio.TaskGroup() as group:
            farewells = [group.create_task(charger.farewell()) for charger in (one, two)]
            group.create_task(node.stop())
        assert [farewell.result() for farewell in farewells] == [1001, 1001]
        assert sorted(e.charge_point for e in node.cpo.events if e.name == "disconnected") == ["B", "CP001"]


async def test_what_was_received_before_the_link_was_lost_is_still_told() -> None:
    async with cpo_node() as node:
        node.cpo.holds["authorize"] = asyncio.Event()
        async with raw_charge_point(node.url()) as charger:
            await charger.say(2, "1", "Authorize", {"idTag": "A"})
            await charger.say(2, "2", "StartTransaction", start_transaction())
            await node.cpo.until_told("authorize")
        node.cpo.holds["authorize"].set()
        await node.cpo.until_told("disconnected")
    names = [event.name for event in node.cpo.events]
    assert names == ["connected", "authorize", "transaction_started", "disconnected"]


async def test_a_charge_point_that_comes_back_without_a_word_is_asked_for_its_status() -> None:
    async with cpo_node(IMPATIENT) as node, raw_charge_point(node.url()) as charger:
        frame = await charger.hear()
    assert (frame[0], frame[2:]) == (2, ["TriggerMessage", {"requestedMessage": "StatusNotification"}])


async def test_a_charge_point_that_cannot_be_asked_for_its_status_keeps_its_link() -> None:
    async with cpo_node(IMPATIENT) as node, raw_charge_point(node.url()) as charger:
        message_id = (await charger.hear())[1]
        await charger.say(4, message_id, "NotImplemented", "", {})
        assert (await charger.ask("1", "Heartbeat", {}))[:2] == [3, "1"]


async def test_a_charge_point_that_tells_its_status_is_not_asked() -> None:
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
    patient = CentralSystemSettings(settle=timedelta(milliseconds=300))
    async with cpo_node(patient) as node, raw_charge_point(node.url()) as charger:
        assert await charger.ask("1", "StatusNotification", status) == [3, "1", {}]
        with pytest.raises(TimeoutError):
            await charger.websocket.receive(timeout=0.6)
