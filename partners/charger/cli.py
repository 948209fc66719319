"""`ocpi-node charger`: simulated charge points from the command line."""

import asyncio
import contextlib
import signal
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console

from hub.ocpi.timestamps import utc_now
from partners.charger import script as scripts
from partners.charger.charge_point import ChargerSimulator
from partners.charger.driver import leave_when_done, rfid_visit
from partners.charger.fleet import cards, charge_point_urls, fleet, mixture, welcome_drivers
from partners.charger.onlooker import Happening
from partners.charger.script import Script, ScriptFailed, ScriptWrong
from partners.charger.settings import ChargerSettings
from partners.charger.simulated_time import SimulatedTime
from partners.charger.states import Verdict
from partners.charger.vehicle import Vehicle
from schemas import exact_json

app = typer.Typer(help="Simulated charge points: OCPP 1.6J, 2.0.1, 2.1.", no_args_is_help=True)

_console = Console(highlight=False)


@app.callback()
def charger() -> None:
    """Simulated charge points (OCPP 1.6J, 2.0.1 and 2.1), for a central system to drive."""


class Version(StrEnum):
    """Versions of OCPP."""

    V16 = "1.6"
    V201 = "2.0.1"
    V21 = "2.1"


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is going to happen; nothing of it: cars come when somebody starts remotely."""

    #: One driver with this card comes to each charge point.
    tap: str | None = None
    stop_after_wh: Decimal | None = None
    script: Script | None = None
    #: Drivers come all day, by this seed.
    seed: int | None = None
    tokens: Sequence[str] = ()
    per_day: float = 0
    connect_within: float = 30


@app.command()
def run(
    *,
    url: Annotated[
        str, typer.Option(help="Central system and identity: ws://HOST:PORT/ocpp/CP001 (or wss://).")
    ],
    ocpp: Annotated[
        Version | None, typer.Option(help="Version that they speak; else 1.6, of a fleet: a mixture.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many; the number in the identity counts up.")] = 1,
    connectors: Annotated[int, typer.Option(min=1, help="Connectors of each charge point.")] = 1,
    speed: Annotated[float, typer.Option(min=0.001, help="Simulated seconds in a real second.")] = 1,
    power_kw: Annotated[float, typer.Option(min=1, help="What each connector can give, kW.")] = 22,
    phases: Annotated[int, typer.Option(min=1, max=3, help="Phases of each connector.")] = 3,
    password: Annotated[
        str | None, typer.Option(help="What they show when they connect (basic authentication).")
    ] = None,
    signed: Annotated[bool, typer.Option("--signed", help="The meters sign (OCMF, ECDSA).")] = False,
    battery_kwh: Annotated[float, typer.Option(min=1, help="Battery of the cars that come, kWh.")] = 60,
    soc: Annotated[int, typer.Option(min=0, max=99, help="State of charge on arrival, per cent.")] = 30,
    tap: Annotated[
        str | None,
        typer.Option(help="A driver with this RFID card charges at each charge point, then it ends."),
    ] = None,
    stop_after_kwh: Annotated[
        float | None, typer.Option(min=0.001, help="With --tap: charge so much; else until full.")
    ] = None,
    script: Annotated[
        Path | None, typer.Option(help="Do what this script says at each charge point, then it ends.")
    ] = None,
    fleet_size: Annotated[
        int | None,
        typer.Option("--fleet", min=1, help="So many charge points, to which drivers come all day."),
    ] = None,
    seed: Annotated[int, typer.Option(help="With --fleet: the same drivers for the same seed.")] = 1,
    card: Annotated[
        list[str] | None, typer.Option(help="With --fleet: a driver's RFID card; as often as you like.")
    ] = None,
    sessions_per_day: Annotated[
        float, typer.Option(min=0.1, help="With --fleet: drivers at a connector in a day, on average.")
    ] = 4,
    connect_within: Annotated[
        float, typer.Option(min=0.1, help="With --tap or --script: seconds in which a link must be there.")
    ] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False,
) -> None:
    """Run charge points until Ctrl-C, for one RFID charging session (--tap), or for a script.

    Without --tap, --script or --fleet, a car comes when somebody starts a session remotely, and leaves
    when it is over. Scripts: docs/charger.md.

    Exit status: 0 done, 1 refused, no link or a step that failed, 2 wrong usage.

    Example: ocpi-node charger run --url ws://127.0.0.1:9000/ocpp/CP001 --ocpp 2.0.1 --speed 60 --tap 04A1B2
    """
    _check(url)
    if sum(each is not None for each in (tap, script, fleet_size)) > 1:
        raise typer.BadParameter("--tap, --script and --fleet: only one of them")
    settings = ChargerSettings(
        version=ocpp or Version.V16,
        connectors=connectors,
        max_power_w=_thousands(power_kw),
        phases=phases,
        signs=signed,
        password=password,
        vehicle=Vehicle(capacity_wh=_thousands(battery_kwh), soc=Decimal(soc) / 100),
        car_comes_on_remote_start=(tap, script, fleet_size) == (None, None, None),
    )
    loaded = None if script is None else _load(script, settings)
    if loaded is not None:
        # The version on the command line wins: a script may be tried in all of them.
        settings = replace(loaded.settings, version=ocpp or loaded.settings.version)
    size = fleet_size or count
    versions = mixture(size) if fleet_size and ocpp is None else [settings.version] * size
    time = SimulatedTime(utc_now, speed)
    show = _show_as_json if as_json else _show
    chargers = [
        ChargerSimulator(each, replace(settings, version=version), time=time, onlooker=show)
        for each, version in zip(charge_point_urls(url, size), versions, strict=True)
    ]
    plan = _Plan(
        tap=tap,
        stop_after_wh=None if stop_after_kwh is None else _thousands(stop_after_kwh),
        script=loaded,
        seed=seed if fleet_size else None,
        tokens=card or cards(2 * size),
        per_day=sessions_per_day,
        connect_within=connect_within,
    )
    with contextlib.suppress(KeyboardInterrupt):
        raise typer.Exit(0 if asyncio.run(_run(chargers, plan)) else 1)


def _load(path: Path, settings: ChargerSettings) -> Script:
    try:
        return scripts.load(path, settings)
    except ScriptWrong as wrong:
        typer.echo(str(wrong), err=True)
        raise typer.Exit(2) from wrong


async def _run(chargers: Sequence[ChargerSimulator], plan: _Plan) -> bool:
    """Whether everything went as it should; True as well when it was told to stop."""
    running = asyncio.current_task()
    if running is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    try:
        async with fleet(chargers):
            if plan.script is not None:
                return await _play_all(chargers, plan.script, plan)
            if plan.tap is not None:
                return await _visit_all(chargers, plan.tap, plan)
            if plan.seed is not None:
                await _welcome_all(chargers, plan)
            else:
                await _serve_remote_starts(chargers)
            return True
    except asyncio.CancelledError:
        return True


async def _welcome_all(chargers: Sequence[ChargerSimulator], plan: _Plan) -> None:
    async with asyncio.TaskGroup() as group:
        for each in chargers:
            for number in each.station.connectors:
                seed = f"{plan.seed}/{each.charge_point}/{number}"
                group.create_task(welcome_drivers(each, number, plan.tokens, seed, plan.per_day))


async def _play_all(chargers: Sequence[ChargerSimulator], script: Script, plan: _Plan) -> bool:
    if not await _connected(chargers, plan):
        return False
    async with asyncio.TaskGroup() as group:
        played = [group.create_task(_played(each, script)) for each in chargers]
    return all(each.result() for each in played)


async def _played(charger: ChargerSimulator, script: Script) -> bool:
    try:
        await scripts.run(script, charger)
    except ScriptFailed as failed:
        typer.echo(f"{charger.charge_point}: {failed}", err=True)
        return False
    return True


async def _connected(chargers: Sequence[ChargerSimulator], plan: _Plan) -> bool:
    try:
        async with asyncio.timeout(plan.connect_within):
            for each in chargers:
                await each.until_connected()
    except TimeoutError:
        typer.echo(f"no link to the central system within {plan.connect_within:g} s", err=True)
        return False
    return True


async def _serve_remote_starts(chargers: Sequence[ChargerSimulator]) -> None:
    async with asyncio.TaskGroup() as group:
        for each in chargers:
            for connector_id in range(1, each.settings.connectors + 1):
                group.create_task(leave_when_done(each, connector_id))


async def _visit_all(chargers: Sequence[ChargerSimulator], id_tag: str, plan: _Plan) -> bool:
    if not await _connected(chargers, plan):
        return False
    async with asyncio.TaskGroup() as group:
        visits = [group.create_task(rfid_visit(each, 1, id_tag, plan.stop_after_wh)) for each in chargers]
    refused = [visit.result() for visit in visits if visit.result().status is not Verdict.ACCEPTED]
    for visit in refused:
        typer.echo(f"{visit.charge_point}: card {id_tag} was refused: {visit.status.value}", err=True)
    return not refused


def _check(url: str) -> None:
    if not _names_a_charge_point(url):
        raise typer.BadParameter("must look like ws://HOST:PORT/ocpp/CP001", param_hint="--url")


def _names_a_charge_point(url: str) -> bool:
    try:
        parts = urlsplit(url)
        is_reachable = parts.scheme in {"ws", "wss"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is no number, or too large
        return False
    return is_reachable and bool(parts.path.rsplit("/", 1)[-1])


def _thousands(value: float) -> Decimal:
    """From kWh or kW to Wh or W, exactly as it was typed."""
    return Decimal(str(value)) * 1000


def _show(happening: Happening) -> None:
    place = happening.charge_point
    if happening.connector_id is not None:
        place += f"/{happening.connector_id}"
    _console.print(f"{happening.at:%H:%M:%S}  {place:<12} {happening.what}", markup=False, soft_wrap=True)


def _show_as_json(happening: Happening) -> None:
    typer.echo(exact_json.encode(happening._asdict()).decode())
