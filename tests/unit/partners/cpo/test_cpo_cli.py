"""The CPO as an operator runs it: a program of its own, and commands from another terminal."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from hub.ocpi.timestamps import utc_now
from partners.charger.charge_point import ChargerSimulator
from partners.charger.driver import rfid_visit
from partners.charger.simulated_time import SimulatedTime
from partners.cli import app
from partners.cpo.app import CpoNode
from partners.cpo.cli import EXAMPLE
from partners.cpo.settings import read_settings
from partners.listening import CannotListen
from schemas import exact_json
from tests.fixtures import processes
from tests.fixtures.cpo_world import SPEED, evse, location, token, world
from tests.fixtures.recorder import Recorder, Reply
from tests.fixtures.warm_program import WarmProcess
from tests.unit.partners.ocpp_world import raw_charge_point

KEY = "a key"


def configured(folder: Path, *lines: str) -> Path:
    """The example, on free ports."""
    text = EXAMPLE.replace('admin_key = "change-me"', f'admin_key = "{KEY}"')
    for port in ("port = 8010", "admin_port = 8011", "ocpp_port = 9000"):
        text = text.replace(port, f"{port.split(' ', maxsplit=1)[0]} = 0")
    file = folder / "cpo.toml"
    file.write_text(text + "\n".join(lines))
    return file


class Program:
    """`ocpi-node cpo serve` in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process | WarmProcess, said: dict[str, str]) -> None:
        self.process = process
        self.ocpp_url = said["Charge points"].removesuffix("/IDENTITY")
        self.admin_url = said["Commands"].split("--node ")[1].split()[0]

    async def ask(self, *command: str) -> Any:
        """A command of the CLI, from another process than the node's; its answer as JSON."""
        arguments = ["cpo", *command, "--node", self.admin_url, "--key", KEY, "--json"]
        result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
        assert result.exit_code == 0, result.output
        return exact_json.decode(result.stdout_bytes)

    async def kill(self) -> None:
        """No good-bye."""
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()


@asynccontextmanager
async def serving(config: Path) -> AsyncIterator[Program]:
    started = await processes.Program.start(
        config.with_suffix(".log"), "partners", "cpo", "serve", str(config)
    )
    try:
        await started.says(r"^Commands .*\n")
        lines = [line.partition("  ") for line in started.output.splitlines()]
        yield Program(started.process, {name: rest.strip() for name, _, rest in lines})
        if started.process.returncode is None:
            started.process.send_signal(signal.SIGTERM)
            await started.ended(within=10)
    finally:
        await started.end()


def charger(program: Program) -> ChargerSimulator:
    return ChargerSimulator(f"{program.ocpp_url}/CP001", time=SimulatedTime(utc_now, SPEED))


async def test_a_session_survives_the_death_of_the_program(tmp_path: Path) -> None:
    """Killed in mid-session, started anew: one session, one CDR, all the energy."""
    async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub:
        hub.answers("GET", "/sender/tokens", Reply([token()], headers={"X-Total-Count": "1"}))
        # The driver may be quicker than the pull of the tokens.
        hub.answers("POST", "/authorize", Reply({"allowed": "ALLOWED", "token": token()}))
        config = configured(
            tmp_path, "[hub]", f'versions_url = "{hub.versions_url}"', f'token = "{hub.accept_new_token()}"'
        )
        async with serving(config) as first:
            await hub.receives("PUT", "/receiver/locations")
            async with charger(first) as before:
                await before.until_connected()
                before.plug_in(1)
                await before.tap(1, "CARD1")
                number = await before.until_numbered(1)
                await before.until_energy(1, Decimal(1500))
                await hub.receives("PATCH", "/receiver/sessions")
                await first.kill()
                register = before.connector(1).register_wh
        async with serving(config) as second:
            stop = {
                "transactionId": number,
                "meterStop": int(register) + 500,
                "timestamp": before.time.now().isoformat(),
                "idTag": "CARD1",
            }
            async with raw_charge_point(f"{second.ocpp_url}/CP001") as again:
                assert (await again.ask("stop-1", "StopTransaction", stop))[0] == 3
            cdr = (await hub.receives("POST", "/receiver/cdrs")).value
            last = hub.all("PUT", "/receiver/sessions")[-1].value
            assert cdr["session_id"] == last["id"]
            assert last["status"] == "COMPLETED"
            assert {each.value["id"] for each in hub.all("PUT", "/receiver/sessions")} == {last["id"]}
            assert cdr["total_energy"] > Decimal("1.9")
            (listed,) = await second.ask("sessions")
            assert listed["session"]["status"] == "COMPLETED"
            async with asyncio.timeout(10):
                while not (owed := await second.ask("cdrs"))[0]["is_accepted"]:
                    pass  # its answer is read a moment after the hub has given it
            assert [each["cdr"]["id"] for each in owed] == [cdr["id"]]
            assert (await second.ask("tokens"))[0]["uid"] == "CARD1"


async def test_an_operator_sees_the_charge_points_and_registers_by_hand(tmp_path: Path) -> None:
    async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub, serving(configured(tmp_path)) as program:
        async with charger(program) as simulator:
            await simulator.until_connected()
            await simulator.until_told()
            (listed,) = await program.ask("chargers")
            assert listed["is_connected"] is True
            assert listed["connectors"][0]["status"] == "Available"
            await program.ask("register", hub.versions_url, "--token", hub.accept_new_token())
            await hub.receives("PUT", "/receiver/locations/NL/CPO/station-square")
            await rfid_visit(simulator, 1, "STRANGER")
        assert (await program.ask("state"))["role"] == "CPO"
        assert (await program.ask("sessions")) == []


async def test_each_answer_has_a_form_for_people_and_none_for_strangers(tmp_path: Path) -> None:
    """The program says where it listens, and ends with status 0 at Ctrl-C."""
    async with serving(configured(tmp_path)) as program:
        runner = CliRunner()
        for command in ("chargers", "sessions", "cdrs", "tokens", "state"):
            arguments = ["cpo", command, "--node", program.admin_url, "--key", KEY]
            result = await asyncio.to_thread(runner.invoke, app, arguments)
            assert result.exit_code == 0, result.output
            wrong = await asyncio.to_thread(runner.invoke, app, [*arguments[:-1], "another key"])
            assert wrong.exit_code == 1
            assert "does not accept the key: see --key" in wrong.stderr
        program.process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(program.process.wait(), 10) == 0


async def test_another_port_of_the_node_is_not_taken_for_its_own_api() -> None:
    async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub:
        result = await asyncio.to_thread(CliRunner().invoke, app, ["cpo", "state", "--node", hub.url])
    assert result.exit_code == 1
    assert "is that the node's own API?" in result.stderr


@pytest.mark.parametrize("setting", ["node.port", "node.admin_port", "cpo.ocpp_port"])
async def test_a_port_that_is_taken_is_named_and_no_hub_hears_of_the_node(
    setting: str, tmp_path: Path
) -> None:
    async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub:
        taken = hub.url.rsplit(":", 1)[1]
        config = configured(
            tmp_path, "[hub]", f'versions_url = "{hub.versions_url}"', f'token = "{hub.accept_new_token()}"'
        )
        key = setting.split(".")[1]
        config.write_text(re.sub(rf"(?m)^{key} = 0$", f"{key} = {taken}", config.read_text()))
        said = f"{setting}: cannot listen on 127.0.0.1:{taken}: Address already in use"
        with pytest.raises(CannotListen, match=re.escape(said)):
            await CpoNode(read_settings(config)).__aenter__()
        assert hub.received == []


def test_a_database_that_is_something_else_is_named_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "cpo.sqlite").write_text("a letter to my aunt, which is longer than any header of a file")
    result = CliRunner().invoke(app, ["cpo", "serve", str(configured(tmp_path))])
    assert result.exit_code == 1
    assert "node.database: cannot use" in result.stderr
    assert (tmp_path / "cpo.sqlite").read_text().startswith("a letter")


def test_a_configuration_that_is_wrong_ends_the_program_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "cpo.toml"
    file.write_text(EXAMPLE.replace('city = "Utrecht"', ""))
    result = CliRunner().invoke(app, ["cpo", "serve", str(file)])
    assert result.exit_code == 1
    assert "locations[0].city: expected this field" in result.output


# Locations.


async def test_locations_are_shown_as_others_see_them_and_private_ones_too() -> None:
    hidden = location("yard", evse("E9", "CP9"), private=True)
    async with world(locations=[location(), hidden]) as made, raw_charge_point(f"{made.cpo.ocpp_url}/CP1"):
        node = ["--node", made.cpo.admin_url, "--key", made.cpo.admin_key]

        async def run(*words: str) -> Result:
            return await asyncio.to_thread(CliRunner().invoke, app, ["cpo", "location", *words, *node])

        listed = exact_json.decode((await run("list", "--json")).stdout_bytes)
        assert [(each["location"]["id"], each["is_private"]) for each in listed] == [
            ("square", False),
            ("yard", True),
        ]
        told = await run("list")
        assert "2 UNKNOWN" in told.output
        assert "no, private" in told.output
        shown = exact_json.decode((await run("show", "SQUARE", "--json")).stdout_bytes)
        assert [each["uid"] for each in shown["evses"]] == ["E1", "E2"]
        assert shown["coordinates"] == {"latitude": "52.08950", "longitude": "5.11040"}
        missing = await run("show", "nowhere")
        assert (missing.exit_code, "there is no location nowhere" in missing.output) == (1, True)


def test_a_configuration_file_is_checked_without_a_node(tmp_path: Path) -> None:
    right = configured(tmp_path)
    checked = CliRunner().invoke(app, ["cpo", "location", "check", str(right), "--json"])
    assert exact_json.decode(checked.stdout_bytes) == {
        "tariffs": 1,
        "locations": 1,
        "private": 0,
        "evses": 1,
        "connectors": 1,
        "charge_points": 1,
    }
    right.write_text(right.read_text().replace('latitude = "52.08950"', 'latitude = "north"'))
    wrong = CliRunner().invoke(app, ["cpo", "location", "check", str(right)])
    assert wrong.exit_code == 1
    assert "locations[0].coordinates.latitude" in wrong.output
