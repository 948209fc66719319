"""The envelope of every response (2.2.1, Transport and format, Response format)."""

from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from schemas.number import WholeNumber
from schemas.v2_2_1.types import DateTime, String
from schemas.wire_object import WireObject


def _array_object_or_string(value: Any) -> Any:
    if value is None or isinstance(value, list | tuple | dict | str | WireObject):
        return value
    raise PydanticCustomError("data", "expected an array, an object or a string")


class Response(WireObject):
    """What a request was answered with.

    `data` is a list, an object or, for an enumeration, a string. What is in it, the request decides: read
    it with the model of that object. It is absent where nothing is to be told.
    """

    data: Annotated[
        Any,
        PlainValidator(_array_object_or_string),
        WithJsonSchema({"type": ["array", "object", "string", "null"]}),
    ] = None
    #: Four digits: 1xxx success, 2xxx the client's fault, 3xxx the server's, 4xxx the hub's.
    status_code: Annotated[int, WholeNumber(length=4, low=1000)]
    status_message: String | None = None
    timestamp: DateTime
