"""The verdict on one CDR: every rule asked, and the price recomputed."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import localcontext
from itertools import islice
from typing import Any, Final

from pydantic import ValidationError

from hub.pricing.plausibility.case import Case, reckoned
from hub.pricing.plausibility.known import Known
from hub.pricing.plausibility.measures import Plausibility
from hub.pricing.plausibility.rule import Rule
from hub.pricing.plausibility.rules import RULES, SCHEMA
from hub.pricing.plausibility.rules_of_money import Difference, differences
from hub.pricing.plausibility.values import Doubt, Finding, Severity
from hub.pricing.rounding import rounded
from hub.pricing.statement import PriceStatement
from schemas.findings import findings
from schemas.tolerance import TOLERANT
from schemas.v2_2_1 import CDR

#: Digits that are enough for every comparison.
_DIGITS: Final = 60
#: Findings of one rule that are told; a CDR can be wrong in a million places.
MOST_OF_A_RULE: Final = 20
_DEFAULTS: Final = Plausibility()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of a CDR."""

    #: In the order of the table.
    findings: tuple[Finding, ...] = ()
    #: The price recomputed, rounded as in a CDR; None where there is none.
    statement: PriceStatement | None = None
    #: Each amount of the CDR beside ours, equal or not.
    differences: tuple[Difference, ...] = ()

    @property
    def severity(self) -> Severity | None:
        """That of the gravest finding; None: there is none."""
        return max((each.severity for each in self.findings), key=lambda each: each.weight, default=None)


def judged(value: Any, known: Known, measures: Plausibility = _DEFAULTS) -> Verdict:
    """The verdict on a CDR.

    Args:
        value: The CDR, decoded by `exact_json`; whatever it is, there is a verdict on it.
        known: What else is known.
        measures: How far it may be off, and how grave it is if it is.
    """
    cdr, wrong = _read(value, measures)
    if cdr is None:
        return Verdict(wrong)
    with localcontext(prec=_DIGITS):
        try:
            statement = reckoned(cdr, known, measures)
        except ArithmeticError:
            return Verdict((*wrong, _beyond_reckoning(SCHEMA, measures)))
        case = Case(value, cdr, known, measures, statement)
        asked = (rule for rule in RULES if rule.is_asked(measures))
        found = (*wrong, *(each for rule in asked for each in _asked(rule, case)))
        if not isinstance(statement, PriceStatement):
            return Verdict(found)
        return Verdict(found, rounded(statement), tuple(differences(cdr, statement)))


def _read(value: Any, measures: Plausibility) -> tuple[CDR | None, tuple[Finding, ...]]:
    """The CDR, and what is wrong with it as such: notes if it can be read all the same, else it is None."""
    try:
        return CDR.model_validate(value), ()
    except ValidationError as error:
        strict = error
    try:
        cdr = CDR.model_validate(value, context=TOLERANT)
    except ValidationError as error:
        return None, tuple(_schema(error, SCHEMA.severity_by(measures)))
    return cdr, tuple(_schema(strict, SCHEMA.severity_by(measures, Severity.NOTE)))


def _schema(error: ValidationError, severity: Severity) -> Iterator[Finding]:
    for each in findings(error)[:MOST_OF_A_RULE]:
        yield Finding(SCHEMA.id, severity, each.pointer, each.message)


def _asked(rule: Rule, case: Case) -> Iterator[Finding]:
    """What a rule finds; numbers that no arithmetic can hold are found as well."""
    try:
        doubts = list(islice(rule.check(case), MOST_OF_A_RULE))
    except ArithmeticError:
        yield _beyond_reckoning(rule, case.measures)
        return
    for each in doubts:
        yield _finding(rule, each, case.measures)


def _finding(rule: Rule, doubt: Doubt, measures: Plausibility) -> Finding:
    severity = rule.severity_by(measures, doubt.severity)
    return Finding(rule.id, severity, doubt.pointer, doubt.message, doubt.values)


def _beyond_reckoning(rule: Rule, measures: Plausibility) -> Finding:
    return Finding(rule.id, rule.severity_by(measures), "", "a number or moment is out of all proportion")
