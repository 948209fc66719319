"""A node's own small HTTP API, for its command line: JSON, on a port of its own, opened by a key."""

import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from aiohttp import web
from aiohttp.typedefs import Handler as WebHandler
from aiohttp.typedefs import Middleware

from partners.link import NO_SUCCESS, in_words
from partners.peers import NotSent
from schemas import exact_json

log = logging.getLogger(__name__)

PREFIX = "/node"


class AdminRequest(NamedTuple):
    """One request of the command line."""

    #: Path parameters and query parameters.
    arguments: Mapping[str, str]
    #: The decoded body, an empty object where there is none.
    value: dict[str, Any]

    def text(self, name: str) -> str:
        """A text that must be given.

        Raises:
            NotPossible: it is missing.
        """
        value = self.value.get(name, self.arguments.get(name))
        if not isinstance(value, str) or not value:
            raise NotPossible(f"{name}: expected a text")
        return value


class NotPossible(Exception):
    """What was asked for cannot be done; the message says why, for the person at the command line."""


class PlainText(NamedTuple):
    """An answer that is no JSON, as the metrics."""

    text: str


#: The answer is JSON, or a `PlainText`; raise `NotPossible` to say no.
AdminHandler = Callable[[AdminRequest], Awaitable[Any]]
#: By method and path below the prefix, as in `GET /locations`.
AdminHandlers = Mapping[str, AdminHandler]


def administration(key: str, handlers: AdminHandlers) -> web.Application:
    """The application with these handlers, for callers that show the key as a bearer token."""
    application = web.Application(middlewares=[_answered(key)])
    for name, handler in handlers.items():
        method, _, path = name.partition(" ")
        application.router.add_route(method, PREFIX + path, _web_handler(handler))
    return application


def _web_handler(handler: AdminHandler) -> WebHandler:
    async def answered(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        value = exact_json.decode(body) if body else {}
        if not isinstance(value, dict):
            raise NotPossible("expected a JSON object")
        arguments = {**request.query, **request.match_info}
        answer = await handler(AdminRequest(arguments, value))
        return web.Response(text=answer.text) if isinstance(answer, PlainText) else _json(answer)

    return answered


def _answered(key: str) -> Middleware:
    @web.middleware
    async def middleware(request: web.Request, handler: WebHandler) -> web.StreamResponse:
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(shown.encode(), key.encode()):
            return _error(401, "expected the node's key: Authorization: Bearer <key>")
        try:
            return await handler(request)
        except (NotPossible, NotSent, exact_json.NotJson) as error:
            return _error(409, str(error))
        except NO_SUCCESS as error:
            return _error(502, in_words(error))
        except web.HTTPException as error:
            return _error(error.status, error.reason)
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            return _error(500, "internal error; the node's log says more")

    return middleware


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=exact_json.encode(value), status=status, content_type="application/json")


def _error(status: int, message: str) -> web.Response:
    return _json({"error": message}, status)
