"""A link that is lost costs no transaction: it is told later, in order, and once."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from partners.charger.settings import ChargerSettings
from partners.charger.states import Verdict
from partners.cpo.stations.central_system import CentralSystemSettings
from tests.unit.partners.ocpp_world import (
    CpoNode,
    Frame,
    Wire,
    cpo_node,
    energies,
    patiently,
    simulator,
    wire_to,
)

_CALL, _CALL_RESULT = 2, 3


def transactions(cpo_events: CpoNode) -> list[str]:
    """The names of the events that belong to a transaction; several samples in a row count as one."""
    names = [event.name for event in cpo_events.cpo.events]
    wanted = [name for name in names if name.startswith("transaction") or name == "meter_values"]
    return [name for before, name in zip([None, *wanted], wanted, strict=False) if name != before]


async def test_a_session_that_begins_and_ends_offline_is_told_in_order_when_the_link_is_back() -> None:
    async with cpo_node() as node, wire_to(node) as wire, simulator(wire.url()) as charger:
        await patiently(charger.until_connected())
        await wire.cut()
        await patiently(charger.until(lambda: not charger.is_connected))
        charger.plug_in(1)
        assert await charger.tap(1, "TAG") is Verdict.ACCEPTED
        await patiently(charger.until_energy(1, Decimal(2000)))
        await charger.tap(1, "TAG")
        charger.unplug(1)
        assert transactions(node) == []
        wire.mend()
        await patiently(charger.until_told())
    assert transactions(node) == ["transaction_started", "meter_values", "transaction_stopped"]
    (started,), (stopped,) = node.cpo.told("transaction_started"), node.cpo.told("transaction_stopped")
    assert stopped.transaction_id == 1
    assert {told.transaction_id for told in node.cpo.told("meter_values")} == {1}
    registers = [started.meter_start_wh, *energies(node.cpo), stopped.meter_stop_wh]
    assert registers == sorted(registers)
    # Statuses of the time without a link are not told afterwards.
    assert set(node.cpo.statuses()) == {"Available"}


async def test_an_offline_card_is_refused_where_the_configuration_says_so() -> None:
    async with cpo_node() as node, wire_to(node) as wire, simulator(wire.url()) as charger:
        await patiently(charger.until_connected())
        charger.configuration.values["AllowOfflineTxForUnknownId"] = "false"
        await wire.cut()
        await patiently(charger.until(lambda: not charger.is_connected))
        charger.plug_in(1)
        assert await charger.tap(1, "TAG") is Verdict.INVALID


async def test_an_open_transaction_survives_the_restart_of_the_central_system() -> None:
    settings = ChargerSettings(reconnect_after=timedelta(milliseconds=10))
    async with cpo_node() as node, simulator(node.url(), settings) as charger:
        await patiently(charger.until_connected())
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        await node.cpo.until_told("meter_values", 2)
        await node.stop()
        await patiently(charger.until(lambda: not charger.is_connected))
        told = len(node.cpo.told("meter_values"))
        energy = charger.connector(1).energy_wh
        await patiently(charger.until_energy(1, energy + 1000))
        await node.start()
        await node.cpo.until_told("meter_values", told + 3)
        await charger.tap(1, "TAG")
        await patiently(charger.until_told())
    assert len(node.cpo.told("transaction_started")) == 1
    (stopped,) = node.cpo.told("transaction_stopped")
    registers = [*energies(node.cpo), stopped.meter_stop_wh]
    assert registers == sorted(registers)
    times = [measured.samples[0].at for measured in node.cpo.told("meter_values")]
    assert times == sorted(times)
    # Not booted again: the charge point itself was never off.
    assert len(node.cpo.told("booted")) == 1


def _answer_to(wire: Wire, action: str) -> str | None:
    """The id of the CALL of this action, once it was said."""
    said = wire.said("charger", action)
    return said[0][1] if said else None


async def test_a_start_whose_answer_was_lost_is_said_again_as_the_same_message_and_happens_once() -> None:
    async with cpo_node() as node, wire_to(node) as wire, simulator(wire.url()) as charger:

        def first_answer_to_the_start(frame: Frame) -> bool:
            is_answer = frame.says == "central" and frame.content[0] == _CALL_RESULT
            return is_answer and wire.links == 1 and frame.content[1] == _answer_to(wire, "StartTransaction")

        wire.loses = first_answer_to_the_start
        await patiently(charger.until_connected())
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        assert await patiently(charger.until_numbered(1)) == 1
        calls = [c for c in wire.said("charger") if c[0] == _CALL and c[2] == "StartTransaction"]
    assert len(calls) == 2
    assert calls[0] == calls[1]
    assert len(node.cpo.told("transaction_started")) == 1


async def test_a_stop_lost_on_its_way_is_said_again() -> None:
    async with cpo_node() as node, wire_to(node) as wire, simulator(wire.url()) as charger:
        wire.loses = lambda frame: wire.links == 1 and frame.content[2:3] == ["StopTransaction"]
        await patiently(charger.until_connected())
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        await patiently(charger.until_numbered(1))
        await charger.tap(1, "TAG")
        await patiently(charger.until_told())
    assert len(node.cpo.told("transaction_stopped")) == 1


async def test_a_message_that_the_central_system_could_not_store_is_said_again_before_the_next_one() -> None:
    async with cpo_node() as node, simulator(node.url()) as charger:
        node.cpo.fails["transaction_started"] = 3
        await patiently(charger.until_connected())
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        assert await patiently(charger.until_numbered(1)) == 1
        await charger.tap(1, "TAG")
        await patiently(charger.until_told())
    assert transactions(node)[0] == "transaction_started"
    assert transactions(node)[-1] == "transaction_stopped"


async def test_a_message_that_is_refused_for_ever_is_given_up_and_the_next_one_is_said() -> None:
    async with cpo_node() as node, simulator(node.url(), speed=36_000) as charger:
        charger.configuration.values["TransactionMessageAttempts"] = "2"
        node.cpo.fails["transaction_started"] = 2
        await patiently(charger.until_connected())
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        await charger.tap(1, "TAG")
        await patiently(charger.until_told())
    assert node.cpo.told("transaction_started") == []
    assert [told.transaction_id for told in node.cpo.told("transaction_stopped")] == [-1]


async def test_a_charge_point_that_comes_back_in_silence_is_asked_for_its_status() -> None:
    silent = ChargerSettings(tells_status_when_back=False, reconnect_after=timedelta(milliseconds=10))
    soon = CentralSystemSettings(settle=timedelta(milliseconds=50))
    async with cpo_node(soon) as node, wire_to(node) as wire, simulator(wire.url(), silent) as charger:
        await patiently(charger.until_told())
        await wire.cut()
        await patiently(charger.until(lambda: not charger.is_connected))
        charger.plug_in(1)
        wire.mend()
        await node.cpo.until(lambda: node.cpo.statuses()[-1:] == ["Preparing"])
    triggered = [content for content in wire.said("central") if content[2:3] == ["TriggerMessage"]]
    assert len(triggered) == 1


async def test_attempts_to_connect_become_rarer_until_one_succeeds() -> None:
    settings = ChargerSettings(
        reconnect_after=timedelta(milliseconds=10), reconnect_at_most=timedelta(milliseconds=40)
    )
    async with cpo_node() as node, simulator(node.url(), settings) as charger:
        await patiently(charger.until_connected())
        await node.stop()
        await patiently(charger.until(lambda: not charger.is_connected))
        await node.start()
        await patiently(charger.until_connected())


@pytest.mark.parametrize("steps", range(12))
async def test_a_charge_point_can_be_switched_off_while_it_notices_that_the_link_is_lost(steps: int) -> None:
    async with cpo_node() as node:
        charger = simulator(node.url())
        await charger.__aenter__()
        await patiently(charger.until_told())
        charger.uplink._websocket._response.connection.transport.abort()
        for _ in range(steps):
            await asyncio.sleep(0)
        await patiently(charger.__aexit__(None, None, None))
