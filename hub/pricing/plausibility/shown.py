"""A verdict as data, for the store, for programs, and for each of the two parties."""

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from hub.pricing.plausibility.rules import BY_ID
from hub.pricing.plausibility.rules_of_money import LINES, TOTAL
from hub.pricing.plausibility.values import Finding, Side
from hub.pricing.plausibility.verdict import Verdict
from hub.pricing.statement import Amount, PriceStatement
from schemas.moment import moment_text

_QUANTITIES: Final = ("total_energy", "total_time", "total_parking_time")
_BOTH: Final = frozenset(Side)

#: Beyond, a number is shown as it was written.
_MOST_ZEROS: Final = 100


def as_data(verdict: Verdict) -> dict[str, Any]:
    """The verdict as JSON values: exact numbers and moments are texts."""
    return {
        "severity": verdict.severity,
        "findings": [_finding(each) for each in verdict.findings],
        "recomputed": None if verdict.statement is None else _statement(verdict.statement),
        "differences": [
            {
                "pointer": each.pointer,
                "asked": text_of(each.asked),
                "recomputed": text_of(each.priced),
                "difference": text_of(each.amount),
            }
            for each in verdict.differences
        ],
    }


def for_sides(data: Mapping[str, Any], sides: Collection[Side] = _BOTH) -> dict[str, Any]:
    """The same for these parties of the CDR: what tells of somebody else's charging is left out."""
    return {**data, "findings": [_for_sides(each, sides) for each in data["findings"]]}


def text_of(number: Decimal) -> str:
    """A number without exponent, unless nobody would read its zeros: a partner can write 1E-999999999."""
    return f"{number:f}" if -_MOST_ZEROS < number.adjusted() < _MOST_ZEROS else str(number)


def _for_sides(finding: Mapping[str, Any], sides: Collection[Side]) -> Mapping[str, Any]:
    rule = BY_ID.get(finding["rule"])
    if rule is None or rule.only_for is None or rule.only_for in sides:
        return finding
    return {**finding, "message": f"what was compared is for the {rule.only_for} alone", "values": {}}


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": str(finding.severity),
        "pointer": finding.pointer,
        "message": finding.message,
        "values": {name: _value(each) for name, each in finding.values.items()},
    }


def _value(value: Any) -> Any:
    match value:
        case Decimal():
            return text_of(value)
        case datetime():
            return moment_text(value)
        case list() | tuple():
            return [_value(each) for each in value]
        case bool() | int() | None:
            return value
    return str(value)


def _statement(statement: PriceStatement) -> dict[str, Any]:
    amounts = ((name, getattr(statement, name)) for name in (TOTAL, *LINES))
    return {
        "currency": statement.currency,
        **{name: _amount(amount) for name, amount in amounts if amount is not None},
        **{name: text_of(getattr(statement, name)) for name in _QUANTITIES},
        "notes": list(statement.notes),
    }


def _amount(amount: Amount) -> dict[str, Any]:
    return {
        "excl_vat": text_of(amount.excl_vat),
        "incl_vat": None if amount.incl_vat is None else text_of(amount.incl_vat),
    }
