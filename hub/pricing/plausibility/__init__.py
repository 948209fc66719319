"""Is this CDR plausible? The rules that every CDR is held against, and the verdict on one: pure and exact.

    verdict = judged(exact_json.decode(text), Known(now=now, ...))

The rules stand in one table, `RULES`; what they measure with is a `Plausibility`, what they may look at
beside the CDR is a `Known`. What is not known is not held against anybody.
"""

from hub.pricing.plausibility.known import Charge, Known, Missing, TariffVersion
from hub.pricing.plausibility.measures import Plausibility
from hub.pricing.plausibility.rule import Rule
from hub.pricing.plausibility.rules import RULES
from hub.pricing.plausibility.rules_of_money import Difference
from hub.pricing.plausibility.values import Finding, Severity, Side
from hub.pricing.plausibility.verdict import Verdict, judged

__all__ = [
    "RULES",
    "Charge",
    "Difference",
    "Finding",
    "Known",
    "Missing",
    "Plausibility",
    "Rule",
    "Severity",
    "Side",
    "TariffVersion",
    "Verdict",
    "judged",
]
