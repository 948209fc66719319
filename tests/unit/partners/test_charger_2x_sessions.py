"""A simulated charger at another maker's central system, in 2.0.1 and 2.1: whole charging sessions."""

from datetime import timedelta
from decimal import Decimal
from itertools import count
from time import monotonic
from typing import Any

import pytest

from hub.ocpi.timestamps import utc_now
from partners.charger.charge_point import ChargerSimulator
from partners.charger.driver import rfid_visit
from partners.charger.settings import ChargerSettings
from partners.charger.simulated_time import SimulatedTime
from partners.charger.states import Status, TxStart, TxStop
from partners.charger.vehicle import Vehicle
from tests.fixtures.csms import foreign_csms, patiently, simulator

VERSIONS = ["2.0.1", "2.1"]
pytestmark = pytest.mark.parametrize("version", VERSIONS)


def told(events: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """What happened, in three words each, without the periodic samples."""
    return [
        (each["eventType"], each["triggerReason"], each["transactionInfo"]["chargingState"])
        for each in events
        if each["triggerReason"] != "MeterValuePeriodic"
    ]


def registers(events: list[dict[str, Any]]) -> list[Decimal]:
    """The register in all samples, Wh, in the order in which they were told."""
    return [
        Decimal(sample["value"])
        for event in events
        for value in event.get("meterValue", [])
        for sample in value["sampledValue"]
        if sample["measurand"] == "Energy.Active.Import.Register"
    ]


async def test_it_boots_and_tells_the_status_of_each_evse(version: str) -> None:
    async with foreign_csms() as csms, simulator(csms, version, connectors=2) as charger:
        await patiently(charger.until_connected())
        await patiently(charger.until_told())
        assert csms.links == [f"ocpp{version}"]
    (boot,) = csms.told("BootNotification")
    assert boot["reason"] == "PowerUp"
    assert boot["chargingStation"]["serialNumber"] == "CP001"
    said = [
        (each["evseId"], each["connectorId"], each["connectorStatus"])
        for each in csms.told("StatusNotification")
    ]
    assert said == [(1, 1, "Available"), (2, 1, "Available")]


async def test_a_transaction_begins_with_the_register_of_that_instant_though_time_flies(version: str) -> None:
    looks = count()
    time = SimulatedTime(utc_now, 1, lambda: monotonic() + 60 * next(looks))  # a minute later at each look
    async with (
        foreign_csms() as csms,
        ChargerSimulator(csms.url("CP001"), ChargerSettings(version=version), time=time) as charger,
    ):
        await patiently(charger.until_connected())
        charger.plug_in(1)
        for _ in range(2):
            await patiently(charger.tap(1, "TAG"))
        await patiently(charger.until_told())
        delivered = charger.connector(1).last_energy_wh
    first, *_, last = registers(csms.events())
    assert delivered > 0
    assert (first, int(first + delivered)) == (1_000_000, last)


async def test_an_rfid_session_is_told_from_the_first_tap_to_the_last(version: str) -> None:
    async with foreign_csms() as csms, simulator(csms, version) as charger:
        await patiently(charger.until_connected())
        visit = await patiently(rfid_visit(charger, 1, "TAG", Decimal(3000)))
    assert visit.status == "Accepted"
    assert csms.told("Authorize") == [{"idToken": {"idToken": "TAG", "type": "ISO14443"}}]
    events = csms.events()
    assert told(events) == [("Started", "Authorized", "Charging"), ("Ended", "StopAuthorized", "EVConnected")]
    assert events[0]["idToken"] == events[-1]["idToken"] == {"idToken": "TAG", "type": "ISO14443"}
    assert events[-1]["transactionInfo"]["stoppedReason"] == "Local"
    assert len({each["transactionInfo"]["transactionId"] for each in events}) == 1
    assert [each["seqNo"] for each in events] == list(range(len(events)))
    assert {(each["evse"]["id"], each["evse"]["connectorId"]) for each in events} == {(1, 1)}
    assert not any("offline" in each for each in events)
    found = registers(events)
    assert found == sorted(found)
    assert found[0] == 1_000_000
    assert abs(found[-1] - found[0] - visit.energy_wh) < 1
    assert csms.statuses() == ["Available", "Occupied", "Available"]


async def test_samples_say_what_they_measure_on_which_phase_in_which_unit(version: str) -> None:
    async with foreign_csms() as csms, simulator(csms, version, vehicle=Vehicle(phases=2)) as charger:
        await patiently(charger.until_connected())
        charger.configuration.change(
            "MeterValuesSampledData", "Energy.Active.Import.Register,Current.Import,Voltage,SoC"
        )
        await patiently(rfid_visit(charger, 1, "TAG", Decimal(1500)))
    periodic = next(each for each in csms.events("Updated") if each["triggerReason"] == "MeterValuePeriodic")
    ((value),) = periodic["meterValue"]
    samples = [
        (each["measurand"], each.get("phase"), each["unitOfMeasure"]["unit"], each["context"])
        for each in value["sampledValue"]
    ]
    assert samples == [
        ("Energy.Active.Import.Register", None, "Wh", "Sample.Periodic"),
        ("Current.Import", "L1", "A", "Sample.Periodic"),
        ("Current.Import", "L2", "A", "Sample.Periodic"),
        ("Voltage", "L1-N", "V", "Sample.Periodic"),
        ("Voltage", "L2-N", "V", "Sample.Periodic"),
        ("SoC", None, "Percent", "Sample.Periodic"),
    ]
    assert {each["context"] for each in csms.events("Started")[0]["meterValue"][0]["sampledValue"]} == {
        "Transaction.Begin"
    }
    assert {each["context"] for each in csms.events("Ended")[0]["meterValue"][0]["sampledValue"]} == {
        "Transaction.End"
    }


async def test_a_refused_token_begins_nothing(version: str) -> None:
    async with foreign_csms() as csms, simulator(csms, version) as charger:
        csms.refused["THIEF"] = "NoCredit"
        await patiently(charger.until_connected())
        visit = await patiently(rfid_visit(charger, 1, "THIEF"))
    assert (visit.status, visit.energy_wh) == ("NoCredit", 0)
    assert csms.events() == []


async def test_a_token_refused_only_at_the_start_is_cut_off(version: str) -> None:
    async with foreign_csms() as csms, simulator(csms, version) as charger:
        csms.refused["THIEF"] = "Blocked"
        await patiently(charger.until_connected())
        charger.plug_in(1)
        token = {"idToken": "THIEF", "type": "Central"}
        await csms.ask("RequestStartTransaction", idToken=token, remoteStartId=5, evseId=1)
        await patiently(charger.until_status(1, Status.FINISHING))
        await patiently(charger.until_told())
    (ended,) = csms.events("Ended")
    assert (ended["triggerReason"], ended["transactionInfo"]["stoppedReason"]) == (
        "Deauthorized",
        "DeAuthorized",
    )


async def test_a_transaction_may_begin_with_the_cable_and_end_with_it(version: str) -> None:
    """The token is known only in a later message; the car stays, and what happens is told until it leaves."""
    points = {"tx_start": TxStart.EV_CONNECTED, "tx_stop": TxStop.EV_CONNECTED}
    async with foreign_csms() as csms, simulator(csms, version, **points) as charger:
        await patiently(charger.until_connected())
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        await patiently(charger.until_energy(1, Decimal(1000)))
        await charger.tap(1, "TAG")
        energy = charger.connector(1).energy_wh
        await charger.time.sleep(timedelta(minutes=5))
        assert charger.connector(1).energy_wh == energy
        charger.unplug(1)
        await patiently(charger.until_told())
    events = csms.events()
    assert told(events) == [
        ("Started", "CablePluggedIn", "EVConnected"),
        ("Updated", "Authorized", "Charging"),
        ("Updated", "StopAuthorized", "EVConnected"),
        ("Ended", "EVCommunicationLost", "EVConnected"),
    ]
    assert "idToken" not in events[0]
    assert next(each["idToken"]["idToken"] for each in events if "idToken" in each) == "TAG"
    assert events[-1]["transactionInfo"]["stoppedReason"] == "Local"


async def test_a_transaction_may_begin_with_the_card_and_end_without_a_car(version: str) -> None:
    async with foreign_csms() as csms, simulator(csms, version, tx_start=TxStart.AUTHORIZED) as charger:
        await patiently(charger.until_connected())
        await charger.tap(1, "TAG")
        charger.plug_in(1)
        await patiently(charger.until_energy(1, Decimal(500)))
        charger.unplug(1)
        await charger.tap(1, "LATE")
        await patiently(csms.until(lambda: len(csms.events("Ended")) == 2))
    assert told(csms.events()) == [
        ("Started", "Authorized", "Idle"),
        ("Updated", "CablePluggedIn", "Charging"),
        ("Ended", "EVCommunicationLost", "EVConnected"),
        ("Started", "Authorized", "Idle"),
        ("Ended", "EVConnectTimeout", "Idle"),
    ]
    # A card alone occupies nothing.
    assert csms.statuses() == ["Available", "Occupied", "Available"]


async def test_a_full_car_is_told_as_a_charging_state(version: str) -> None:
    small = Vehicle(capacity_wh=Decimal(10_000), soc=Decimal("0.9"))
    async with foreign_csms() as csms, simulator(csms, version, vehicle=small) as charger:
        await patiently(charger.until_connected())
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        await patiently(charger.until_status(1, Status.SUSPENDED_EV))
        await patiently(charger.until_told())
    assert told(csms.events()) == [
        ("Started", "Authorized", "Charging"),
        ("Updated", "ChargingStateChanged", "SuspendedEV"),
    ]


async def test_a_broken_connector_ends_its_transaction_and_is_faulted_until_it_is_repaired(
    version: str,
) -> None:
    async with foreign_csms() as csms, simulator(csms, version) as charger:
        await patiently(charger.until_connected())
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        charger.break_down(1)
        await patiently(charger.until_told())
        charger.repair(1)
        await patiently(charger.until_told())
    assert told(csms.events())[-1][:2] == ("Ended", "AbnormalCondition")
    assert csms.statuses() == ["Available", "Occupied", "Faulted", "Occupied"]


async def test_an_event_that_could_not_be_stored_is_said_again_as_the_same_message(version: str) -> None:
    async with foreign_csms() as csms, simulator(csms, version) as charger:
        csms.fails["TransactionEvent"] = 2
        await patiently(charger.until_connected())
        await patiently(rfid_visit(charger, 1, "TAG", Decimal(1000)))
    ids = [each.message_id for each in csms.heard if each.action == "TransactionEvent"]
    assert ids[0] == ids[1] == ids[2] != ids[3]
    assert csms.events()[-1]["eventType"] == "Ended"
