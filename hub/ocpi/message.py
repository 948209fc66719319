"""A functional message and its answer, as values: read once at the edge, never changed."""

from collections.abc import Callable
from typing import NamedTuple

from hub.ocpi.description import Module, Operation
from hub.ocpi.headers import Header, MessageIds, Routing
from schemas.v2_2_1 import InterfaceRole

#: Finds out what is wrong with a body, in words for the journal; empty if nothing is.
Look = Callable[[], str]


class Message(NamedTuple):
    """One request to a functional module; a tuple, because making one costs each request."""

    module: Module
    operation: Operation
    #: The decoded path parameters.
    parameters: dict[str, str]
    #: The raw path below the module's URL: empty, or from its first slash on, percent-encoding kept.
    tail: str
    #: The raw query string, without the question mark.
    query: str
    ids: MessageIds
    routing: Routing
    #: The end-to-end headers of the request.
    headers: tuple[Header, ...]
    body: bytes

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.operation.method

    @property
    def interface(self) -> InterfaceRole:
        """The interface that the message is sent to."""
        return self.operation.interface


class Reply(NamedTuple):
    """One answer. The ids of the request are added at the edge."""

    status: int
    body: bytes
    routing: Routing
    #: End-to-end headers besides ids and routing.
    headers: tuple[Header, ...] = ()
    #: What was found on the way, for the journal.
    note: str = ""
    #: What is still to be found out for it, None if nothing is.
    look: Look | None = None
