"""Pages: offset, limit and date window in a request; Link, total and limit in its answer (PG rows)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from hub.ocpi.errors import InvalidParameters
from hub.ocpi.headers import LIMIT, LINK, TOTAL_COUNT, Header
from hub.ocpi.timestamps import parse_timestamp

#: The largest offset that is taken seriously; keeps the number inside every database's integer.
MAX_OFFSET = 2**53


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What a paged GET asks for (2.2.1, Pagination, Paginated Request)."""

    offset: int
    #: How many objects at most: what was asked for, or what the server can return if that is less.
    limit: int
    #: Only objects last updated at or after this instant.
    date_from: datetime | None = None
    #: Only objects last updated before this instant.
    date_to: datetime | None = None

    @classmethod
    def parse(cls, query: str, max_limit: int) -> "PageRequest":
        """The request in a query string.

        Raises:
            InvalidParameters: a parameter is not what PG-19 wants; the message names it.
        """
        given = dict(parse_qsl(query, keep_blank_values=True))
        limit = _whole_number(given, "limit", default=max_limit, least=1)
        return cls(
            offset=min(_whole_number(given, "offset", default=0, least=0), MAX_OFFSET),
            limit=min(limit, max_limit),
            date_from=_moment(given, "date_from"),
            date_to=_moment(given, "date_to"),
        )

    def next_query(self) -> str:
        """The query string of the next page, with the same filters (PG-07)."""
        query: dict[str, str] = {}
        if self.date_from is not None:
            query["date_from"] = _exact(self.date_from)
        if self.date_to is not None:
            query["date_to"] = _exact(self.date_to)
        return urlencode(query | {"offset": str(self.offset + self.limit), "limit": str(self.limit)})


def _exact(moment: datetime) -> str:
    """The instant with every digit that was asked for: the next page has the same filter as this one."""
    return moment.isoformat().replace("+00:00", "Z")


def page_headers(url: str, request: PageRequest, total: int, max_limit: int) -> tuple[Header, ...]:
    """The headers of a page: total, limit, and the way to the next one unless this is the last."""
    headers: tuple[Header, ...] = ((TOTAL_COUNT, str(total)), (LIMIT, str(max_limit)))
    if request.offset + request.limit < total:
        headers += (write_next_link(f"{url}?{request.next_query()}"),)
    return headers


def write_next_link(url: str) -> Header:
    """The Link header that leads to the next page."""
    return (LINK, f'<{url}>; rel="next"')


_ANY_URL = re.compile(r"<\s*[^>\s]")
_LINK = re.compile(r"<([^>]*)>((?:\s*;\s*[^;,\"]+(?:\"[^\"]*\")?)*)")
_REL_NEXT = re.compile(r";\s*rel\s*=\s*(?:\"[^\"]*\bnext\b[^\"]*\"|next\b)", re.IGNORECASE)


def read_next_link(header: str | None) -> str | None:
    """The URL of the next page in a Link header, None where there is none."""
    for match in _LINK.finditer(header or ""):
        if _REL_NEXT.search(match[2]):
            return match[1].strip() or None
    return None


def read_total(header: str | None) -> int | None:
    """The number in an X-Total-Count header, None where there is none that is one."""
    text = (header or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < _LONGEST_COUNT else None


def lowered(url: str, by: int) -> str | None:
    """The URL of a page with its offset lowered, never below 0, and everything else as it was (PG-12).

    None where there is nothing to lower: the offset is 0 already, or the URL has none that one could read.
    """
    parts = urlsplit(url)
    fields = parts.query.split("&")
    for place, field in enumerate(fields):
        name, _, text = field.partition("=")
        if name == "offset" and text.isascii() and text.isdigit() and len(text) < _LONGEST_COUNT:
            if int(text) == 0 or by <= 0:
                return None
            fields[place] = f"offset={max(int(text) - by, 0)}"
            return urlunsplit(parts._replace(query="&".join(fields)))
    return None


_LONGEST_COUNT = 18


def is_empty_link(header: str) -> bool:
    """Whether a Link header names no URL at all; some send one on the last page."""
    return _ANY_URL.search(header) is None


def _whole_number(given: Mapping[str, str], name: str, *, default: int, least: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or int(text[:20]) < least:
        raise InvalidParameters(
            f"parameter {name}: expected a whole number of at least {least}, got {text!r}"
        )
    return int(text[:20])


def _moment(given: Mapping[str, str], name: str) -> datetime | None:
    text = given.get(name)
    if text is None:
        return None
    try:
        # A '+' that was not percent-encoded arrives as a space.
        return parse_timestamp(text.replace(" ", "+"))
    except ValueError as error:
        raise InvalidParameters(f"parameter {name}: {error}") from error
