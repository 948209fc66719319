"""A small OCPP world on loopback: a central system whose CPO writes everything down, and chargers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import aiohttp
from aiohttp import WSMsgType, web

from hub.ocpi.timestamps import utc_now
from partners.changes import Changes
from partners.charger.charge_point import ChargerSimulator
from partners.charger.settings import ChargerSettings
from partners.charger.simulated_time import SimulatedTime
from partners.cpo.charging.charging_events import (
    Alarm,
    AuthorizationStatus,
    BootInfo,
    ConnectorStatus,
    IdTagInfo,
    StartAnswer,
    StartedTransaction,
    StoppedTransaction,
    TransactionEvent,
)
from partners.cpo.charging.meter_values import MeterSample
from partners.cpo.stations.central_system import CentralSystem, CentralSystemSettings
from partners.cpo.wiring import Outlet, Wiring
from partners.ocpp.payloads import Relaxation
from schemas import exact_json
from schemas.v2_2_1 import TokenType

#: Nothing on loopback takes longer, unless it hangs.
PATIENCE = 10.0

QUICK = CentralSystemSettings(answer_within=timedelta(seconds=PATIENCE), close_within=timedelta(seconds=1))


class Event(NamedTuple):
    """A callback of the central system: its name, and what came with it."""

    name: str
    charge_point: str
    told: Any = None


class StatusChange(NamedTuple):
    connector_id: int
    status: ConnectorStatus
    error_code: str
    at: Any


class Measured(NamedTuple):
    connector_id: int
    transaction_id: int | None
    samples: tuple[MeterSample, ...]


class RecordingCpo:
    """Takes every event, in order; knows each transaction by its key, as a CPO must.

    Attributes:
        refused: Id tags that are not welcome.
        fails: How often the callback of a name is still going to raise.
        holds: Callbacks of a name wait for their event, before they return.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.refused: set[str] = set()
        self.fails: dict[str, int] = {}
        self.holds: dict[str, asyncio.Event] = {}
        self._numbers: dict[StartedTransaction, int] = {}
        self._changes = Changes()

    def told(self, name: str) -> list[Any]:
        return [event.told for event in self.events if event.name == name]

    def statuses(self, connector_id: int = 1) -> list[str]:
        return [told.status for told in self.told("status_changed") if told.connector_id == connector_id]

    async def until(self, is_true: Callable[[], bool]) -> None:
        await self._changes.until(is_true)

    async def until_told(self, name: str, times: int = 1) -> Any:
        await self.until(lambda: len(self.told(name)) >= times)
        return self.told(name)[times - 1]

    async def _took(self, name: str, charge_point: str, told: Any = None) -> None:
        if self.fails.get(name, 0) > 0:
            self.fails[name] -= 1
            raise OSError(f"the disk is full, says {name}")
        self.events.append(Event(name, charge_point, told))
        self._changes.announce()
        if name in self.holds:
            await self.holds[name].wait()

    def _info(self, id_tag: str) -> IdTagInfo:
        refused = id_tag in self.refused
        return IdTagInfo(AuthorizationStatus.BLOCKED if refused else AuthorizationStatus.ACCEPTED)

    async def connected(self, charge_point: str) -> None:
        await self._took("connected", charge_point)

    async def disconnected(self, charge_point: str) -> None:
        await self._took("disconnected", charge_point)

    async def booted(self, charge_point: str, boot: BootInfo) -> None:
        await self._took("booted", charge_point, boot)

    async def status_changed(
        self, charge_point: str, connector_id: int, status: ConnectorStatus, error_code: str, at: Any
    ) -> None:
        await self._took("status_changed", charge_point, StatusChange(connector_id, status, error_code, at))

    async def authorize(
        self, charge_point: str, id_tag: str, token_type: TokenType = TokenType.RFID
    ) -> IdTagInfo:
        del token_type
        await self._took("authorize", charge_point, id_tag)
        return self._info(id_tag)

    async def transaction_started(self, started: StartedTransaction) -> StartAnswer:
        await self._took("transaction_started", started.charge_point, started)
        number = self._numbers.setdefault(started, len(self._numbers) + 1)
        return StartAnswer(number, self._info(started.id_tag))

    async def meter_values(
        self,
        charge_point: str,
        connector_id: int,
        transaction_id: int | None,
        samples: tuple[MeterSample, ...],
    ) -> None:
        await self._took("meter_values", charge_point, Measured(connector_id, transaction_id, samples))

    async def transaction_stopped(self, stopped: StoppedTransaction) -> IdTagInfo | None:
        await self._took("transaction_stopped", stopped.charge_point, stopped)
        return self._info(stopped.id_tag) if stopped.id_tag else None

    async def transaction_event(self, event: TransactionEvent) -> IdTagInfo | None:
        await self._took("transaction_event", event.charge_point, event)
        return self._info(event.id_tag) if event.id_tag else None

    async def reservation_ended(self, charge_point: str, number: int) -> None:
        await self._took("reservation_ended", charge_point, number)

    async def alarmed(self, charge_point: str, connector_id: int, alarm: Alarm) -> None:
        await self._took("alarmed", charge_point, (connector_id, alarm))

    async def signature_checked(
        self, charge_point: str, connector_id: int, what: str, *, is_right: bool
    ) -> None:
        await self._took("signature_checked", charge_point, (connector_id, what, is_right))


@dataclass(slots=True)
class CpoNode:
    """A central system that listens on one port of loopback; it may be stopped and started again."""

    cpo: RecordingCpo
    settings: CentralSystemSettings = QUICK
    known: Callable[[str], bool] = lambda _: True
    relaxed: Callable[[str], Collection[Relaxation]] = lambda _: ()
    wiring: Callable[[str], Wiring] = lambda _: Wiring({1: Outlet(1, 1), 2: Outlet(2, 1)})
    port: int = 0
    central: CentralSystem = field(init=False)
    _server: asyncio.Server | None = None

    def url(self, charge_point: str = "CP001") -> str:
        return f"ws://127.0.0.1:{self.port}/ocpp/{charge_point}"

    async def start(self) -> None:
        self.central = CentralSystem(
            self.cpo,
            clock=utc_now,
            settings=self.settings,
            known=self.known,
            relaxed=self.relaxed,
            wiring=self.wiring,
        )
        await self.central.open()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self.central.link, "127.0.0.1", self.port, reuse_address=True)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self.central.close()
            self._server = None


@asynccontextmanager
async def cpo_node(
    settings: CentralSystemSettings = QUICK,
    known: Callable[[str], bool] = lambda _: True,
    relaxed: Callable[[str], Collection[Relaxation]] = lambda _: (),
) -> AsyncIterator[CpoNode]:
    node = CpoNode(RecordingCpo(), settings, known, relaxed)
    await node.start()
    try:
        yield node
    finally:
        await node.stop()


async def _listening(app: web.Application) -> tuple[web.AppRunner, int]:
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, reuse_address=True).start()
    return runner, runner.addresses[0][1]


def simulator(
    url: str, settings: ChargerSettings | None = None, speed: float = 3600, **more: Any
) -> ChargerSimulator:
    """A charge point for which an hour passes in a second, and that is quick to reconnect."""
    quick = settings or ChargerSettings(reconnect_after=timedelta(milliseconds=10))
    return ChargerSimulator(url, quick, time=SimulatedTime(utc_now, speed), jitter=lambda: 0.0, **more)


async def patiently(waiting: Awaitable[Any]) -> Any:
    async with asyncio.timeout(PATIENCE):
        return await waiting


class Frame(NamedTuple):
    """A frame on the wire, read; `says` is who sent it: charger or central."""

    says: str
    content: list[Any]


class Wire:
    """A line between charge points and a central system, on which somebody listens and cuts.

    Attributes:
        frames: All that went over it, in order, also what was then lost.
        loses: Whether a frame is lost, and the link with it.
    """

    def __init__(self, node: CpoNode) -> None:
        self.frames: list[Frame] = []
        self.loses: Callable[[Frame], bool] = lambda _: False
        self.is_down = False
        self.port = 0
        self.links = 0
        self._node = node
        self._changes = Changes()
        self._ends: set[aiohttp.ClientWebSocketResponse | web.WebSocketResponse] = set()

    def url(self, charge_point: str = "CP001") -> str:
        return f"ws://127.0.0.1:{self.port}/ocpp/{charge_point}"

    def said(self, by: str, action: str | None = None) -> list[list[Any]]:
        contents = [frame.content for frame in self.frames if frame.says == by]
        return [content for content in contents if action is None or content[2:3] == [action]]

    async def until(self, is_true: Callable[[], bool]) -> None:
        await self._changes.until(is_true)

    async def cut(self) -> None:
        """Break every link, and let none through until `mend`."""
        self.is_down = True
        for end in list(self._ends):
            await end.close()

    def mend(self) -> None:
        self.is_down = False

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        if self.is_down:
            raise web.HTTPServiceUnavailable
        near = web.WebSocketResponse(protocols=("ocpp1.6",), timeout=1)
        await near.prepare(request)
        self.links += 1
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(
                self._node.url(request.match_info["charge_point"]), protocols=("ocpp1.6",)
            ) as far,
            asyncio.TaskGroup() as group,
        ):
            self._ends |= {near, far}
            group.create_task(self._pass_on("charger", near, far))
            group.create_task(self._pass_on("central", far, near))
        self._ends -= {near, far}
        return near

    async def _pass_on(
        self,
        by: str,
        source: aiohttp.ClientWebSocketResponse | web.WebSocketResponse,
        target: aiohttp.ClientWebSocketResponse | web.WebSocketResponse,
    ) -> None:
        async for message in source:
            frame = Frame(by, exact_json.decode(message.data))
            self.frames.append(frame)
            self._changes.announce()
            if self.loses(frame):
                break
            try:
                await target.send_str(message.data)
            except ConnectionError:
                break
        await target.close()
        await source.close()


@asynccontextmanager
async def wire_to(node: CpoNode) -> AsyncIterator[Wire]:
    wire = Wire(node)
    app = web.Application()
    app.router.add_get("/ocpp/{charge_point}", wire.connect)
    runner, wire.port = await _listening(app)
    try:
        yield wire
    finally:
        await wire.cut()
        await runner.cleanup()


class RawChargePoint:
    """A WebSocket, and whoever holds its end: says exactly what it is told to."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self.websocket = websocket

    async def say(self, *frame: Any) -> None:
        await self.websocket.send_str(exact_json.encode(list(frame)).decode())

    async def hear(self) -> list[Any]:
        message = await patiently(self.websocket.receive())
        assert message.type is WSMsgType.TEXT, message
        frame: list[Any] = exact_json.decode(message.data)
        return frame

    async def ask(self, message_id: str, action: str, payload: dict[str, Any]) -> list[Any]:
        await self.say(2, message_id, action, payload)
        return await self.hear()

    async def farewell(self) -> int | None:
        """The code with which the other side closes the socket."""
        message = await patiently(self.websocket.receive())
        assert message.type in {WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING}, message
        return self.websocket.close_code


@asynccontextmanager
async def raw_charge_point(
    url: str, protocols: Iterable[str] = ("ocpp1.6",)
) -> AsyncIterator[RawChargePoint]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, protocols=tuple(protocols)) as websocket,
    ):
        yield RawChargePoint(websocket)


def start_transaction(**changed: Any) -> dict[str, Any]:
    return {
        "connectorId": 1,
        "idTag": "TAG",
        "meterStart": 1000,
        "timestamp": "2026-01-02T03:04:05Z",
    } | changed


def energies(cpo: RecordingCpo) -> list[Decimal]:
    """The register in all samples, in the order in which they were told."""
    return [
        sample.energy_wh
        for told in cpo.told("meter_values")
        for sample in told.samples
        if sample.energy_wh is not None
    ]
