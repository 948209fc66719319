"""OCPI's DateTime, written and read (2.2.1, Types, DateTime; AM-21)."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

#: Tells the present instant, aware and in UTC; passed in, so that tests need no sleeping (D14).
Clock = Callable[[], datetime]

_DATE_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]00:?00)?", re.ASCII | re.IGNORECASE
)
_MICROSECOND_DIGITS = 6
#: In microseconds.
MILLISECOND = 1000


def utc_now() -> datetime:
    """The present instant."""
    return datetime.now(UTC)


def format_timestamp(moment: datetime) -> str:
    """The instant as OCPI writes it: UTC with `Z` and milliseconds where there are any.

    Raises:
        ValueError: the instant has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("an instant without a time zone cannot be written")
    moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds" if moment.microsecond >= MILLISECOND else "seconds") + "Z"


def parse_timestamp(text: str) -> datetime:
    """The instant that an OCPI DateTime means; without a zone it is UTC (PG-20).

    Raises:
        ValueError: not a DateTime; the message says what was expected.
    """
    match = _DATE_TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"expected a UTC DateTime such as 2026-01-31T12:00:00Z, got {text!r}")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction = (match[7] or "").ljust(_MICROSECOND_DIGITS, "0")[:_MICROSECOND_DIGITS]
    try:
        return datetime(year, month, day, hour, minute, second, int(fraction), UTC)
    except ValueError as error:
        raise ValueError(f"expected a date and time that exist, got {text!r}: {error}") from error
