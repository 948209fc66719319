"""Every script that is shipped, played in every version at another maker's central system."""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pyocmf
import pytest
from ocpp.exceptions import InternalError

import partners.charger
from hub.ocpi.timestamps import parse_timestamp
from partners.charger import script as scripts
from partners.charger.charge_point import ChargerSimulator
from partners.charger.script import Script, ScriptFailed
from partners.charger.settings import ChargerSettings
from schemas import exact_json
from tests.fixtures.csms import Csms, foreign_csms, patiently, simulator

FOLDER = Path(partners.charger.__file__).parent / "scripts"
VERSIONS = ["1.6", "2.0.1", "2.1"]
QUICK = timedelta(milliseconds=10)

each_version = pytest.mark.parametrize("version", VERSIONS)


def script(name: str, version: str) -> Script:
    """A script that is shipped, in any version."""
    found = scripts.load(FOLDER / f"{name}.toml")
    return replace(found, settings=replace(found.settings, version=version, reconnect_after=QUICK))


async def played(name: str, version: str, speed: float = 3600) -> Csms:
    """What the central system has heard when a script is over."""
    made = script(name, version)
    async with foreign_csms() as csms, simulator(csms, version, speed, settings=made.settings) as charger:
        await patiently(charger.until_connected())
        await patiently(scripts.run(made, charger))
    return csms


class Told(NamedTuple):
    """A transaction, whatever the version."""

    #: When it began, and when it ended.
    begun: str
    ended: str
    token: str | None
    #: Every register that was told, as it stood on the wire, with its unit and context.
    registers: list[tuple[Decimal, str, str]]
    reason: str


def transactions(csms: Csms, version: str) -> list[Told]:
    return _transactions_of_16(csms) if version == "1.6" else _transactions_of_2(csms)


def _transactions_of_16(csms: Csms) -> list[Told]:
    starts, stops = csms.told("StartTransaction"), csms.told("StopTransaction")
    found = []
    for number, (start, stop) in enumerate(zip(starts, stops, strict=True), 1):
        assert stop["transactionId"] == number
        values = [each for each in csms.told("MeterValues") if each.get("transactionId") == number]
        measured = _registers([value for each in values for value in each["meterValue"]])
        first = (Decimal(start["meterStart"]), "Wh", "Transaction.Begin")
        last = (Decimal(stop["meterStop"]), "Wh", "Transaction.End")
        found.append(
            Told(
                start["timestamp"],
                stop["timestamp"],
                start["idTag"],
                [first, *measured, last],
                stop["reason"],
            )
        )
    return found


def _transactions_of_2(csms: Csms) -> list[Told]:
    ids = dict.fromkeys(each["transactionInfo"]["transactionId"] for each in csms.events())
    found = []
    for number in ids:
        events = [each for each in csms.events() if each["transactionInfo"]["transactionId"] == number]
        assert [each["eventType"] for each in events[:1] + events[-1:]] == ["Started", "Ended"]
        tokens = [each["idToken"]["idToken"] for each in events if "idToken" in each]
        measured = _registers([value for each in events for value in each.get("meterValue", [])])
        reason = events[-1]["transactionInfo"]["stoppedReason"]
        found.append(
            Told(events[0]["timestamp"], events[-1]["timestamp"], next(iter(tokens), None), measured, reason)
        )
    return found


def _registers(values: list[dict[str, Any]]) -> list[tuple[Decimal, str, str]]:
    return [
        (Decimal(each["value"]), each.get("unit") or each["unitOfMeasure"]["unit"], each["context"])
        for value in values
        for each in value["sampledValue"]
        if each.get("measurand") == "Energy.Active.Import.Register"
    ]


def wh(told: Told) -> list[Decimal]:
    """The registers in Wh."""
    return [value * (1000 if unit == "kWh" else 1) for value, unit, _ in told.registers]


def most_wh(told: Told, dark: timedelta = timedelta()) -> Decimal:
    """What 22 kW come to from its begin to its end, but for a time without power.

    A busy machine may let more time pass before the next step; energy never flows faster for that.
    """
    flowing = parse_timestamp(told.ended) - parse_timestamp(told.begun) - dark
    # Instants on the wire are cut to seconds or less.
    return 22_000 * (Decimal(flowing / timedelta(seconds=1)) + 1) / 3600


@each_version
async def test_plug_first(version: str) -> None:
    csms = await played("plug-first", version)
    (told,) = transactions(csms, version)
    assert (told.token, told.reason) == ("04A1B2C3D4E5F6", "Local")
    assert wh(told) == sorted(wh(told))
    assert 5000 <= wh(told)[-1] - wh(told)[0] < most_wh(told)


@each_version
async def test_card_first_and_a_driver_who_forgets_to_plug_in(version: str) -> None:
    csms = await played("card-first", version)
    (told,) = transactions(csms, version)
    assert told.reason == "EVDisconnected"
    assert [each.get("idTag") or each["idToken"]["idToken"] for each in csms.told("Authorize")] == [
        "04A1B2C3D4E5F6",
        "04FFEEDDCCBBAA",
    ]
    assert csms.statuses()[-1] == "Available"


@each_version
async def test_remote_start(version: str) -> None:
    made = script("remote-start", version)
    async with foreign_csms() as csms, simulator(csms, version, 7200, settings=made.settings) as charger:
        await patiently(charger.until_connected())

        async def start_when_plugged() -> None:
            await patiently(charger.until(lambda: charger.connector(1).is_plugged))
            await _start(csms, version)

        await patiently(_both(scripts.run(made, charger), start_when_plugged()))
    (told,) = transactions(csms, version)
    assert told.token == "APP"


async def _start(csms: Csms, version: str) -> None:
    if version == "1.6":
        await csms.ask("RemoteStartTransaction", idTag="APP", connectorId=1)
        started = await csms.until_told("MeterValues")
        await csms.ask("RemoteStopTransaction", transactionId=started["transactionId"])
    else:
        token = {"idToken": "APP", "type": "Central"}
        await csms.ask("RequestStartTransaction", idToken=token, remoteStartId=1, evseId=1)
        started = await csms.until_told("TransactionEvent", 2)
        await csms.ask("RequestStopTransaction", transactionId=started["transactionInfo"]["transactionId"])


async def _both(one: Any, other: Any) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(one)
        group.create_task(other)


@each_version
async def test_offline_for_hours_all_is_told_afterwards_in_order_with_its_true_times(version: str) -> None:
    csms = await played("offline", version, 14_400)
    first, second = transactions(csms, version)
    assert (first.token, second.token) == ("04A1B2C3D4E5F6", "04FFEEDDCCBBAA")
    assert first.begun < first.ended < second.begun < second.ended
    boots, authorized = csms.told("BootNotification"), csms.told("Authorize")
    assert len(boots) == len(authorized) == 1
    if version != "1.6":
        online = [each.get("offline", False) for each in csms.events()]
        assert online == sorted(online)
        assert set(online) == {False, True}
        assert csms.events()[-1]["offline"] is True
    # Statuses of the time without a link are not told afterwards.
    assert csms.statuses()[-1] == "Available"


@each_version
async def test_a_reboot_in_the_middle_of_a_transaction(version: str) -> None:
    csms = await played("reboot", version)
    assert len(csms.told("BootNotification")) == 3
    (told,) = transactions(csms, version)
    assert told.reason == "PowerLoss"
    assert wh(told) == sorted(wh(told))
    # At least twenty minutes; nothing flowed while the power was off.
    assert 6000 < wh(told)[-1] - wh(told)[0] < most_wh(told, dark=timedelta(minutes=5))


@each_version
async def test_all_that_a_meter_can_get_wrong(version: str) -> None:
    csms = await played("meter-glitches", version, 7200)
    outlier, mixed, reset, endless = transactions(csms, version)
    wrong = [value for value in wh(outlier) if not 1_000_000 <= value < 1_100_000]
    assert sum(value < 0 for value in wrong) == 2
    assert sum(value > 1_250_000 for value in wrong) == 1
    assert 1_000_000 < wh(outlier)[-1] < 1_100_000
    assert {unit for _, unit, _ in mixed.registers} == {"kWh", "Wh"}
    assert wh(mixed) == sorted(wh(mixed))
    assert wh(reset)[0] > 1_000_000
    assert 0 < wh(reset)[-1] < 10_000
    if version == "1.6":
        assert wh(endless)[-1] == 0
    else:
        assert "Transaction.End" not in [context for _, _, context in endless.registers]


@each_version
async def test_slow_and_unwilling_firmware(version: str) -> None:
    made = script("bad-firmware", version)
    calls = {
        "1.6": [
            ("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}),
            ("Reset", {"type": "Hard"}),
        ],
        "2": [("ChangeAvailability", {"operationalStatus": "Inoperative"}), ("Reset", {"type": "Immediate"})],
    }["1.6" if version == "1.6" else "2"]
    async with foreign_csms() as csms, simulator(csms, version, 3600, settings=made.settings) as charger:
        await patiently(charger.until_connected())
        await scripts.run(replace(made, steps=made.steps[:-1]), charger)
        (change, changed), (reset, resets) = calls
        assert await csms.ask(change, **changed) == {"status": "Rejected"}
        assert charger.connector(1).status == "Available"
        with pytest.raises(InternalError):
            await csms.ask(reset, **resets)
        before = charger.time.now()
        assert await csms.ask("ClearCache") == {"status": "Accepted"}
        assert charger.time.now() - before >= timedelta(seconds=20)
        unlock = {"connectorId": 1} if version == "1.6" else {"connectorId": 1, "evseId": 1}
        csms.patience = 0.05
        with pytest.raises(TimeoutError):
            await csms.ask("UnlockConnector", **unlock)
    assert len(csms.told("BootNotification")) == 1


@each_version
async def test_signed_values(version: str) -> None:
    csms = await played("signed-values", version)
    if version == "1.6":
        (stop,) = csms.told("StopTransaction")
        samples = [each["sampledValue"][0] for each in stop["transactionData"]]
        assert [each["format"] for each in samples] == ["SignedData", "SignedData"]
        signed = [exact_json.decode(each["value"]) for each in samples]
    else:
        events = [*csms.events("Started"), *csms.events("Ended")]
        samples = [each["meterValue"][0]["sampledValue"][0] for each in events]
        signed = [each["signedMeterValue"] for each in samples]
        assert {each["signingMethod"] for each in signed} == {"ECDSA-secp256r1-SHA256"}
    assert [each["context"] for each in samples] == ["Transaction.Begin", "Transaction.End"]
    begin, end = (base64.b64decode(each["signedMeterData"]).decode() for each in signed)
    (told,) = transactions(csms, version)
    readings = exact_json.decode(end.split("|")[1])["RD"]
    assert [each["TX"] for each in readings] == ["B", "E"]
    assert [each["RV"] * 1000 for each in readings] == [wh(told)[0], wh(told)[-1]]
    assert [each["TX"] for each in exact_json.decode(begin.split("|")[1])["RD"]] == ["B"]
    for each, record in zip(signed, (begin, end), strict=True):
        assert each["encodingMethod"] == "OCMF"
        key = base64.b64decode(each["publicKey"]).hex()
        assert pyocmf.OCMF.from_string(record).verify_signature(key) is True


@each_version
async def test_phases_and_state_of_charge(version: str) -> None:
    csms = await played("phases-and-soc", version, 14_400)
    samples = [sample for value in _values(csms, version) for sample in value["sampledValue"]]
    phases = [each["phase"] for each in samples if each["measurand"] == "Current.Import"]
    assert set(phases) == {"L1", "L2", "L3"}
    assert phases.count("L1") > phases.count("L2") == phases.count("L3")
    charge = [int(each["value"]) for each in samples if each["measurand"] == "SoC"]
    assert 20 <= min(charge) <= 22
    assert charge[-1] == 100


def _values(csms: Csms, version: str) -> list[dict[str, Any]]:
    said = csms.told("MeterValues") if version == "1.6" else csms.events()
    return [value for each in said for value in each.get("meterValue", [])]


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_what_real_chargers_of_2x_do(version: str) -> None:
    csms = await played("oddities", version)
    events = csms.events()
    assert {each["seqNo"] for each in events} == {0}
    assert "idToken" not in events[0]
    assert events[0]["triggerReason"] == "CablePluggedIn"
    assert "meterValue" not in events[-1]
    assert events[-1]["eventType"] == "Ended"
    assert csms.statuses(0) == ["Available", "Unavailable"]
    # A second link, on which it neither booted nor said how it is.
    assert csms.links == [f"ocpp{version}"] * 2
    assert len(csms.told("BootNotification")) == 1
    assert csms.statuses() == ["Available", "Occupied", "Occupied", "Available"]


async def test_oddities_of_2x_do_no_harm_to_1_6() -> None:
    csms = await played("oddities", "1.6")
    (told,) = transactions(csms, "1.6")
    assert told.token == "04A1B2C3D4E5F6"


def test_every_script_that_is_shipped_says_what_it_is_about_and_is_played_here() -> None:
    names = {path.stem for path in FOLDER.glob("*.toml")}
    source = Path(__file__).read_text(encoding="utf-8")
    assert len(names) >= 10
    for name in names:
        assert f'"{name}"' in source
        assert len(scripts.load(FOLDER / f"{name}.toml").about) > 40


async def test_a_step_that_fails_is_named_with_its_line() -> None:
    text = '[[step]]\ndo = "plug-in"\n\n[[step]]\ndo = "plug-in"\n'
    with pytest.raises(
        ScriptFailed, match=r"^twice\.toml, line 4, step 2 \(plug-in\): there is a car already$"
    ):
        await _run(text)


async def test_a_wait_in_vain_says_how_things_stand() -> None:
    text = '[[step]]\ndo = "wait"\nstatus = "Charging"\nwithin = "2m"\n'
    expected = r"step 1 \(wait\): waited 0:02:00 in vain: connector 1 is Available, 0.000 kWh, .*, connected"
    with pytest.raises(ScriptFailed, match=expected):
        await _run(text)


async def test_a_card_that_is_not_told_what_the_step_expects_fails() -> None:
    text = '[[step]]\ndo = "tap"\ncard = "THIEF"\nexpect = "Accepted"\n'
    with pytest.raises(ScriptFailed, match="card THIEF: expected Accepted, found Blocked"):
        await _run(text, lambda csms: csms.refused.update(THIEF="Blocked"))


async def _run(text: str, before: Callable[[Csms], None] = lambda _: None) -> None:
    made = scripts.parse(text, "twice.toml", ChargerSettings(reconnect_after=QUICK))
    async with foreign_csms() as csms, simulator(csms, "1.6", settings=made.settings) as charger:
        before(csms)
        await patiently(charger.until_connected())
        await patiently(charger.until_told())
        await patiently(scripts.run(made, charger))


async def test_steps_come_when_they_are_due() -> None:
    """`at` counts from the begin of the script, `after` from the end of the step before."""
    text = """
        [[step]]
        at = "10m"
        do = "plug-in"
        [[step]]
        after = "5m"
        do = "unplug"
        [[step]]
        at = "1m"
        do = "plug-in"
    """
    made = scripts.parse(text, "due.toml", ChargerSettings(reconnect_after=QUICK))
    seen: list[Any] = []
    async with foreign_csms() as csms:
        charger = simulator(csms, "1.6", 7200, settings=made.settings)
        charger = ChargerSimulator(csms.url(), made.settings, time=charger.time, onlooker=seen.append)
        async with charger:
            await patiently(charger.until_connected())
            begun = charger.time.now()
            await patiently(scripts.run(made, charger))
    (first, second) = [each.at - begun for each in seen if each.what == "a car is plugged in"]
    left = next(each.at - begun for each in seen if each.what == "the car has left")
    assert timedelta(minutes=10) <= first <= left - timedelta(minutes=5)
    assert left <= second
