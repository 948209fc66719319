"""`make interop`: programs that others wrote, against a CPO node of ours, on loopback only.

| program                | what it shows                                                                   |
|------------------------|---------------------------------------------------------------------------------|
| ocpp-ws-cli 1.1.12     | its 21 checks of a central system, in 1.6 and 2.0.1                             |
| ocpp-rpc 2.2.1         | a charger in strict mode, from boot to the end of a transaction, in both        |
| test-ocpp 1.0.0        | connect, boot, heartbeat, in both                                               |
| ocpp 2.1               | its ChargePoint, with its own validation                                        |
| typed-ocpp 1.6.2       | every frame of these, and of our own chargers under remote control, is valid    |

Exit status: 0 all of it holds; 1 something does not; 3 a program could not be got, so that nothing is shown.
"""

import asyncio
import sys
from collections.abc import Awaitable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from partners.charger.charge_point import ChargerSimulator
from partners.charger.settings import ChargerSettings
from partners.cpo.stations.central_system import CentralSystemSettings
from partners.cpo.stations.remote_outcome import RemoteOutcome
from partners.ocpp.versions import Version
from schemas import exact_json
from tests.fixtures.cpo_world import World, evse, location, token, world
from tests.fixtures.independent_station import energy, event, independent_station, says
from tests.interop.obtaining import Missing, Node, node, programs
from tests.interop.tap import Passed, Tap, tap

#: Checks that ocpp-ws-cli 1.1.12 has.
CHECKS = 21
MINUTES = 120.0
NAMES = [f"CP{number}" for number in range(1, 12)]


class Outcome(NamedTuple):
    """What a program said."""

    status: int
    output: str


def main() -> int:
    """Run it all."""
    try:
        found = node()
        folder = programs(found)
    except Missing as missing:
        sys.stderr.write(f"interop: NOT SHOWN, since a program is missing. {missing}\n")
        return 3
    failures = asyncio.run(_everything(found, folder))
    for failure in failures:
        sys.stderr.write(f"interop: {failure}\n")
    _say("interop: something is wrong" if failures else "interop: all of it holds")
    return 1 if failures else 0


async def _everything(found: Node, folder: Path) -> list[str]:
    place = location("square", *[evse(f"E{name}", name) for name in NAMES])
    # Longer than any check of ocpp-ws-cli listens: it takes whatever comes for the answer.
    settings = CentralSystemSettings(settle=timedelta(seconds=6))
    async with (
        world(tokens=(token(),), locations=[place], central_system=settings) as cpo,
        tap(cpo.cpo.ocpp_url) as wire,
    ):
        direct = cpo.cpo.ocpp_url
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_shown(what, work))
                for what, work in (
                    ("ocpp-ws-cli 1.6", _checks(found, folder, direct, "CP1", "ocpp1.6")),
                    ("ocpp-ws-cli 2.0.1", _checks(found, folder, direct, "CP2", "ocpp2.0.1")),
                    ("ocpp-rpc 1.6", _strict(found, folder, wire.url, "CP3", "ocpp1.6")),
                    ("ocpp-rpc 2.0.1", _strict(found, folder, wire.url, "CP4", "ocpp2.0.1")),
                    ("test-ocpp 1.6", _connection(wire.url, "CP5", "1.6")),
                    ("test-ocpp 2.0.1", _connection(wire.url, "CP6", "2.0.1")),
                    ("ocpp 2.0.1", _package(wire.url, "CP7", "ocpp2.0.1")),
                    ("ocpp 2.1", _package(wire.url, "CP8", "ocpp2.1")),
                    ("own charger 1.6", _commanded(cpo, wire, "CP9", "1.6")),
                    ("own charger 2.0.1", _commanded(cpo, wire, "CP10", "2.0.1")),
                    ("own charger 2.1", _commanded(cpo, wire, "CP11", "2.1")),
                )
            ]
        failures = [each for task in tasks for each in task.result()]
        return failures + await _shown("typed-ocpp", _typed(found, folder, wire.passed))


async def _shown(what: str, work: Awaitable[str | None]) -> list[str]:
    """What is wrong, by name."""
    try:
        async with asyncio.timeout(MINUTES):
            wrong = await work
    except Exception as error:  # noqa: BLE001 a program that breaks is a finding like any other
        wrong = repr(error)
    _say(f"{'ok    ' if wrong is None else 'FAILED'}  {what}")
    return [] if wrong is None else [f"{what}: {wrong}"]


async def _checks(found: Node, folder: Path, url: str, name: str, protocol: str) -> str | None:
    """All checks of ocpp-ws-cli are passed."""
    program = folder / "node_modules" / "ocpp-ws-cli" / "dist" / "index.js"
    place = folder / f"report-{protocol}"
    place.mkdir(exist_ok=True)
    for old in place.rglob("*.json"):
        old.unlink()
    options = ("test", "-e", url, "-i", name, "-p", protocol, "--suite", "all", "--report", "json")
    done = await _run([found.node, str(program), *options], place)
    reports = list(place.rglob("*.json"))
    if len(reports) != 1:
        return f"no report (exit status {done.status}): {done.output[-500:]}"
    results: list[dict[str, Any]] = exact_json.decode(reports[0].read_bytes())["testResults"]
    failed = [f"{each['name']}: {each.get('issue')}" for each in results if not each["passed"]]
    if len(results) != CHECKS:
        failed.append(f"{len(results)} checks instead of {CHECKS}")
    return "; ".join(failed) or None


async def _strict(found: Node, folder: Path, url: str, name: str, protocol: str) -> str | None:
    done = await _run([found.node, str(folder / "strict-charger.mjs"), url, name, protocol], folder)
    return None if done == Outcome(0, "ok\n") else done.output[-800:] or f"exit status {done.status}"


async def _connection(url: str, name: str, version: str) -> str | None:
    command = [sys.executable, "-m", "test_ocpp", url, name, "--ocpp", version, "--no-tls"]
    done = await _run(command, Path())
    return None if done.status == 0 else done.output[-800:]


async def _package(url: str, name: str, protocol: str) -> str | None:
    async with independent_station(f"{url}/{name}", protocol) as station:
        begun = {"evse": {"id": 1}, "token": "CARD1", "state": "Charging"}
        answer = await says(station, event("Started", 0, 0, meter_value=[energy(0, 1000)], **begun))
        if answer.id_token_info["status"] != "Accepted":
            return str(answer)
        await says(station, event("Updated", 1, 60, meter_value=[energy(60, 1500)]))
        await says(station, event("Ended", 2, 120, meter_value=[energy(120, 2000)]))
    return None


async def _commanded(cpo: World, wire: Tap, name: str, version: str) -> str | None:
    """One of our chargers, under remote control: so that there are frames of our asking as well."""
    settings = ChargerSettings(version=version, car_comes_on_remote_start=True)
    charger = ChargerSimulator(f"{wire.url}/{name}", settings, time=cpo.time)
    central = cpo.cpo.central_system
    async with charger:
        await charger.until_connected()
        await charger.until_told()
        outcomes = [
            await central.trigger(name, "StatusNotification", 1),
            await central.remote_start(name, 1, "CARD1"),
        ]
        transaction = await charger.until_numbered(1)
        await charger.until_told()
        outcomes += [
            await central.remote_stop(name, transaction),
            await central.unlock(name, 1),
            await central.change_availability(name, 1, operative=False),
            await central.change_availability(name, 1, operative=True),
            await central.reset(name),
        ]
        await charger.until_told()
    refused = [str(each) for each in outcomes if each is not RemoteOutcome.ACCEPTED]
    return ", ".join(refused) or None


async def _typed(found: Node, folder: Path, passed: list[Passed]) -> str | None:
    """Every frame that passed is valid, by the eyes of typed-ocpp."""
    calls: dict[tuple[str, bool, str], list[Any]] = {}
    lines: list[bytes] = []
    for each in passed:
        frame = exact_json.decode(each.text)
        call = None
        if frame[0] == 2:
            calls[each.charge_point, each.is_from_charge_point, frame[1]] = frame
        elif frame[0] == 3:
            call = calls[each.charge_point, not each.is_from_charge_point, frame[1]]
        lines.append(exact_json.encode({"protocol": each.protocol, "frame": frame, "call": call}))
    done = await _run([found.node, str(folder / "check-frames.mjs")], folder, b"\n".join(lines))
    if done.status:
        return done.output[-2000:]
    spoken = exact_json.decode(done.output)["count"]
    missing = set(Version) - set(spoken)
    return f"no frames of {missing}" if missing else None


async def _run(command: list[str], folder: Path, said: bytes = b"") -> Outcome:
    program = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await program.communicate(said)
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
    return Outcome(program.returncode or 0, output.decode(errors="replace"))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
