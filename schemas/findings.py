"""Findings: what is wrong with a message, where, in words that its sender's engineer understands."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails


class Finding(NamedTuple):
    """One thing that is wrong.

    Attributes:
        pointer: Where, as a JSON pointer (RFC 6901) into the body; empty for the body itself.
        message: What was expected there, in plain words.
        got: What was there instead; None if nothing was. May hold secrets: not for logs.
    """

    pointer: str
    message: str
    got: Any

    def __str__(self) -> str:
        return f"{self.pointer or '(the whole body)'}: {self.message}"


def findings(error: ValidationError) -> tuple[Finding, ...]:
    """What a failed validation found, in the order of the fields."""
    details = error.errors(include_url=False)
    return tuple(_finding(detail) for detail in details if not _is_an_echo(detail))


def pointer(path: tuple[str | int, ...]) -> str:
    """The JSON pointer (RFC 6901) of a path of keys and indexes."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _finding(detail: ErrorDetails) -> Finding:
    below: tuple[str | int, ...] = detail.get("ctx", {}).get("at", ())
    got = None if detail["type"] == "missing" else _at(detail["input"], below)
    return Finding(pointer((*detail["loc"], *below)), _message(detail), got)


def _is_an_echo(detail: ErrorDetails) -> bool:
    """Whether a list is only called empty because its elements are wrong, which other findings say."""
    return detail["type"] == "too_short" and len(detail["input"]) > 0


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    """What stands at a path of a JSON value, or None."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _message(detail: ErrorDetails) -> str:
    plain = _PLAIN_WORDS.get(detail["type"])
    return detail["msg"] if plain is None else plain(detail.get("ctx", {}))


#: What pydantic says in its own words, in ours.
_PLAIN_WORDS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "missing": lambda _: "expected this field: it is required",
    "model_type": lambda _: "expected a JSON object",
    "model_attributes_type": lambda _: "expected a JSON object",
    "tuple_type": lambda _: "expected a JSON array",
    "too_short": lambda ctx: f"expected at least {ctx['min_length']} element",
    "bool_type": lambda _: "expected true or false",
    "invalid_key": lambda _: "expected text as the name of a field",
}
