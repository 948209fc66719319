"""Whether a payload is what OCPP 1.6 says it is, by the JSON Schemas that the `ocpp` package carries.

Chargers in the field add fields, write longer texts and use newer words than the schema has. None of
that makes a payload unreadable, and refusing a StopTransaction for it would lose a sale: only what is
missing or of the wrong type is refused here. A word that has to be understood is refused by who reads it.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, cast

from jsonschema import Draft4Validator, ValidationError, validators
from ocpp.messages import get_validator
from ocpp.v16.enums import Action

from partners.cpo.ocpp_frames import CallRefused, ErrorCode

_TOLERATED = frozenset({"additionalProperties", "enum", "maxLength", "format"})

_CODES: Mapping[str, ErrorCode] = {
    "type": ErrorCode.TYPE_CONSTRAINT_VIOLATION,
    "required": ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION,
    "minItems": ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION,
}

_ACTIONS = frozenset(action.value for action in Action)

# The package is not typed.
_packaged = cast("Callable[[int, str, str, type[Decimal]], Draft4Validator]", get_validator)


def _any_multiple(*_: Any) -> Iterator[ValidationError]:
    """A limit with two decimals is readable, too."""
    yield from ()


_Tolerant = cast(
    "Callable[[Any], Draft4Validator]",
    validators.extend(Draft4Validator, {"multipleOf": _any_multiple}),  # type: ignore[no-untyped-call]
)


@cache
def _validator(kind: int, action: str, version: str) -> Draft4Validator:
    # The package keeps what it loads for all, and its own engine divides by Decimals.
    return _Tolerant(_packaged(kind, action, version, Decimal).schema)


def is_action(name: str) -> bool:
    """Whether OCPP 1.6 (with its security extension) knows this action."""
    return name in _ACTIONS


def check_call(action: str, payload: Mapping[str, Any]) -> None:
    """Pass if the payload of a CALL of a known action can be read.

    Raises:
        CallRefused: Something is missing or of the wrong type; the description says where.
    """
    _check(_validator(2, action, "1.6"), payload)


def check_result(action: str, payload: Mapping[str, Any]) -> None:
    """Pass if the payload of a CALLRESULT can be read.

    Raises:
        CallRefused: As with `check_call`.
    """
    _check(_validator(3, action, "1.6"), payload)


def _check(validator: Draft4Validator, payload: Mapping[str, Any]) -> None:
    for error in validator.iter_errors(payload):
        if error.validator not in _TOLERATED:
            raise CallRefused(_code(error), f"{_pointer(error)}: {error.validator}")


def _code(error: ValidationError) -> ErrorCode:
    return _CODES.get(str(error.validator), ErrorCode.FORMATION_VIOLATION)


def _pointer(error: ValidationError) -> str:
    return "/" + "/".join(str(step) for step in error.absolute_path)
