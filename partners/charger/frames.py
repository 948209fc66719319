"""OCPP-J frames, the same for every version: read, written, and checked against the schemas. Pure.

Source: OCPP-J 1.6, chapter 4; OCPP 2.0.1 Part 4, chapter 4.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from jsonschema import Draft4Validator
from jsonschema.exceptions import best_match

from schemas import exact_json

_CALL, _CALL_RESULT, _CALL_ERROR = 2, 3, 4


class Call(NamedTuple):
    """Something that one side wants to know or wants done."""

    action: str
    payload: Mapping[str, Any]


class Asked(NamedTuple):
    """A CALL on the wire."""

    message_id: str
    call: Call


class Answered(NamedTuple):
    """A CALLRESULT on the wire."""

    message_id: str
    payload: Mapping[str, Any]


class Refused(NamedTuple):
    """A CALLERROR on the wire."""

    message_id: str
    code: str


class ErrorCode(StrEnum):
    """Why a CALL is refused, as far as we have reason to; 1.6 spells two of them in its own way."""

    FORMAT = "FormatViolation"
    INTERNAL = "InternalError"
    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    OCCURRENCE = "OccurrenceConstraintViolation"
    PROPERTY = "PropertyConstraintViolation"
    TYPE = "TypeConstraintViolation"


_SPELLED_IN_16 = {
    ErrorCode.FORMAT: "FormationViolation",
    ErrorCode.OCCURRENCE: "OccurenceConstraintViolation",
}
_BROKEN_KEYWORDS = {
    "type": ErrorCode.TYPE,
    "required": ErrorCode.OCCURRENCE,
    "minItems": ErrorCode.OCCURRENCE,
    "maxItems": ErrorCode.OCCURRENCE,
    "enum": ErrorCode.PROPERTY,
    "maxLength": ErrorCode.PROPERTY,
    "minimum": ErrorCode.PROPERTY,
    "maximum": ErrorCode.PROPERTY,
    "multipleOf": ErrorCode.PROPERTY,
}


def read(text: str) -> Asked | Answered | Refused | None:
    """A frame; None if nobody could make sense of it."""
    try:
        frame = exact_json.decode(text)
    except exact_json.NotJson:
        return None
    match frame:
        case [2, str(message_id), str(action), dict(payload)]:
            return Asked(message_id, Call(action, payload))
        case [3, str(message_id), dict(payload)]:
            return Answered(message_id, payload)
        case [4, str(message_id), str(code), *_]:
            return Refused(message_id, code)
    return None


def asked(message_id: str, call: Call) -> str:
    """The text of a CALL."""
    return exact_json.encode([_CALL, message_id, call.action, call.payload]).decode()


def answered(message_id: str, payload: Mapping[str, Any]) -> str:
    """The text of a CALLRESULT."""
    return exact_json.encode([_CALL_RESULT, message_id, payload]).decode()


def refused(message_id: str, code: ErrorCode | str, version: str) -> str:
    """The text of a CALLERROR, the code in the spelling of the version."""
    spelled = _SPELLED_IN_16.get(ErrorCode(code), code) if version == "1.6" else code
    return exact_json.encode([_CALL_ERROR, message_id, spelled, "", {}]).decode()


def fault(version: str, call: Call) -> ErrorCode | None:
    """What is wrong with a CALL by the schemas of its version; NotImplemented if these do not know it."""
    suffix = "" if version == "1.6" else "Request"
    validator = _validator(version, call.action + suffix) if call.action.isalnum() else None
    if validator is None:
        return ErrorCode.NOT_IMPLEMENTED
    error = best_match(validator.iter_errors(call.payload))
    return None if error is None else _BROKEN_KEYWORDS.get(str(error.validator), ErrorCode.FORMAT)


@cache
def _validator(version: str, name: str) -> Draft4Validator | None:
    folder = files("ocpp") / f"v{version.replace('.', '')}" / "schemas"
    schema = folder / f"{name}.json"
    if not schema.is_file():
        return None
    return Draft4Validator(exact_json.decode(schema.read_text(encoding="utf-8-sig")))
