"""What a request or an answer of a platform shows of its quirks: pure.

OCPI's own way is told only where a quirk is known, which it may end; a platform without quirks costs nothing.
"""

from collections.abc import Iterator, Mapping

from hub.calling.moved import ERRORS, SUCCESSES
from hub.directory.directory import Caller, Platform
from hub.directory.quirks import MISSING, QUIRKS, YES, Pushes, Quirk, Seen
from hub.ocpi.envelope import is_envelope
from hub.ocpi.headers import (
    AUTHORIZATION,
    CORRELATION_ID,
    FROM_COUNTRY_CODE,
    FROM_PARTY_ID,
    REQUEST_ID,
    TO_COUNTRY_CODE,
    TO_PARTY_ID,
    TokenEncoding,
)
from hub.ocpi.transport import HttpReply, HttpRequest, first

OK, CREATED = 200, 201
#: From the gate of a platform that is away: they say nothing of its ways.
GATEWAYS = range(502, 505)
#: Nothing can be new in the answer to these.
NEVER_NEW = frozenset({"GET", "PATCH", "DELETE"})


def in_answer(
    platform: Platform, module: str | None, request: HttpRequest, reply: HttpReply
) -> Iterator[Seen]:
    """What the answer to a request of the hub shows."""
    told = _Telling(platform, first(request.headers, CORRELATION_ID) or "")
    if reply.status in ERRORS:
        if reply.status not in GATEWAYS:
            is_bare = not is_envelope(reply.body)
            yield from told(Quirk.BARE_ERRORS, YES if is_bare else None)
    elif reply.status in SUCCESSES:
        yield from _in_success(told, module, request, reply)


def in_request(headers: Mapping[str, str], caller: Caller, correlation_id: str) -> Iterator[Seen]:
    """What the headers of a platform's request show, whatever it is about."""
    told = _Telling(caller.platform, correlation_id)
    scheme = headers.get(AUTHORIZATION, "").strip().partition(" ")[0]
    is_raw = caller.encoding is TokenEncoding.RAW
    lacks_ids = not (headers.get(REQUEST_ID) and headers.get(CORRELATION_ID))
    yield from told(Quirk.TOKEN_SHOWN, str(TokenEncoding.RAW) if is_raw else None)
    yield from told(Quirk.TOKEN_SCHEME, "other" if scheme != "Token" else None)
    yield from told(Quirk.IDS_IN_REQUESTS, MISSING if lacks_ids else None)


def in_functional_request(
    headers: Mapping[str, str], platform: Platform, correlation_id: str
) -> Iterator[Seen]:
    """What the headers of a request to a functional module show besides."""
    told = _Telling(platform, correlation_id)
    lacks_sender = FROM_COUNTRY_CODE not in headers and FROM_PARTY_ID not in headers
    yield from told(Quirk.ROUTING_IN_REQUESTS, MISSING if lacks_sender else None)


def pushed(platform: Platform, correlation_id: str) -> Iterator[Seen]:
    """What it shows that a platform sends its objects by itself."""
    if platform.quirks.pushes is not Pushes.YES:
        yield Seen(Quirk.PUSH, YES, correlation_id)


class _Telling:
    """Tells what is odd, and what is not where a quirk is known."""

    def __init__(self, platform: Platform, correlation_id: str) -> None:
        self._quirks = platform.quirks
        self._correlation_id = correlation_id

    def __call__(self, quirk: Quirk, odd: str | None) -> Iterator[Seen]:
        if odd is not None:
            yield Seen(quirk, odd, self._correlation_id)
        elif self._quirks.has(quirk):
            yield Seen(quirk, QUIRKS[quirk].usual, self._correlation_id)


def _in_success(told: _Telling, module: str | None, request: HttpRequest, reply: HttpReply) -> Iterator[Seen]:
    got = {name.lower(): value for name, value in reply.headers}
    if "json" not in got.get("content-type", "").lower():
        return  # a page for people: not the platform's own answer
    has_ids = all(
        got.get(name.lower()) == first(request.headers, name) for name in (REQUEST_ID, CORRELATION_ID)
    )
    yield from told(Quirk.IDS_IN_ANSWERS, None if has_ids else MISSING)
    if first(request.headers, TO_PARTY_ID) is not None:
        has_routing = all(name.lower() in got for name in _ROUTING)
        yield from told(Quirk.ROUTING_IN_ANSWERS, None if has_routing else MISSING)
    if reply.status == CREATED and request.method in NEVER_NEW:
        yield from told(Quirk.CREATED, "always")
    elif module == "cdrs" and request.method == "POST":
        yield from told(Quirk.CREATED, "200" if reply.status == OK else None)


_ROUTING = (TO_COUNTRY_CODE, TO_PARTY_ID, FROM_COUNTRY_CODE, FROM_PARTY_ID)
