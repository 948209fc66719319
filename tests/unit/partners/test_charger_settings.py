"""Every setting of a simulated charger has its effect, in each version that knows it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from partners.charger.driver import rfid_visit
from partners.charger.script import ScriptWrong, parse
from partners.charger.states import Status, TxStop
from tests.fixtures.csms import Csms, foreign_csms, patiently, simulator

REGISTER, POWER, SOC = "Energy.Active.Import.Register", "Power.Active.Import", "SoC"
TWO = ["2.0.1", "2.1"]
ALL = ["1.6", *TWO]


async def set_to(csms: Csms, version: str, key: str, variable: str, value: str) -> str:
    """Change a setting as a central system does; the charger's word."""
    if version == "1.6":
        return str((await csms.ask("ChangeConfiguration", key=key, value=value))["status"])
    component, _, name = variable.partition(".")
    wanted = {
        "component": {"name": component},
        "variable": {"name": name},
        "attributeValue": value,
    }
    (result,) = (await csms.ask("SetVariables", setVariableData=[wanted]))["setVariableResult"]
    return str(result["attributeStatus"])


def samples(values: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    """What was measured, and on what occasion."""
    return [(each["measurand"], each["context"]) for value in values for each in value["sampledValue"]]


async def test_stop_transaction_tells_what_is_wanted_of_both_ends() -> None:
    async with foreign_csms() as csms, simulator(csms, "1.6") as charger:
        await patiently(charger.until_connected())
        await patiently(rfid_visit(charger, 1, "TAG", Decimal(500)))
        assert await set_to(csms, "1.6", "StopTxnSampledData", "", f"{REGISTER},{SOC}") == "Accepted"
        await patiently(rfid_visit(charger, 1, "TAG", Decimal(500)))
    without, with_data = csms.told("StopTransaction")
    assert "transactionData" not in without
    began, ended = with_data["transactionData"]
    assert samples([began, ended]) == [
        (REGISTER, "Transaction.Begin"),
        (SOC, "Transaction.Begin"),
        (REGISTER, "Transaction.End"),
        (SOC, "Transaction.End"),
    ]
    _, start = csms.told("StartTransaction")
    assert int(began["sampledValue"][0]["value"]) == start["meterStart"]
    assert int(ended["sampledValue"][0]["value"]) == with_data["meterStop"]


@pytest.mark.parametrize("version", TWO)
async def test_started_and_ended_tell_what_is_wanted_of_them(version: str) -> None:
    async with foreign_csms() as csms, simulator(csms, version) as charger:
        await patiently(charger.until_connected())
        for variable, value in (
            ("TxStartedMeasurands", REGISTER),
            ("TxUpdatedMeasurands", SOC),
            ("TxEndedMeasurands", f"{REGISTER},{POWER}"),
        ):
            assert await set_to(csms, version, "", f"SampledDataCtrlr.{variable}", value) == "Accepted"
        await patiently(rfid_visit(charger, 1, "TAG", Decimal(1500)))
        for variable in ("TxStartedMeasurands", "TxEndedMeasurands"):
            assert await set_to(csms, version, "", f"SampledDataCtrlr.{variable}", "") == "Accepted"
        await patiently(rfid_visit(charger, 1, "TAG", Decimal(500)))
    (first, second), (end, end_without) = csms.events("Started"), csms.events("Ended")
    assert samples(first["meterValue"]) == [(REGISTER, "Transaction.Begin")]
    assert samples(end["meterValue"]) == [(REGISTER, "Transaction.End"), (POWER, "Transaction.End")]
    updated = [each["meterValue"] for each in csms.events("Updated") if "meterValue" in each]
    assert {each for values in updated for each in samples(values)} == {(SOC, "Sample.Periodic")}
    assert "meterValue" not in second | end_without


@pytest.mark.parametrize("version", ALL)
async def test_clock_aligned_values_come_at_instants_that_divide_the_day(version: str) -> None:
    async with foreign_csms() as csms, simulator(csms, version) as charger:
        await patiently(charger.until_connected())
        key = ("MeterValuesAlignedData", "AlignedDataCtrlr.Measurands")
        assert await set_to(csms, version, *key, REGISTER) == "Accepted"
        key = ("ClockAlignedDataInterval", "AlignedDataCtrlr.Interval")
        assert await set_to(csms, version, *key, "300") == "Accepted"
        await patiently(csms.until_told("MeterValues"))
        (value,) = csms.told("MeterValues")[0]["meterValue"]
        assert samples([value]) == [(REGISTER, "Sample.Clock")]

        charger.plug_in(1)
        await patiently(charger.tap(1, "TAG"))

        def of_the_transaction() -> list[dict[str, Any]]:
            if version == "1.6":
                told = [each for each in csms.told("MeterValues") if "transactionId" in each]
            else:
                told = [each for each in csms.events() if each["triggerReason"] == "MeterValueClock"]
            values = [value for each in told for value in each["meterValue"]]
            return [each for each in values if each["sampledValue"][0]["context"] == "Sample.Clock"]

        await patiently(csms.until(lambda: len(of_the_transaction()) >= 2))
        instants = [datetime.fromisoformat(each["timestamp"]) for each in of_the_transaction()]
        assert {(each.minute % 5, each.second, each.microsecond) for each in instants} == {(0, 0, 0)}
        assert instants[1] - instants[0] == timedelta(minutes=5)
        assert await set_to(csms, version, *key, "0") == "Accepted"


@pytest.mark.parametrize("version", ALL)
async def test_a_transaction_waits_for_a_car_that_is_unplugged_where_it_shall(version: str) -> None:
    stop = {} if version == "1.6" else {"tx_stop": TxStop.AUTHORIZED}
    async with foreign_csms() as csms, simulator(csms, version, **stop) as charger:
        await patiently(charger.until_connected())
        key = ("StopTransactionOnEVSideDisconnect", "TxCtrlr.StopTxOnEVSideDisconnect")
        assert await set_to(csms, version, *key, "false") == "Accepted"
        charger.plug_in(1)
        await patiently(charger.tap(1, "TAG"))
        await patiently(charger.until_energy(1, Decimal(300)))
        charger.unplug(1)
        assert charger.connector(1).status is Status.SUSPENDED_EV
        delivered = charger.connector(1).energy_wh
        charger.plug_in(1)
        await patiently(charger.until_energy(1, delivered + 300))
        assert charger.connector(1).status is Status.CHARGING
        # From now on it ends with the car.
        assert await set_to(csms, version, *key, "true") == "Accepted"
        charger.unplug(1)
        await patiently(charger.until_told())
    ends = csms.told("StopTransaction") if version == "1.6" else csms.events("Ended")
    starts = csms.told("StartTransaction") if version == "1.6" else csms.events("Started")
    assert (len(starts), len(ends)) == (1, 1)
    reason = ends[0].get("reason") or ends[0]["transactionInfo"]["stoppedReason"]
    assert reason == "EVDisconnected"


async def test_a_refused_message_is_said_again_after_the_interval_that_is_set() -> None:
    async with foreign_csms() as csms, simulator(csms, "1.6", speed=600) as charger:
        await patiently(charger.until_connected())
        key = "TransactionMessageRetryInterval"
        assert await set_to(csms, "1.6", key, "", "60") == "Accepted"
        csms.fails["StartTransaction"] = 1
        charger.plug_in(1)
        began = charger.time.now()
        await patiently(charger.tap(1, "TAG"))
        await patiently(charger.until_numbered(1))
        assert charger.time.now() - began >= timedelta(seconds=60)


@pytest.mark.parametrize("version", ALL)
async def test_a_charger_that_must_boot_first_says_so_and_has_the_value_when_it_has_booted(
    version: str,
) -> None:
    odd: dict[str, Any] = {
        "takes_at_boot": frozenset({"MeterValueSampleInterval"}),
        "loses_at_boot": frozenset({"ConnectionTimeOut"}),
    }
    async with foreign_csms() as csms, simulator(csms, version, **odd) as charger:
        await patiently(charger.until_connected())
        taken = ("MeterValueSampleInterval", "SampledDataCtrlr.TxUpdatedInterval")
        lost = ("ConnectionTimeOut", "TxCtrlr.EVConnectionTimeOut")
        assert await set_to(csms, version, *taken, "30") == "RebootRequired"
        assert await set_to(csms, version, *taken, "soon") == "Rejected"
        assert await set_to(csms, version, *lost, "30") == "RebootRequired"
        values = charger.configuration.values
        assert (values[taken[0]], values[lost[0]]) == ("60", "90")
        kind = "Soft" if version == "1.6" else "OnIdle"
        await csms.ask("Reset", type=kind)
        await patiently(csms.until_told("BootNotification", 2))
        assert (values[taken[0]], values[lost[0]]) == ("30", "90")
        assert await set_to(csms, version, *taken, "30") == "Accepted"


def test_a_script_names_the_settings_that_need_a_boot() -> None:
    step = '\n[[step]]\ndo = "online"\n'
    made = parse(f'[charger]\ntakes-at-boot = ["HeartbeatInterval"]{step}', "odd.toml")
    assert made.settings.takes_at_boot == {"HeartbeatInterval"}
    with pytest.raises(ScriptWrong, match=r"unknown setting NoSuchKey; expected one of AllowOffline"):
        parse(f'[charger]\nloses-at-boot = ["NoSuchKey"]{step}', "odd.toml")
    with pytest.raises(ScriptWrong, match="expected a list of texts in quotes"):
        parse(f'[charger]\ntakes-at-boot = "HeartbeatInterval"{step}', "odd.toml")
