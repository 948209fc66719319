"""JSON in which a number keeps its spelling: no float ever comes near money, energy or time."""

import json
from decimal import Decimal
from typing import Any

import msgspec

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_elements_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_encoder = msgspec.json.Encoder(decimal_format="number")


class NotJson(ValueError):
    """The text is not JSON; the message says what was wrong and where."""


def decode(text: bytes | str) -> Any:
    """The value of a JSON text; fractions become `Decimal`, with every digit that was written."""
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotJson(str(error)) from error
    except ArithmeticError as error:
        raise NotJson("a number is too large or too small to be kept exactly") from error


def members(text: bytes) -> dict[str, Any]:
    """The members of a JSON object, each value as it is written; `encode` writes them back unchanged.

    Of a name that is given twice the last one counts, as in `decode`.
    """
    try:
        return dict(_members_decoder.decode(text))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotJson(str(error)) from error


def elements(text: bytes) -> list[bytes]:
    """The elements of a JSON array, each as it is written; those of anything else are itself alone."""
    if text.lstrip()[:1] != b"[":
        return [text]
    try:
        return [bytes(each) for each in _elements_decoder.decode(text)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotJson(str(error)) from error


def repeated(text: bytes) -> tuple[str | int, ...] | None:
    """The path to a name that one object of a JSON text has twice; None: each stands there once.

    `decode` takes the last one, other programs the first: where nobody can be asked, neither is right.

    Raises:
        NotJson: The text is not JSON.
    """
    try:
        whole = json.loads(  # noqa: TID251 names are looked at, and numbers stay text
            text, object_pairs_hook=_Members, parse_int=str, parse_float=str
        )
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from error
    found: list[tuple[tuple[str | int, ...], Any]] = [((), whole)]
    while found:
        path, value = found.pop()
        if isinstance(value, _Members):
            names: set[str] = set()
            for name, each in value:
                if name in names:
                    return (*path, name)
                names.add(name)
                found.append(((*path, name), each))
        elif isinstance(value, list):
            found += [((*path, place), each) for place, each in enumerate(value)]
    return None


class _Members(list[tuple[str, Any]]):
    """An object of which every member is kept."""


def encode(value: Any) -> bytes:
    """The compact JSON text of a value; `Decimal` is written as a number, as it stands."""
    return _encoder.encode(value)
