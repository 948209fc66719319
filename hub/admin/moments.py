"""Instants as an operator writes them: as OCPI does, or as so long ago."""

import re
from datetime import datetime, timedelta

from hub.admin.problems import FieldError, WrongInput
from hub.ocpi.timestamps import parse_timestamp

_AGO = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


def instant(text: str, now: datetime) -> datetime:
    """The instant meant by `2026-01-31T12:00:00Z`, or by `90s`, `15m`, `2h`, `7d` (so long before now).

    Raises:
        ValueError: the text means no instant.
    """
    ago = _AGO.fullmatch(text.strip())
    try:
        return parse_timestamp(text) if ago is None else now - int(ago[1]) * _UNITS[ago[2]]
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"expected 2026-01-31T12:00:00Z, or 90s, 15m, 2h or 7d for so long ago, got {text!r}"
        ) from error


def moment_of(field: str, text: str | None) -> datetime | None:
    """The moment that a field means by `2027-01-01T00:00:00Z`, or by `2027-01-01` (its beginning, in UTC).

    Raises:
        WrongInput: it means none.
    """
    if text is None:
        return None
    try:
        return parse_timestamp(f"{text}T00:00:00Z" if _DAY.fullmatch(text) else text)
    except ValueError as error:
        expected = f"expected 2027-01-01T00:00:00Z or 2027-01-01, got {text[:40]!r}"
        raise WrongInput(FieldError(field, expected)) from error


def instant_of(field: str, text: str | None, now: datetime) -> datetime | None:
    """The instant that a field of the input means, None where it is not given.

    Raises:
        WrongInput: it means none.
    """
    if text is None:
        return None
    try:
        return instant(text, now)
    except ValueError as error:
        raise WrongInput(FieldError(field, str(error))) from error
