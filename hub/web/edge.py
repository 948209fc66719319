"""The outermost layer: ids on every answer, an envelope on every error, a journal entry for every request.

The order is the meaning: ids are known before anything can fail, errors become envelopes before the journal
looks at the answer (TR-08, TR-16 to TR-18, AM-45).
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from hub.directory.directory import Platform
from hub.http.protocol import Bounce
from hub.ocpi.envelope import NotAnEnvelope, failure, read_status_code
from hub.ocpi.errors import (
    BodyTooLarge,
    ClientError,
    InternalError,
    InvalidParameters,
    MethodNotAllowed,
    NotFound,
    OcpiError,
    ServerError,
)
from hub.ocpi.headers import NO_ROUTING, MessageIds, Routing, read_ids
from hub.ocpi.message import Look, Reply
from hub.ocpi.timestamps import Clock
from hub.store.database import is_away, is_not_text, is_without_means
from hub.store.journal import Direction, JournalEntry, Purpose
from hub.web.answer import Answer
from hub.web.conversion import response
from hub.web.looking import Looking

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Passage:
    """What becomes known of a request on its way in; the journal entry is written from it."""

    ids: MessageIds
    at: datetime
    purpose: Purpose = Purpose.HUB
    caller: Platform | None = None
    module: str | None = None
    #: The routing of the request.
    asked: Routing = NO_ROUTING
    #: The routing of an answer that the hub makes itself.
    routing: Routing = NO_ROUTING
    note: str = ""
    body: bytes = b""
    #: What is still to be found out for the journal.
    look: Look | None = None

    def say(self, note: str) -> None:
        """Have the journal say this, too."""
        self.note = "; ".join(part for part in (self.note, note) if part)


PASSAGE = web.RequestKey("passage", Passage)


def edge(clock: Clock, new_id: Callable[[], str], looking: Looking) -> Callable[..., Awaitable[web.Response]]:
    """The middleware that stands around everything that partners can reach."""

    @web.middleware
    async def pass_through(request: web.Request, handler: Handler) -> web.Response:
        passage = Passage(read_ids(request.headers, new_id), clock())
        request[PASSAGE] = passage
        answer = await _answered(request, handler, passage, clock)
        _finish(request, answer, passage, clock, looking)
        return answer

    return pass_through


def bouncing(clock: Clock, new_id: Callable[[], str], looking: Looking) -> Bounce:
    """What answers requests that never come as far as the middleware."""

    def bounce(request: web.BaseRequest, error: OcpiError) -> web.Response:
        passage = Passage(read_ids(request.headers, new_id), clock())
        answer = refused(error, clock(), passage)
        _finish(request, answer, passage, clock, looking)
        return answer

    return bounce


def _finish(
    request: web.BaseRequest, answer: web.Response, passage: Passage, clock: Clock, looking: Looking
) -> None:
    if isinstance(answer, Answer):
        answer.ids = passage.ids
    else:
        answer.headers.update(passage.ids.headers())
    reply_body = answer.body if isinstance(answer.body, bytes) else b""
    ended = entry(request.method, request.raw_path, answer.status, reply_body, passage, clock())
    looking.record(ended, passage.look)


async def _answered(request: web.Request, handler: Handler, passage: Passage, clock: Clock) -> web.Response:
    try:
        answer = await handler(request)
    except OcpiError as error:
        return refused(error, clock(), passage)
    except web.HTTPException as error:
        return refused(_named(error), clock(), passage)
    except Exception as error:  # noqa: BLE001 the edge where nothing may escape
        return refused(surprise(error, passage), clock(), passage)
    if not isinstance(answer, web.Response):
        raise TypeError("partners get whole responses")
    return answer


def surprise(error: Exception, passage: Passage) -> OcpiError:
    """What the caller is told of an error that is none of ours: the operator gets the trace."""
    correlation_id = passage.ids.correlation_id
    if is_away(error):
        log.warning("correlation id %s: %s", correlation_id, error)
        return ServerError("the hub cannot reach its database now")
    if is_without_means(error):
        log.error("correlation id %s: the database cannot write", correlation_id, exc_info=error)
        return ServerError("it could not be stored")
    if is_not_text(error):
        return InvalidParameters("the character U+0000 cannot be part of an id")
    log.error("failed to answer correlation id %s", correlation_id, exc_info=error)
    return InternalError()


def refused(error: OcpiError, now: datetime, passage: Passage) -> web.Response:
    """The response that says no."""
    return response(refusal(error, now, passage))


def refusal(error: OcpiError, now: datetime, passage: Passage) -> Reply:
    """The reply that says no; the journal says why, and nothing else."""
    passage.look = None
    passage.say(error.message)
    return Reply(error.http_status, failure(now, error), passage.routing, error.headers)


def _named(error: web.HTTPException) -> OcpiError:
    """An error of the web server as one of ours."""
    match error:
        case web.HTTPNotFound():
            return NotFound("no such path")
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            return MethodNotAllowed(headers=(("Allow", allowed),))
        case web.HTTPRequestEntityTooLarge():
            return BodyTooLarge(error.text)
    return ClientError(error.reason)


def entry(
    method: str, target: str, status: int, reply_body: bytes, passage: Passage, now: datetime
) -> JournalEntry:
    """The journal's entry of a request that was answered."""
    return JournalEntry(
        at=passage.at,
        took=now - passage.at,
        direction=Direction.IN,
        purpose=passage.purpose,
        correlation_id=passage.ids.correlation_id,
        request_id=passage.ids.request_id,
        method=method,
        url=target,
        platform_id=None if passage.caller is None else passage.caller.id,
        platform=None if passage.caller is None else passage.caller.name,
        module=passage.module,
        to_party=None if passage.asked.to is None else str(passage.asked.to),
        from_party=None if passage.asked.sender is None else str(passage.asked.sender),
        http_status=status,
        status_code=_status_code(reply_body),
        note=passage.note,
        request_body=passage.body,
        reply_body=reply_body,
    )


def _status_code(body: bytes) -> int | None:
    try:
        return read_status_code(body)
    except NotAnEnvelope:
        return None
