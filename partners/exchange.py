"""One request to a node and its answer, as values, and the interfaces that a node offers."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from hub.ocpi.description import Module, Operation
from hub.ocpi.headers import Header, MessageIds, Routing
from hub.ocpi.modules import MODULES
from hub.ocpi.paging import PageRequest, page_headers
from partners.peers import Peer
from schemas import exact_json
from schemas.v2_2_1 import InterfaceRole
from schemas.wire_object import WireObject


@dataclass(frozen=True, slots=True)
class Request:
    """A request to one of the node's modules, authenticated and checked against its model."""

    module: Module
    operation: Operation
    #: The decoded path parameters.
    parameters: dict[str, str]
    #: The raw path below the module's URL.
    tail: str
    #: The raw query string, without the question mark.
    query: str
    #: The public URL of the interface, without what follows in this request.
    endpoint: str
    ids: MessageIds
    routing: Routing
    peer: Peer
    #: The decoded body, None where there is none.
    value: Any = None

    def argument(self, name: str, default: str) -> str:
        """The last value of a query parameter."""
        return dict(parse_qsl(self.query)).get(name, default)


@dataclass(frozen=True, slots=True)
class Answer:
    """A success; what is refused is raised as an `OcpiError`."""

    #: JSON text, which goes out as it stands; None where the specification names no data (TR-10).
    data: bytes | None = None
    status: int = 200
    headers: tuple[Header, ...] = ()

    @classmethod
    def of(cls, value: WireObject | Any) -> "Answer":
        """An answer with this object or value as data."""
        return cls(value.to_json() if isinstance(value, WireObject) else exact_json.encode(value))

    @classmethod
    def page(
        cls, items: Sequence[bytes], request: Request, page: PageRequest, *, total: int, max_limit: int
    ) -> "Answer":
        """One page of a list (PG rows)."""
        return cls(b"[%b]" % b",".join(items), headers=page_headers(request.endpoint, page, total, max_limit))


#: What a stored object was answered with: new or not (TR-15).
CREATED = Answer(status=201)
DONE = Answer()

Handler = Callable[[Request], Awaitable[Answer]]


class HandlerMissing(Exception):
    """An interface is offered without a handler for one of its operations, or with one too many."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One interface of one module that a node offers, with a handler for each of its operations."""

    module: Module
    interface: InterfaceRole
    handlers: Mapping[Operation, Handler]
    #: What is made of a decoded body before its model is asked: some partners err in a known way.
    mended: Callable[[Any], Any]


def as_it_came(value: Any) -> Any:
    """The body itself."""
    return value


def offer(
    module_id: str,
    interface: InterfaceRole,
    handlers: Mapping[str, Handler],
    mended: Callable[[Any], Any] = as_it_came,
) -> Offer:
    """The offer of an interface.

    Args:
        module_id: The module.
        interface: The interface.
        handlers: By method and path, as in `POST /{token_uid}/authorize`.
        mended: What is made of a decoded body before its model is asked.

    Raises:
        HandlerMissing: the handlers are not those that the description of the module asks for.
    """
    module = MODULES[module_id]
    described = {operation_name(each): each for each in module.by_interface[interface]}
    if wrong := described.keys() ^ handlers.keys():
        raise HandlerMissing(f"{module_id} {interface}: {', '.join(sorted(wrong))}")
    return Offer(module, interface, {described[name]: each for name, each in handlers.items()}, mended)


def operation_name(operation: Operation) -> str:
    """Method and path of an operation: `GET`, `PUT /{country_code}/{party_id}/{tariff_id}`."""
    return " ".join([operation.method, *(["/" + "/".join(operation.path)] if operation.path else [])])
