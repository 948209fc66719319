"""min_price and max_price: what they add to a cost or take off, without and with VAT separately (TAR-09)."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import NamedTuple

from hub.pricing.exact import Exact
from hub.pricing.money import Money, least_units
from hub.pricing.tariff import PriceList
from hub.pricing.usage import Kind
from schemas.v2_2_1.types import Price


class Adjustment(NamedTuple):
    """What lifts the cost of a tariff to its minimum, or lowers it to its maximum."""

    kind: Kind
    money: Money


def adjustments(price_list: PriceList, cost: Money, *, in_session: bool) -> Iterator[Adjustment]:
    """What the bounds of a tariff make of the cost under it; nothing, if it keeps them.

    Args:
        price_list: The tariff.
        cost: The sum of what its components ask for.
        in_session: Whether a session took place: the minimum is one of a session, not of a reservation.
    """
    if price_list.min_price is not None and in_session:
        lifted = _bounded(cost, price_list.min_price, max, price_list)
        if lifted != cost:
            yield Adjustment(Kind.MIN_PRICE, lifted.minus(cost))
        cost = lifted
    if price_list.max_price is not None:
        lowered = _bounded(cost, price_list.max_price, min, price_list)
        if lowered != cost:
            yield Adjustment(Kind.MAX_PRICE, lowered.minus(cost))


def _bounded(
    cost: Money, bound: Price, extreme: Callable[[Exact, Exact], Exact], price_list: PriceList
) -> Money:
    excl_vat = extreme(cost.excl_vat, least_units(bound.excl_vat))
    if bound.incl_vat is not None:
        return Money(excl_vat, extreme(cost.incl_vat, least_units(bound.incl_vat)))
    return Money(excl_vat, excl_vat * _with_vat(cost, price_list))


def _with_vat(cost: Money, price_list: PriceList) -> Fraction:
    """By what a bound without its own `incl_vat` is multiplied: the VAT of the session as a whole.

    What cost nothing has none; then it is that of the tariff, if its components agree.
    """
    if cost.excl_vat:
        return Fraction(cost.incl_vat) / Fraction(cost.excl_vat)
    return 1 + Fraction(price_list.only_vat or 0) / 100
