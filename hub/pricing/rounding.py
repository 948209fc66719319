"""Rounding: once, at the end, when a statement is to be shown or sent; the engine itself never rounds."""

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Final

from hub.pricing.currency import decimals_of
from hub.pricing.exact import DIGITS
from hub.pricing.statement import Amount, Line, PriceStatement
from schemas.v2_2_1.types import Price

#: As many decimals as numbers have in OCPI (2.2.1, Types, number).
DECIMALS: Final = 4


def rounded(statement: PriceStatement, decimals: int = DECIMALS) -> PriceStatement:
    """The statement with every amount and quantity rounded, each from its exact value, halves away from zero.

    So the totals are right to the last place, while rounded lines may add up to something slightly else.
    """
    return replace(
        statement,
        total_cost=_amount(statement.total_cost, decimals),
        total_fixed_cost=_perhaps(statement.total_fixed_cost, decimals),
        total_energy_cost=_perhaps(statement.total_energy_cost, decimals),
        total_time_cost=_perhaps(statement.total_time_cost, decimals),
        total_parking_cost=_perhaps(statement.total_parking_cost, decimals),
        total_reservation_cost=_perhaps(statement.total_reservation_cost, decimals),
        total_energy=half_up(statement.total_energy, decimals),
        total_time=half_up(statement.total_time, decimals),
        total_parking_time=half_up(statement.total_parking_time, decimals),
        lines=tuple(_line(line, decimals) for line in statement.lines),
    )


def ocpi_price(amount: Amount) -> Price:
    """The amount as it goes into a Session or CDR; `incl_vat` is absent where no component has VAT."""
    fields = {"excl_vat": half_up(amount.excl_vat)}
    if amount.incl_vat is not None:
        fields["incl_vat"] = half_up(amount.incl_vat)
    return Price(**fields)


def payable(amount: Amount, currency: str) -> Decimal:
    """What is to be paid: with VAT if there is any, to the last place that the currency has."""
    owed = amount.excl_vat if amount.incl_vat is None else amount.incl_vat
    decimals = decimals_of(currency)
    with localcontext(prec=2 * DIGITS):
        return half_up(owed, decimals).quantize(Decimal(1).scaleb(-decimals))


def half_up(value: Decimal, decimals: int = DECIMALS) -> Decimal:
    """The value with at most so many decimals, halves away from zero, without zeros at the end."""
    with localcontext(prec=2 * DIGITS):
        nearest = value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
        return nearest.quantize(Decimal(1)) if nearest == nearest.to_integral_value() else nearest.normalize()


def _amount(amount: Amount, decimals: int) -> Amount:
    incl_vat = None if amount.incl_vat is None else half_up(amount.incl_vat, decimals)
    return Amount(half_up(amount.excl_vat, decimals), incl_vat)


def _perhaps(amount: Amount | None, decimals: int) -> Amount | None:
    return None if amount is None else _amount(amount, decimals)


def _line(line: Line, decimals: int) -> Line:
    return line._replace(
        amount=_amount(line.amount, decimals),
        quantity=half_up(line.quantity, decimals),
        billed_quantity=half_up(line.billed_quantity, decimals),
    )
