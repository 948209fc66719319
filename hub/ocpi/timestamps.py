"""Instants: the clock that is passed in, and OCPI's DateTime outside of objects (AM-21, PG-20)."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from schemas.moment import moment_text as format_timestamp

__all__ = ["Clock", "format_timestamp", "parse_timestamp", "utc_now"]

#: Tells the present instant, aware and in UTC; passed in, so that tests need no sleeping (D14).
Clock = Callable[[], datetime]


#: The present instant. No function of ours around it: it is asked for several times a request.
utc_now: Clock = partial(datetime.now, UTC)


def parse_timestamp(text: str) -> datetime:
    """The instant that a DateTime means; without a zone it is UTC, with an offset it is converted.

    Raises:
        ValueError: not a DateTime; the message says what was expected.
    """
    expected = f"expected a UTC DateTime such as 2026-01-31T12:00:00Z, got {text[:40]!r}"
    if "T" not in text.upper():
        raise ValueError(expected)
    try:
        read = datetime.fromisoformat(text.upper())
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(expected) from error
