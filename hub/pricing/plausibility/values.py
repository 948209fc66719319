"""Severity, doubt and finding: what a verdict is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple


class Severity(StrEnum):
    """How grave a finding is, the gravest first."""

    #: It cannot be right.
    REFUSE = "refuse"
    #: Somebody should look at it before money flows.
    HOLD = "hold"
    #: Odd, or not checkable.
    NOTE = "note"

    @property
    def weight(self) -> int:
        """The graver the more."""
        return len(Severity) - list(Severity).index(self)


class Side(StrEnum):
    """One of the two parties of a CDR."""

    CPO = "CPO"
    EMSP = "EMSP"


class Doubt(NamedTuple):
    """What a rule says of a case; which rule it was, and how grave that is, the table knows."""

    #: JSON pointer into the CDR.
    pointer: str
    message: str
    #: What was compared, by name.
    values: Mapping[str, Any] = {}
    #: Where it is not that of the rule.
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Where a CDR breaks a rule."""

    #: The id of the rule.
    rule: str
    severity: Severity
    #: JSON pointer into the CDR; empty for the CDR as a whole.
    pointer: str
    message: str
    #: What was compared, by name: texts, numbers and moments.
    values: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.pointer or '/'}: {self.message} ({self.rule})"
