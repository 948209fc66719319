"""From aiohttp's request to a Message, and from a Reply to aiohttp's response."""

from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from aiohttp import web

from hub.ocpi.description import Module
from hub.ocpi.errors import NotFound
from hub.ocpi.headers import JSON_CONTENT_TYPE, Header, MessageIds, Routing, read_routing
from hub.ocpi.message import Message, Reply
from schemas.v2_2_1 import InterfaceRole


class RawTarget(NamedTuple):
    """The path and query of a request line, percent-encoding kept."""

    path: str
    query: str


def raw_target(request: web.BaseRequest) -> RawTarget:
    """What stands in the request line; a partner's ids are not decoded and encoded again (RT-26)."""
    target = request.raw_path
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
    rest = path.split("/")[segments + 1 :]
    tail = "".join(f"/{segment}" for segment in rest)
    # The tail is appended to a partner's URL: nobody may climb from one module into another.
    if any(part in {".", ".."} for part in unquote(unquote(tail)).replace("\\", "/").split("/")):
        raise NotFound("the path holds a segment . or ..")
    return tail if tail.strip("/") else ""


async def message(
    request: web.Request, module: Module, interface: InterfaceRole, tail: str, ids: MessageIds
) -> Message:
    """The message in a request to a functional module.

    Raises:
        NotFound, MethodNotAllowed: the module has no such path, or not with this method.
        InvalidParameters: the routing headers are wrong.
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
        body=await request.read(),
    )


def response(reply: Reply) -> web.Response:
    """The response that carries a reply; the ids are added at the edge."""
    headers: tuple[Header, ...] = (*reply.headers, *reply.routing.headers())
    return json_response(reply.status, reply.body, headers)


def json_response(
    status: int, body: bytes, headers: tuple[Header, ...] = (), routing: Routing | None = None
) -> web.Response:
    """A response with a JSON body."""
    every = headers + (routing.headers() if routing is not None else ())
    if not any(name.lower() == "content-type" for name, _ in every):
        every += (JSON_CONTENT_TYPE,)
    made = web.Response(status=status, body=body)
    made.headers.clear()
    for name, value in every:
        made.headers.add(name, value)
    return made
