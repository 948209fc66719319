"""What the fields of an object mean together: how a model says that such a rule is broken."""

from pydantic_core import PydanticCustomError


def broken(at: str | tuple[str | int, ...], expected: str) -> PydanticCustomError:
    """The error of a rule between fields.

    Args:
        at: The field to look at, or the path to it below the object that has the rule.
        expected: What was expected there, in plain words, beginning with "expected".
    """
    path = (at,) if isinstance(at, str) else at
    return PydanticCustomError("rule", "{expected}", {"expected": expected, "at": path})
