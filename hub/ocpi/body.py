"""The body of a message: what names its object is seen at a glance, the rest is decoded for who needs it."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from schemas import exact_json

#: A body up to so many bytes is decoded whole; of a larger one only what names it.
SMALL_BODY: Final = 4096
#: Each digit as 0, each E as e.
_DIGITS_ALIKE: Final = bytes.maketrans(b"123456789E", b"000000000e")
_SIGNS: Final = b"+-"
_HUGE_EXPONENT: Final = b"0e" + b"0" * 18
_UNREAD: Final = object()


class Body:
    """A body that is JSON."""

    __slots__ = ("_raw", "_value")

    def __init__(self, raw: bytes, value: Any = _UNREAD) -> None:
        """Keep it, and its value if that is known."""
        self._raw: Final = raw
        self._value = value

    @property
    def value(self) -> Any:
        """All of it, decoded."""
        if self._value is _UNREAD:
            self._value = exact_json.decode(self._raw)
        return self._value


def glance(body: bytes) -> Mapping[str, Any] | None:
    """What names the object in a body, None if it is not certain that it is an object in JSON.

    What is skipped of a large body is JSON as the grammar has it; that it is text, and that its numbers can
    be kept exactly, is looked at here. Whoever is not certain decodes it whole.
    """
    if len(body) <= SMALL_BODY:
        try:
            value = exact_json.decode(body)
        except exact_json.NotJson:
            return None
        return value if isinstance(value, dict) else None
    if not body.isascii() or _has_huge_exponent(body):
        return None
    try:
        named = _names.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    return {name: getattr(named, name) for name in named.__struct_fields__}


class _Named(msgspec.Struct):
    """The fields by which objects are named."""

    country_code: Any = None
    party_id: Any = None
    id: Any = None
    uid: Any = None
    type: Any = None


def _has_huge_exponent(body: bytes) -> bool:
    """Whether a number may have an exponent of 18 digits, which no Decimal has.

    Of so many digits in a row four stand in the places that are looked at first, every fourth one.
    """
    if b"0000" not in body[::4].translate(_DIGITS_ALIKE):
        return False
    return _HUGE_EXPONENT in body.translate(_DIGITS_ALIKE, _SIGNS)


_names = msgspec.json.Decoder(_Named)
#: What a glance sees.
NAMES: Final = frozenset(_Named.__struct_fields__)
