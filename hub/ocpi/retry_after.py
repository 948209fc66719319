"""`Retry-After`: for how long a server wants to be left in peace (RFC 9110, 10.2.3)."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from hub.ocpi.headers import Header
from hub.ocpi.transport import first

RETRY_AFTER = "Retry-After"
#: Too Many Requests, Service Unavailable: the two statuses that ask to come again later.
ASK_TO_COME_AGAIN = frozenset({429, 503})
#: Nobody is left in peace for longer than this, whatever it asks.
LONGEST = timedelta(minutes=10)


def read_retry_after(headers: Sequence[Header], now: datetime) -> timedelta | None:
    """How long to wait from now: at most `LONGEST`; None where the header is absent or makes no sense."""
    text = (first(headers, RETRY_AFTER) or "").strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), LONGEST.total_seconds()))
    try:
        moment = parsedate_to_datetime(text)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return min(max(moment - now, timedelta()), LONGEST)
    except (ValueError, OverflowError):
        return None


def peace_wanted(status: int, headers: Sequence[Header], now: datetime) -> timedelta:
    """For how long an answer asks to be left in peace; zero where it does not."""
    return (read_retry_after(headers, now) if status in ASK_TO_COME_AGAIN else None) or timedelta()


def write_retry_after(wait: timedelta) -> Header:
    """The header that asks for this wait, in whole seconds, at least one."""
    return RETRY_AFTER, str(max(1, math.ceil(wait.total_seconds())))
