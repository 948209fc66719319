"""From aiohttp's request to a Message, and from a Reply to aiohttp's response."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from aiohttp import web

from hub.ocpi.description import Module
from hub.ocpi.errors import BodyIsNotWhole, BodyTooSlow, NotFound
from hub.ocpi.headers import NO_ROUTING, Header, MessageIds, Routing, read_routing
from hub.ocpi.message import Message, Reply
from hub.web.answer import Answer
from schemas.v2_2_1 import InterfaceRole


class BeforeBody(NamedTuple):
    """What is to be waited for before the body of a request is read."""

    wait: Callable[[], Awaitable[None]]


BEFORE_BODY = web.RequestKey("before the body", BeforeBody)


class RawTarget(NamedTuple):
    """The path and query of a request line, percent-encoding kept."""

    path: str
    query: str


def raw_target(request: web.BaseRequest) -> RawTarget:
    """What stands in the request line; a partner's ids are not decoded and encoded again (RT-26)."""
    return target_of(request.raw_path)


def target_of(target: str) -> RawTarget:
    """The path and query of the target of a request."""
    if not target.startswith("/"):
        parts = urlsplit(target)
        return RawTarget(parts.path, parts.query)
    path, _, query = target.partition("#")[0].partition("?")
    return RawTarget(path, query)


def tail_below(path: str, segments: int) -> str:
    """What is left of a raw path below its first segments: empty, or from a slash on.

    Raises:
        NotFound: it tries to climb out of the module that it is below.
    """
    parts = path.split("/", segments + 1)
    tail = f"/{parts[-1]}" if len(parts) > segments + 1 else ""
    if "." in tail or "%" in tail:
        _check_stays_below(tail)
    return tail if tail.strip("/") else ""


def _check_stays_below(tail: str) -> None:
    # The tail is appended to a partner's URL: nobody may climb from one module into another. Some servers
    # leave out what stands behind a semicolon before they look for dots.
    segments_read = unquote(unquote(tail)).replace("\\", "/").split("/")
    if any(segment.partition(";")[0] in {".", ".."} for segment in segments_read):
        raise NotFound("the path holds a segment . or ..")


async def whole_body(request: web.Request, patience: timedelta) -> bytes:
    """The body of a request.

    Raises:
        BodyTooSlow: it has not arrived in time.
        BodyIsNotWhole: it ends too early, or cannot be unpacked.
        web.HTTPRequestEntityTooLarge: it is larger than the application takes.
        TooManyRequests: there was no room for it in time.
    """
    if not request.body_exists:
        return b""
    if (before := request.get(BEFORE_BODY)) is not None:
        await before.wait()
    try:
        if request.content.is_eof():
            # It is all there: nobody waits.
            return await request.read()
        async with asyncio.timeout(patience.total_seconds()):
            return await request.read()
    except TimeoutError as error:
        raise BodyTooSlow from error
    except (web.RequestPayloadError, ConnectionError) as error:
        raise BodyIsNotWhole from error
    except RuntimeError as error:
        if request.transport is not None:
            raise
        # So says aiohttp where the caller is gone before the rest of its body was waited for.
        raise BodyIsNotWhole from error


async def message(
    request: web.Request,
    module: Module,
    interface: InterfaceRole,
    tail: str,
    ids: MessageIds,
    patience: timedelta,
) -> Message:
    """The message in a request to a functional module.

    Raises:
        NotFound, MethodNotAllowed: the module has no such path, or not with this method.
        OcpiError: the routing headers are wrong, or the body cannot be had.
    """
    operation, parameters = module.match(interface, request.method, tail)
    return Message(
        module=module,
        operation=operation,
        parameters=parameters,
        tail=tail,
        query=raw_target(request).query,
        ids=ids,
        routing=read_routing(request.headers),
        headers=tuple(request.headers.items()),
        body=await whole_body(request, patience),
    )


def response(reply: Reply) -> web.Response:
    """The response that carries a reply; the ids are added at the edge."""
    return Answer(reply)


def json_response(
    status: int, body: bytes, headers: tuple[Header, ...] = (), routing: Routing = NO_ROUTING
) -> web.Response:
    """A response with a JSON body."""
    return Answer(Reply(status, body, routing, headers))
