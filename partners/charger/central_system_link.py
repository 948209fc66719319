"""The charge point's end of one OCPP-J link, on the `ocpp` package's engine and aiohttp's WebSocket."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Protocol, TypeVar, cast

from aiohttp import ClientWebSocketResponse, WSMsgType
from ocpp.exceptions import OCPPError, UnknownCallErrorCodeError
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from ocpp.v16.enums import (
    Action,
    AvailabilityStatus,
    AvailabilityType,
    ConfigurationStatus,
    MessageTrigger,
    RemoteStartStopStatus,
    ResetStatus,
    ResetType,
    TriggerMessageStatus,
    UnlockStatus,
)

from partners.charger.configuration import Configuration

_Handler = TypeVar("_Handler", bound=Callable[..., Any])

#: What is left to do once the answer has been sent.
Consequence = Callable[[], None]


class LinkLost(ConnectionError):
    """There is no link to the central system (any more)."""


class NotAnswered(Exception):
    """The central system said CALLERROR, nothing in time, or what nobody can read."""


class Commands(Protocol):
    """What a central system may want of a charge point; answered at once, done afterwards."""

    configuration: Configuration

    def remote_start(
        self, id_tag: str, connector_id: int | None
    ) -> tuple[RemoteStartStopStatus, Consequence]:
        """Start a transaction."""

    def remote_stop(self, transaction_id: int) -> tuple[RemoteStartStopStatus, Consequence]:
        """Stop a transaction."""

    def unlock(self, connector_id: int) -> tuple[UnlockStatus, Consequence]:
        """Let go of the cable."""

    def trigger(
        self, requested: MessageTrigger, connector_id: int | None
    ) -> tuple[TriggerMessageStatus, Consequence]:
        """Say something now."""

    def reset(self, kind: ResetType) -> tuple[ResetStatus, Consequence]:
        """Start anew."""

    def change_availability(
        self, connector_id: int, kind: AvailabilityType
    ) -> tuple[AvailabilityStatus, Consequence]:
        """Go into or out of use."""


class _Socket:
    """aiohttp's WebSocket in the shape that the `ocpp` package wants."""

    def __init__(self, websocket: ClientWebSocketResponse) -> None:
        self._websocket = websocket

    async def recv(self) -> str:
        while True:
            message = await self._websocket.receive()
            match message.type:
                case WSMsgType.TEXT:
                    return cast("str", message.data)
                case WSMsgType.BINARY:
                    continue
                case _:
                    raise LinkLost

    async def send(self, text: str) -> None:
        try:
            await self._websocket.send_str(text)
        except ConnectionError as error:
            raise LinkLost from error


def _answers(action: Action) -> Callable[[_Handler], _Handler]:
    """The package's decorator, with the type that it has."""
    return cast("Callable[[_Handler], _Handler]", on(action))  # type: ignore[no-untyped-call]


class CentralSystemLink(ChargePoint):
    """One link, from the handshake until it is lost."""

    def __init__(
        self,
        charge_point: str,
        websocket: ClientWebSocketResponse,
        commands: Commands,
        answer_within: timedelta,
    ) -> None:
        super().__init__(charge_point, _Socket(websocket), answer_within.total_seconds())  # type: ignore[no-untyped-call]
        self._commands = commands
        self._consequences: list[Consequence] = []
        self._waiting: set[asyncio.Timeout] = set()
        self._lost = asyncio.Event()

    async def listen(self) -> None:
        """Receive and answer until the link is lost.

        Raises:
            LinkLost: In the end, always.
        """
        try:
            await self.start()  # type: ignore[no-untyped-call]
        finally:
            self._lost.set()
            for scope in self._waiting:
                scope.reschedule(asyncio.get_running_loop().time())

    async def ask(self, question: Any, message_id: str | None = None) -> Any:
        """Send a CALL, and wait for the result.

        Args:
            question: One of `ocpp.v16.call`; the answer is its namesake of `ocpp.v16.call_result`.
            message_id: To say a message again as the same one; else a new id.

        Raises:
            LinkLost: Before the answer came.
            NotAnswered: CALLERROR, nothing in time, or unreadable.
        """
        if self._lost.is_set():
            raise LinkLost
        try:
            async with asyncio.timeout(None) as scope:
                self._waiting.add(scope)
                try:
                    return await self.call(question, suppress=False, unique_id=message_id)  # type: ignore[no-untyped-call]
                finally:
                    self._waiting.discard(scope)
        except TimeoutError as error:
            raise (LinkLost if self._lost.is_set() else NotAnswered) from error
        except (OCPPError, UnknownCallErrorCodeError) as error:
            raise NotAnswered(type(question).__name__) from error

    async def route_message(self, raw_msg: str) -> None:
        """As the package does; consequences follow when the answer is out."""
        await super().route_message(raw_msg)  # type: ignore[no-untyped-call]
        consequences, self._consequences = self._consequences, []
        for consequence in consequences:
            consequence()

    @_answers(Action.remote_start_transaction)
    def on_remote_start(
        self, id_tag: str, connector_id: int | None = None, **_: Any
    ) -> call_result.RemoteStartTransaction:
        """RemoteStartTransaction."""
        status, consequence = self._commands.remote_start(id_tag, connector_id)
        self._consequences.append(consequence)
        return call_result.RemoteStartTransaction(status)

    @_answers(Action.remote_stop_transaction)
    def on_remote_stop(self, transaction_id: int, **_: Any) -> call_result.RemoteStopTransaction:
        """RemoteStopTransaction."""
        status, consequence = self._commands.remote_stop(transaction_id)
        self._consequences.append(consequence)
        return call_result.RemoteStopTransaction(status)

    @_answers(Action.unlock_connector)
    def on_unlock(self, connector_id: int, **_: Any) -> call_result.UnlockConnector:
        """UnlockConnector."""
        status, consequence = self._commands.unlock(connector_id)
        self._consequences.append(consequence)
        return call_result.UnlockConnector(status)

    @_answers(Action.trigger_message)
    def on_trigger(
        self, requested_message: MessageTrigger, connector_id: int | None = None, **_: Any
    ) -> call_result.TriggerMessage:
        """TriggerMessage."""
        status, consequence = self._commands.trigger(MessageTrigger(requested_message), connector_id)
        self._consequences.append(consequence)
        return call_result.TriggerMessage(status)

    @_answers(Action.reset)
    def on_reset(self, type: ResetType, **_: Any) -> call_result.Reset:  # noqa: A002 - the field's name
        """Reset."""
        status, consequence = self._commands.reset(ResetType(type))
        self._consequences.append(consequence)
        return call_result.Reset(status)

    @_answers(Action.change_availability)
    def on_change_availability(
        self,
        connector_id: int,
        type: AvailabilityType,  # noqa: A002 - the field's name
        **_: Any,
    ) -> call_result.ChangeAvailability:
        """ChangeAvailability."""
        status, consequence = self._commands.change_availability(connector_id, AvailabilityType(type))
        self._consequences.append(consequence)
        return call_result.ChangeAvailability(status)

    @_answers(Action.get_configuration)
    def on_get_configuration(self, key: list[str] | None = None, **_: Any) -> call_result.GetConfiguration:
        """GetConfiguration."""
        known, unknown = self._commands.configuration.read(key)
        return call_result.GetConfiguration(configuration_key=known, unknown_key=unknown)

    @_answers(Action.change_configuration)
    def on_change_configuration(self, key: str, value: str, **_: Any) -> call_result.ChangeConfiguration:
        """ChangeConfiguration."""
        status: ConfigurationStatus = self._commands.configuration.change(key, value)
        return call_result.ChangeConfiguration(status)
