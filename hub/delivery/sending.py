"""One delivery: a request to one receiver, and what its answer means.

The path keeps the codes of the object's owner (RT-37); the headers say that it comes from the hub and for
whom it is (RT-35); each request has an id of its own, and the correlation id of the change (RT-43).
ClientInfo carries no routing headers (HCI-07).
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from hub.calling.calls import UNAUTHORIZED, Calls, said_of
from hub.calling.in_hand import AnswerInHand
from hub.calling.moved import SAME_METHOD
from hub.delivery.addresses import Address
from hub.delivery.audience import Receiver
from hub.delivery.changes import Change
from hub.delivery.letter import Letter
from hub.delivery.verdict import Verdict, verdict, verdict_on_failure
from hub.directory.directory import Directory, Platform
from hub.http.client import HttpTransport
from hub.ocpi.client import read_answer
from hub.ocpi.description import ObjectKey
from hub.ocpi.envelope import SUCCESS_CODES, NotAnEnvelope, read_status_code
from hub.ocpi.modules import MODULES
from hub.ocpi.retry_after import ASK_TO_COME_AGAIN, peace_wanted
from hub.ocpi.transport import CallFailed, HttpReply, HttpRequest, NotReached
from hub.registry.hubclientinfo import acquaintance, as_known
from hub.store.journal import Direction, JournalEntry, Purpose
from hub.store.object_rows import DELETABLE, KeptState
from schemas.v2_2_1 import ClientInfo

#: What a platform answers that has done nothing: it wants another token, or to be asked elsewhere.
NOT_THE_LAST_WORD = frozenset({UNAUTHORIZED}) | SAME_METHOD
HTTP_ERROR = 400
NO_PEACE = timedelta()


class Attempt(NamedTuple):
    """A letter that was sent, and how that ended."""

    receiver: Receiver
    change: Change
    letter: Letter
    verdict: Verdict
    #: None where no answer came.
    http_status: int | None = None
    #: None where the answer was no envelope.
    status_code: int | None = None
    #: What was wrong; empty where nothing was.
    reason: str = ""
    #: For how long the platform wants to be left in peace.
    retry_after: timedelta = NO_PEACE

    @property
    def subject(self) -> tuple[Receiver, ObjectKey]:
        """Who was told of which object."""
        return self.receiver, self.change.key


def as_it_came(change: Change) -> Letter:
    """The change in its sender's words."""
    return Letter(change.method, change.tail, change.query, change.body, is_partial=True, as_of=change.seq)


def whole(change: Change, kept: KeptState | None) -> Letter:
    """The newest state of the change's object; without one, it is deleted.

    What OCPI has no DELETE for goes as it last was, also if its owner does not list it any more (LOC-09).
    """
    tail = whole_tail(change)
    if kept is None:
        return Letter("DELETE", tail, change.query, b"", is_partial=False, as_of=change.seq)
    as_of = max(change.seq, kept.change_seq or 0)
    if kept.state.is_deleted and change.key.module in DELETABLE:
        return Letter("DELETE", tail, change.query, b"", is_partial=False, as_of=as_of)
    return Letter("PUT", tail, change.query, kept.state.body.encode(), is_partial=False, as_of=as_of)


def shown_to(
    platform: Platform, change: Change, kept: KeptState, directory: Directory, now: datetime
) -> KeptState:
    """A ClientInfo object as the platform may know it now (HCI-06, HCI-13)."""
    info = ClientInfo.read(kept.state.body)
    shown = as_known(info, acquaintance(change.owner, platform, directory.agreements, now))
    if shown is info:
        return kept
    return KeptState(kept.state._replace(body=shown.to_json().decode()), kept.change_seq)


def whole_tail(change: Change) -> str:
    """The path of the whole object: what lies inside it is cut off, the rest is as it came."""
    segments = [segment for segment in change.tail.split("/") if segment]
    length = 2 if MODULES[change.key.module].kind is None else 3
    return "/" + "/".join(segments[:length])


@dataclass(frozen=True, slots=True)
class Sending:
    """Sends letters for the hub."""

    calls: Calls
    timeout: timedelta

    async def send(
        self, address: Address, change: Change, letter: Letter, within: timedelta = timedelta.max
    ) -> Attempt:
        """Send the letter once, and judge the answer, which is not waited for longer than `within`."""
        receiver = address.receiver
        if address.endpoint is None:
            reason = f"{address.platform.name} offers no Receiver interface of {address.module} any more"
            return Attempt(receiver, change, letter, Verdict.REFUSED, reason=reason)
        body = letter.body
        request = HttpRequest(
            letter.method,
            address.url(letter.tail, letter.query),
            address.headers(request_id := self.calls.new_id(), change.correlation_id, has_body=bool(body)),
            body,
            min(self.timeout, within),
        )
        try:
            reply, code = await self._answered(address, change, letter, request, request_id)
        except CallFailed as failure:
            reason = said_of(failure)
            return Attempt(receiver, change, letter, verdict_on_failure(failure), reason=reason)
        if code in SUCCESS_CODES and reply.status < HTTP_ERROR:
            return Attempt(receiver, change, letter, Verdict.DELIVERED, reply.status, code)
        return self._judged(receiver, change, letter, reply)

    async def _answered(
        self, address: Address, change: Change, letter: Letter, request: HttpRequest, request_id: str
    ) -> tuple[HttpReply, int | None]:
        """The platform's last word, and the status code of OCPI in it; each leg is in the journal."""
        calls, way, correlation_id = self.calls, address.way, change.correlation_id
        at = calls.clock()
        try:
            reply = await self._replied(address, letter, request, request_id, correlation_id)
        except CallFailed as failure:
            self._record(address, request, request_id, correlation_id, at, note=said_of(failure))
            if isinstance(failure, NotReached):
                way.not_reached(request)
            raise
        except asyncio.CancelledError:
            note = "the answer was not waited for"
            self._record(address, request, request_id, correlation_id, at, note=note)
            raise
        if reply.status in NOT_THE_LAST_WORD:
            in_hand = AnswerInHand(reply, at, request_id, calls.transport, calls.clock, calls.new_id)
            calls = replace(calls, transport=in_hand, clock=in_hand.clock)
            patient = calls.way(Purpose.DELIVERY, address.platform, address.module)
            reply = await patient.send(request)
            return reply, _status_code(reply)
        code = _status_code(reply)
        self._record(address, request, request_id, correlation_id, at, reply=reply, status_code=code)
        if code not in SUCCESS_CODES or address.is_looked_at():
            way.answered(request, request, reply)
        return reply, code

    async def _replied(
        self, address: Address, letter: Letter, request: HttpRequest, request_id: str, correlation_id: str
    ) -> HttpReply:
        """The answer: on a connection that nobody uses with a head of parts that are known, if possible."""
        transport = self.calls.transport
        if isinstance(transport, HttpTransport) and address.origin is not None:
            head = address.head(letter, request_id, correlation_id)
            if head is not None and (connection := transport.at_hand(address.origin)) is not None:
                return await transport.send_on(connection, head, letter.body, request.timeout.total_seconds())
        return await transport.send(request)

    def _record(
        self,
        address: Address,
        request: HttpRequest,
        request_id: str,
        correlation_id: str,
        at: datetime,
        *,
        reply: HttpReply | None = None,
        status_code: int | None = None,
        note: str = "",
    ) -> None:
        calls = self.calls
        calls.journal.record(
            JournalEntry(
                at=at,
                took=calls.clock() - at,
                direction=Direction.OUT,
                purpose=Purpose.DELIVERY,
                correlation_id=correlation_id,
                request_id=request_id,
                method=request.method,
                url=request.url,
                platform_id=address.platform.id,
                platform=address.platform.name,
                module=address.module,
                to_party=address.to_party,
                from_party=address.from_party,
                http_status=None if reply is None else reply.status,
                status_code=status_code,
                note=note,
                request_body=request.body,
                reply_body=b"" if reply is None else reply.body,
            )
        )

    def _judged(self, receiver: Receiver, change: Change, letter: Letter, reply: HttpReply) -> Attempt:
        answer = read_answer(reply, change.correlation_id)
        found = verdict(letter.method, answer, is_partial=letter.is_partial)
        wait = NO_PEACE
        if reply.status in ASK_TO_COME_AGAIN:
            wait = peace_wanted(reply.status, reply.headers, self.calls.clock())
        return Attempt(
            receiver,
            change,
            letter,
            found,
            http_status=reply.status,
            status_code=None if answer.envelope is None else answer.envelope.status_code,
            reason="" if found is Verdict.DELIVERED else answer.refusal().message,
            retry_after=wait,
        )


def _status_code(reply: HttpReply) -> int | None:
    try:
        return read_status_code(reply.body)
    except NotAnEnvelope:
        return None
