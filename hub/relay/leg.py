"""One leg: a request of one platform, sent on to another, and what its answer means (RT-15 to RT-22)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from hub.calling.calls import Calls
from hub.calling.circuits import Circuits
from hub.directory.directory import Platform
from hub.directory.quirks import Quirk
from hub.ocpi.envelope import NotAnEnvelope, is_envelope, read_status_code
from hub.ocpi.errors import ReceiverBusy, ReceiverNotConnected, ReceiverTimedOut, RoutingError
from hub.ocpi.headers import (
    CONTENT_TYPE,
    JSON_CONTENT_TYPE,
    RELAYED_REPLY_HEADERS,
    RELAYED_REQUEST_HEADERS,
    Header,
    MessageIds,
    Routing,
    kept,
    write_authorization,
)
from hub.ocpi.message import Reply
from hub.ocpi.party import Party
from hub.ocpi.retry_after import RETRY_AFTER
from hub.ocpi.transport import CallFailed, HttpReply, HttpRequest, NoAnswerInTime, NotReached, first
from hub.store.journal import Purpose

REDIRECTS = range(300, 400)
#: What stands before a platform that is away answers so: Bad Gateway, Service Unavailable, Gateway Timeout.
GATEWAY_FAILED = frozenset({502, 503, 504})
TOO_MANY_REQUESTS = 429
UNAUTHORIZED = 401
TOKEN_REFUSED = (401, 403)


class Onward(NamedTuple):
    """A request as it goes on to a platform."""

    platform: Platform
    module: str
    method: str
    url: str
    routing: Routing
    correlation_id: str
    #: The headers that came with the request.
    headers: tuple[Header, ...]
    body: bytes
    purpose: Purpose = Purpose.RELAY


@dataclass(frozen=True, slots=True)
class Legs:
    """Sends requests on."""

    calls: Calls
    timeout: timedelta
    #: Told of a platform to which no connection could be made, or that refused its token: it is asked.
    unreachable: Callable[[int], None]
    circuits: Circuits

    async def send(self, onward: Onward) -> Reply:
        """The platform's own answer, in its words (RT-17), for the party that asked.

        Raises:
            RoutingError: there is none that can be handed on, or nothing was sent; the class says why (RT-15,
                RT-16).
        """
        platform_id = onward.platform.id
        is_trial = self.circuits.begin(platform_id, onward.module, onward.routing.to)
        try:
            return await self.sent(onward)
        finally:
            self.circuits.end(platform_id, is_trial=is_trial)

    async def sent(self, onward: Onward) -> Reply:
        """The same for a request that the circuit breaker lets pass already."""
        transport = self.calls.way(onward.purpose, onward.platform, onward.module)
        try:
            reply = await transport.send(self.request(onward))
        except CallFailed as failure:
            raise self.failed(onward, failure) from failure
        return self.answered(onward, reply)

    def failed(self, onward: Onward, failure: CallFailed) -> RoutingError:
        """The platform has not answered: what that means, and what the asker is told (RT-15)."""
        platform, receiver = onward.platform, onward.routing.to
        self.circuits.failed(platform.id)
        match failure:
            case NotReached():
                self.unreachable(platform.id)
                return ReceiverNotConnected(f"{receiver} cannot be reached")
            case NoAnswerInTime():
                return ReceiverTimedOut(f"{receiver} did not answer in time")
        # Why, with the platform's address perhaps, is for the journal and not for the asker.
        return RoutingError(f"the connection to {receiver} failed")

    def answered(self, onward: Onward, reply: HttpReply) -> Reply:
        """The platform has answered: what that means, and what the asker gets of it.

        Raises:
            RoutingError: nothing that can be handed on (RT-16).
        """
        platform, receiver = onward.platform, onward.routing.to
        if reply.status in GATEWAY_FAILED and not is_envelope(reply.body):
            self.circuits.failed(platform.id)
        else:
            self.circuits.answered(platform.id, onward.module, reply)
        if reply.status == UNAUTHORIZED:
            self.unreachable(platform.id)
        check_answer(reply, receiver)
        # Whatever the platform wrote, the asker sees the pairs of its own request, swapped (RT-08, RT-09).
        return Reply(
            reply.status, reply.body, onward.routing.answered(), kept(reply.headers, RELAYED_REPLY_HEADERS)
        )

    def request(self, onward: Onward) -> HttpRequest:
        """The request as the platform gets it.

        Raises:
            ReceiverNotConnected: it has given no token.
        """
        if onward.platform.outbound_token is None:
            raise ReceiverNotConnected(f"{onward.routing.to} is not registered")
        ids = MessageIds(self.calls.new_id(), onward.correlation_id)
        headers = (
            write_authorization(onward.platform.outbound_token, onward.platform.token_encoding),
            *ids.headers(),
            *_as_it_spells_itself(onward).headers(),
            *kept(onward.headers, RELAYED_REQUEST_HEADERS),
        )
        if onward.body and first(headers, CONTENT_TYPE) is None:
            headers += (JSON_CONTENT_TYPE,)
        return HttpRequest(onward.method, onward.url, headers, onward.body, self.timeout)


def _as_it_spells_itself(onward: Onward) -> Routing:
    """The routing pairs; one that writes its codes in small letters is addressed in these.

    Whatever the letters, it is the same party (RT-04); others are addressed as the asker wrote it.
    """
    to, sender = onward.routing
    if to is None or not onward.platform.quirks.has(Quirk.LOWER_CASE):
        return onward.routing
    spelled = next((each.party for each in onward.platform.roles if each.party == to), to)
    return Routing(spelled, sender)


class AddresseeLacksIt(RoutingError):
    """The receiver answered 404, and not in the words of OCPI."""

    http_status = 404


class AddresseeLacksMethod(RoutingError):
    """The receiver answered 405, and not in the words of OCPI."""

    http_status = 405


#: What a receiver says by HTTP alone that the asker must be told: TR-23 hangs upon it (decision 0026).
BARE_REFUSALS: dict[int, type[RoutingError]] = {404: AddresseeLacksIt, 405: AddresseeLacksMethod}


def check_answer(reply: HttpReply, receiver: Party | None) -> None:
    """Refuse an answer that cannot be handed on as the receiver's word (RT-16).

    Raises:
        RoutingError: a redirect, a refusal of the hub's token, or no OCPI envelope; after a 404 or 405
            without one the HTTP status is kept.
    """
    if reply.status in REDIRECTS:
        raise RoutingError(f"{receiver} answered with a redirect (HTTP {reply.status})")
    if reply.status in TOKEN_REFUSED:
        raise RoutingError(f"{receiver} does not accept the hub's token (HTTP {reply.status})")
    if reply.status == TOO_MANY_REQUESTS and not is_envelope(reply.body):
        wait = [header for header in reply.headers if header[0].lower() == RETRY_AFTER.lower()]
        raise ReceiverBusy(f"{receiver} has asked for fewer requests", headers=tuple(wait[:1]))
    try:
        read_status_code(reply.body)
    except NotAnEnvelope as error:
        refusal = BARE_REFUSALS.get(reply.status, RoutingError)
        raise refusal(f"{receiver} answered HTTP {reply.status}, but {error}") from error
