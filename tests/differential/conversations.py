"""What a caller may say on one connection: a few requests, mostly right, and how they are cut into pieces."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from itertools import pairwise
from random import Random
from typing import Any, Final

from hub.web.fast.entrance import LARGEST_BODY, LARGEST_HEAD
from schemas import exact_json
from tests.differential.far_end import FAULTS, USUAL
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, TARIFF, TOKEN

V: Final = "/ocpi/2.2.1"
#: Stand for what differs from hub to hub.
TOKENS: Final = {"cpo": b"TOKEN-OF-THE-CPO", "emsp": b"TOKEN-OF-THE-EMSP"}
OWN_URL: Final = b"http://OWN-URL-OF-EMSP"  # as long as an address with a port
SESSION: Final = {
    "country_code": "BE", "party_id": "BEC", "start_date_time": "2026-01-01T10:00:00Z", "kwh": 1.50,
    "cdr_token": {"country_code": "NL", "party_id": "TNM", "uid": "1", "type": "RFID", "contract_id": "NL-1"},
    "auth_method": "WHITELIST", "location_id": "LOC1", "evse_uid": "1", "connector_id": "1",
    "currency": "EUR", "status": "ACTIVE", "last_updated": "2026-01-01T10:00:00Z",
}  # fmt: skip


class Ending(Enum):
    """How the caller ends a conversation."""

    #: It has said that it will, and waits for all answers.
    WAITS = auto()
    #: It goes away in the middle of its last request.
    GOES = auto()


class Trait(StrEnum):
    """What makes a conversation hard to follow."""

    #: Several requests in one breath.
    PIPELINED = "pipelined"
    CHUNKED = "chunked"
    BYTE_BY_BYTE = "byte by byte"
    #: A head or a body that is more than the fast path takes, or than the hub does.
    OVERSIZED = "oversized"
    #: Something in a request is odd, and may be no HTTP, or no JSON.
    MALFORMED = "malformed"
    ABORTED = "aborted half way"
    #: The caller is silent for longer than the hub likes.
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Conversation:
    """What goes over one connection."""

    number: int
    #: Each is sent by itself.
    pieces: tuple[bytes, ...]
    #: Before which piece it is silent for longer than the hub likes, if any.
    silence_before: int | None
    ending: Ending
    requests: int
    traits: frozenset[Trait]


@dataclass(slots=True)
class _Request:
    method: str
    target: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    version: bytes = b"HTTP/1.1"
    #: Whether somebody may stumble over its framing.
    is_unreadable: bool = False
    #: Whether its head is that of many others, but for ids and length.
    is_usual: bool = False
    #: Whether one of the oddities was chosen for it.
    is_odd: bool = False


class _Steady(Random):
    """Chance that always falls the same way: the usual one."""

    def random(self) -> float:
        """Not rare, and not beyond."""
        return 0.5

    def choice(self, seq: Any) -> Any:
        """The first."""
        return seq[0]


_STEADY: Final = _Steady(0)


def conversation(number: int, chance: Random) -> Conversation:
    """The conversation of this number."""
    count = chance.choice((1, 2, 3, 5, 8))
    asked = [_request(number, place, chance) for place in range(count)]
    # aiohttp answers nothing of what came in one breath with bytes that it cannot read: these come alone.
    unreadable = [each for each in asked if each.is_unreadable]
    wholes = [_rendered(each, chance) for each in unreadable[:1] or asked]
    ending = Ending.GOES if chance.random() < 0.04 else Ending.WAITS
    if ending is Ending.GOES:
        # What came before might be dropped or not when the caller is gone: only one request, and not whole.
        wholes = wholes[:1]
        wholes[0] = wholes[0][: chance.randrange(1, len(wholes[0]))]
        wholes[0] = wholes[0] if _is_not_whole(wholes[0]) else wholes[0][:20]
    else:
        wholes.append(b"GET /health HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n")
    data = b"".join(wholes)
    pieces = _pieces(data, wholes, chance)
    silence = chance.randrange(len(pieces)) if chance.random() < 0.004 else None
    sent = unreadable[:1] or asked if ending is Ending.WAITS else (unreadable or asked)[:1]
    traits = _traits(sent, wholes, pieces)
    if silence is not None:
        traits |= {Trait.SLOW}
    if ending is Ending.GOES:
        traits |= {Trait.ABORTED}
    return Conversation(number, pieces, silence, ending, len(wholes), frozenset(traits))


def _traits(sent: list[_Request], wholes: list[bytes], pieces: tuple[bytes, ...]) -> set[Trait]:
    """What can be seen of a conversation."""
    heads, bodies = zip(*(each.partition(b"\r\n\r\n")[::2] for each in wholes), strict=True)
    is_large = max(map(len, heads)) > LARGEST_HEAD or max(map(len, bodies)) > LARGEST_BODY
    found = {
        Trait.PIPELINED: len(wholes) > len(pieces),
        Trait.CHUNKED: any(b"\r\nTransfer-Encoding: chunked" in each for each in heads),
        Trait.BYTE_BY_BYTE: max(map(len, pieces)) == 1,
        Trait.OVERSIZED: is_large,
        Trait.MALFORMED: any(each.is_odd for each in sent),
    }
    return {trait for trait, is_there in found.items() if is_there}


def _is_not_whole(data: bytes) -> bool:
    """Whether nobody can take it for a whole request."""
    head, end, body = data.partition(b"\r\n\r\n")
    return not end or (b"Content-Length: " in head and not body.endswith(b"}") and b"chunked" not in head)


def _pieces(data: bytes, wholes: list[bytes], chance: Random) -> tuple[bytes, ...]:
    match chance.choice(("all", "all", "each", "each", "cut", "cut", "bytes")):
        case "all":
            return (data,)
        case "each":
            return tuple(wholes)
        case "bytes" if len(data) < 2500:
            return tuple(data[place : place + 1] for place in range(len(data)))
    places = sorted(chance.sample(range(len(data)), min(len(data) - 1, chance.randrange(1, 6))))
    return tuple(data[a:b] for a, b in pairwise([0, *places, len(data)]) if a < b)


def _request(number: int, place: int, chance: Random) -> _Request:
    kind = chance.choice(FAULTS if chance.random() < 0.01 else USUAL if chance.random() < 0.6 else ("OK",))
    name = f"{kind}{number}x{place}"
    make = chance.choice(_MAKERS)
    who, method, target, value = make(name, chance)
    right, own = (EMSP, CPO) if who == "cpo" else (CPO, EMSP)
    body = b"" if value is None else exact_json.encode(value)
    request = _Request(method, V + target, [(b"Host", b"hub.example")], body)
    request.is_usual = chance.random() < 0.5
    head = _STEADY if request.is_usual else chance
    request.headers += _shown(who, head)
    request.headers += _ids(number, place, head)
    # What goes to everybody comes when it comes, and lists of what the hub keeps have what others sent.
    is_for_one = make in {_location, _evse, _tariff, _token, _listed}
    request.headers += _routing(right, own, head, is_for_one=is_for_one)
    request.headers += head.choice(_EXTRAS)
    if body and head.random() < 0.9:
        request.headers.append((b"Content-Type", b"application/json"))
    if chance.random() < 0.2:
        oddity = chance.choice(_ODDITIES)
        oddity(request, chance)
        request.is_unreadable = oddity not in _READABLE
        request.is_odd = True
    if not request.is_usual and chance.random() < 0.2:
        chance.shuffle(request.headers)
    return request


#: Whole at once, in pieces, too much for the fast path, too much for the hub.
_LENGTHS: Final = (*(5_000, 70_000, 300_000) * 5, 1_100_000)


def _location(name: str, chance: Random) -> tuple[str, str, str, object]:
    method = chance.choice(("PUT", "PUT", "GET", "PATCH", "DELETE"))
    value: object = LOCATION | {"id": name, "more": 1.10}
    if method == "PATCH":
        value = {"name": "Gent \u00e9", "last_updated": "2026-01-01T10:00:00Z"}
    if chance.random() < 0.1:
        value = LOCATION | {"id": name, "note": "x" * chance.choice(_LENGTHS)}
    return "cpo", method, f"/receiver/locations/{CPO}/{name}", None if method in {"GET", "DELETE"} else value


def _evse(name: str, chance: Random) -> tuple[str, str, str, object]:
    del chance
    return "cpo", "PATCH", f"/receiver/locations/{CPO}/{name}/3256", {"status": "CHARGING"}


def _tariff(name: str, chance: Random) -> tuple[str, str, str, object]:
    method = chance.choice(("PUT", "DELETE", "GET"))
    return (
        "cpo",
        method,
        f"/receiver/tariffs/{CPO}/{name}",
        TARIFF | {"id": name} if method == "PUT" else None,
    )


def _session(name: str, chance: Random) -> tuple[str, str, str, object]:
    method = chance.choice(("PUT", "PATCH", "GET"))
    value = {"PUT": SESSION | {"id": name}, "PATCH": {"kwh": 2.25}, "GET": None}[method]
    return "cpo", method, f"/receiver/sessions/{CPO}/{name}", value


def _cdr(name: str, _: Random) -> tuple[str, str, str, object]:
    return "cpo", "POST", "/receiver/cdrs", SESSION | {"id": name}


def _asked(name: str, chance: Random) -> tuple[str, str, str, object]:
    query = chance.choice(("", "?type=RFID", "?type=APP_USER&x=%20"))
    value = chance.choice((None, {"location_id": "LOC1"}))
    return "cpo", "POST", f"/sender/tokens/{name}/authorize{query}", value


def _read(name: str, chance: Random) -> tuple[str, str, str, object]:
    tail = chance.choice(
        ("", "/3256", "/3256/1", "/", "//", "/a/b/c/d", "/..", "/%2e%2e/x", "/a;b", "?x=%41&y")
    )
    return "emsp", "GET", f"/sender/locations/{name}{tail}", None


def _listed(name: str, chance: Random) -> tuple[str, str, str, object]:
    module = chance.choice(("locations", "tariffs", "sessions", "cdrs"))
    return "emsp", "GET", f"/sender/{module}?limit=5&x={name}", None


def _token(name: str, chance: Random) -> tuple[str, str, str, object]:
    method = chance.choice(("PUT", "PATCH", "GET"))
    value = {"PUT": TOKEN | {"uid": name}, "PATCH": {"valid": False}, "GET": None}[method]
    return "emsp", method, f"/receiver/tokens/{EMSP}/{name}", value


def _preferences(name: str, _: Random) -> tuple[str, str, str, object]:
    return "emsp", "PUT", f"/sender/sessions/{name}/charging_preferences", {"profile_type": "CHEAP"}


def _command(name: str, _: Random) -> tuple[str, str, str, object]:
    value = {
        "response_url": f"{OWN_URL.decode()}/{name}",
        "location_id": name,
        "evse_uid": "1",
        "connector_id": "1",
    }
    return "emsp", "POST", "/receiver/commands/UNLOCK_CONNECTOR", value


def _elsewhere(name: str, chance: Random) -> tuple[str, str, str, object]:
    paths = (
        "/nowhere",
        "/sender/nothing",
        "/receiver/commands/DANCE",
        "/sender/hubclientinfo",
        "/credentials",
    )
    return "emsp", chance.choice(("GET", "OPTIONS", "HEAD")), f"{chance.choice(paths)}?{name}", None


#: What is for the fast path comes most.
_MAKERS: Final[tuple[Callable[[str, Random], tuple[str, str, str, object]], ...]] = (
    *(_location, _location, _evse, _tariff, _session, _asked, _read, _read, _read, _token, _preferences) * 3,
    *(_cdr, _listed, _command, _elsewhere),
)


def _shown(who: str, chance: Random) -> list[tuple[bytes, bytes]]:
    token = TOKENS[who]
    if chance.random() < 0.92:
        return [(b"Authorization", b"Token " + token)]
    other = TOKENS["emsp" if who == "cpo" else "cpo"]
    shown = (
        b"token  " + token,
        b"Token wrong",
        b"Bearer " + token,
        b"Token " + other,
        b"Token",
        b"Token \xc3\xa9",
    )
    return chance.choice(([], *([(b"authorization", each)] for each in shown)))


def _ids(number: int, place: int, chance: Random) -> list[tuple[bytes, bytes]]:
    ids = [(b"X-Request-ID", b"r%dx%d" % (number, place)), (b"X-Correlation-ID", b"c%dx%d" % (number, place))]
    if chance.random() < 0.9:
        return ids
    return chance.choice(([], ids[:1], ids[1:], [(b"x-request-id", b""), *ids[1:]], [ids[0], ids[0], ids[1]]))


def _routing(right: str, own: str, chance: Random, *, is_for_one: bool) -> list[tuple[bytes, bytes]]:
    to, sender = right, own
    if chance.random() < 0.08:
        to = chance.choice(("XX/YYY", right.lower(), own, f"{right[:2]}/", "N L/TNM", f"{right} ", HUB, ""))
        to = right if is_for_one and to in {HUB, ""} else to
    if chance.random() < 0.05:
        sender = chance.choice(("", right, own.lower(), "XX/YYY", f"/{own[3:]}"))
    headers = []
    for prefix, party in ((b"OCPI-to-", to), (b"OCPI-from-", sender)):
        country_code, _, party_id = party.encode().partition(b"/")
        headers += [(prefix + b"country-code", country_code)] if country_code else []
        headers += [(prefix + b"party-id", party_id)] if party_id else []
    return headers


_EXTRAS: Final[tuple[list[tuple[bytes, bytes]], ...]] = (
    *([], [], [], []),
    [(b"Accept", b"*/*"), (b"User-Agent", b"x"), (b"Connection", b"keep-alive")],
    [(b"Accept-Language", b"nl, en;q=0.5"), (b"Cookie", b"a=b")],
    [(b"accept", b"a/b"), (b"Accept", b"c/d")],
    [(b"Accept-Language", b"  \t nl \t ")],
    [(b"Accept-Language", "\u00e9\u00e9n".encode())],
    [(b"Accept-Language", b"\xff\xfe")],
    [(b"OCPI-to-party-id", b"XXX"), (b"Authorization", b"Token x")],
    [(b"X-Forwarded-For", b"1.2.3.4"), (b"Via", b"1.1 a")],
)


def _text(body: bytes) -> Callable[[_Request, Random], None]:
    def set_body(request: _Request, _: Random) -> None:
        request.body = body

    return set_body


def _header(*headers: tuple[bytes, bytes]) -> Callable[[_Request, Random], None]:
    def add(request: _Request, _: Random) -> None:
        request.headers += headers

    return add


def _target(change: Callable[[str], str]) -> Callable[[_Request, Random], None]:
    def set_target(request: _Request, _: Random) -> None:
        request.target = change(request.target)

    return set_target


def _old(request: _Request, chance: Random) -> None:
    request.version = chance.choice((b"HTTP/1.0", b"HTTP/1.0", b"HTTP/2.0", b"http/1.1", b"HTTP/1.2"))


def _method(request: _Request, chance: Random) -> None:
    request.method = chance.choice(("BREW", "get", "", "CONNECT", "TRACE", "SEARCH", "PRI"))


def _lower(request: _Request, _: Random) -> None:
    request.headers = [(name.lower(), value) for name, value in request.headers]


def _mutate(request: _Request, chance: Random) -> None:
    body = bytearray(request.body or b"{}")
    body[chance.randrange(len(body))] = chance.randrange(256)
    request.body = bytes(body)


_READABLE: Final = (
    *(
        _text(each)
        for each in (b"", b"{", b"[]", b"null", b'"x"', b'{"id":1}', b"\xff\xfe", b"{}", b'{"id":"OTHER"}')
    ),
    *(
        _text(each)
        for each in (b'{"country_code":"DE"}', b"1e999999999", b'{"a":' * 2000, b" {} ", b"{}\x00")
    ),
    _mutate,
    _header((b"X-Long", b"y" * 7_000)),
    _header(*((b"X-Many", b"%d" % each) for each in range(70))),
    _header((b"Expect", b"100-continue")),
    _target(lambda target: target + "#fragment"),
    _target(lambda target: target.replace("/ocpi/", "//ocpi/")),
    _target(lambda target: target.replace("locations", "loc%61tions")),
    _target(lambda target: target.replace("2.2.1/", "2.2.1//")),
    _target(lambda target: target + "?a=b?c=d&&%zz"),
    _target(lambda target: target + "?" + "q" * 6_000),
    _lower,
)
_ODDITIES: Final = (
    *_READABLE,
    _header((b"Transfer-Encoding", b"chunked")),
    _header((b"Transfer-Encoding", b"chunked")),
    _header((b"Transfer-Encoding", b"gzip, chunked")),
    _header((b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"3")),
    _header((b"Expect", b"200-ok")),
    _header((b"Content-Encoding", b"gzip")),
    _header((b"Content-Length", b"400000")),
    _header((b"Content-Length", b"-1")),
    _header((b"Content-Length", b"+5")),
    _header((b"Content-Length", b"1_0")),
    _header((b"Content-Length", b"0"), (b"Content-Length", b"0")),
    _header((b"Host", b"other")),
    _header((b"X-Long", b"y" * 9_000)),
    _header(*((b"X-Many", b"%d" % each) for each in range(200))),
    _header((b"X-Bad", b"a\x00b")),
    _header((b"X-Bad", b"a\x01b")),
    _header((b"X-Bad ", b"space before the colon")),
    _header((b"Bad Name", b"x")),
    _header((b"Upgrade", b"websocket"), (b"Connection", b"upgrade")),
    _header((b"Upgrade", b"h2c")),
    _header((b"Connection", b"close")),
    _header((b"Trailer", b"X-A")),
    _target(lambda target: "http://hub.example" + target),
    _target(lambda target: target + "/\u00e9"),
    _target(lambda target: target + "?" + "q" * 20_000),
    _target(lambda target: target.replace("/", "\\", 1)),
    _target(lambda target: target + " x"),
    _target(lambda target: target.upper()),
    _target(lambda target: target + '|<>"{}^`'),
    _old,
    _method,
)


def _rendered(request: _Request, chance: Random) -> bytes:
    given = {name.lower(): value for name, value in request.headers}
    body = request.body
    if b"chunked" in given.get(b"transfer-encoding", b""):
        body = _chunked(body, chance)
    elif b"content-length" not in given and (body or chance.random() < 0.1):
        request.headers.append((b"Content-Length", b"%d" % len(body)))
    line = b" ".join((request.method.encode(), request.target.encode(), request.version))
    is_odd = request.is_unreadable and chance.random() < 0.1
    ends = b"\n" if is_odd and chance.random() < 0.5 else b"\r\n"
    colon = b": " if request.is_usual else chance.choice((b": ", b": ", b": ", b":", b":  "))
    lines = [line, *(name + colon + value for name, value in request.headers)]
    before = chance.choice((b"\r\n", b"\r\n\r\n", b" ", b"\n")) if is_odd else b""
    return before + ends.join(lines) + ends + ends + body


def _chunked(body: bytes, chance: Random) -> bytes:
    pieces = []
    while body:
        size = chance.randrange(1, len(body) + 1)
        extension = chance.choice((b"", b"", b"", b";a=b"))
        pieces.append(b"%x%b\r\n%b\r\n" % (size, extension, body[:size]))
        body = body[size:]
    last = chance.choice((b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nX-A: b\r\n\r\n", b"0\r\n", b"zz\r\n\r\n"))
    return b"".join(pieces) + last
