"""One question to every CDR, and how grave it is where it is asked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from hub.pricing.plausibility.case import Case
from hub.pricing.plausibility.measures import Plausibility
from hub.pricing.plausibility.values import Doubt, Severity, Side

Check = Callable[[Case], Iterator[Doubt]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One question to every CDR."""

    id: str
    severity: Severity
    #: What must hold, in words.
    says: str
    check: Check = field(repr=False)
    #: Who alone may see what was found, because it tells of somebody else's charging; None: both parties.
    only_for: Side | None = None

    def is_asked(self, measures: Plausibility) -> bool:
        """Whether it is asked at all."""
        return measures.severities.get(self.id, self.severity) is not None

    def severity_by(self, measures: Plausibility, told: Severity | None = None) -> Severity:
        """How grave a finding is: as the rule, or milder where the rule itself says so.

        Args:
            measures: Which may set it otherwise.
            told: What the rule says of this finding.
        """
        set_here = measures.severities.get(self.id, self.severity) or self.severity
        return set_here if told is None else min(told, set_here, key=lambda each: each.weight)
