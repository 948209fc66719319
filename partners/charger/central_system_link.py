"""The charge point's end of one OCPP-J link, on the `ocpp` package's engine and aiohttp's WebSocket."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar, cast

from aiohttp import ClientWebSocketResponse, WSMsgType
from ocpp.exceptions import OCPPError, UnknownCallErrorCodeError
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from ocpp.v16.enums import (
    Action,
    AvailabilityStatus,
    AvailabilityType,
    CancelReservationStatus,
    ChargingProfileStatus,
    ChargingRateUnitType,
    ClearChargingProfileStatus,
    ConfigurationStatus,
    MessageTrigger,
    RemoteStartStopStatus,
    ReservationStatus,
    ResetStatus,
    ResetType,
    TriggerMessageStatus,
    UnlockStatus,
)

from partners.charger.configuration import Configuration
from partners.charger.reservation import Reservation

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

    def reserve(self, connector_id: int, reservation: Reservation) -> tuple[ReservationStatus, Consequence]:
        """Keep a connector free."""

    def cancel_reservation(self, reservation_id: int) -> tuple[CancelReservationStatus, Consequence]:
        """Keep it free no longer."""

    def set_profile(self, connector_id: int, profile: Mapping[str, Any]) -> ChargingProfileStatus:
        """Charge by this profile."""

    def clear_profiles(
        self, profile_id: int | None, connector_id: int | None, purpose: str | None, stack_level: int | None
    ) -> ClearChargingProfileStatus:
        """Forget the profiles that are meant."""

    def composite_schedule(
        self, connector_id: int, seconds: int, unit: ChargingRateUnitType
    ) -> call_result.GetCompositeSchedule:
        """What all profiles come to."""


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

    @_answers(Action.reserve_now)
    def on_reserve_now(
        self,
        connector_id: int,
        expiry_date: str,
        id_tag: str,
        reservation_id: int,
        parent_id_tag: str | None = None,
        **_: Any,
    ) -> call_result.ReserveNow:
        """ReserveNow."""
        expires = datetime.fromisoformat(expiry_date)
        reservation = Reservation(reservation_id, id_tag, expires, parent_id_tag)
        status, consequence = self._commands.reserve(connector_id, reservation)
        self._consequences.append(consequence)
        return call_result.ReserveNow(status)

    @_answers(Action.cancel_reservation)
    def on_cancel_reservation(self, reservation_id: int, **_: Any) -> call_result.CancelReservation:
        """CancelReservation."""
        status, consequence = self._commands.cancel_reservation(reservation_id)
        self._consequences.append(consequence)
        return call_result.CancelReservation(status)

    @_answers(Action.set_charging_profile)
    def on_set_charging_profile(
        self, connector_id: int, cs_charging_profiles: Mapping[str, Any], **_: Any
    ) -> call_result.SetChargingProfile:
        """SetChargingProfile."""
        return call_result.SetChargingProfile(self._commands.set_profile(connector_id, cs_charging_profiles))

    @_answers(Action.clear_charging_profile)
    def on_clear_charging_profile(
        self,
        id: int | None = None,  # noqa: A002 - the field's name
        connector_id: int | None = None,
        charging_profile_purpose: str | None = None,
        stack_level: int | None = None,
        **_: Any,
    ) -> call_result.ClearChargingProfile:
        """ClearChargingProfile."""
        status = self._commands.clear_profiles(id, connector_id, charging_profile_purpose, stack_level)
        return call_result.ClearChargingProfile(status)

    @_answers(Action.get_composite_schedule)
    def on_get_composite_schedule(
        self, connector_id: int, duration: int, charging_rate_unit: str = "W", **_: Any
    ) -> call_result.GetCompositeSchedule:
        """GetCompositeSchedule."""
        unit = ChargingRateUnitType(charging_rate_unit)
        return self._commands.composite_schedule(connector_id, duration, unit)

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
