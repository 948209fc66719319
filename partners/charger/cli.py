"""`ocpi-node charger`: simulated charge points from the command line."""

import asyncio
import contextlib
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console

from hub.ocpi.timestamps import utc_now
from partners.charger.charge_point import ChargerSimulator
from partners.charger.driver import leave_when_done, rfid_visit
from partners.charger.fleet import charge_point_urls, fleet
from partners.charger.onlooker import Happening
from partners.charger.settings import ChargerSettings
from partners.charger.simulated_time import SimulatedTime
from partners.charger.states import Verdict
from partners.charger.vehicle import Vehicle
from schemas import exact_json

app = typer.Typer(help="Simulated OCPP 1.6J charge points.", no_args_is_help=True)

_console = Console(highlight=False)


@app.callback()
def charger() -> None:
    """Simulated OCPP 1.6J charge points, for a central system to drive."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the drivers are going to do."""

    tap: str | None
    stop_after_wh: Decimal | None
    connect_within: float


@app.command()
def run(
    *,
    url: Annotated[
        str, typer.Option(help="Central system and identity: ws://HOST:PORT/ocpp/CP001 (or wss://).")
    ],
    count: Annotated[int, typer.Option(min=1, help="How many; the number in the identity counts up.")] = 1,
    connectors: Annotated[int, typer.Option(min=1, help="Connectors of each charge point.")] = 1,
    speed: Annotated[float, typer.Option(min=0.001, help="Simulated seconds in a real second.")] = 1,
    power_kw: Annotated[float, typer.Option(min=1, help="What each connector can give, kW.")] = 22,
    battery_kwh: Annotated[float, typer.Option(min=1, help="Battery of the cars that come, kWh.")] = 60,
    soc: Annotated[int, typer.Option(min=0, max=99, help="State of charge on arrival, per cent.")] = 30,
    tap: Annotated[
        str | None,
        typer.Option(help="A driver with this RFID card charges at each charge point, then it ends."),
    ] = None,
    stop_after_kwh: Annotated[
        float | None, typer.Option(min=0.001, help="With --tap: charge so much; else until full.")
    ] = None,
    connect_within: Annotated[
        float, typer.Option(min=0.1, help="With --tap: seconds in which a link must be there.")
    ] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False,
) -> None:
    """Run charge points until Ctrl-C, or for one RFID charging session (--tap).

    Without --tap, a car comes when somebody starts a session remotely, and leaves when it is over.

    Exit status: 0 done, 1 refused or no link, 2 wrong usage.

    Example: ocpi-node charger run --url ws://127.0.0.1:9000/ocpp/CP001 --speed 60 --tap 04A1B2
    """
    _check(url)
    settings = ChargerSettings(
        connectors=connectors,
        max_power_w=_thousands(power_kw),
        vehicle=Vehicle(capacity_wh=_thousands(battery_kwh), soc=Decimal(soc) / 100),
        car_comes_on_remote_start=tap is None,
    )
    time = SimulatedTime(utc_now, speed)
    show = _show_as_json if as_json else _show
    chargers = [
        ChargerSimulator(each, settings, time=time, onlooker=show) for each in charge_point_urls(url, count)
    ]
    stop_after_wh = None if stop_after_kwh is None else _thousands(stop_after_kwh)
    plan = _Plan(tap, stop_after_wh, connect_within)
    with contextlib.suppress(KeyboardInterrupt):
        raise typer.Exit(0 if asyncio.run(_run(chargers, plan)) else 1)


async def _run(chargers: Sequence[ChargerSimulator], plan: _Plan) -> bool:
    """Whether everything went as it should; True as well when it was told to stop."""
    running = asyncio.current_task()
    if running is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    try:
        async with fleet(chargers):
            if plan.tap is None:
                await _serve_remote_starts(chargers)
                return True
            return await _visit_all(chargers, plan.tap, plan)
    except asyncio.CancelledError:
        return True


async def _serve_remote_starts(chargers: Sequence[ChargerSimulator]) -> None:
    async with asyncio.TaskGroup() as group:
        for each in chargers:
            for connector_id in range(1, each.settings.connectors + 1):
                group.create_task(leave_when_done(each, connector_id))


async def _visit_all(chargers: Sequence[ChargerSimulator], id_tag: str, plan: _Plan) -> bool:
    try:
        async with asyncio.timeout(plan.connect_within):
            for each in chargers:
                await each.until_connected()
    except TimeoutError:
        typer.echo(f"no link to the central system within {plan.connect_within:g} s", err=True)
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
