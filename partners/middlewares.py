"""What surrounds every request to a node: ids and envelope outermost, then the token that names the caller.

The order is the meaning: an answer of aiohttp itself (404, 405, 413) and a failure of ours carry ids and
envelope, too (AM-45, TR-16 to TR-18).
"""

import logging
from collections.abc import Callable, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler as WebHandler
from aiohttp.typedefs import Middleware

from hub.ocpi.envelope import failure
from hub.ocpi.errors import (
    BodyTooLarge,
    ClientError,
    InvalidParameters,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    OcpiError,
    ServerError,
)
from hub.ocpi.headers import (
    NO_ROUTING,
    Header,
    MessageIds,
    Routing,
    read_authorization,
    read_ids,
    read_routing,
)
from hub.ocpi.modules import MODULES
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from partners.peers import Caller, Peers

log = logging.getLogger(__name__)

IDS = web.RequestKey("ids", MessageIds)
CALLER = web.RequestKey("caller", Caller)

HTTP_INTERNAL_ERROR = 500


def ids_and_envelope(party: Party, clock: Clock, new_id: Callable[[], str]) -> Middleware:
    """Every answer echoes the ids, swaps the parties and is an envelope, whatever went wrong."""

    @web.middleware
    async def answered(request: web.Request, handler: WebHandler) -> web.StreamResponse:
        ids = request[IDS] = read_ids(request.headers, new_id)
        try:
            response = await handler(request)
        except OcpiError as error:
            response = _refusal(clock, error, error.http_status, error.headers)
        except web.HTTPException as error:
            response = _refusal(clock, _named(error), error.status)
        except Exception:
            log.exception("%s %s failed, correlation id %s", request.method, request.path, ids.correlation_id)
            response = _refusal(clock, ServerError("internal error"), HTTP_INTERNAL_ERROR)
        for name, value in (*ids.headers(), *_answer_routing(request, party).headers()):
            response.headers[name] = value
        return response

    return answered


def authentication(peers: Peers) -> Middleware:
    """The token in the Authorization header names the caller (TR-02, TR-03)."""

    @web.middleware
    async def authenticated(request: web.Request, handler: WebHandler) -> web.StreamResponse:
        for token, encoding in read_authorization(request.headers):
            if caller := peers.caller(token, encoding):
                request[CALLER] = caller
                return await handler(request)
        raise NotAuthenticated("unknown credentials token")

    return authenticated


def json_response(body: bytes, status: int = 200, headers: Sequence[Header] = ()) -> web.Response:
    """An answer of JSON text."""
    response = web.Response(body=body, status=status, content_type="application/json")
    response.headers.extend(headers)
    return response


def _refusal(clock: Clock, error: OcpiError, status: int, headers: Sequence[Header] = ()) -> web.Response:
    return json_response(failure(clock(), error), status, headers)


def _named(error: web.HTTPException) -> OcpiError:
    match error.status:
        case 404:
            return NotFound("no such resource")
        case 405:
            return MethodNotAllowed()
        case 413:
            return BodyTooLarge(error.text)
        case _:
            return ClientError(error.reason)


def _answer_routing(request: web.Request, party: Party) -> Routing:
    """The pairs change places, and we name ourselves where the request did not (RT-07, RT-36)."""
    module = MODULES.get(request.match_info.get("module", ""))
    if module is None or not module.is_routed:
        return NO_ROUTING
    try:
        asked = read_routing(request.headers)
    except InvalidParameters:
        return Routing(sender=party)
    return Routing(to=asked.sender, sender=party if asked.to is None else asked.to)
