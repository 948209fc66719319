"""Ways to spoil a message."""

from collections.abc import Callable
from random import Random
from typing import Any

ODD_TEXTS = (
    "", " ", "\x00", "\u202e", "é" * 300, "x" * 5000, "../..", "%2F", "'; DROP TABLE object; --", "#NA",
    "null", "2026-02-30T00:00:00Z", "2026-01-01T00:00:00+02:00", "9999-12-31T23:59:59.999Z", "http://127.0.0.1:1/",
    "file:///etc/passwd", "NaN", "-0", "1e400",
)  # fmt: skip
ODD_NUMBERS = (0, -1, 1, 2**31, 2**63, -(2**63), 10**30)
ODD_TOKENS = (b"1e400", b"-0", b"1E-400", b"0.1000", b"12345678901234567890.123456789", b'"\\ud800"')
SEGMENTS = ("", ".", "..", "%2F", "%00", "%FF", "*", "a%20b", "%2e%2e", "é", "x" * 300, "~", ";a=b")
QUERIES = (
    "limit=x", "limit=-1", "limit=0", "offset=99999999999999999999", "date_from=yesterday", "date_to=",
    "type=", "type=RFID&type=OTHER", "response_url=http%3A%2F%2F127.0.0.1%3A1%2F", "duration=-1", "&&&", "=",
    "%", "a=%GG",
)  # fmt: skip
HEADERS = (
    ("Content-Type", "text/plain"), ("Content-Type", "application/json; charset=utf-16"),
    ("Accept", "*/*;q=nan"), ("OCPI-to-country-code", "é"), ("OCPI-from-party-id", "X" * 400),
    ("X-Forwarded-For", "10.0.0.1"), ("Cookie", "a=b"), ("Expect", "100-continue"), ("Range", "bytes=0-1"),
    ("Link", "<x>; rel=next"), ("Location", "http://127.0.0.1/"), ("Retry-After", "-1"),
    ("If-None-Match", "*"), ("Host", "elsewhere.example"),
)  # fmt: skip


def spoiled_value(value: Any, chance: Random) -> Any:
    """The value with one thing changed, somewhere inside."""
    if isinstance(value, dict) and value and chance.random() < _DEEPER:
        name = chance.choice(sorted(value))
        if chance.random() < _LEFT_OUT:
            return {key: each for key, each in value.items() if key != name}
        return {**value, name: spoiled_value(value[name], chance)}
    if isinstance(value, list) and value and chance.random() < _DEEPER:
        place = chance.randrange(len(value))
        changed = spoiled_value(value[place], chance)
        return [*value[:place], changed, *value[place + 1 :]]
    return chance.choice(_REPLACEMENTS)(value, chance)


def spoiled_text(body: bytes, chance: Random) -> bytes:
    """The JSON text with some bytes changed."""
    place = chance.randrange(len(body) or 1)
    spoiled = (
        body[:place],
        body[:place] + chance.randbytes(chance.randint(1, 4)) + body[place + 1 :],
        body + body,
        b"[" * 3000 + body,
        b"\xef\xbb\xbf" + body,
        body.replace(b"{", b'{"last_updated":%b,' % chance.choice(ODD_TOKENS), 1),
    )
    return chance.choice(spoiled)


def spoiled_tail(tail: str, chance: Random) -> str:
    """The path below a module's URL with one segment changed, added or left out."""
    segments = tail.split("/")[1:]
    place = chance.randint(0, len(segments))
    odd = chance.choice(SEGMENTS)
    changed = [*segments[:place], odd, *segments[place + chance.randint(0, 1) :]]
    return "".join(f"/{segment}" for segment in changed)


def odd_query(chance: Random) -> str:
    """A query that makes no sense."""
    return "&".join(chance.sample(QUERIES, chance.randint(1, 3)))


def odd_headers(chance: Random) -> dict[str, str]:
    """Headers that nobody asked for."""
    return dict(chance.sample(HEADERS, chance.randint(1, 3)))


def _deep(_value: Any, chance: Random) -> Any:
    made: Any = chance.choice(ODD_TEXTS)
    for _ in range(chance.randint(1, 200)):
        made = [made] if chance.random() < _DEEPER else {"x": made}
    return made


def _many(value: Any, chance: Random) -> Any:
    return [value] * chance.choice((0, 2, 300))


_DEEPER, _LEFT_OUT = 0.8, 0.2
_REPLACEMENTS: tuple[Callable[[Any, Random], Any], ...] = (
    lambda _value, chance: chance.choice(ODD_TEXTS),
    lambda _value, chance: chance.choice(ODD_NUMBERS),
    lambda _value, _chance: None,
    lambda _value, chance: chance.random() < _DEEPER,
    lambda value, _chance: [value],
    lambda value, _chance: {"x": value},
    lambda value, _chance: str(value),
    _deep,
    _many,
)
