"""A simulated charge point does what a central system wants of it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from partners.charger.settings import ChargerSettings
from partners.charger.states import Outcome, Status
from partners.cpo.stations.remote_outcome import RemoteOutcome
from tests.unit.partners.ocpp_world import CpoNode, cpo_node, patiently, simulator

QUICK_BACK = timedelta(milliseconds=10)


async def ask(node: CpoNode, action: str, **payload: Any) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = await patiently(node.central.ask("CP001", action, payload))
    return answer


async def test_a_remote_start_and_a_remote_stop_make_a_session_without_asking_for_the_token() -> None:
    async with cpo_node() as node, simulator(node.url()) as charger:
        await patiently(charger.until_connected())
        charger.plug_in(1)
        assert await node.central.remote_start("CP001", 1, "APP") is RemoteOutcome.ACCEPTED
        number = await patiently(charger.until_numbered(1))
        assert await node.central.remote_stop("CP001", number) is RemoteOutcome.ACCEPTED
        stopped = await node.cpo.until_told("transaction_stopped")
    assert node.cpo.told("authorize") == []
    assert node.cpo.told("transaction_started")[0].id_tag == "APP"
    assert (stopped.transaction_id, stopped.reason, stopped.id_tag) == (1, "Remote", None)


async def test_a_car_may_come_after_the_remote_start_or_by_itself() -> None:
    settings = ChargerSettings(connectors=2, car_comes_on_remote_start=True)
    async with cpo_node() as node, simulator(node.url(), settings) as charger:
        await patiently(charger.until_connected())
        assert await node.central.remote_start("CP001", None, "APP") is RemoteOutcome.ACCEPTED
        assert await patiently(charger.until_numbered(1)) == 1
    async with cpo_node() as node, simulator(node.url(), speed=10) as charger:
        await patiently(charger.until_connected())
        assert await node.central.remote_start("CP001", 1, "APP") is RemoteOutcome.ACCEPTED
        charger.plug_in(1)
        assert await patiently(charger.until_numbered(1)) == 1


async def test_a_remote_start_is_rejected_where_nothing_can_begin() -> None:
    async with cpo_node() as node, simulator(node.url(), ChargerSettings(connectors=2)) as charger:
        await patiently(charger.until_connected())
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        assert await node.central.remote_start("CP001", 1, "APP") is RemoteOutcome.REJECTED
        assert await node.central.remote_start("CP001", 9, "APP") is RemoteOutcome.REJECTED
        charger.break_down(2)
        assert await node.central.remote_start("CP001", 2, "APP") is RemoteOutcome.REJECTED
        assert await node.central.remote_start("CP001", None, "APP") is RemoteOutcome.REJECTED
        await patiently(charger.until_told())
    assert [told.id_tag for told in node.cpo.told("transaction_started")] == ["TAG"]


async def test_two_remote_starts_do_not_both_get_one_connector() -> None:
    async with cpo_node() as node, simulator(node.url(), speed=1) as charger:
        await patiently(charger.until_connected())
        assert await node.central.remote_start("CP001", None, "FIRST") is RemoteOutcome.ACCEPTED
        assert await node.central.remote_start("CP001", None, "SECOND") is RemoteOutcome.REJECTED


async def test_a_remote_stop_of_an_unknown_transaction_is_rejected() -> None:
    async with cpo_node() as node, simulator(node.url()) as charger:
        await patiently(charger.until_connected())
        assert await node.central.remote_stop("CP001", 4711) is RemoteOutcome.REJECTED


async def test_remote_starts_are_authorized_where_the_configuration_says_so() -> None:
    async with cpo_node() as node, simulator(node.url()) as charger:
        node.cpo.refused.add("THIEF")
        await patiently(charger.until_connected())
        charger.plug_in(1)
        changed = await ask(node, "ChangeConfiguration", key="AuthorizeRemoteTxRequests", value="true")
        assert changed == {"status": "Accepted"}
        assert await node.central.remote_start("CP001", 1, "THIEF") is RemoteOutcome.ACCEPTED
        assert await node.cpo.until_told("authorize") == "THIEF"
        # The connector is the thief's until the answer has come back.
        await patiently(charger.until(lambda: charger.station.connector(1).is_free))
        assert node.cpo.told("transaction_started") == []
        assert await charger.tap(1, "TAG") == "Accepted"


async def test_unlocking_ends_the_transaction() -> None:
    async with cpo_node() as node, simulator(node.url()) as charger:
        await patiently(charger.until_connected())
        assert await node.central.unlock("CP001", 1) is RemoteOutcome.ACCEPTED
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        assert await node.central.unlock("CP001", 1) is RemoteOutcome.ACCEPTED
        assert (await node.cpo.until_told("transaction_stopped")).reason == "UnlockCommand"
        assert await node.central.unlock("CP001", 7) is RemoteOutcome.NOT_SUPPORTED


@pytest.mark.parametrize(
    ("unlock", "outcome"),
    [
        (Outcome.UNLOCK_FAILED, RemoteOutcome.FAILED),
        (Outcome.NOT_SUPPORTED, RemoteOutcome.NOT_SUPPORTED),
    ],
)
async def test_a_cable_that_stays_locked_leaves_the_transaction_alone(
    unlock: Outcome, outcome: RemoteOutcome
) -> None:
    async with cpo_node() as node, simulator(node.url(), ChargerSettings(unlock=unlock)) as charger:
        await patiently(charger.until_connected())
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        assert await node.central.unlock("CP001", 1) is outcome
        assert charger.connector(1).id_tag == "TAG"


async def test_what_is_triggered_is_said() -> None:
    async with cpo_node() as node, simulator(node.url(), ChargerSettings(connectors=2)) as charger:
        await patiently(charger.until_connected())
        await patiently(charger.until_told())
        before = len(node.cpo.told("status_changed"))
        assert await ask(node, "TriggerMessage", requestedMessage="StatusNotification") == {
            "status": "Accepted"
        }
        await node.cpo.until_told("status_changed", before + 2)
        await ask(node, "TriggerMessage", requestedMessage="StatusNotification", connectorId=2)
        assert (await node.cpo.until_told("status_changed", before + 3)).connector_id == 2
        await ask(node, "TriggerMessage", requestedMessage="MeterValues", connectorId=1)
        measured = await node.cpo.until_told("meter_values")
        assert (measured.connector_id, measured.transaction_id) == (1, None)
        assert measured.samples[0].context == "Trigger"
        await ask(node, "TriggerMessage", requestedMessage="BootNotification")
        await node.cpo.until_told("booted", 2)


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        ({"requestedMessage": "DiagnosticsStatusNotification"}, "NotImplemented"),
        ({"requestedMessage": "StatusNotification", "connectorId": 9}, "Rejected"),
    ],
)
async def test_what_cannot_be_triggered_is_said_so(payload: dict[str, Any], status: str) -> None:
    async with cpo_node() as node, simulator(node.url()) as charger:
        await patiently(charger.until_connected())
        assert await ask(node, "TriggerMessage", **payload) == {"status": status}


async def test_a_soft_reset_ends_transactions_and_boots_again() -> None:
    settings = ChargerSettings(reconnect_after=QUICK_BACK)
    async with cpo_node() as node, simulator(node.url(), settings) as charger:
        await patiently(charger.until_connected())
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        await patiently(charger.until_numbered(1))
        assert await ask(node, "Reset", type="Soft") == {"status": "Accepted"}
        await node.cpo.until_told("booted", 2)
        names = [event.name for event in node.cpo.events]
        assert names.index("transaction_stopped") < names.index("disconnected")
    assert node.cpo.told("transaction_stopped")[0].reason == "SoftReset"


async def test_a_hard_reset_tells_of_the_transaction_after_it() -> None:
    settings = ChargerSettings(reconnect_after=QUICK_BACK)
    async with cpo_node() as node, simulator(node.url(), settings) as charger:
        await patiently(charger.until_connected())
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        await patiently(charger.until_numbered(1))
        await ask(node, "Reset", type="Hard")
        await node.cpo.until_told("booted", 2)
        assert (await node.cpo.until_told("transaction_stopped")).reason == "HardReset"


async def test_a_connector_goes_out_of_use_at_once_or_when_its_transaction_is_over() -> None:
    async with cpo_node() as node, simulator(node.url(), ChargerSettings(connectors=2)) as charger:
        await patiently(charger.until_connected())
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        assert await ask(node, "ChangeAvailability", connectorId=0, type="Inoperative") == {
            "status": "Scheduled"
        }
        await patiently(charger.until_status(2, Status.UNAVAILABLE))
        assert charger.connector(1).status is Status.CHARGING
        charger.unplug(1)
        assert charger.connector(1).status is Status.UNAVAILABLE
        assert await node.central.remote_start("CP001", None, "APP") is RemoteOutcome.REJECTED
        assert await ask(node, "ChangeAvailability", connectorId=1, type="Operative") == {
            "status": "Accepted"
        }
        await patiently(charger.until_status(1, Status.AVAILABLE))
        assert await ask(node, "ChangeAvailability", connectorId=5, type="Operative") == {
            "status": "Rejected"
        }


async def test_the_configuration_can_be_read_and_changed() -> None:
    async with cpo_node() as node, simulator(node.url()) as charger:
        await patiently(charger.until_connected())
        assert await ask(node, "ChangeConfiguration", key="MeterValueSampleInterval", value="30") == {
            "status": "Accepted"
        }
        assert await ask(node, "GetConfiguration", key=["MeterValueSampleInterval", "Nonsense"]) == {
            "configurationKey": [{"key": "MeterValueSampleInterval", "readonly": False, "value": "30"}],
            "unknownKey": ["Nonsense"],
        }
        assert len((await ask(node, "GetConfiguration"))["configurationKey"]) > 5


async def test_a_command_that_the_charge_point_does_not_know_is_not_supported() -> None:
    async with cpo_node() as node, simulator(node.url()) as charger:
        await patiently(charger.until_connected())
        outcome = await node.central.command("CP001", "GetDiagnostics", {"location": "ftp://127.0.0.1/"})
        assert outcome is RemoteOutcome.NOT_SUPPORTED
