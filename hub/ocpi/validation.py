"""A body against its model, answered with a JSON pointer and what was expected (TR-12, TR-13, TR-27)."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from hub.ocpi.description import Operation
from hub.ocpi.errors import BodyIsNotJson, InvalidParameters
from schemas import exact_json
from schemas.findings import Finding, findings
from schemas.tolerance import TOLERANT

#: How many findings an answer names.
NAMED_FINDINGS = 5


def decoded(body: bytes) -> Any:
    """The value of a JSON body.

    Raises:
        BodyIsNotJson: it is not JSON.
    """
    try:
        return exact_json.decode(body)
    except exact_json.NotJson as error:
        raise BodyIsNotJson(f"the body is not JSON: {error}") from error


def found_wrong(operation: Operation, value: Any, *, tolerant: bool = False) -> tuple[Finding, ...]:
    """What the operation's model finds wrong with a decoded body, nothing if it is right.

    Args:
        operation: Whose body it is.
        value: The body, decoded.
        tolerant: Whether to put up with what `schemas.tolerance` lists.
    """
    if operation.body is None or (value is None and not operation.body_required):
        return ()
    try:
        if operation.partial:
            operation.body.check_patch(value, tolerant=tolerant)
        else:
            operation.body.model_validate(value, context=TOLERANT if tolerant else None)
    except ValidationError as error:
        return findings(error)
    return ()


def refusal(found: tuple[Finding, ...]) -> InvalidParameters:
    """The refusal that names what was found."""
    return InvalidParameters(in_words(found), rows=("TR-13",))


def in_words(found: Sequence[Finding]) -> str:
    """The findings on one line: JSON pointer and what was expected there, the first few of them."""
    named = "; ".join(f"{finding.pointer or '/'}: {finding.message}" for finding in found[:NAMED_FINDINGS])
    more = len(found) - NAMED_FINDINGS
    return f"{named}; and {more} more" if more > 0 else named
