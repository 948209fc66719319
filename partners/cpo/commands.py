"""Commands of eMSPs: an answer at once from what we know, and later the charge point's own word.

    POST /START_SESSION -> checks -> CommandResponse ACCEPTED
                                     -> OCPP call -> CommandResult to the response_url, bare (CMD-04, AM-11),
                                        with the correlation id of the command (AM-46)

Whether a token is valid is not checked: OCPI forbids it (CMD-14). A result TIMEOUT is not the end: the charge
point may start all the same, and then the Session is told like any other (AM-40).

Sources: 2.2.1, Commands; CMD-01 to CMD-21.
"""

import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from hub.ocpi.errors import InvalidParameters, UnknownLocation
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from partners.cpo.central_system import RemoteOutcome
from partners.cpo.charging_events import ConnectorStatus
from partners.cpo.charging_log import Charging, ChargingLog
from partners.cpo.configuration import Configuration, Plug
from partners.cpo.contracts import Contracts
from partners.cpo.grants import Grant, Grants
from partners.cpo.id_tags import IdTags
from partners.exchange import Answer, Handler, Request
from partners.link import NO_SUCCESS, Link
from partners.peers import Peer
from schemas.v2_2_1 import (
    AuthMethod,
    CommandResponse,
    CommandResponseType,
    CommandResult,
    CommandResultType,
    StartSession,
    StopSession,
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
    RemoteOutcome.TIMED_OUT: CommandResultType.TIMEOUT,
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

    async def remote_start(self, charge_point: str, connector_id: int | None, id_tag: str) -> RemoteOutcome:
        """Ask the charge point to start a transaction for this id tag."""

    async def remote_stop(self, charge_point: str, transaction_id: int) -> RemoteOutcome:
        """Ask the charge point to stop this transaction."""

    async def unlock(self, charge_point: str, connector_id: int) -> RemoteOutcome:
        """Ask the charge point to let go of the cable."""


class NotNow(Exception):
    """The command is not taken on; the CommandResponse says so, and no result follows (CMD-03)."""

    def __init__(self, message: str, result: CommandResponseType = CommandResponseType.REJECTED) -> None:
        super().__init__(message)
        self.result = result


@dataclass(frozen=True, slots=True)
class Order:
    """A command that was taken on."""

    carry_out: Callable[[], Awaitable[CommandResultType]]
    response_url: str
    requester: Party
    correlation_id: str


@dataclass(frozen=True, slots=True)
class Commands:
    """The Receiver interface of commands."""

    configuration: Configuration
    charge_points: ChargePoints
    charging_log: ChargingLog
    contracts: Contracts
    id_tags: IdTags
    grants: Grants
    link: Link
    clock: Clock
    #: How long a charge point may take to answer.
    answer_within: timedelta
    #: Lets an order be carried out after the answer.
    spawn: Callable[[Coroutine[Any, Any, None]], None]

    def handlers(self) -> Mapping[str, Handler]:
        """The interface; reservations are not offered yet."""
        return {
            "POST /START_SESSION": self._answering(self._start),
            "POST /STOP_SESSION": self._answering(self._stop),
            "POST /UNLOCK_CONNECTOR": self._answering(self._unlock),
            "POST /RESERVE_NOW": self._answering(self._not_supported),
            "POST /CANCEL_RESERVATION": self._answering(self._not_supported),
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
            log.exception("command of %s failed, correlation id %s", order.requester, order.correlation_id)
            result = CommandResultType.FAILED
        try:
            answer = await self.link.post_to(
                order.response_url,
                CommandResult(result=result),
                to=order.requester,
                correlation_id=order.correlation_id,
            )
        except NO_SUCCESS as error:
            log.warning("the result %s did not reach %s: %s", result, order.requester, error)
            return
        if not answer.is_success:
            log.warning("the result %s was refused by %s: %s", result, order.requester, answer.refusal())

    # What each command asks of us before it is taken on.

    def _start(self, request: Request) -> Order:
        wanted = StartSession.model_validate(request.value, context=_TOLERANT)
        requester = _requester(request)
        if Party(wanted.token.country_code, wanted.token.party_id) != requester:
            raise InvalidParameters("/token: expected a token of the party that sends the command (CMD-15)")
        plug = self._plug_for(wanted)
        self._check_connected(plug)
        grant = Grant(
            charge_point=plug.charge_point,
            id_tag=self.id_tags.id_tag(wanted.token),
            token=wanted.token,
            auth_method=AuthMethod.COMMAND,
            given=self.clock(),
            connector=plug.number,
            authorization_reference=wanted.authorization_reference,
        )
        return self._order(request, wanted.response_url, lambda: self._remote_start(plug, grant))

    def _stop(self, request: Request) -> Order:
        wanted = StopSession.model_validate(request.value, context=_TOLERANT)
        charging = self._charging(wanted.session_id, _requester(request))
        self._check_connected(charging.plug)
        return self._order(request, wanted.response_url, lambda: self._remote_stop(charging))

    def _unlock(self, request: Request) -> Order:
        wanted = UnlockConnector.model_validate(request.value, context=_TOLERANT)
        requester = _requester(request)
        plug = self._plug(wanted.location_id, wanted.evse_uid, wanted.connector_id)
        for charging in self.charging_log.open_at(*plug):
            contract = self.contracts.of(charging.id)
            if contract is None or contract.emsp != requester:
                raise NotNow("somebody else is charging there")
        self._check_connected(plug)
        return self._order(request, wanted.response_url, lambda: self._remote_unlock(plug))

    def _not_supported(self, _request: Request) -> Order:
        raise NotNow("reservations are not offered", CommandResponseType.NOT_SUPPORTED)

    def _order(
        self, request: Request, response_url: str, carry_out: Callable[[], Awaitable[CommandResultType]]
    ) -> Order:
        _check_ours_to_call(response_url, request.peer)
        return Order(carry_out, response_url, _requester(request), request.ids.correlation_id)

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
        """CMD-12."""
        if not self.configuration.plugs(location_id):
            raise UnknownLocation(f"/location_id: there is no location {location_id!r}")
        plugs = self.configuration.plugs(location_id, evse_uid)
        if not plugs:
            raise InvalidParameters(f"/evse_uid: the location has no EVSE {evse_uid!r}")
        return plugs

    def _is_free(self, plug: Plug) -> bool:
        state = self.charging_log.connector(plug)
        return state is not None and state.status in _FREE and not self.charging_log.open_at(*plug)

    def _charging(self, session_id: str, requester: Party) -> Charging:
        """CMD-13."""
        charging_id = self.contracts.charging_of(session_id)
        contract = None if charging_id is None else self.contracts.of(charging_id)
        if charging_id is None or contract is None:
            raise NotNow(f"there is no session {session_id!r}", CommandResponseType.UNKNOWN_SESSION)
        if contract.emsp != requester:
            raise NotNow("the session is not one of your tokens")
        charging = self.charging_log.charging(charging_id)
        if charging.stopped is not None:
            raise NotNow("the session is over")
        return charging

    def _check_connected(self, plug: Plug) -> None:
        if not self.charge_points.is_connected(plug.charge_point):
            raise NotNow("the charge point is not connected")

    # What is asked of the charge point, and what its word means.

    async def _remote_start(self, plug: Plug, grant: Grant) -> CommandResultType:
        # Before the call: the charge point may begin before it has answered.
        self.grants.give(grant)
        outcome = await self.charge_points.remote_start(plug.charge_point, plug.number, grant.id_tag)
        if outcome in _NOTHING_BEGAN:
            self.grants.take_back(grant)
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
        return _RESULTS[await self.charge_points.remote_stop(charging.plug.charge_point, charging.id)]

    async def _remote_unlock(self, plug: Plug) -> CommandResultType:
        return _RESULTS[await self.charge_points.unlock(*plug)]


_TOLERANT: Final[Mapping[str, Any]] = {"tolerant": True}


def _requester(request: Request) -> Party:
    """Who sends the command; a platform with one party may leave it out (RT-05)."""
    if request.routing.sender is not None:
        return request.routing.sender
    parties = {each.party for each in request.peer.roles}
    if len(parties) == 1 and not request.peer.is_hub:
        return parties.pop()
    raise InvalidParameters("OCPI-from headers: expected the party that sends the command")


def _check_ours_to_call(response_url: str, peer: Peer) -> None:
    """The result goes out with the token that the platform gave us: nobody else may see it (CMD-10)."""
    hosts = {urlsplit(url).netloc for url in (peer.versions_url, *peer.endpoints.values())}
    if urlsplit(response_url).netloc not in hosts:
        raise InvalidParameters("/response_url: expected a URL of the platform that sends the command")


def _response(result: CommandResponseType, timeout: timedelta, message: str | None = None) -> Answer:
    value: dict[str, Any] = {"result": result.value, "timeout": int(timeout.total_seconds())}
    if message is not None:
        value["message"] = [{"language": "en", "text": message}]
    return Answer.of(CommandResponse.model_validate(value))
