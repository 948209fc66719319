"""OCPP-J frames: a JSON list on a WebSocket, read into a value and written from one.

[2, "id", "Action", {…}]                     a CALL: a question
[3, "id", {…}]                               its CALLRESULT
[4, "id", "Code", "description", {…}]        or its CALLERROR
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from schemas import exact_json

_CALL, _CALL_RESULT, _CALL_ERROR = 2, 3, 4


class ErrorCode(StrEnum):
    """Why a CALL is not answered with a result, in the spelling of OCPP 1.6 (with its two slips)."""

    #: The action is not known at all.
    NOT_IMPLEMENTED = "NotImplemented"
    #: The action is known, and not offered here.
    NOT_SUPPORTED = "NotSupported"
    INTERNAL_ERROR = "InternalError"
    PROTOCOL_ERROR = "ProtocolError"
    SECURITY_ERROR = "SecurityError"
    FORMATION_VIOLATION = "FormationViolation"
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    OCCURENCE_CONSTRAINT_VIOLATION = "OccurenceConstraintViolation"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"
    GENERIC_ERROR = "GenericError"


class Call(NamedTuple):
    """A question of the other side."""

    message_id: str
    action: str
    payload: Mapping[str, Any]


class CallResult(NamedTuple):
    """The answer to a question of ours."""

    message_id: str
    payload: Mapping[str, Any]


class CallError(NamedTuple):
    """The refusal to answer a question of ours; the code may be one that no version knows."""

    message_id: str
    code: str
    description: str


class CallRefused(Exception):  # a protocol word, not a failure of the program
    """A CALL is answered with a CALLERROR.

    Attributes:
        code: What is wrong with it.
        description: For the other side's engineer: never the text of an exception.
    """

    def __init__(self, code: ErrorCode, description: str = "") -> None:
        super().__init__(code, description)
        self.code = code
        self.description = description


class MalformedCall(CallRefused):
    """A CALL with a message id, and little else that can be read."""

    def __init__(self, message_id: str, description: str) -> None:
        super().__init__(ErrorCode.FORMATION_VIOLATION, description)
        self.message_id = message_id


class NotAFrame(ValueError):
    """Nothing that could be answered: no JSON, no list, no message id."""


def read(text: str) -> Call | CallResult | CallError:
    """The frame in a text message.

    Raises:
        NotAFrame: There is no message id, so that no answer is possible (OCPP-J 1.6 has none for it).
        MalformedCall: It is a CALL that can only be refused.
    """
    try:
        frame = exact_json.decode(text)
    except exact_json.NotJson as error:
        raise NotAFrame("not JSON") from error
    match frame:
        case [2, str(message_id), str(action), dict(payload)]:
            return Call(message_id, action, payload)
        case [2, str(message_id), *_]:
            raise MalformedCall(message_id, "a CALL is [2, message id, action, payload]")
        case [3, str(message_id), dict(payload)]:
            return CallResult(message_id, payload)
        case [4, str(message_id), str(code), *rest]:
            return CallError(message_id, code, str(rest[0]) if rest else "")
        case _:
            raise NotAFrame("not a CALL, a CALLRESULT or a CALLERROR")


def call(message_id: str, action: str, payload: Mapping[str, Any]) -> str:
    """The text of a CALL."""
    return _text([_CALL, message_id, action, payload])


def call_result(message_id: str, payload: Mapping[str, Any]) -> str:
    """The text of a CALLRESULT."""
    return _text([_CALL_RESULT, message_id, payload])


def call_error(message_id: str, refusal: CallRefused) -> str:
    """The text of a CALLERROR."""
    return _text([_CALL_ERROR, message_id, refusal.code, refusal.description, {}])


def _text(frame: list[object]) -> str:
    return exact_json.encode(frame).decode()
