"""Legs as lines of the log: JSON, without bodies, for whoever collects what programs print."""

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar

import msgspec

from hub.ocpi.timestamps import format_timestamp
from hub.store.leg import Leg


class _Line(msgspec.Struct):
    """A line of the log; `from` is no name in Python."""

    at: str
    correlation_id: str
    platform: str | None
    purpose: str
    direction: str
    method: str
    url: str
    to: str | None
    sender: str | None = msgspec.field(name="from")
    http: int | None
    ocpi: int | None
    ms: int
    note: str


_lines = msgspec.json.Encoder().encode_lines


class _Told:
    """The moment that was written last: the legs of an exchange often have the same."""

    newest: ClassVar[tuple[datetime | None, str]] = (None, "")


def _timestamp(at: datetime) -> str:
    newest, text = _Told.newest
    if newest is not at:
        text = format_timestamp(at)
        _Told.newest = at, text
    return text


def log_lines(legs: Iterable[Leg]) -> str:
    """A line of JSON for each leg, without bodies, for whoever collects what programs print."""
    return _lines([_line(*leg) for leg in legs]).decode()


def _line(  # noqa: PLR0917 a leg is so many things
    at: datetime,
    correlation_id: str,
    _request_id: str,
    direction: str,
    purpose: str,
    _platform_id: int | None,
    platform: str | None,
    method: str,
    url: str,
    _module: str | None,
    to_party: str | None,
    from_party: str | None,
    http_status: int | None,
    status_code: int | None,
    milliseconds: int,
    note: str,
    *_bodies_and_id: object,
) -> _Line:
    return _Line(
        _timestamp(at), correlation_id, platform, purpose, direction, method, url, to_party, from_party,
        http_status, status_code, milliseconds, note,
    )  # fmt: skip
