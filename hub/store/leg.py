"""A leg as it is written down: cut to size, readable, and without secrets (design D10)."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import ClassVar, Final, NamedTuple

from hub.store.database import microseconds
from hub.store.journal import JournalEntry, Purpose
from hub.store.redaction import shown_body, shown_url

#: The module whose bodies hold credentials tokens.
CREDENTIALS = "credentials"
#: NUL, which databases refuse, and controls beyond ASCII, which terminals obey and JSON does not escape.
_UNWELCOME = dict.fromkeys((0, *range(0x80, 0xA0)), "\ufffd")
#: Bodies up to so many bytes are remembered as they are written down.
SMALL = 4096
#: A leg from a tuple, and the plain text of an enumeration: at half the cost, and there are two a request.
_new: Final = tuple.__new__
_text: Final = str.__str__


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
    #: They are those of the leg in of its exchange, and stored there (decision 0068).
    bodies_elsewhere: bool = False
    #: Its place in the journal, once it has one.
    id: int | None = None


def written(entry: JournalEntry, body_bytes: int) -> Leg:
    """The entry as it may be written down; of each body, so many bytes.

    Bodies of handshakes hold tokens and are not kept at all.
    """
    (
        at, took, direction, purpose, correlation_id, request_id, method, url, platform_id, platform, module,
        to_party, from_party, http_status, status_code, note, request_body, reply_body, bodies_elsewhere,
    ) = entry  # fmt: skip
    if not _is_plain(f"{correlation_id}{request_id}{method}{url}{note}"):
        correlation_id, request_id, method, url, note = map(
            _storable, (correlation_id, request_id, method, url, note)
        )
        url, note = shown_url(url), shown_url(note)
    is_without = bodies_elsewhere or purpose is Purpose.HANDSHAKE or module == CREDENTIALS
    # Nothing took less than no time, though the clock was set back meanwhile.
    milliseconds = max(0, int(took.total_seconds() * 1000 + 0.5))
    shown_request = None if is_without else _body(request_body, body_bytes)
    shown_reply = None if is_without else _body(reply_body, body_bytes)
    return _new(
        Leg,
        (
            at, correlation_id, request_id, _text(direction), _text(purpose), platform_id, platform, method,
            url, module, to_party, from_party, http_status, status_code, milliseconds, note,
            shown_request, shown_reply, bodies_elsewhere, None,
        ),
    )  # fmt: skip


class _When:
    """The moment that was converted last: the legs of an exchange have the same, or nearly."""

    newest: ClassVar[tuple[datetime | None, int]] = (None, 0)


def all_written(entries: Sequence[JournalEntry], body_bytes: int) -> list[Leg]:
    """Entries as they may be written down; of each body, so many bytes."""
    return [written(entry, body_bytes) for entry in entries]


def rows_of(legs: Sequence[Leg]) -> list[tuple[object, ...]]:
    """The values of legs as a database takes them, without their places, which it gives them."""
    return [_row(leg) for leg in legs]


def _row(leg: Leg) -> tuple[object, ...]:
    at, converted = _When.newest
    if at is not leg.at:
        converted = microseconds(leg.at)
        _When.newest = leg.at, converted
    return (converted, *leg[1:-1])


class _Shown:
    """The large body that was shown last: the legs of an exchange, one after the other, have the same."""

    newest: ClassVar[tuple[bytes, int, str]] = (b"", 0, "")


def _body(body: bytes, limit: int) -> str | None:
    if not body:
        return None
    if len(body) <= SMALL:
        return _small_body(body, limit)
    newest, its_limit, text = _Shown.newest
    if newest is not body or its_limit != limit:
        text = _shown(body, limit)
        _Shown.newest = body, limit, text
    return text


@lru_cache(maxsize=256)
def _small_body(body: bytes, limit: int) -> str:
    """One change goes to many receivers, and many answers are the same."""
    return _shown(body, limit)


def _shown(body: bytes, limit: int) -> str:
    text = shown_body(_storable(body[:limit].decode("utf-8", "replace")))
    # Three dots, and no ellipsis: a text of ASCII is stored as it is, any other is encoded first.
    return text if len(body) <= limit else f"{text}... [{len(body)} bytes in all]"


def _is_plain(texts: str) -> bool:
    """Whether texts can be written down as they are: true of nearly all, and found out at one go."""
    return (
        texts.isascii()
        and "\x00" not in texts
        and "via" not in texts
        and "@" not in texts
        and "=" not in texts
    )


def _storable(text: str) -> str:
    """A partner's text that every database and every log can take: no NUL, no half characters."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.encode("utf-8", "replace").decode().translate(_UNWELCOME)
