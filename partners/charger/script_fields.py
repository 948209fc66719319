"""The values in a script: what each may be, read and checked. Pure."""

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")


class Unexpected(ValueError):
    """A value is not what it should be; the text says what was expected."""


class Field(NamedTuple):
    """One key of a table."""

    read: Callable[[Any], Any]
    #: None: the key may be left out, and is None then.
    default: Any = None
    is_required: bool = False


def required(read: Callable[[Any], Any]) -> Field:
    """A key that may not be left out."""
    return Field(read, is_required=True)


def text(value: Any) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value:
        raise Unexpected("a text in quotes")
    return value


def texts(value: Any) -> frozenset[str]:
    """A list of texts."""
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise Unexpected("a list of texts in quotes")
    return frozenset(value)


def flag(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise Unexpected("true or false")
    return value


def count(least: int = 0, most: int | None = None) -> Callable[[Any], int]:
    """A whole number within bounds."""
    expected = f"a whole number from {least}" + ("" if most is None else f" to {most}")

    def read(value: Any) -> int:
        if type(value) is not int or value < least or (most is not None and value > most):
            raise Unexpected(expected)
        return value

    return read


def number(value: Any) -> Decimal:
    """A number greater than 0."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value <= 0:
        raise Unexpected("a number greater than 0")
    return Decimal(value)


def thousands(value: Any) -> Decimal:
    """From kWh or kW to Wh or W."""
    return number(value) * 1000


def duration(value: Any) -> timedelta:
    """A duration like `90s`, `15m`, `1h30m`."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) and value else None
    if found is None:
        raise Unexpected('a duration like "90s", "15m" or "1h30m"')
    hours, minutes, seconds = found.groups()
    return timedelta(hours=int(hours or 0), minutes=int(minutes or 0), seconds=float(seconds or 0))


def one_of(kind: Callable[[str], Any], words: Iterable[str]) -> Callable[[Any], Any]:
    """One of some words."""
    known = [str(word) for word in words]

    def read(value: Any) -> Any:
        if value not in known:
            raise Unexpected("one of " + ", ".join(f'"{each}"' for each in known))
        return kind(value)

    return read
