"""The envelope of every response (2.2.1, Transport and format, Response format)."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from schemas.number import WholeNumber
from schemas.v2_2_1.types import DateTime, String
from schemas.wire_object import WireObject


@dataclass(frozen=True, slots=True)
class Payload:
    """Annotates what a response carries: any JSON, because a partner may put anything there (TR-11)."""

    ocpi_type: ClassVar[str] = "Array or Object or String"
    length: ClassVar[None] = None


class Response(WireObject):
    """What a request was answered with.

    `data` is a list, an object or, for an enumeration, a string. What is in it, the request decides: read
    it with the model of that object. It is absent where nothing is to be told.
    """

    data: Annotated[Any, Payload()] = None
    #: Four digits: 1xxx success, 2xxx the client's fault, 3xxx the server's, 4xxx the hub's.
    status_code: Annotated[int, WholeNumber(low=1000, high=9999)]
    status_message: String | None = None
    timestamp: DateTime
