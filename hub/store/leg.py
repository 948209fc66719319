"""A leg as it is written down: cut to size, readable, and without secrets (design D10)."""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from hub.ocpi.timestamps import format_timestamp
from hub.store.journal import JournalEntry, Purpose
from hub.store.redaction import shown_body, shown_url
from schemas import exact_json

#: The module whose bodies hold credentials tokens.
CREDENTIALS = "credentials"
#: NUL, which databases refuse, and controls beyond ASCII, which terminals obey and JSON does not escape.
_UNWELCOME = dict.fromkeys((0, *range(0x80, 0xA0)), "\ufffd")
#: Bodies up to so many bytes are remembered as they are written down.
SMALL = 4096
_HALF_A_MILLISECOND = timedelta(microseconds=500)


class Leg(NamedTuple):
    """One leg of an exchange, as the journal keeps it."""

    at: datetime
    correlation_id: str
    request_id: str
    direction: str
    purpose: str
    platform_id: int | None
    platform: str | None
    method: str
    url: str
    module: str | None
    to_party: str | None
    from_party: str | None
    http_status: int | None
    status_code: int | None
    milliseconds: int
    note: str
    #: None where there was none, or where it may not be kept.
    request_body: str | None = None
    reply_body: str | None = None
    #: Its place in the journal, once it has one.
    id: int | None = None


def written(entry: JournalEntry, body_bytes: int) -> Leg:
    """The entry as it may be written down; of each body, so many bytes.

    Bodies of handshakes hold tokens and are not kept at all.
    """
    secret = entry.purpose is Purpose.HANDSHAKE or entry.module == CREDENTIALS
    return Leg(
        at=entry.at,
        correlation_id=_storable(entry.correlation_id),
        request_id=_storable(entry.request_id),
        direction=entry.direction,
        purpose=entry.purpose,
        platform_id=entry.platform_id,
        platform=entry.platform,
        method=_storable(entry.method),
        url=shown_url(_storable(entry.url)),
        module=entry.module,
        to_party=entry.to_party,
        from_party=entry.from_party,
        http_status=entry.http_status,
        status_code=entry.status_code,
        # Nothing took less than no time, though the clock was set back meanwhile.
        milliseconds=max(0, (entry.took + _HALF_A_MILLISECOND) // timedelta(milliseconds=1)),
        note=shown_url(_storable(entry.note)),
        request_body=None if secret else _body(entry.request_body, body_bytes),
        reply_body=None if secret else _body(entry.reply_body, body_bytes),
    )


def log_line(leg: Leg) -> str:
    """The leg as one line of JSON, without bodies, for whoever collects what programs print."""
    line = {
        "at": format_timestamp(leg.at),
        "correlation_id": leg.correlation_id,
        "platform": leg.platform,
        "purpose": leg.purpose,
        "direction": leg.direction,
        "method": leg.method,
        "url": leg.url,
        "to": leg.to_party,
        "from": leg.from_party,
        "http": leg.http_status,
        "ocpi": leg.status_code,
        "ms": leg.milliseconds,
        "note": leg.note,
    }
    return exact_json.encode(line).decode()


def _body(body: bytes, limit: int) -> str | None:
    if not body:
        return None
    return _small_body(body, limit) if len(body) <= SMALL else _shown(body, limit)


@lru_cache(maxsize=256)
def _small_body(body: bytes, limit: int) -> str:
    """One change goes to many receivers, and many answers are the same."""
    return _shown(body, limit)


def _shown(body: bytes, limit: int) -> str:
    text = shown_body(_storable(body[:limit].decode("utf-8", "replace")))
    return text if len(body) <= limit else f"{text}… [{len(body)} bytes in all]"


def _storable(text: str) -> str:
    """A partner's text that every database and every log can take: no NUL, no half characters."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.encode("utf-8", "replace").decode().translate(_UNWELCOME)
