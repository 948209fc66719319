"""`ocpi-node cpo charger …` at a running node, and the settings that it reads."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hub.ocpi.timestamps import utc_now
from partners.charger.charge_point import ChargerSimulator
from partners.charger.settings import ChargerSettings
from partners.charger.simulated_time import SimulatedTime
from partners.cli import app
from partners.configuration_file import SettingsWrong
from partners.cpo.app import CpoNode
from partners.cpo.cli import EXAMPLE
from partners.cpo.security.security_settings import BASIC, NONE
from partners.cpo.settings import read_settings
from schemas import exact_json
from tests.fixtures.cpo_world import cpo_settings
from tests.unit.partners.ocpp_world import patiently

KEY = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334"


each_version = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])


class Terminal:
    def __init__(self, node: CpoNode) -> None:
        self._options = ["--node", node.admin_url, "--key", node.admin_key, "--json"]

    async def run(self, *arguments: str) -> Any:
        result = await self.result(*arguments)
        assert result.exit_code == 0, result.output
        return exact_json.decode(result.stdout)

    async def result(self, *arguments: str) -> Any:
        command = ["cpo", "charger", *arguments, *self._options]
        return await asyncio.to_thread(CliRunner().invoke, app, command)


async def test_chargers_are_added_given_passwords_blocked_and_allowed() -> None:
    async with CpoNode(cpo_settings()) as node:
        terminal = Terminal(node)
        added = await terminal.run("add", "CP9")
        assert (added["id"], added["standing"], len(added["password"])) == ("CP9", "allowed", 40)
        assert (await terminal.result("add", "CP9")).exit_code == 1
        assert (await terminal.result("add", "cp9")).exit_code == 1
        assert (await terminal.result("set-password", "CP9", "--password", "short")).exit_code == 1
        assert (await terminal.run("set-password", "CP9", "--password", KEY))["password"] == KEY
        assert (await terminal.run("block", "CP9"))["standing"] == "blocked"
        assert (await terminal.run("allow", "CP9"))["standing"] == "allowed"
        listed = await terminal.run("list")
        assert [(each["id"], each["has_password"]) for each in listed] == [
            ("CP1", False),
            ("CP2", False),
            ("CP9", True),
        ]
        assert "password" not in (await terminal.run("show", "CP9"))
        assert (await terminal.result("show", "CP8")).exit_code == 1
        assert (await terminal.result("set-password", "CP9", "--tell")).exit_code == 1
        assert "BEGIN CERTIFICATE" in (await terminal.run("authority"))["certificate"]


@each_version
async def test_a_charger_asks_for_a_certificate_when_it_is_told_to_and_loses_it_when_it_is_revoked(
    version: str,
) -> None:
    async with (
        CpoNode(cpo_settings()) as node,
        ChargerSimulator(
            f"{node.ocpp_url}/CP1", ChargerSettings(version=version), time=SimulatedTime(utc_now, 600)
        ) as charger,
    ):
        terminal = Terminal(node)
        await patiently(charger.until_connected())
        assert (await terminal.run("renew", "CP1"))["outcome"] == "accepted"
        await patiently(charger.until(lambda: bool(charger.dialect.certificate.chain)))
        (certificate,) = (await terminal.run("show", "CP1"))["certificates"]
        assert certificate["is_revoked"] is False
        assert charger.station.configuration.values["CpoName"] == "CPO One"  # and so it named it
        assert (await terminal.run("revoke", "CP1"))["revoked"] == 1
        assert (await terminal.run("show", "CP1"))["certificates"][0]["is_revoked"] is True


@each_version
async def test_a_certificate_is_renewed_over_the_wire_before_it_ends(version: str) -> None:
    """SignCertificate and CertificateSigned, in each version; whoever has time left is left alone."""
    settings = cpo_settings()
    ends_soon = replace(settings.security, life=timedelta(days=20))
    async with (
        CpoNode(replace(settings, security=ends_soon)) as node,
        ChargerSimulator(
            f"{node.ocpp_url}/CP1", ChargerSettings(version=version), time=SimulatedTime(utc_now, 600)
        ) as charger,
    ):
        terminal = Terminal(node)
        await patiently(charger.until_connected())
        await terminal.run("renew", "CP1")
        await patiently(charger.until(lambda: bool(charger.dialect.certificate.chain)))
        first = charger.dialect.certificate.chain
        await node.doorkeeper.renew()
        await patiently(charger.until(lambda: charger.dialect.certificate.chain not in {"", first}))
        assert len((await terminal.run("show", "CP1"))["certificates"]) == 2
        # A certificate with more time than that is not renewed.
        node.doorkeeper.security = replace(ends_soon, renew_before=timedelta(days=10))
        await node.doorkeeper.renew()
        await patiently(charger.until_told())
        assert len((await terminal.run("show", "CP1"))["certificates"]) == 2


def configured(folder: Path, text: str, host: str = "127.0.0.1") -> Path:
    file = folder / "cpo.toml"
    file.write_text(EXAMPLE.replace("ocpp_port = 9000", f'ocpp_port = 0\nocpp_host = "{host}"') + text)
    return file


def test_a_password_is_asked_for_unless_only_this_machine_can_connect_or_the_operator_says_so(
    tmp_path: Path,
) -> None:
    for host in ("127.0.0.1", "localhost", "::1"):
        assert read_settings(configured(tmp_path, "", host)).security.least == NONE
    assert read_settings(configured(tmp_path, "", "0.0.0.0")).security.least == BASIC  # noqa: S104 read only
    told = configured(tmp_path, "\n[security]\nprofile = 0\ncertificate_days = 30\n", "0.0.0.0")  # noqa: S104 same
    security = read_settings(told).security
    assert (security.least, security.life) == (NONE, timedelta(days=30))


def test_what_is_wrong_in_the_tables_is_named(tmp_path: Path) -> None:
    wrong = '\n[security]\nprofile = 4\nminimum_tls = "1.1"\nunknown_chargers = "maybe"\n'
    with pytest.raises(SettingsWrong) as named:
        read_settings(configured(tmp_path, wrong))
    assert [each.key for each in named.value.wrong] == [
        "security.profile",
        "security.minimum_tls",
        "security.unknown_chargers",
    ]
    with pytest.raises(SettingsWrong, match=r"none\.toml"):
        read_settings(configured(tmp_path, '\n[onboarding]\nprofiles = "none.toml"\n'))
