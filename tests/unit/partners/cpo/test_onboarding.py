"""Chargers are set while they are Pending, by profiles for vendor and model, and again after each reboot."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from hub.ocpi.timestamps import utc_now
from partners.charger.charge_point import ChargerSimulator
from partners.charger.dialects.v2_variables import VARIABLES
from partners.charger.settings import ChargerSettings
from partners.charger.simulated_time import SimulatedTime
from partners.configuration_file import SettingsWrong
from partners.cpo.app import CpoNode
from partners.cpo.cli import EXAMPLE_PROFILES
from partners.cpo.health.charger_log import Kind
from partners.cpo.onboarding.onboarding_settings import OnboardingSettings
from partners.cpo.onboarding.settings_profiles import (
    SettingsProfile,
    fitting,
    settings_profiles,
    variable_name,
)
from partners.cpo.settings import CpoSettings
from partners.cpo.stations.central_system import CentralSystemSettings
from partners.ocpp.payloads import Relaxation
from tests.fixtures.cpo_world import cpo_settings
from tests.fixtures.waiting import until
from tests.unit.partners.ocpp_world import patiently

WANTED = SettingsProfile(
    "all",
    settings={
        "HeartbeatInterval": "240",
        "MeterValueSampleInterval": "30",
        "MeterValuesSampledData": "Energy.Active.Import.Register,SoC",
        "AuthorizeRemoteTxRequests": "true",
    },
    variables={
        "OCPPCommCtrlr.HeartbeatInterval": "240",
        "SampledDataCtrlr.TxUpdatedInterval": "30",
        "SampledDataCtrlr.TxUpdatedMeasurands": "Energy.Active.Import.Register,SoC",
        "AuthCtrlr.AuthorizeRemoteStart": "true",
    },
)


def settings(*profiles: SettingsProfile, is_strict: bool = False) -> CpoSettings:
    central = CentralSystemSettings(
        heartbeat_interval=timedelta(seconds=240), boot_again_after=timedelta(seconds=30)
    )
    return cpo_settings(onboarding=OnboardingSettings(profiles, is_strict), central_system=central)


def charger(node: CpoNode, version: str) -> ChargerSimulator:
    quick = ChargerSettings(version=version, reconnect_after=timedelta(milliseconds=5))
    return ChargerSimulator(f"{node.ocpp_url}/CP1", quick, time=SimulatedTime(utc_now, 1200))


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_a_charger_is_set_before_it_is_accepted_and_again_after_a_reboot(version: str) -> None:
    async with CpoNode(settings(WANTED)) as node, charger(node, version) as simulator:
        await patiently(simulator.until_connected())
        values = simulator.configuration.values
        assert {key: values[key] for key in WANTED.settings} == WANTED.settings
        account = node.doorkeeper.book.find("CP1")
        assert account is not None
        assert (account.findings, account.onboarded_at is None) == ((), False)
        # Somebody on site sets it otherwise, and it starts anew.
        values["MeterValueSampleInterval"] = "900"
        await node.central_system.reset("CP1", hard=True)
        await patiently(simulator.until(lambda: values["MeterValueSampleInterval"] == "30"))
        await patiently(simulator.until_connected())


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_what_a_charger_does_not_take_is_named_and_it_is_accepted_with_that_finding(
    version: str,
) -> None:
    odd = replace(
        WANTED,
        settings=WANTED.settings | {"NumberOfConnectors": "9"},
        variables=WANTED.variables | {"SmartChargingCtrlr.PeriodsPerSchedule": "9"},
    )
    async with CpoNode(settings(odd)) as node, charger(node, version) as simulator:
        await patiently(simulator.until_connected())
        account = node.doorkeeper.book.find("CP1")
        assert account is not None
        (finding,) = account.findings
        assert "not '9'" in finding
        noted = [each for each in node.care.log.newest("CP1", 20) if each.kind is Kind.SECURITY]
        assert [each.detail["what"] for each in noted] == [finding]
        assert simulator.configuration.values["MeterValueSampleInterval"] == "30"


async def test_one_that_cannot_be_set_stays_pending_where_the_operator_is_strict() -> None:
    odd = replace(WANTED, settings={"NoSuchKey": "1"})
    async with CpoNode(settings(odd, is_strict=True)) as node, charger(node, "1.6") as simulator:

        def tried() -> bool:
            noted = node.care.log.newest("CP1", 20)
            return sum(each.kind is Kind.SECURITY for each in noted) >= 2

        await until(tried)
        assert not simulator.is_connected


async def test_of_a_list_that_is_refused_the_part_is_taken_that_the_charger_knows() -> None:
    wanted = "Energy.Active.Import.Register,Frequency,SoC"
    odd = replace(WANTED, settings={"MeterValuesSampledData": wanted})
    async with CpoNode(settings(odd)) as node, charger(node, "1.6") as simulator:
        await patiently(simulator.until_connected())
        taken = simulator.configuration.values["MeterValuesSampledData"]
        assert taken == "Energy.Active.Import.Register,SoC"
        account = node.doorkeeper.book.find("CP1")
        assert account is not None
        assert "Frequency" in account.findings[0]


def test_the_first_profile_that_fits_counts() -> None:
    profiles = (
        SettingsProfile("one", vendor="Exam*", model="22*"),
        SettingsProfile("two", charge_points=("CP9*",), relaxed=frozenset({Relaxation.MISSING_FIELDS})),
        SettingsProfile("all"),
    )
    named = [
        fitting(profiles, charge_point, vendor, model)
        for charge_point, vendor, model in (
            ("CP1", "EXAMPLE", "22 kW"),
            ("CP91", None, None),
            ("CP1", "Other", "M"),
            ("CP1", None, None),
        )
    ]
    assert [each and each.name for each in named] == ["one", "two", "all", None]


def test_the_profiles_that_are_shipped_can_be_used(tmp_path: Path) -> None:
    file = tmp_path / "profiles.toml"
    file.write_text(EXAMPLE_PROFILES)
    assert [each.name for each in settings_profiles(file)]


def shipped(folder: Path) -> SettingsProfile:
    """The profile of `ocpi-node cpo example-profiles`."""
    file = folder / "profiles.toml"
    file.write_text(EXAMPLE_PROFILES)
    (profile,) = settings_profiles(file)
    return profile


def as_shipped(profile: SettingsProfile) -> CpoSettings:
    # The heartbeat that the profile wants is also what a boot is answered with.
    return cpo_settings(onboarding=OnboardingSettings((profile,)))


def wanted(profile: SettingsProfile, version: str) -> list[tuple[str, str]]:
    """What a profile wants, by the keys under which the simulated charger keeps it."""
    if version == "1.6":
        return list(profile.settings.items())
    keys = {(each.component, each.name): each.key for each in VARIABLES}
    return [(keys[name.component, name.variable], value) for name, value in profile.wanted(is_1_6=False)]


def findings(node: CpoNode) -> tuple[str, ...]:
    account = node.doorkeeper.book.find("CP1")
    assert account is not None
    return account.findings


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_a_charger_has_all_that_the_shipped_profile_wants(tmp_path: Path, version: str) -> None:
    profile = shipped(tmp_path)
    async with CpoNode(as_shipped(profile)) as node, charger(node, version) as simulator:
        values = simulator.configuration.values
        # Nothing is as it should be at first, as far as a charger can have it otherwise.
        for key, value in wanted(profile, version):
            values[key] = {"true": "false", "false": "true"}.get(value, "1" if value.isdigit() else "")
        await patiently(simulator.until_connected())
        assert findings(node) == ()
        for key, value in wanted(profile, version):
            assert (key, values[key]) == (key, value)


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_a_variable_is_one_with_its_instance_and_another_or_none_without(
    tmp_path: Path, version: str
) -> None:
    known = shipped(tmp_path)
    odd = {
        "OCPPCommCtrlr.MessageAttempts": "7",
        "OCPPCommCtrlr.MessageAttempts[MeterValues]": "8",
        "OCPPCommCtrlr.HeartbeatInterval[TransactionEvent]": "9",
        "NoSuchCtrlr.Anything[At all]": "1",
    }
    profile = replace(known, variables=known.variables | odd)
    async with CpoNode(as_shipped(profile)) as node, charger(node, version) as simulator:
        await patiently(simulator.until_connected())
        # All else was set.
        assert findings(node) == tuple(f"{name} is unknown, not {value!r}" for name, value in odd.items())
        assert simulator.configuration.values["TransactionMessageAttempts"] == "10"
        component = {"name": "OCPPCommCtrlr"}
        asked = [
            {"component": component, "variable": {"name": "MessageAttempts", **instance}}
            for instance in ({"instance": "TransactionEvent"}, {"instance": "MeterValues"}, {})
        ]
        answer = await node.central_system.ask("CP1", "GetVariables", {"getVariableData": asked})
        found = [
            (each["variable"].get("instance"), each["attributeStatus"], each.get("attributeValue"))
            for each in answer["getVariableResult"]
        ]
        assert found == [
            ("TransactionEvent", "Accepted", "10"),
            ("MeterValues", "UnknownVariable", None),
            (None, "UnknownVariable", None),
        ]
        told = await node.central_system.base_report("CP1")
        with_instance = {variable_name(each) for each in told if "instance" in each["variable"]}
        assert with_instance == {
            "OCPPCommCtrlr.MessageAttempts[TransactionEvent]",
            "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]",
        }


async def test_what_a_charger_does_not_know_of_the_shipped_profile_is_named(tmp_path: Path) -> None:
    profile = shipped(tmp_path)
    async with CpoNode(as_shipped(profile)) as node, charger(node, "1.6") as simulator:
        del simulator.configuration.values["StopTransactionOnEVSideDisconnect"]
        await patiently(simulator.until_connected())
        assert findings(node) == ("StopTransactionOnEVSideDisconnect is unknown, not 'true'",)


@pytest.mark.parametrize("name", ["a.b[", "[x]", "a", "a.", ".b", "a.b[]", "a.b]", "a.b[x]y", "a[x].b"])
def test_a_name_of_a_variable_that_is_none_is_a_mistake(tmp_path: Path, name: str) -> None:
    file = tmp_path / "profiles.toml"
    file.write_text(f'[[profiles]]\nname = "One"\nvariables = {{ "{name}" = 1 }}\n')
    with pytest.raises(SettingsWrong) as wrong:
        settings_profiles(file)
    (mistake,) = wrong.value.wrong
    assert mistake.key == f"{file}: profiles[0].variables.{name}"
    assert mistake.reason == "expected Component.Variable, or Component.Variable[Instance]"


def test_every_mistake_in_a_file_of_profiles_is_named(tmp_path: Path) -> None:
    file = tmp_path / "profiles.toml"
    file.write_text("""
        [[profiles]]
        model = 5
        relaxed = ["everything"]
        color = "red"
        settings = { HeartbeatInterval = 1.5 }
        variables = { HeartbeatInterval = 60 }
    """)
    with pytest.raises(SettingsWrong) as wrong:
        settings_profiles(file)
    keys = [each.key.removeprefix(f"{file}: profiles[0].") for each in wrong.value.wrong]
    assert keys == [
        "color",
        "model",
        "name",
        "relaxed",
        "settings.HeartbeatInterval",
        "variables.HeartbeatInterval",
    ]
