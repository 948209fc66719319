"""`ocpi-node charger run`: the command, in a process of its own, at a central system on loopback."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from partners.charger.cli import app
from schemas import exact_json
from tests.fixtures.csms import foreign_csms
from tests.unit.partners.ocpp_world import cpo_node

RUN = "from partners.charger.cli import app; app()"
ROOT = Path(__file__).parents[3]
SCRIPTS = ROOT / "partners" / "charger" / "scripts"


async def charger_process(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-c",
        RUN,
        "run",
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_a_fleet_charges_so_much_with_a_card_and_ends() -> None:
    async with cpo_node() as node:
        process = await charger_process(
            "--url",
            node.url(),
            "--count",
            "2",
            "--speed",
            "3600",
            "--tap",
            "TAG",
            "--stop-after-kwh",
            "1.5",
            "--json",
        )
        output, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    lines = [exact_json.decode(line) for line in output.splitlines()]
    assert {line["charge_point"] for line in lines} == {"CP001", "CP002"}
    for started, stopped in zip(
        sorted(node.cpo.told("transaction_started"), key=lambda told: told.charge_point),
        sorted(node.cpo.told("transaction_stopped"), key=lambda told: told.charge_point),
        strict=True,
    ):
        assert stopped.meter_stop_wh - started.meter_start_wh >= 1499


async def test_a_refused_card_ends_with_status_one_and_says_so() -> None:
    async with cpo_node() as node:
        node.cpo.refused.add("THIEF")
        process = await charger_process("--url", node.url(), "--speed", "3600", "--tap", "THIEF")
        _, errors = await process.communicate()
    assert process.returncode == 1
    assert errors.decode().strip() == "CP001: card THIEF was refused: Blocked"


async def test_without_a_card_it_serves_remote_starts_until_it_is_told_to_stop() -> None:
    async with cpo_node() as node:
        process = await charger_process("--url", node.url(), "--speed", "3600")
        await node.cpo.until(lambda: node.cpo.statuses() == ["Available"])
        assert await node.central.remote_start("CP001", 1, "APP") == "accepted"
        await node.cpo.until_told("meter_values")
        assert await node.central.remote_stop("CP001", 1) == "accepted"
        await node.cpo.until(lambda: node.cpo.statuses()[-1] == "Available")
        process.send_signal(signal.SIGTERM)
        output, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    assert "the car has left" in output.decode()


async def test_no_central_system_ends_with_status_one_and_says_so() -> None:
    async with cpo_node() as node:
        url = node.url()
    process = await charger_process("--url", url, "--tap", "TAG", "--connect-within", "0.2")
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert "no link to the central system within 0.2 s" in errors.decode()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
async def test_a_fleet_that_reaches_nobody_says_so_once_and_can_be_stopped(end: signal.Signals) -> None:
    async with cpo_node() as node:
        url = node.url()
    process = await charger_process("--url", url, "--count", "3")
    assert process.stdout is not None
    async with asyncio.timeout(20):
        said = [(await process.stdout.readline()).decode() for _ in range(3)]
    assert all("no link to the central system: Cannot connect" in line for line in said)
    assert [line.split()[1] for line in sorted(said, key=lambda line: line.split()[1])] == [
        "CP001",
        "CP002",
        "CP003",
    ]
    process.send_signal(end)
    output, errors = await process.communicate()
    assert (process.returncode, output, errors) == (0, b"", b"")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/ocpp/CP001",
        "ws:///ocpp/CP001",
        "ws://127.0.0.1:9000",
        "ws://127.0.0.1/ocpp/",
        "ws://127.0.0.1:99999/ocpp/CP001",
        "ws://127.0.0.1:port/ocpp/CP001",
    ],
)
def test_a_url_that_names_no_charge_point_is_wrong_usage(url: str) -> None:
    assert CliRunner().invoke(app, ["run", "--url", url]).exit_code == 2


async def test_a_script_is_played_in_the_version_that_is_asked_for_and_ends() -> None:
    script = SCRIPTS / "plug-first.toml"
    async with foreign_csms() as csms:
        process = await charger_process(
            "--url", csms.url(), "--ocpp", "2.1", "--script", str(script), "--speed", "7200"
        )
        output, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    assert csms.links == ["ocpp2.1"]
    assert csms.events()[-1]["eventType"] == "Ended"
    assert "the car has left" in output.decode()


async def test_a_fleet_of_all_versions_meets_its_drivers_until_it_is_told_to_stop() -> None:
    async with foreign_csms() as csms:
        arguments = ["--fleet", "3", "--seed", "5", "--card", "CARD7", "--sessions-per-day", "300"]
        process = await charger_process("--url", csms.url(), *arguments, "--speed", "3600")
        await csms.until(lambda: len(set(csms.links)) == 3 and csms.told("Authorize"))
        process.send_signal(signal.SIGTERM)
        _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    tokens = [each.get("idTag") or each["idToken"]["idToken"] for each in csms.told("Authorize")]
    assert set(tokens) == {"CARD7"}


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ('[[step]]\ndo = "fly"\n', 2, "day.toml, line 2, step 1 (fly): do = 'fly'; expected one of"),
        ('[[step]]\ndo = "unplug"\n', 1, "CP001: day.toml, line 1, step 1 (unplug): there is no car"),
    ],
)
async def test_a_script_that_is_wrong_or_fails_says_where(
    text: str, status: int, said: str, tmp_path: Path
) -> None:
    (tmp_path / "day.toml").write_text(text, encoding="utf-8")
    async with foreign_csms() as csms:
        script = str(tmp_path / "day.toml")
        process = await charger_process("--url", csms.url(), "--script", script)
        _, errors = await process.communicate()
    assert process.returncode == status
    assert errors.decode().startswith(said)


def test_a_card_a_script_and_a_fleet_are_different_plans() -> None:
    url = "ws://127.0.0.1:9/ocpp/CP001"
    assert CliRunner().invoke(app, ["run", "--url", url, "--tap", "A", "--fleet", "2"]).exit_code == 2
    assert CliRunner().invoke(app, ["run", "--url", url, "--ocpp", "1.5"]).exit_code == 2


def test_the_help_teaches() -> None:
    text = CliRunner().invoke(app, ["run", "--help"]).output
    assert "Example: ocpi-node charger run" in text
