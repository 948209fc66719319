"""Whether the engine and the slow reference agree."""

from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from hub.pricing import price
from tests.unit.pricing.by_chance import Case, case, wide_case
from tests.unit.pricing.reference import slow_price

TOLERANCE = Fraction(1, 10**28)
KINDS = ("fixed", "energy", "time", "parking", "reservation")


def disagreement(seed: int) -> str | None:
    """In what the two differ about the session of a seed; None: they agree."""
    return _difference(case(seed), seed)


def wide_disagreement(seed: int) -> str | None:
    """The same of a session of odd seconds, with more tariffs and wider steps."""
    return _difference(wide_case(seed), seed)


def _difference(one: Case, seed: int) -> str | None:
    periods, tariffs, zone = one
    expected = slow_price(periods, tariffs, ZoneInfo(zone))
    statement = price(periods, tariffs, time_zone=zone)
    found = {"total": statement.total_cost} | {
        kind: amount for kind in KINDS if (amount := getattr(statement, f"total_{kind}_cost")) is not None
    }
    if found.keys() != expected.keys():
        return f"seed {seed}: costs of {sorted(found)}, but {sorted(expected)} by the second"
    for kind, amount in found.items():
        excl_vat, incl_vat = expected[kind]
        if not _agree(amount.excl_vat, excl_vat):
            return f"seed {seed}: {kind} {amount.excl_vat}, but {excl_vat} by the second, without VAT"
        if amount.incl_vat is not None and not _agree(amount.incl_vat, incl_vat):
            return f"seed {seed}: {kind} {amount.incl_vat}, but {incl_vat} by the second, with VAT"
    return None


def _agree(decimal: Decimal, fraction: Fraction) -> bool:
    """Whether a decimal is the fraction, to the 28th place."""
    return abs(Fraction(decimal) - fraction) <= TOLERANCE
