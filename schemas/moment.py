"""DateTime: a moment in UTC, read from and written in OCPI's form of RFC 3339."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from schemas.tolerance import strict_or_tolerated

_LONGEST: Final = 25
_SECONDS: Final = len("2026-01-02T03:04:05")
_MILLISECONDS: Final = len("2026-01-02T03:04:05.678")
_PATTERN: Final = (
    r"^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?Z?$"
)
_in_form = re.compile(_PATTERN[1:-1]).fullmatch
_EXPECTED: Final = 'expected a UTC date and time such as "2026-01-02T03:04:05Z", without an offset'


def moment(text: str) -> datetime:
    """The moment that a DateTime text names; without the `Z` it is UTC all the same.

    Raises:
        ValueError: The text is no DateTime (it may have an offset, or a day that no calendar knows).
    """
    if len(text) > _LONGEST or _in_form(text) is None:
        raise ValueError(_EXPECTED)
    return datetime.fromisoformat(text if text[-1] == "Z" else f"{text}Z")


def moment_text(value: datetime) -> str:
    """The DateTime text of an aware moment: `Z`, at most three fraction digits, no trailing zeros.

    Raises:
        ValueError: The moment is naive.
    """
    if value.tzinfo is None:
        raise ValueError("expected an aware moment: a naive one could mean any hour")
    utc = value if value.tzinfo is UTC else value.astimezone(UTC)
    if not utc.microsecond:
        return f"{utc.isoformat()[:_SECONDS]}Z"
    return f"{utc.isoformat(timespec='milliseconds')[:_MILLISECONDS].rstrip('0').rstrip('.')}Z"


@dataclass(frozen=True, slots=True)
class Moment:
    """Annotates a `datetime` field as DateTime: always aware, always UTC (2.2.1, Types, DateTime)."""

    ocpi_type: ClassVar[str] = "DateTime"
    length: ClassVar[int] = _LONGEST

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler  # a marker of datetime fields only
        strict = core_schema.no_info_plain_validator_function(_strictly)
        return strict_or_tolerated(strict, _tolerated, kind="date_time", expected=_EXPECTED)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        del schema, handler  # the schema of a DateTime is wholly known here
        return {"type": "string", "maxLength": _LONGEST, "pattern": _PATTERN, "$comment": "DateTime: UTC"}


def _strictly(value: Any) -> datetime:
    if isinstance(value, str):
        return moment(value)
    if isinstance(value, datetime) and value.tzinfo is not None:  # from our own code, never from JSON
        return value.astimezone(UTC)
    raise ValueError(_EXPECTED)


def _tolerated(value: Any) -> datetime:
    """A moment in any ISO 8601 form with a time; an offset is converted (AM-21)."""
    if not isinstance(value, str) or "T" not in value:
        raise ValueError(_EXPECTED)
    try:
        read = datetime.fromisoformat(value)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(_EXPECTED) from error
