"""One request on the fast path: sent on, its answer taken as it arrives, handed back, written down.

It is the sink of the addressee's answer, so that nobody has to wait for that. What takes more than one
answer (a connection to be made, a redirect, a refused token, a URL to be replaced) is an errand: a task.
"""

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Protocol

from hub.calling.calls import Calls, said_of
from hub.calling.circuits import Circuits
from hub.calling.in_hand import AnswerInHand
from hub.calling.noticing import pushed
from hub.directory.quirks import Observe
from hub.http.client import HttpTransport
from hub.http.upstream.answer_sink import UNREAD, RawHeader
from hub.http.upstream.decoding import decoded
from hub.http.upstream.header_text import header_texts
from hub.ocpi.errors import OcpiError
from hub.ocpi.headers import Routing
from hub.ocpi.message import Reply
from hub.ocpi.timestamps import Clock
from hub.ocpi.transport import BrokenAnswer, CallFailed, HttpReply, HttpRequest, NotReached
from hub.relay.decision import Decision
from hub.relay.exchange import Exchange
from hub.relay.forward import leads_past, onward_to
from hub.relay.leg import REDIRECTS, UNAUTHORIZED, Legs
from hub.routing.destination import Direct
from hub.web.answer_bytes import answer_bytes
from hub.web.edge import Passage, entry, refusal, surprise
from hub.web.looking import Looking
from hub.web.routes import is_push

log = logging.getLogger(__name__)

#: Runs what takes longer.
Spawn = Callable[[Coroutine[Any, Any, None]], None]


class Asker(Protocol):
    """Who waits for the answer."""

    def answered(self, data: bytes) -> None:
        """This is the answer, as it goes out."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What crossing stands on."""

    exchange: Exchange
    transport: HttpTransport
    looking: Looking
    clock: Clock
    new_id: Callable[[], str]
    observe: Observe
    #: The largest body of an answer, in bytes.
    largest_answer: int
    spawn: Spawn
    #: Sends requests on.
    legs: Legs = field(init=False)
    circuits: Circuits = field(init=False)
    #: For the answer of the addressee, in seconds.
    patience: float = field(init=False)

    def __post_init__(self) -> None:
        """Find once what each request needs."""
        legs = self.exchange.forwarding.legs
        object.__setattr__(self, "legs", legs)
        object.__setattr__(self, "circuits", legs.circuits)
        object.__setattr__(self, "patience", legs.timeout.total_seconds())

    @property
    def calls(self) -> Calls:
        """What calls need."""
        return self.legs.calls


class Crossing:
    """One request, from when it is taken until it is written down."""

    __slots__ = (
        "_asker", "_decided", "_headers", "_is_trial", "_leg_is_open", "_onward", "_parts", "_passage",
        "_pieces", "_request", "_sent_at", "_status", "_target", "_to", "_way",
    )  # fmt: skip

    def __init__(
        self,
        parts: Parts,
        asker: Asker,
        target: str,
        passage: Passage,
        decided: Decision,
        to: Direct,
    ) -> None:
        message = decided.message
        self._parts: Final = parts
        self._asker: Final = asker
        self._target: Final = target
        self._passage: Final = passage
        self._decided: Final = decided
        self._to: Final = to
        routing = Routing(to.party, message.routing.sender)
        self._onward: Final = onward_to(to, message, routing, message.body, message.query)
        self._way: Final = parts.calls.way(self._onward.purpose, to.platform, message.module.id)
        self._request: HttpRequest
        self._sent_at: datetime
        self._is_trial = False
        self._leg_is_open = False
        self._status = 0
        self._headers: list[RawHeader] = []
        self._pieces: list[bytes] = []

    @property
    def request(self) -> HttpRequest:
        """As it was sent."""
        return self._request

    def take_over(self, request_id: str, sent_at: datetime, *, is_trial: bool) -> None:
        """Go on with a request that was sent with this id, and has passed the circuit breaker."""
        legs = self._parts.legs
        legs = replace(legs, calls=replace(legs.calls, new_id=lambda: request_id))
        self._request = legs.request(self._onward)
        self._sent_at = sent_at
        self._is_trial, self._leg_is_open = is_trial, True

    def begin(self) -> None:
        """Send it on."""
        parts, onward = self._parts, self._onward
        try:
            self._is_trial = parts.circuits.begin(onward.platform.id, onward.module, onward.routing.to)
            self._leg_is_open = True
            self._request = parts.legs.request(onward)
            self._sent_at = parts.clock()
            if not parts.transport.ask_at_once(self._request, self):
                parts.spawn(self._connect())
        except CallFailed as failure:
            self.on_failed(failure)
        except Exception as error:  # noqa: BLE001 whoever asked is told, whatever happens
            self.refuse(error)

    # The addressee's answer.

    def glance(self, data: bytes) -> int:
        """Let the parser read it."""
        del data
        return UNREAD

    def on_head(self, status: int, reason: bytes, headers: list[RawHeader]) -> None:
        """It has begun."""
        del reason
        self._status = status
        self._headers = headers

    def on_body(self, data: bytes) -> None:
        """A piece of it."""
        self._pieces.append(data)

    def on_end(self) -> None:
        """It is whole."""
        headers = header_texts(self._headers)
        try:
            body = decoded(b"".join(self._pieces), headers, self._parts.largest_answer)
        except BrokenAnswer as failure:
            self.on_failed(failure)
            return
        reply = HttpReply(self._status, headers, body)
        if reply.status == UNAUTHORIZED or reply.status in REDIRECTS:
            self._parts.spawn(self._go_on(reply))
            return
        try:
            self._way.leg.record(self._request, self._sent_at, reply, "")
            self._way.answered(self._request, self._request, reply)
            handed = self._parts.legs.answered(self._onward, reply)
            self._close_leg()
            if leads_past(handed):
                self._parts.spawn(self._lead_back(handed))
            else:
                self._hand_back(handed)
        except Exception as error:  # noqa: BLE001 as above
            self.refuse(error)

    def on_failed(self, failure: CallFailed) -> None:
        """There is none."""
        self._way.leg.record(self._request, self._sent_at, None, said_of(failure))
        if isinstance(failure, NotReached):
            self._way.not_reached(self._request)
        self.refuse(self._parts.legs.failed(self._onward, failure))

    # Errands.

    async def _connect(self) -> None:
        """Send it on a connection that has to be made, or waited for."""
        try:
            await self._parts.transport.ask(self._request, self)
        except CallFailed as failure:
            self.on_failed(failure)
        except Exception as error:  # noqa: BLE001 as above
            self.refuse(error)

    async def _go_on(self, reply: HttpReply) -> None:
        """Let the ordinary path make of the answer what is to be made."""
        legs, calls = self._parts.legs, self._parts.calls
        in_hand = AnswerInHand(
            reply,
            self._sent_at,
            dict(self._request.headers)["X-Request-ID"],
            calls.transport,
            calls.clock,
            calls.new_id,
        )
        calls = replace(calls, transport=in_hand, clock=in_hand.clock, new_id=in_hand.new_id)
        try:
            handed = await replace(legs, calls=calls).sent(self._onward)
            self._close_leg()
            await self._lead_back(handed)
        except Exception as error:  # noqa: BLE001 as above
            self.refuse(error)

    async def _lead_back(self, reply: Reply) -> None:
        """Replace URLs that would lead past the hub."""
        decided = self._decided
        try:
            forwarding = self._parts.exchange.forwarding
            reply = await forwarding.led_back(reply, self._onward, decided.message, decided.caller)
            self._hand_back(reply)
        except Exception as error:  # noqa: BLE001 as above
            self.refuse(error)

    # How it ends.

    def _hand_back(self, reply: Reply) -> None:
        parts, passage, decided, to = self._parts, self._passage, self._decided, self._to
        parts.exchange.passed(decided, to, reply)
        self._answer(reply)
        passage.note = reply.note
        if is_push(decided.message):
            for seen in pushed(decided.caller, passage.ids.correlation_id):
                parts.observe(decided.caller.id, seen)
        self._write_down(reply)

    def refuse(self, error: Exception) -> None:
        """Say no; whoever asked is told, whatever happened."""
        self._close_leg()
        if not isinstance(error, OcpiError):
            # The edge where nothing may escape: the caller gets an envelope, the operator the trace.
            error = surprise(error, self._passage)
        reply = refusal(error, self._parts.clock(), self._passage)
        self._answer(reply)
        self._write_down(reply)

    def _answer(self, reply: Reply) -> None:
        self._asker.answered(answer_bytes(reply, self._passage.ids))

    def _write_down(self, reply: Reply) -> None:
        parts = self._parts
        passage = self._passage
        ended = entry(self._onward.method, self._target, reply.status, reply.body, passage, parts.clock())
        parts.looking.record(ended, passage.look)

    def _close_leg(self) -> None:
        if self._leg_is_open:
            self._leg_is_open = False
            self._parts.circuits.end(self._onward.platform.id, is_trial=self._is_trial)
