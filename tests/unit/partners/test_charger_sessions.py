"""A simulated charge point at a central system: whole charging sessions, as the CPO hears of them."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from partners.charger.connector import NotPossible
from partners.charger.driver import rfid_visit
from partners.charger.fleet import charge_point_urls, fleet
from partners.charger.settings import ChargerSettings
from partners.charger.states import EnergyUnit, Status, Verdict
from partners.charger.vehicle import Vehicle
from partners.cpo.stations.remote_outcome import RemoteOutcome
from tests.unit.partners.ocpp_world import QUICK, cpo_node, energies, patiently, simulator, wire_to


async def test_a_charge_point_boots_and_tells_the_status_of_all_its_connectors() -> None:
    async with cpo_node() as node, simulator(node.url(), ChargerSettings(connectors=2)) as charger:
        await patiently(charger.until_connected())
        await patiently(charger.until_told())
        names = [event.name for event in node.cpo.events]
        assert names == ["connected", "booted", *["status_changed"] * 3]
        told = [(told.connector_id, told.status) for told in node.cpo.told("status_changed")]
        assert told == [(0, "Available"), (1, "Available"), (2, "Available")]
        assert node.cpo.told("booted")[0].meter_serial_number == "M-CP001"


async def test_an_rfid_session_is_told_from_the_first_tap_to_the_last() -> None:
    async with cpo_node() as node, simulator(node.url()) as charger:
        await patiently(charger.until_connected())
        visit = await patiently(rfid_visit(charger, 1, "TAG", Decimal(3000)))
    cpo = node.cpo
    assert visit.status is Verdict.ACCEPTED
    assert cpo.told("authorize") == ["TAG"]
    (started,), (stopped,) = cpo.told("transaction_started"), cpo.told("transaction_stopped")
    assert (started.connector_id, started.id_tag, started.meter_start_wh) == (1, "TAG", 1_000_000)
    assert (stopped.transaction_id, stopped.reason, stopped.id_tag) == (1, "Local", "TAG")
    assert cpo.statuses() == ["Available", "Preparing", "Charging", "Finishing", "Available"]
    measured = cpo.told("meter_values")
    assert {(told.connector_id, told.transaction_id) for told in measured} == {(1, 1)}
    registers = [started.meter_start_wh, *energies(cpo), stopped.meter_stop_wh]
    assert registers == sorted(registers)
    assert stopped.meter_stop_wh - started.meter_start_wh >= 3000
    # The meter shows whole Wh.
    assert abs(stopped.meter_stop_wh - started.meter_start_wh - visit.energy_wh) < 1
    assert started.at < measured[0].samples[0].at < stopped.at


async def test_samples_carry_energy_power_current_and_state_of_charge() -> None:
    async with cpo_node() as node, simulator(node.url()) as charger:
        await patiently(charger.until_connected())
        await patiently(rfid_visit(charger, 1, "TAG", Decimal(2000)))
    (sample,) = node.cpo.told("meter_values")[1].samples
    assert sample.power_w == 22_000
    assert sample.current_a == Decimal("95.7")  # the sum of three phases
    assert 30 <= sample.soc <= 40
    assert sample.context == "Sample.Periodic"


async def test_a_charger_that_tells_kwh_in_its_samples_and_wh_at_start_and_stop_agrees_with_itself() -> None:
    settings = ChargerSettings(energy_unit=EnergyUnit.KWH)
    async with cpo_node() as node, simulator(node.url(), settings) as charger:
        await patiently(charger.until_connected())
        await patiently(rfid_visit(charger, 1, "TAG", Decimal(2000)))
    (started,), (stopped,) = node.cpo.told("transaction_started"), node.cpo.told("transaction_stopped")
    registers = [started.meter_start_wh, *energies(node.cpo), stopped.meter_stop_wh]
    assert registers == sorted(registers)


async def test_a_refused_token_begins_nothing() -> None:
    async with cpo_node() as node, simulator(node.url()) as charger:
        node.cpo.refused.add("THIEF")
        await patiently(charger.until_connected())
        visit = await patiently(rfid_visit(charger, 1, "THIEF", Decimal(1000)))
    assert (visit.status, visit.energy_wh) == (Verdict.BLOCKED, 0)
    assert node.cpo.told("authorize") == ["THIEF"]
    assert node.cpo.told("transaction_started") == []
    assert node.cpo.statuses() == ["Available", "Preparing", "Available"]


async def test_a_token_refused_only_at_the_start_is_cut_off_and_the_stop_names_its_number() -> None:
    async with cpo_node() as node, simulator(node.url()) as charger:
        node.cpo.refused.add("THIEF")
        await patiently(charger.until_connected())
        charger.plug_in(1)
        assert await node.central.remote_start("CP001", 1, "THIEF") is RemoteOutcome.ACCEPTED
        await patiently(charger.until_status(1, Status.FINISHING))
        await patiently(charger.until_told())
    (stopped,) = node.cpo.told("transaction_stopped")
    assert (stopped.transaction_id, stopped.reason) == (1, "DeAuthorized")


async def test_the_card_may_come_before_the_car() -> None:
    async with cpo_node() as node, simulator(node.url(), speed=60) as charger:
        await patiently(charger.until_connected())
        assert await charger.tap(1, "TAG") is Verdict.ACCEPTED
        assert node.cpo.told("transaction_started") == []
        charger.plug_in(1)
        assert await patiently(charger.until_numbered(1)) == 1


async def test_who_taps_and_does_not_plug_in_loses_the_turn() -> None:
    async with cpo_node() as node, simulator(node.url()) as charger:
        await patiently(charger.until_connected())
        await charger.tap(1, "TAG")
        await patiently(charger.until_status(1, Status.AVAILABLE))
        charger.plug_in(1)
        await patiently(charger.until_told())
    assert node.cpo.told("transaction_started") == []
    assert node.cpo.statuses() == ["Available", "Preparing", "Available", "Preparing"]


async def test_only_the_card_that_began_a_transaction_ends_it() -> None:
    async with cpo_node() as node, simulator(node.url()) as charger:
        await patiently(charger.until_connected())
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        assert await charger.tap(1, "OTHER") is Verdict.INVALID
        assert charger.connector(1).id_tag == "TAG"
        assert await charger.tap(1, "TAG") is Verdict.ACCEPTED
        assert charger.connector(1).id_tag is None


async def test_pulling_the_cable_ends_the_transaction() -> None:
    async with cpo_node() as node, simulator(node.url()) as charger:
        await patiently(charger.until_connected())
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        await patiently(charger.until_energy(1, Decimal(500)))
        charger.unplug(1)
        await patiently(charger.until_told())
    assert node.cpo.told("transaction_stopped")[0].reason == "EVDisconnected"
    assert node.cpo.statuses()[-2:] == ["Finishing", "Available"]


async def test_a_full_car_suspends_and_the_transaction_goes_on_until_somebody_ends_it() -> None:
    small = ChargerSettings(vehicle=Vehicle(capacity_wh=Decimal(10_000), soc=Decimal("0.9")))
    async with cpo_node() as node, simulator(node.url(), small) as charger:
        await patiently(charger.until_connected())
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        await patiently(charger.until_status(1, Status.SUSPENDED_EV))
        full = len(node.cpo.told("meter_values"))
        await node.cpo.until_told("meter_values", full + 2)
        assert node.cpo.told("transaction_stopped") == []
        await charger.tap(1, "TAG")
        await patiently(charger.until_told())
    (stopped,) = node.cpo.told("transaction_stopped")
    assert stopped.meter_stop_wh == 1_001_000
    last = node.cpo.told("meter_values")[-1].samples[0]
    assert (last.power_w, last.energy_wh, last.soc) == (0, 1_001_000, 100)
    assert node.cpo.statuses()[-2:] == ["SuspendedEV", "Finishing"]


async def test_a_connector_that_breaks_down_ends_its_transaction_and_takes_no_other() -> None:
    async with cpo_node() as node, simulator(node.url()) as charger:
        await patiently(charger.until_connected())
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        charger.break_down(1)
        assert await charger.tap(1, "TAG") is Verdict.INVALID
        await patiently(charger.until_told())
    assert node.cpo.told("transaction_stopped")[0].reason == "Other"
    last = node.cpo.told("status_changed")[-1]
    assert (last.status, last.error_code) == ("Faulted", "OtherError")


async def test_two_connectors_charge_side_by_side_without_mixing_up_their_transactions() -> None:
    async with cpo_node() as node, simulator(node.url(), ChargerSettings(connectors=2)) as charger:
        await patiently(charger.until_connected())
        for number in (1, 2):
            charger.plug_in(number)
            await charger.tap(number, f"TAG{number}")
        await patiently(charger.until_energy(2, Decimal(1500)))
        for number in (2, 1):
            await charger.tap(number, f"TAG{number}")
        await patiently(charger.until_told())
    started = {told.connector_id: told.id_tag for told in node.cpo.told("transaction_started")}
    assert started == {1: "TAG1", 2: "TAG2"}
    assert {(told.connector_id, told.transaction_id) for told in node.cpo.told("meter_values")} == {
        (1, 1),
        (2, 2),
    }
    assert [told.id_tag for told in node.cpo.told("transaction_stopped")] == ["TAG2", "TAG1"]


async def test_a_fleet_charges_at_one_central_system() -> None:
    async with cpo_node() as node:
        chargers = [simulator(url) for url in charge_point_urls(node.url("CP001"), 20)]
        async with fleet(chargers):
            for charger in chargers:
                await patiently(charger.until_connected())
                charger.plug_in(1)
                await charger.tap(1, charger.charge_point)
            for charger in chargers:
                await patiently(charger.until_numbered(1))
    started = {told.charge_point: told.id_tag for told in node.cpo.told("transaction_started")}
    assert started == {f"CP{number:03d}": f"CP{number:03d}" for number in range(1, 21)}


async def test_heartbeats_come_as_often_as_the_central_system_wants() -> None:
    hourly = replace(QUICK, heartbeat_interval=timedelta(hours=1))
    async with (
        cpo_node(hourly) as node,
        wire_to(node) as wire,
        simulator(wire.url(), speed=36_000) as charger,
    ):
        await wire.until(lambda: len(wire.said("charger", "Heartbeat")) >= 2)
        assert charger.configuration.duration("HeartbeatInterval") == timedelta(hours=1)


async def test_nobody_can_do_at_the_charger_what_is_not_possible() -> None:
    async with cpo_node() as node, simulator(node.url()) as charger:
        with pytest.raises(NotPossible, match="no connector 9"):
            charger.plug_in(9)
        with pytest.raises(NotPossible, match="no car"):
            charger.unplug(1)
        charger.plug_in(1)
        with pytest.raises(NotPossible, match="a car already"):
            charger.plug_in(1)


async def test_an_error_in_the_callers_own_code_comes_out_as_it_is() -> None:
    async with cpo_node() as node:
        with pytest.raises(KeyError, match="the caller's"):
            async with simulator(node.url()):
                raise KeyError("the caller's")
