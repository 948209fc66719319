"""OCPP-J frames: a JSON list on a WebSocket, read into a value and written from one.

[2, "id", "Action", {…}]                     a CALL: a question
[3, "id", {…}]                               its CALLRESULT
[4, "id", "Code", "description", {…}]        or its CALLERROR
[5, "id", "Code", "description", {…}]        2.1: a CALLRESULTERROR: the CALLRESULT was no good
[6, "id", "Action", {…}]                     2.1: a SEND: told, and never answered

Numbers keep their spelling: a fraction is a `Decimal`, since it may be energy.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from partners.ocpp.errors import CallRefused, ErrorCode, spelled
from partners.ocpp.versions import Version
from schemas import exact_json

CALL, CALL_RESULT, CALL_ERROR, CALL_RESULT_ERROR, SEND = 2, 3, 4, 5, 6

#: The longest message id: that of a UUID.
LONGEST_MESSAGE_ID = 36
#: What 2.x answers to when there is no message id.
NO_MESSAGE_ID = "-1"
#: Integers beyond this do not come back from JSON as they went.
_MOST = 2**53


class Call(NamedTuple):
    """A question of the other side."""

    message_id: str
    action: str
    payload: Mapping[str, Any]
    #: As it came.
    text: str = ""


class CallResult(NamedTuple):
    """The answer to a question of ours."""

    message_id: str
    payload: Mapping[str, Any]


class CallError(NamedTuple):
    """The refusal to answer a question of ours; the code may be one that no version knows."""

    message_id: str
    code: str
    description: str


class CallResultError(NamedTuple):
    """The other side cannot read our answer (2.1)."""

    message_id: str
    code: str
    description: str


class Send(NamedTuple):
    """Something told that wants no answer (2.1)."""

    message_id: str
    action: str
    payload: Mapping[str, Any]
    #: As it came.
    text: str = ""


Frame = Call | CallResult | CallError | CallResultError | Send


class MalformedCall(CallRefused):
    """A frame that can only be refused, and what to refuse it under.

    Attributes:
        message_id: Of the CALL, or of nothing (2.x); a number where the sender has a number for an id.
    """

    def __init__(self, message_id: str | int, description: str, code: ErrorCode = ErrorCode.FORMAT) -> None:
        super().__init__(code, description)
        self.message_id = message_id


class NotAFrame(ValueError):
    """Nothing that could be answered: no JSON, no list, no message id."""


def read(text: str, version: Version) -> Frame:
    """The frame in a text message.

    Raises:
        NotAFrame: There is nothing that this version has an answer to.
        MalformedCall: It can only be refused.
    """
    try:
        frame = exact_json.decode(text)
    except exact_json.NotJson as error:
        raise _unreadable("not JSON", version) from error
    if type(frame) is list and len(frame) == 4 and frame[0] == CALL:  # noqa: PLR2004 nearly all of them
        _, message_id, action, payload = frame
        if (
            type(message_id) is str
            and type(action) is str
            and type(payload) is dict
            and len(message_id) <= LONGEST_MESSAGE_ID
        ):
            return Call(message_id, action, payload, text)
    match frame:
        case [3, str(message_id), dict(payload)]:
            return CallResult(message_id, payload)
        case [4, str(message_id), str(code), *rest]:
            return CallError(message_id, code, str(rest[0]) if rest else "")
        case [5, str(message_id), str(code), *rest] if version is Version.V2_1:
            return CallResultError(message_id, code, str(rest[0]) if rest else "")
        case [6, str(message_id), str(action), dict(payload)] if version is Version.V2_1:
            return Send(message_id, action, payload, text)
        case _:
            raise _refused(frame, version)


def _refused(frame: Any, version: Version) -> Exception:
    """How a list that is no frame is answered, if it can be."""
    match frame:
        case [2, str(message_id), *_] if len(message_id) > LONGEST_MESSAGE_ID:
            return _too_long(message_id, version)
        case [2, str(message_id), *_]:
            code = ErrorCode.PROTOCOL_ERROR if version.is_1_6 else ErrorCode.FORMAT
            return MalformedCall(message_id, "a CALL is [2, message id, action, payload]", code)
        case [2, int(number), *_] if type(number) is int and abs(number) < _MOST and not version.is_1_6:
            # It can be read, though it is no text; under "-1" its sender would not find it.
            return MalformedCall(number, "a message id is a text")
        case [3 | 4 | 5 | 6, *_]:
            # An answer is never answered.
            return NotAFrame("not a CALLRESULT or CALLERROR")
        case [int(), str(message_id), *_] if not version.is_1_6:
            code = ErrorCode.UNKNOWN_MESSAGE_TYPE
            return MalformedCall(message_id[:LONGEST_MESSAGE_ID], "not a message type", code)
        case _:
            return _unreadable("no message type and message id", version)


def _too_long(message_id: str, version: Version) -> Exception:
    said = f"a message id has at most {LONGEST_MESSAGE_ID} characters"
    if version.is_1_6:  # else its sender would wait in vain
        return MalformedCall(message_id, said)
    return MalformedCall(NO_MESSAGE_ID, said, ErrorCode.UNREADABLE)


def _unreadable(what: str, version: Version) -> Exception:
    if version.is_1_6:  # has no answer without a message id
        return NotAFrame(what)
    return MalformedCall(NO_MESSAGE_ID, what, ErrorCode.UNREADABLE)


def call(message_id: str, action: str, payload: Mapping[str, Any]) -> str:
    """The text of a CALL."""
    return _text([CALL, message_id, action, payload])


def call_result(message_id: str, payload: Mapping[str, Any]) -> str:
    """The text of a CALLRESULT."""
    return _text([CALL_RESULT, message_id, payload])


def call_error(message_id: str | int, refusal: CallRefused, version: Version) -> str:
    """The text of a CALLERROR."""
    return _text([CALL_ERROR, message_id, spelled(refusal.code, version), refusal.description, {}])


def call_result_error(message_id: str, refusal: CallRefused, version: Version) -> str:
    """The text of a CALLRESULTERROR."""
    return _text([CALL_RESULT_ERROR, message_id, spelled(refusal.code, version), refusal.description, {}])


def _text(frame: list[object]) -> str:
    return exact_json.encode(frame).decode()
