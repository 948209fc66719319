"""The OCPP 1.6J central system: charge points connect to `/ocpp/{charge_point_id}`.

What they say goes to `ChargingEvents`; what they shall do comes in by `remote_start`, `remote_stop` and
`unlock`. It knows no OCPI.

    frame -> OcppConnection -> RecentAnswers (said before?) -> ChargePointCalls -> ChargingEvents
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from aiohttp import WSCloseCode, web

from hub.ocpi.timestamps import Clock
from partners.cpo.charging_events import ChargingEvents
from partners.cpo.ocpp16_calls import ChargePointCalls, timestamp
from partners.cpo.ocpp_connection import NoAnswer, NotConnected, OcppConnection, Refused, Unanswered
from partners.cpo.ocpp_frames import Call, CallRefused, ErrorCode
from partners.cpo.ocpp_payloads import check_result
from partners.cpo.recent_answers import RecentAnswers

_log = logging.getLogger(__name__)

SUBPROTOCOL = "ocpp1.6"

_LARGEST_FRAME = 256 * 1024


class RemoteOutcome(StrEnum):
    """What became of a command to a charge point."""

    ACCEPTED = "accepted"
    #: The charge point does not want to.
    REJECTED = "rejected"
    #: It does not offer this: UnlockConnector's NotSupported, CALLERROR NotSupported or NotImplemented.
    NOT_SUPPORTED = "not supported"
    #: It tried in vain (UnlockFailed), sent another CALLERROR, or an answer that cannot be understood.
    FAILED = "failed"
    #: No answer in time, or the link was lost after sending: it may have done it all the same.
    TIMED_OUT = "timed out"
    #: Somebody else is there.
    OCCUPIED = "occupied"
    #: Faulted, or taken out of use.
    INOPERATIVE = "inoperative"
    #: It does not know what it was asked about.
    UNKNOWN = "unknown"
    #: Nothing was sent.
    NOT_CONNECTED = "not connected"


_OUTCOME_OF_STATUS: Mapping[str, RemoteOutcome] = {
    "Accepted": RemoteOutcome.ACCEPTED,
    "Unlocked": RemoteOutcome.ACCEPTED,
    "Rejected": RemoteOutcome.REJECTED,
    "NotSupported": RemoteOutcome.NOT_SUPPORTED,
    "Occupied": RemoteOutcome.OCCUPIED,
    "Faulted": RemoteOutcome.INOPERATIVE,
    "Unavailable": RemoteOutcome.INOPERATIVE,
    "Unknown": RemoteOutcome.UNKNOWN,
    "UnlockFailed": RemoteOutcome.FAILED,
}


@dataclass(frozen=True, slots=True)
class CentralSystemSettings:
    """How the central system deals with charge points."""

    #: How often a charge point shall send a heartbeat.
    heartbeat_interval: timedelta = timedelta(minutes=5)
    #: How long a charge point may take to answer a command.
    answer_within: timedelta = timedelta(seconds=30)
    #: How often a WebSocket ping looks whether the link is alive; two missed pongs end it.
    ping_interval: timedelta = timedelta(seconds=30)
    #: A charge point that has told no status so long after connecting is asked for it.
    settle: timedelta = timedelta(seconds=10)
    #: How long a closing link may take to say goodbye.
    close_within: timedelta = timedelta(seconds=2)


@dataclass(slots=True)
class _Station:
    """One charge point, whether it is connected or not."""

    calls: ChargePointCalls
    answers: RecentAnswers
    connection: OcppConnection | None = None
    #: What one charge point says is dealt with one by one, also while an old link gives way to a new one.
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    #: Set when a status has come over the present link.
    told_status: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, call: Call) -> Mapping[str, Any]:
        """The stored answer to a message that was said before, else a new one."""
        if call.action == "StatusNotification":
            self.told_status.set()
        async with self.turn:
            answer = self.answers.recall(call)
            if answer is None:
                answer = await self.calls.answer(call)
                self.answers.remember(call, answer)
            return answer


class CentralSystem:
    """Every charge point of the CPO, behind one WebSocket route.

    Args:
        events: Who is told what happens, and decides.
        clock: The present instant.
        settings: Times.
        known: Whether a charge point of this identity belongs to us; others get HTTP 404.
        new_message_id: For the CALLs we send.
    """

    def __init__(
        self,
        events: ChargingEvents,
        *,
        clock: Clock,
        settings: CentralSystemSettings | None = None,
        known: Callable[[str], bool] = lambda _: True,
        new_message_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._events = events
        self._clock = clock
        self._settings = settings or CentralSystemSettings()
        self._known = known
        self._new_message_id = new_message_id
        self._stations: dict[str, _Station] = {}
        self._spellings: dict[str, str] = {}

    def mount(self, app: web.Application, prefix: str = "/ocpp") -> None:
        """Serve charge points in this application, and close their links first when it shuts down."""
        app.router.add_get(prefix + "/{charge_point_id}", self._connect)
        app.on_shutdown.append(self._shut_down)

    def is_connected(self, charge_point: str) -> bool:
        """Whether there is a link to this charge point now."""
        station = self._stations.get(charge_point)
        return station is not None and station.connection is not None

    async def remote_start(self, charge_point: str, connector_id: int | None, id_tag: str) -> RemoteOutcome:
        """Ask the charge point to start a transaction for this id tag."""
        payload: dict[str, Any] = {"idTag": id_tag}
        if connector_id is not None:
            payload["connectorId"] = connector_id
        return await self.command(charge_point, "RemoteStartTransaction", payload)

    async def remote_stop(self, charge_point: str, transaction_id: int) -> RemoteOutcome:
        """Ask the charge point to stop this transaction."""
        return await self.command(charge_point, "RemoteStopTransaction", {"transactionId": transaction_id})

    async def unlock(self, charge_point: str, connector_id: int) -> RemoteOutcome:
        """Ask the charge point to let go of the cable; ends a transaction that is under way."""
        return await self.command(charge_point, "UnlockConnector", {"connectorId": connector_id})

    async def reserve(
        self, charge_point: str, connector_id: int, id_tag: str, number: int, expires: datetime
    ) -> RemoteOutcome:
        """Ask the charge point to keep a connector (0: any) for this id tag; the same number replaces."""
        payload = {
            "connectorId": connector_id,
            "expiryDate": timestamp(expires),
            "idTag": id_tag,
            "reservationId": number,
        }
        return await self.command(charge_point, "ReserveNow", payload)

    async def cancel_reservation(self, charge_point: str, number: int) -> RemoteOutcome:
        """Ask the charge point to keep it no longer."""
        return await self.command(charge_point, "CancelReservation", {"reservationId": number})

    async def setting(self, charge_point: str, key: str) -> str | None:
        """The value of one of the charge point's configuration keys; None where it says none."""
        try:
            answer = await self.ask(charge_point, "GetConfiguration", {"key": [key]})
        except Unanswered as error:
            _log.info("%s does not tell %s: %r", charge_point, key, error)
            return None
        values = [each.get("value") for each in answer.get("configurationKey", ()) if each["key"] == key]
        return values[0] if values else None

    async def ask(self, charge_point: str, action: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send any CALL, and wait for its result.

        Never await this (or a command) in a callback of the same charge point: many chargers answer
        nothing before they have got their own answer.

        Raises:
            NotConnected: There is no link; nothing was sent.
            NoAnswer: None in time, or the link was lost after sending.
            Refused: The charge point answered with a CALLERROR, or with what cannot be read.
        """
        station = self._stations.get(charge_point)
        if station is None or station.connection is None:
            raise NotConnected(charge_point)
        within = self._settings.answer_within.total_seconds()
        result = await station.connection.ask(action, payload, within)
        try:
            check_result(action, result)
        except CallRefused as unreadable:
            raise Refused(unreadable.code, unreadable.description) from unreadable
        return result

    async def command(self, charge_point: str, action: str, payload: Mapping[str, Any]) -> RemoteOutcome:
        """Send a CALL whose result is a status; what became of it."""
        try:
            result = await self.ask(charge_point, action, payload)
        except NotConnected:
            return RemoteOutcome.NOT_CONNECTED
        except NoAnswer:
            return RemoteOutcome.TIMED_OUT
        except Refused as refusal:
            _log.warning("%s: %s answered with %s", charge_point, action, refusal)
            unknown = refusal.code in {ErrorCode.NOT_SUPPORTED, ErrorCode.NOT_IMPLEMENTED}
            return RemoteOutcome.NOT_SUPPORTED if unknown else RemoteOutcome.FAILED
        return _OUTCOME_OF_STATUS.get(result["status"], RemoteOutcome.FAILED)

    async def _connect(self, request: web.Request) -> web.WebSocketResponse:
        charge_point = request.match_info["charge_point_id"]
        # Ids that differ only in case are refused: sooner or later somebody mixes them up.
        spelling = self._spellings.get(charge_point.casefold(), charge_point)
        if spelling != charge_point or not self._known(charge_point):
            raise web.HTTPNotFound
        if SUBPROTOCOL not in _offered_subprotocols(request):
            return await _refused_for_its_subprotocol(request)
        self._spellings[charge_point.casefold()] = charge_point
        socket = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,),
            heartbeat=self._settings.ping_interval.total_seconds(),
            timeout=self._settings.close_within.total_seconds(),
            max_msg_size=_LARGEST_FRAME,
            compress=False,  # its window would take more memory than all the rest of a link
        )
        await socket.prepare(request)
        await self._serve(self._station(charge_point), socket)
        return socket

    def _station(self, charge_point: str) -> _Station:
        station = self._stations.get(charge_point)
        if station is None:
            interval = self._settings.heartbeat_interval
            calls = ChargePointCalls(charge_point, self._events, self._clock, interval)
            station = self._stations[charge_point] = _Station(calls, RecentAnswers(self._clock))
        return station

    async def _serve(self, station: _Station, socket: web.WebSocketResponse) -> None:
        charge_point = station.calls.charge_point
        connection = OcppConnection(charge_point, socket, station.answer, self._new_message_id)
        older, station.connection = station.connection, connection
        try:
            async with asyncio.TaskGroup() as group:
                if older is not None:
                    group.create_task(older.close(WSCloseCode.OK, b"a newer connection took over"))
                async with station.turn:
                    station.answers.forget_the_link()
                    station.told_status.clear()
                    await self._events.connected(charge_point)
                settling = group.create_task(self._ask_for_status(station))
                await connection.serve()
                settling.cancel()
        finally:
            # A link that was replaced says nothing when it goes: the charge point is still there.
            if station.connection is connection:
                station.connection = None
                async with station.turn:
                    await self._events.disconnected(charge_point)

    async def _ask_for_status(self, station: _Station) -> None:
        """Many chargers that come back to a link say nothing of their connectors until they are asked."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.settle.total_seconds()):
                await station.told_status.wait()
        if station.told_status.is_set():
            return
        charge_point = station.calls.charge_point
        try:
            # Without a connector id: all of them.
            await self.ask(charge_point, "TriggerMessage", {"requestedMessage": "StatusNotification"})
        except Unanswered as error:
            _log.info("%s does not tell its status: %r", charge_point, error)

    async def _shut_down(self, _: web.Application) -> None:
        connections = [station.connection for station in self._stations.values() if station.connection]
        async with asyncio.TaskGroup() as group:
            for connection in connections:
                group.create_task(connection.close(WSCloseCode.GOING_AWAY, b"the central system stops"))


def _offered_subprotocols(request: web.Request) -> set[str]:
    offered = ",".join(request.headers.getall("Sec-WebSocket-Protocol", ()))
    return {protocol.strip() for protocol in offered.split(",")}


async def _refused_for_its_subprotocol(request: web.Request) -> web.WebSocketResponse:
    """OCPP-J 1.6, 3.3: complete the handshake without a subprotocol, and close at once."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.close(code=WSCloseCode.PROTOCOL_ERROR, message=b"offer the subprotocol ocpp1.6")
    return socket
