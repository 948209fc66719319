"""The envelope around every answer: data, status_code, status_message, timestamp (TR-08)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec

from hub.ocpi.errors import OcpiError
from hub.ocpi.timestamps import format_timestamp
from schemas import exact_json

SUCCESS = 1000
SUCCESS_CODES = range(1000, 2000)
#: What may stand for a status code: OCPI writes four digits, and whoever writes fewer is put up with.
STATUS_CODES = range(10_000)


class _Absent:
    """The mark of an envelope without data, since null is data, too."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


class NotAnEnvelope(ValueError):
    """The body is not an OCPI answer; the message says why."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """An answer as it was read."""

    status_code: int
    status_message: str | None
    #: The decoded data, None where it was absent.
    data: Any

    @property
    def is_success(self) -> bool:
        """Whether the status code says success (1xxx)."""
        return self.status_code in SUCCESS_CODES


def success(now: datetime, data: Any = ABSENT) -> bytes:
    """The body of an answer that says 1000, with the data if there are any."""
    envelope = {} if data is ABSENT else {"data": data}
    return exact_json.encode(
        envelope | {"status_code": SUCCESS, "status_message": "Success", "timestamp": format_timestamp(now)}
    )


def success_with_stored(now: datetime, data: bytes) -> bytes:
    """The body of an answer whose data is JSON text that goes out as it was stored (D1)."""
    return b'{"data":%b,"status_code":1000,"status_message":"Success","timestamp":"%b"}' % (
        data,
        format_timestamp(now).encode(),
    )


def success_with_list(now: datetime, items: Sequence[bytes]) -> bytes:
    """The body of a page: stored JSON texts joined to a list, none of them rebuilt (D8)."""
    body = success_with_stored(now, b"[%b]" % b",".join(items))
    # It is long, and what it says is known.
    _reading.newest = body, SUCCESS
    return body


def failure(now: datetime, error: OcpiError) -> bytes:
    """The body of an answer that says no."""
    return exact_json.encode(
        {
            "status_code": error.status_code,
            "status_message": error.message,
            "timestamp": format_timestamp(now),
        }
    )


def read_envelope(body: bytes) -> Envelope:
    """The envelope in the body of an answer.

    Raises:
        NotAnEnvelope: not JSON, not an object, or without a status_code.
    """
    try:
        value = exact_json.decode(body)
    except exact_json.NotJson as error:
        raise NotAnEnvelope(f"the answer is not JSON: {error}") from error
    status_code = value.get("status_code") if isinstance(value, dict) else None
    if type(status_code) is not int or status_code not in STATUS_CODES:
        raise NotAnEnvelope("the answer is not an OCPI envelope: status_code is missing or not one")
    message = value.get("status_message")
    return Envelope(status_code, message if isinstance(message, str) else None, value.get("data"))


class _Head(msgspec.Struct):
    status_code: Annotated[int, msgspec.Meta(ge=STATUS_CODES.start, lt=STATUS_CODES.stop)]


_head = msgspec.json.Decoder(_Head)


class _Reading:
    """What was read last. Journal, leg and edge ask one after another about one answer, which may be long."""

    newest: tuple[bytes | None, int] = (None, 0)


_reading = _Reading()


def is_envelope(body: bytes) -> bool:
    """Whether an answer is OCPI's, and not that of something that stands before a platform."""
    try:
        read_status_code(body)
    except NotAnEnvelope:
        return False
    return True


def read_status_code(body: bytes) -> int:
    """The status code of an answer; the rest is checked to be JSON and skipped.

    Raises:
        NotAnEnvelope: not JSON, not an object, or without a status_code.
    """
    newest = _reading.newest
    if newest[0] is body:
        return newest[1]
    try:
        status_code = _head.decode(body).status_code
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotAnEnvelope(f"the answer is not an OCPI envelope: {error}") from error
    _reading.newest = body, status_code
    return status_code
