"""What a request or an answer of a platform shows of its quirks: pure.

OCPI's own way is told only where a quirk is known, which it may end; a platform without quirks costs nothing.
"""

from collections.abc import Iterable, Mapping

from hub.calling.moved import ERRORS, SUCCESSES
from hub.directory.directory import Caller, Platform
from hub.directory.quirks import MISSING, QUIRKS, YES, Pushes, Quirk, Quirks, Seen
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

#: How tokens are shown (TR-01).
SCHEME = "Token"
OK, CREATED = 200, 201
#: From the gate of a platform that is away: they say nothing of its ways.
GATEWAYS = range(502, 505)
#: Nothing can be new in the answer to these.
NEVER_NEW = frozenset({"GET", "PATCH", "DELETE"})


#: A quirk with its value where it was seen, None where what was seen is OCPI's own way.
_Look = tuple[Quirk, str | None]


def in_answer(
    platform: Platform, module: str | None, request: HttpRequest, reply: HttpReply
) -> tuple[Seen, ...]:
    """What the answer to a request of the hub shows."""
    if reply.status in SUCCESSES:
        looks = _in_success(module, request, reply)
    elif reply.status in ERRORS and reply.status not in GATEWAYS:
        looks = ((Quirk.BARE_ERRORS, None if is_envelope(reply.body) else YES),)
    else:
        return ()
    quirks = platform.quirks
    if not quirks.is_odd and all(odd is None for _, odd in looks):
        return ()
    return _told(quirks, first(request.headers, CORRELATION_ID) or "", looks)


def in_request(headers: Mapping[str, str], caller: Caller, correlation_id: str) -> tuple[Seen, ...]:
    """What the headers of a platform's request show, whatever it is about."""
    scheme = headers.get(AUTHORIZATION, "").strip().partition(" ")[0]
    is_raw = caller.encoding is TokenEncoding.RAW
    lacks_ids = not (headers.get(REQUEST_ID) and headers.get(CORRELATION_ID))
    quirks = caller.platform.quirks
    if not (is_raw or lacks_ids or quirks.is_odd) and scheme == SCHEME:
        return ()
    looks = (
        (Quirk.TOKEN_SHOWN, str(TokenEncoding.RAW) if is_raw else None),
        (Quirk.TOKEN_SCHEME, "other" if scheme != SCHEME else None),
        (Quirk.IDS_IN_REQUESTS, MISSING if lacks_ids else None),
    )
    return _told(quirks, correlation_id, looks)


def in_functional_request(
    headers: Mapping[str, str], platform: Platform, correlation_id: str
) -> tuple[Seen, ...]:
    """What the headers of a request to a functional module show besides."""
    lacks_sender = FROM_COUNTRY_CODE not in headers and FROM_PARTY_ID not in headers
    if not (lacks_sender or platform.quirks.is_odd):
        return ()
    look = (Quirk.ROUTING_IN_REQUESTS, MISSING if lacks_sender else None)
    return _told(platform.quirks, correlation_id, (look,))


def pushed(platform: Platform, correlation_id: str) -> tuple[Seen, ...]:
    """What it shows that a platform sends its objects by itself."""
    if platform.quirks.pushes is Pushes.YES:
        return ()
    return (Seen(Quirk.PUSH, YES, correlation_id),)


def _told(quirks: Quirks, correlation_id: str, looks: Iterable[_Look]) -> tuple[Seen, ...]:
    """What is odd, and what is not where a quirk is known."""
    seen = []
    for quirk, odd in looks:
        if odd is not None:
            seen.append(Seen(quirk, odd, correlation_id))
        elif quirks.has(quirk):
            seen.append(Seen(quirk, QUIRKS[quirk].usual, correlation_id))
    return tuple(seen)


def _in_success(module: str | None, request: HttpRequest, reply: HttpReply) -> tuple[_Look, ...]:
    got = {name.lower(): value for name, value in reply.headers}
    if "json" not in got.get("content-type", "").lower():
        return ()  # a page for people: not the platform's own answer
    sent = {name.lower(): value for name, value in reversed(request.headers)}
    has_ids = all(got.get(name) == sent.get(name) for name in _IDS)
    looks: tuple[_Look, ...] = ((Quirk.IDS_IN_ANSWERS, None if has_ids else MISSING),)
    if _TO in sent:
        has_routing = got.keys() >= _ROUTING
        looks += ((Quirk.ROUTING_IN_ANSWERS, None if has_routing else MISSING),)
    if reply.status == CREATED and request.method in NEVER_NEW:
        looks += ((Quirk.CREATED, "always"),)
    elif module == "cdrs" and request.method == "POST":
        looks += ((Quirk.CREATED, "200" if reply.status == OK else None),)
    return looks


_IDS = (REQUEST_ID.lower(), CORRELATION_ID.lower())
_TO = TO_PARTY_ID.lower()
_ROUTING = {name.lower() for name in (TO_COUNTRY_CODE, TO_PARTY_ID, FROM_COUNTRY_CODE, FROM_PARTY_ID)}
