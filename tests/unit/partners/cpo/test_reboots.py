"""A charger that takes settings when it boots is reset for them: when nobody needs it, never in a circle."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hub.ocpi.timestamps import format_timestamp, utc_now
from partners.charger.charge_point import ChargerSimulator
from partners.charger.firmware import Behaviour, Manner
from partners.charger.settings import ChargerSettings
from partners.charger.simulated_time import SimulatedTime
from partners.charger.states import Status, Verdict
from partners.cpo.app import CpoNode
from partners.cpo.health.charger_log import Kind
from partners.cpo.onboarding.onboarding_settings import OnboardingSettings
from partners.cpo.onboarding.settings_profiles import SettingsProfile
from partners.cpo.security.charger_book import ChargerAccount
from partners.cpo.tokens.id_tags import token_key
from schemas.v2_2_1 import Token
from tests.fixtures.cpo_world import SettableClock, cpo_settings, evse, location, token, world
from tests.fixtures.waiting import until
from tests.unit.partners.ocpp_world import patiently

KEY, VARIABLE = "MeterValueSampleInterval", "SampledDataCtrlr.TxUpdatedInterval"
PROFILE = SettingsProfile("all", settings={KEY: "30"}, variables={VARIABLE: "30"})
NAMES = {"1.6": KEY, "2.0.1": VARIABLE, "2.1": VARIABLE}
ALL = list(NAMES)


@asynccontextmanager
async def cpo(folder: Path | None = None, **more: Any) -> AsyncIterator[CpoNode]:
    """A node that resets chargers soon; `clock` and `is_strict` may be given."""
    clock = more.pop("clock", utc_now)
    onboarding = OnboardingSettings((PROFILE,), more.pop("is_strict", False), timedelta(milliseconds=40))
    async with CpoNode(cpo_settings(folder, onboarding=onboarding, **more), clock=clock) as node:
        yield node


def charger(node: CpoNode, version: str = "1.6", **odd: Any) -> ChargerSimulator:
    quick = ChargerSettings(version=version, reconnect_after=timedelta(milliseconds=5), **odd)
    time = SimulatedTime(utc_now, 1200)
    return ChargerSimulator(f"{node.ocpp_url}/CP1", quick, time=time, jitter=lambda: 0.0)


def story(node: CpoNode) -> list[str]:
    """What its operator reads of the charger, oldest first."""
    lines = node.care.log.newest("CP1", 100)
    return [str(each.detail.get("what", each.kind)) for each in lines if each.kind in _TOLD]


_TOLD = {Kind.SECURITY, Kind.BOOTED, Kind.SESSION_BEGAN, Kind.SESSION_ENDED}


def account(node: CpoNode) -> ChargerAccount:
    found = node.doorkeeper.book.find("CP1")
    assert found is not None
    return found


def resets(node: CpoNode) -> int:
    return sum(each.startswith("soft reset") for each in story(node))


@pytest.mark.parametrize("version", ALL)
async def test_a_charger_is_reset_once_when_it_is_free_and_has_its_settings_then(version: str) -> None:
    async with cpo() as node, charger(node, version, takes_at_boot=frozenset({KEY})) as simulator:
        await until(lambda: f"set by its reboot: {NAMES[version]}" in story(node))
        await patiently(simulator.until_connected())
        looks = node.doorkeeper.reboots.looks
        await until(lambda: node.doorkeeper.reboots.looks > looks + 8)
        assert simulator.configuration.values[KEY] == "30"
        assert (account(node).findings, node.doorkeeper.reboots.awaited("CP1").settings) == ((), ())
        name = NAMES[version]
        assert [each for each in story(node) if each != "booted"] == [
            f"to be reset when nobody needs it, for {name}",
            f"soft reset for {name}: accepted",
            f"set by its reboot: {name}",
        ]


async def test_before_its_boot_the_old_value_is_no_finding_and_the_operator_sees_what_is_awaited() -> None:
    async with cpo() as node, charger(node, takes_at_boot=frozenset({KEY})) as simulator:
        # Nobody resets it: its operator is at work on it.
        node.care.book.pause("CP1", utc_now())
        await patiently(simulator.until_connected())
        looks = node.doorkeeper.reboots.looks
        await until(lambda: node.doorkeeper.reboots.looks > looks + 8)
        assert simulator.configuration.values[KEY] == "60"
        assert (account(node).findings, resets(node)) == ((), 0)
        assert node.doorkeeper.reboots.awaited("CP1").settings == (KEY,)
        node.care.book.resume("CP1")
        await until(lambda: resets(node) == 1)


@pytest.mark.parametrize("is_strict", [False, True])
@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_one_that_answers_reboot_required_for_ever_is_reset_once_in_24_hours_and_is_a_finding(
    tmp_path: Path, version: str, *, is_strict: bool
) -> None:
    odd = {"loses_at_boot": frozenset({KEY})}
    finding = f"{NAMES[version]} waits for a reboot, and the last one has not set it"
    clock = SettableClock()
    async with cpo(tmp_path, clock=clock, is_strict=is_strict) as node, charger(node, version, **odd):
        await until(lambda: account(node).findings == (finding,))
        assert resets(node) == 1
    # Neither a restart of the node nor another boot makes it one more.
    clock.ahead = timedelta(hours=23)
    async with cpo(tmp_path, clock=clock, is_strict=is_strict) as node:
        async with charger(node, version, **odd) as simulator:
            await until(lambda: story(node).count(finding) == 2)
            if not is_strict:
                await patiently(simulator.until_connected())
            looks = node.doorkeeper.reboots.looks
            await until(lambda: node.doorkeeper.reboots.looks > looks + 8)
            assert resets(node) == 1
        clock.ahead = timedelta(hours=25)
        async with charger(node, version, **odd):
            await until(lambda: resets(node) == 2)
            await until(lambda: account(node).findings == (finding,))


@pytest.mark.parametrize("version", ALL)
async def test_nobody_who_charges_is_interrupted_also_where_the_node_starts_anew_meanwhile(
    tmp_path: Path, version: str
) -> None:
    async with cpo(tmp_path) as node:
        node.node.objects.put(token_key(Token.model_validate(token())), token())
        simulator = charger(node, version, takes_at_boot=frozenset({KEY}))
        port = int(node.ocpp_url.rsplit(":", 1)[1].split("/")[0])
        await simulator.__aenter__()
        node.care.book.pause("CP1", utc_now())
        await patiently(simulator.until_connected())
        simulator.plug_in(1)
        assert await patiently(simulator.tap(1, "CARD1")) is Verdict.ACCEPTED
        await until(lambda: node.charging_log.open_at("CP1"))
        node.care.book.resume("CP1")
        looks = node.doorkeeper.reboots.looks
        await until(lambda: node.doorkeeper.reboots.looks > looks + 8)
        assert resets(node) == 0
    async with cpo(tmp_path, ocpp_port=port) as node:
        try:
            await until(lambda: node.presence.is_connected("CP1"))
            looks = node.doorkeeper.reboots.looks
            await until(lambda: node.doorkeeper.reboots.looks > looks + 8)
            assert resets(node) == 0
            await patiently(simulator.until_energy(1, Decimal(100)))
            await patiently(simulator.tap(1, "CARD1"))
            simulator.unplug(1)
            await until(lambda: f"set by its reboot: {NAMES[version]}" in story(node))
        finally:
            await simulator.__aexit__(None, None, None)
        told = story(node)
        assert told.index("session ended") < told.index(f"soft reset for {NAMES[version]}: accepted")
        assert simulator.configuration.values[KEY] == "30"


async def test_a_charger_that_does_not_want_to_be_reset_is_a_finding() -> None:
    async with cpo() as node, charger(node, takes_at_boot=frozenset({KEY})) as simulator:
        simulator.firmware.behave(Behaviour(Manner.REJECT, timedelta()), "Reset")
        finding = f"a reboot is awaited for {KEY}, and a soft reset was rejected"
        await until(lambda: account(node).findings == (finding,))
        looks = node.doorkeeper.reboots.looks
        await until(lambda: node.doorkeeper.reboots.looks > looks + 8)
        assert resets(node) == 1
        # It boots by itself one day, and all is well.
        await simulator.lose_power(timedelta(seconds=1), ends_transactions=True)
        await until(lambda: account(node).findings == ())
        assert f"set by its reboot: {KEY}" in story(node)


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_who_has_shown_a_card_has_a_while_to_plug_in_though_2_x_shows_no_status_of_it(
    version: str,
) -> None:
    clock = SettableClock()
    async with cpo(clock=clock) as node, charger(node, version) as simulator:
        node.node.objects.put(token_key(Token.model_validate(token())), token())
        await patiently(simulator.until_connected())
        minute = timedelta(minutes=1)
        assert node.care.is_free("CP1", minute)
        assert await patiently(simulator.tap(1, "CARD1")) is Verdict.ACCEPTED
        assert not node.care.is_free("CP1", minute)
        # He has gone.
        await patiently(simulator.until_status(1, Status.AVAILABLE))
        await patiently(simulator.until_told())
        clock.ahead += minute
        assert node.care.is_free("CP1", minute)


@pytest.mark.parametrize("command", ["RESERVE_NOW", "START_SESSION"])
async def test_a_charger_is_not_reset_while_it_is_reserved_or_somebody_is_let_in_from_afar(
    command: str,
) -> None:
    app = token("APP-1", type="APP_USER")
    wanted: dict[str, Any] = {"token": app, "location_id": "square", "evse_uid": "E1"}
    if command == "RESERVE_NOW":
        expiry = format_timestamp(utc_now() + timedelta(hours=1))
        wanted |= {"reservation_id": "R1", "expiry_date": expiry}
    settings: dict[str, Any] = {
        "onboarding": OnboardingSettings((PROFILE,), free_for=timedelta(milliseconds=40)),
        "locations": [location("square", evse("E1", "CP1", capabilities=["RESERVABLE"]))],
        "start_within": timedelta(milliseconds=500),
    }
    async with world(**settings) as made:
        node = made.cpo
        # What is promised there is promised before it would be reset.
        node.care.book.pause("CP1", utc_now())
        one = ChargerSettings(reconnect_after=timedelta(milliseconds=5), takes_at_boot=frozenset({KEY}))
        simulator = await made.charger("CP1", one)
        simulator.configuration.values["ConnectionTimeOut"] = "600"
        await made.command(command, wanted)
        assert (await made.result(command)).value == {"result": "ACCEPTED"}
        node.care.book.resume("CP1")
        looks = node.doorkeeper.reboots.looks
        await until(lambda: node.doorkeeper.reboots.looks > looks + 8)
        assert resets(node) == 0
        if command == "RESERVE_NOW":
            await made.command("CANCEL_RESERVATION", {"reservation_id": "R1"})
        await until(lambda: f"set by its reboot: {KEY}" in story(node))
