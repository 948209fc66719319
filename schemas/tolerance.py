"""Strict or tolerant: two ways to read what a partner sent.

Strict is the letter of the specification. Tolerant is for the input of a node that has to live with
what is out there: it keeps values that later versions added to an enumeration (AM-33), text that is
longer than allowed or holds line breaks (AM-31), and moments written with an offset, which it converts
(AM-21). What the fields mean together is checked in both.

The mode travels as the validation context: `Location.model_validate(value, context=TOLERANT)`.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationInfo
from pydantic_core import CoreSchema, core_schema

#: The validation context that asks for tolerance.
TOLERANT: Final[Mapping[str, bool]] = MappingProxyType({"tolerant": True})


def is_tolerant(info: ValidationInfo) -> bool:
    """Whether the caller of this validation asked for tolerance."""
    return isinstance(info.context, Mapping) and info.context.get("tolerant") is True


def strict_or_tolerated(
    strict: CoreSchema, tolerated: Callable[[Any], Any], *, kind: str, expected: str, ref: str | None = None
) -> CoreSchema:
    """A schema that tries `strict` first, and `tolerated` only if that failed and tolerance was asked for.

    Valid values never leave pydantic's compiled code. Invalid ones give one error, in our words.

    Args:
        strict: What the specification allows.
        tolerated: The value to keep instead, or a ValueError.
        kind: The type of the error.
        expected: What was expected, in plain words: the message of the error.
        ref: Under which name schemas share it, if they do.
    """

    def second_try(value: Any, info: ValidationInfo) -> Any:
        if is_tolerant(info):
            return tolerated(value)
        raise ValueError(expected)

    return core_schema.union_schema(
        [strict, core_schema.with_info_plain_validator_function(second_try)],
        mode="left_to_right",
        custom_error_type=kind,
        custom_error_message=expected,
        ref=ref,
    )
