"""Commands of eMSPs: an answer at once from what we know, and later the charge point's own word.

    POST /START_SESSION -> checks -> CommandResponse ACCEPTED
                                     -> OCPP call -> CommandResult to the response_url, bare (CMD-04, AM-11),
                                        with the correlation id of the command (AM-46)

Whether a token is valid is not checked: OCPI forbids it (CMD-14). A result TIMEOUT is not the end: the charge
point may start all the same, and then the Session is told like any other (AM-40).

Sources: 2.2.1, Commands; CMD-01 to CMD-21.
"""

import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from hub.ocpi.errors import InvalidParameters, UnknownLocation
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from partners.cpo.billing.contracts import Contracts
from partners.cpo.billing.early_sessions import ANY_CONNECTOR, EarlySession
from partners.cpo.charging.charging_events import ConnectorStatus
from partners.cpo.charging.charging_log import Charging, ChargingLog
from partners.cpo.configuration import Configuration, Plug
from partners.cpo.promises.callbacks import Callback, callback, post, requester
from partners.cpo.promises.promises import Promises
from partners.cpo.promises.remote_starts import RemoteStarts
from partners.cpo.promises.reservations import Reservation
from partners.cpo.stations.central_system import RemoteStart
from partners.cpo.stations.questions import RESERVES_ANY, Questions, Setting
from partners.cpo.stations.remote_outcome import RemoteOutcome
from partners.cpo.tokens.grants import Grant, Grants
from partners.cpo.tokens.id_tags import IdTags
from partners.exchange import Answer, Handler, Request
from partners.link import Link
from schemas.v2_2_1 import (
    AuthMethod,
    CancelReservation,
    Capability,
    CommandResponse,
    CommandResponseType,
    CommandResult,
    CommandResultType,
    ReserveNow,
    StartSession,
    StopSession,
    Token,
    TokenType,
    UnlockConnector,
)

log = logging.getLogger(__name__)

#: Beyond the charge point's own time to answer.
_MARGIN: Final = timedelta(seconds=5)

_RESULTS: Final[Mapping[RemoteOutcome, CommandResultType]] = {
    RemoteOutcome.ACCEPTED: CommandResultType.ACCEPTED,
    RemoteOutcome.REJECTED: CommandResultType.REJECTED,
    RemoteOutcome.NOT_SUPPORTED: CommandResultType.NOT_SUPPORTED,
    RemoteOutcome.FAILED: CommandResultType.FAILED,
    RemoteOutcome.OCCUPIED: CommandResultType.EVSE_OCCUPIED,
    RemoteOutcome.INOPERATIVE: CommandResultType.EVSE_INOPERATIVE,
    RemoteOutcome.TIMED_OUT: CommandResultType.TIMEOUT,
    RemoteOutcome.UNKNOWN: CommandResultType.REJECTED,
    # It was there when the command was accepted.
    RemoteOutcome.NOT_CONNECTED: CommandResultType.FAILED,
}

#: The charge point has certainly not begun anything.
_NOTHING_BEGAN: Final = frozenset(
    {RemoteOutcome.REJECTED, RemoteOutcome.NOT_SUPPORTED, RemoteOutcome.NOT_CONNECTED}
)

#: Somebody may begin here.
_FREE: Final = frozenset({ConnectorStatus.AVAILABLE, ConnectorStatus.PREPARING})
_OUT_OF_USE: Final = frozenset({ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE})


class ChargePoints(Protocol):
    """What the commands need of the central system."""

    def is_connected(self, charge_point: str) -> bool:
        """Whether there is a link to this charge point now."""

    def questions(self, charge_point: str) -> Questions:
        """The words in which a charge point is asked."""

    async def request_start(
        self, charge_point: str, connector_id: int | None, id_tag: str, token_type: TokenType, number: int
    ) -> RemoteStart:
        """Ask the charge point to start a transaction for this id tag."""

    async def remote_stop(self, charge_point: str, transaction: str) -> RemoteOutcome:
        """Ask the charge point to stop the transaction that it knows by this name."""

    async def unlock(self, charge_point: str, connector_id: int) -> RemoteOutcome:
        """Ask the charge point to let go of the cable."""

    async def reserve(
        self,
        charge_point: str,
        connector_id: int,
        id_tag: str,
        token_type: TokenType,
        number: int,
        expires: datetime,
    ) -> RemoteOutcome:
        """Ask the charge point to keep a connector (0: any) for this id tag."""

    async def cancel_reservation(self, charge_point: str, number: int) -> RemoteOutcome:
        """Ask the charge point to keep it no longer."""

    async def setting(self, charge_point: str, setting: Setting) -> str | None:
        """The value of one of the charge point's settings."""


class NotNow(Exception):
    """The command is not taken on; the CommandResponse says so, and no result follows (CMD-03)."""

    def __init__(self, message: str, result: CommandResponseType = CommandResponseType.REJECTED) -> None:
        super().__init__(message)
        self.result = result


@dataclass(frozen=True, slots=True)
class Order:
    """A command that was taken on."""

    carry_out: Callable[[], Awaitable[CommandResultType]]
    there: Callback


@dataclass(frozen=True, slots=True)
class Commands:
    """The Receiver interface of commands."""

    configuration: Configuration
    charge_points: ChargePoints
    charging_log: ChargingLog
    contracts: Contracts
    id_tags: IdTags
    grants: Grants
    remote_starts: RemoteStarts
    promises: Promises
    link: Link
    clock: Clock
    #: How long a charge point may take to answer.
    answer_within: timedelta
    #: Lets an order be carried out after the answer.
    spawn: Callable[[Coroutine[Any, Any, None]], None]
    #: Told that a remote start is of a transaction that a station has begun already (2.x).
    begun: Callable[[str, str], Awaitable[None]]

    def handlers(self) -> Mapping[str, Handler]:
        """The interface."""
        return {
            "POST /START_SESSION": self._answering(self._start),
            "POST /STOP_SESSION": self._answering(self._stop),
            "POST /UNLOCK_CONNECTOR": self._answering(self._unlock),
            "POST /RESERVE_NOW": self._answering(self._reserve),
            "POST /CANCEL_RESERVATION": self._answering(self._cancel),
        }

    def _answering(self, take_on: Callable[[Request], Order]) -> Handler:
        async def answered(request: Request) -> Answer:
            try:
                order = take_on(request)
            except NotNow as no:
                return _response(no.result, timedelta(), str(no))
            self.spawn(self._carry_out(order))
            return _response(CommandResponseType.ACCEPTED, self.answer_within + _MARGIN)

        return answered

    async def _carry_out(self, order: Order) -> None:
        try:
            result = await order.carry_out()
        except Exception:  # the far end waits for a word, whatever happened here
            log.exception("command of %s failed", order.there)
            result = CommandResultType.FAILED
        await post(self.link, order.there, CommandResult(result=result))

    # What each command asks of us before it is taken on.

    def _start(self, request: Request) -> Order:
        wanted = StartSession.model_validate(request.value, context=_TOLERANT)
        _check_own(wanted.token, request)
        plug = self._plug_for(wanted)
        self._check_connected(plug)
        grant = Grant(
            charge_point=plug.charge_point,
            id_tag=self._id_tag(wanted.token, plug),
            token=wanted.token,
            auth_method=AuthMethod.COMMAND,
            given=self.clock(),
            connector=plug.number,
            authorization_reference=wanted.authorization_reference,
        )
        return self._order(request, wanted.response_url, lambda: self._remote_start(plug, grant))

    def _stop(self, request: Request) -> Order:
        wanted = StopSession.model_validate(request.value, context=_TOLERANT)
        waiting = self.promises.early.get(wanted.session_id)
        if waiting is not None and waiting.is_told:
            return self._order(
                request, wanted.response_url, self._stopping_early(waiting, requester(request))
            )
        charging = self._charging(wanted.session_id, requester(request))
        self._check_connected(charging.plug)
        return self._order(request, wanted.response_url, lambda: self._remote_stop(charging))

    def _unlock(self, request: Request) -> Order:
        wanted = UnlockConnector.model_validate(request.value, context=_TOLERANT)
        asking = requester(request)
        plug = self._plug(wanted.location_id, wanted.evse_uid, wanted.connector_id)
        for charging in self.charging_log.open_at(*plug):
            contract = self.contracts.of(charging.id)
            if contract is None or contract.emsp != asking:
                raise NotNow("somebody else is charging there")
        self._check_connected(plug)
        return self._order(request, wanted.response_url, lambda: self._remote_unlock(plug))

    def _reserve(self, request: Request) -> Order:
        wanted = ReserveNow.model_validate(request.value, context=_TOLERANT)
        _check_own(wanted.token, request)
        plugs = [
            plug for plug in self._known(wanted.location_id, wanted.evse_uid) if self._is_reservable(plug)
        ]
        if not plugs:
            raise NotNow("nothing can be reserved there", CommandResponseType.NOT_SUPPORTED)
        if wanted.expiry_date <= self.clock():
            raise NotNow("expiry_date is over")
        location_id = self.configuration.places[plugs[0]].location_id
        number = self.promises.reservations.number(requester(request), location_id, wanted.reservation_id)
        plug = self._plug_to_reserve(plugs, number, must_be_free=wanted.evse_uid is None)
        self._check_connected(plug)
        grant = Grant(
            charge_point=plug.charge_point,
            id_tag=self._id_tag(wanted.token, plug),
            token=wanted.token,
            auth_method=AuthMethod.COMMAND,
            given=self.clock(),
            connector=plug.number,
            authorization_reference=wanted.authorization_reference,
            reserved_until=wanted.expiry_date,
        )
        there = callback(request, wanted.response_url)
        is_any = wanted.evse_uid is None
        return Order(lambda: self._keep_free(plug, grant, number, there, is_any=is_any), there)

    def _cancel(self, request: Request) -> Order:
        wanted = CancelReservation.model_validate(request.value, context=_TOLERANT)
        found = self.promises.reservations.of_emsp(requester(request), wanted.reservation_id)
        if not found:
            raise NotNow(f"there is no reservation {wanted.reservation_id!r}")
        if len(found) > 1:
            raise NotNow(f"there is a reservation {wanted.reservation_id!r} at several locations")
        waiting = self.promises.early.get(found[0].session_id)
        if waiting is None:
            raise NotNow(f"there is no reservation {wanted.reservation_id!r}")
        self._check_connected(waiting.plug)
        return self._order(request, wanted.response_url, lambda: self._give_up(found[0], waiting.plug))

    def _order(
        self, request: Request, response_url: str, carry_out: Callable[[], Awaitable[CommandResultType]]
    ) -> Order:
        return Order(carry_out, callback(request, response_url))

    def _is_reservable(self, plug: Plug) -> bool:
        return Capability.RESERVABLE in self.configuration.capabilities(self.configuration.places[plug])

    def _plug_to_reserve(self, plugs: Sequence[Plug], number: int, *, must_be_free: bool) -> Plug:
        """A free connector; one that the reservation has already counts as free."""
        before = self.promises.reservations.by_number(number)
        known = None if before is None else self.promises.early.get(before.session_id)
        own = [plug for plug in plugs if known is not None and _is_at(plug, known.plug)]
        free = [
            plug
            for plug in plugs
            if self._is_free(plug) and self.charge_points.is_connected(plug.charge_point)
        ]
        if not (own or free) and must_be_free:
            raise NotNow("no EVSE is free there")
        return next(iter([*own, *free, *plugs]))

    def _plug_for(self, wanted: StartSession) -> Plug:
        """The connector to start at; without an EVSE, the one of the location that can only be meant."""
        if wanted.evse_uid is None:
            candidates = [plug for plug in self._known(wanted.location_id, None) if self._is_free(plug)]
            if len(candidates) != 1:
                raise NotNow("evse_uid is needed: not exactly one EVSE is free there")
            return candidates[0]
        if wanted.connector_id is not None:
            return self._plug(wanted.location_id, wanted.evse_uid, wanted.connector_id)
        plugs = self._known(wanted.location_id, wanted.evse_uid)
        return next(filter(self._is_free, plugs), plugs[0])

    def _plug(self, location_id: str, evse_uid: str, connector_id: str) -> Plug:
        for plug in self._known(location_id, evse_uid):
            if self.configuration.places[plug].connector_id.upper() == connector_id.upper():
                return plug
        raise InvalidParameters(f"/connector_id: the EVSE has no connector {connector_id!r}")

    def _known(self, location_id: str, evse_uid: str | None) -> tuple[Plug, ...]:
        """CMD-12; nobody knows a private location."""
        if not self.configuration.plugs(location_id) or location_id.upper() in self.configuration.private:
            raise UnknownLocation(f"/location_id: there is no location {location_id!r}")
        plugs = self.configuration.plugs(location_id, evse_uid)
        if not plugs:
            raise InvalidParameters(f"/evse_uid: the location has no EVSE {evse_uid!r}")
        return plugs

    def _is_free(self, plug: Plug) -> bool:
        state = self.charging_log.connector(plug)
        return state is not None and state.status in _FREE and not self.charging_log.open_at(*plug)

    def _charging(self, session_id: str, asking: Party) -> Charging:
        """CMD-13."""
        charging_id = self.contracts.charging_of(session_id)
        contract = None if charging_id is None else self.contracts.of(charging_id)
        if charging_id is None or contract is None:
            raise NotNow(f"there is no session {session_id!r}", CommandResponseType.UNKNOWN_SESSION)
        if contract.emsp != asking:
            raise NotNow("the session is not one of your tokens")
        charging = self.charging_log.charging(charging_id)
        if charging.stopped is not None:
            raise NotNow("the session is over")
        return charging

    def _id_tag(self, token: Token, plug: Plug) -> str:
        return self.id_tags.id_tag(token, self.charge_points.questions(plug.charge_point).longest_id_tag)

    def _check_connected(self, plug: Plug) -> None:
        if not self.charge_points.is_connected(plug.charge_point):
            raise NotNow("the charge point is not connected")

    # What is asked of the charge point, and what its word means.

    async def _remote_start(self, plug: Plug, grant: Grant) -> CommandResultType:
        # Before the call: the charge point may begin before it has answered.
        self.grants.give(grant)
        session_id = self.promises.start_asked(grant, plug)
        token_type = TokenType(grant.token.type)
        number = self.remote_starts.asked(plug, grant.id_tag, token_type)
        outcome, transaction_id = await self.charge_points.request_start(
            plug.charge_point, plug.number, grant.id_tag, token_type, number
        )
        if transaction_id is not None:
            self.remote_starts.bound(number, transaction_id)
            await self.begun(plug.charge_point, transaction_id)
        if outcome is RemoteOutcome.ACCEPTED:
            self.promises.start_accepted(session_id)
        if outcome in _NOTHING_BEGAN:
            self.grants.take_back(grant)
            self.promises.start_refused(session_id)
        if outcome is RemoteOutcome.REJECTED:
            return self._reason(plug)
        return _RESULTS[outcome]

    def _reason(self, plug: Plug) -> CommandResultType:
        """Why a charge point rejects a start: OCPP does not say, its state does."""
        if self.charging_log.open_at(*plug):
            return CommandResultType.EVSE_OCCUPIED
        state = self.charging_log.connector(plug)
        if state is not None and state.status in _OUT_OF_USE:
            return CommandResultType.EVSE_INOPERATIVE
        return CommandResultType.REJECTED

    async def _remote_stop(self, charging: Charging) -> CommandResultType:
        return _RESULTS[await self.charge_points.remote_stop(charging.plug.charge_point, charging.name)]

    async def _remote_unlock(self, plug: Plug) -> CommandResultType:
        return _RESULTS[await self.charge_points.unlock(*plug)]

    def _stopping_early(
        self, waiting: EarlySession, asking: Party
    ) -> Callable[[], Awaitable[CommandResultType]]:
        """A remote start that has not begun cannot be taken back in OCPP: what begins is stopped at once."""
        if waiting.contract.emsp != asking:
            raise NotNow("the session is not one of your tokens")
        if waiting.is_reservation:
            raise NotNow("the session is a reservation: CANCEL_RESERVATION gives it up")

        async def stop_when_begun() -> CommandResultType:
            self.promises.stop_when_begun(waiting)
            return CommandResultType.FAILED

        return stop_when_begun

    async def _keep_free(
        self, plug: Plug, grant: Grant, number: int, there: Callback, *, is_any: bool
    ) -> CommandResultType:
        kept = await self._any_of(plug) if is_any else plug
        before = self.promises.reservations.by_number(number)
        former = None if before is None else self.promises.early.get(before.session_id)
        outcome = await self.charge_points.reserve(
            kept.charge_point,
            kept.number,
            grant.id_tag,
            TokenType(grant.token.type),
            number,
            grant.reserved_until or grant.given,
        )
        if outcome is RemoteOutcome.ACCEPTED:
            self.grants.give(replace(grant, connector=kept.number or None))
            self.promises.reserved(number, grant, kept, grant.reserved_until or grant.given, there)
            if former is not None and former.plug.charge_point != kept.charge_point:
                await self.charge_points.cancel_reservation(former.plug.charge_point, number)
        return _RESULTS[outcome]

    async def _any_of(self, plug: Plug) -> Plug:
        """Any connector of its charge point, where there are several and it can do that; else this one."""
        plugs = [each for each in self.configuration.places if each.charge_point == plug.charge_point]
        can = len(plugs) > 1 and await self.charge_points.setting(plug.charge_point, RESERVES_ANY)
        return Plug(plug.charge_point, ANY_CONNECTOR) if can and can.strip().lower() == "true" else plug

    async def _give_up(self, reservation: Reservation, plug: Plug) -> CommandResultType:
        with self.promises.cancelling(reservation):
            outcome = await self.charge_points.cancel_reservation(plug.charge_point, reservation.number)
            if outcome in {RemoteOutcome.ACCEPTED, RemoteOutcome.REJECTED}:
                # What the charge point does not know is over, too.
                self.promises.cancelled(reservation)
        return (
            CommandResultType.UNKNOWN_RESERVATION if outcome is RemoteOutcome.REJECTED else _RESULTS[outcome]
        )


_TOLERANT: Final[Mapping[str, Any]] = {"tolerant": True}


def _check_own(token: Token, request: Request) -> None:
    if Party(token.country_code, token.party_id) != requester(request):
        raise InvalidParameters("/token: expected a token of the party that sends the command (CMD-15)")


def _is_at(plug: Plug, other: Plug) -> bool:
    """Whether they are the same connector, or one of them any of the same charge point."""
    return plug.charge_point == other.charge_point and (
        plug.number == other.number or ANY_CONNECTOR in {plug.number, other.number}
    )


def _response(result: CommandResponseType, timeout: timedelta, message: str | None = None) -> Answer:
    value: dict[str, Any] = {"result": result.value, "timeout": int(timeout.total_seconds())}
    if message is not None:
        value["message"] = [{"language": "en", "text": message}]
    return Answer.of(CommandResponse.model_validate(value))
