"""Exact amounts of money, as whole numbers of a unit so small that every price and VAT comes out even.

A price has at most 20 places, and so has a VAT; an hour has 36 * 10^8 microseconds, a kWh 10^20 least units.
Whatever is multiplied of these is a whole number of the unit here, so that amounts are added and multiplied
as integers. Only where a period was divided inside a least unit an amount is a fraction of it.
"""

from decimal import Decimal
from typing import Final, NamedTuple

from hub.pricing.exact import MICROSECONDS_AN_HOUR, PLACES, UNITS_A_KWH, Exact, as_decimal, scaled
from schemas.v2_2_1.tariffs import TariffDimensionType

_SCALE: Final[int] = 10**PLACES
#: Least units in one of any currency.
_UNITS: Final[int] = 900 * _SCALE**3
_WHOLE_VAT: Final = 100 * _SCALE

#: How many of its least units a dimension is priced by; a fee is due as a whole.
LEAST_UNITS: Final = {
    TariffDimensionType.ENERGY: UNITS_A_KWH,
    TariffDimensionType.TIME: MICROSECONDS_AN_HOUR,
    TariffDimensionType.PARKING_TIME: MICROSECONDS_AN_HOUR,
    TariffDimensionType.FLAT: 1,
}


class Money(NamedTuple):
    """An exact amount in least units; where no VAT applies both are the same."""

    excl_vat: Exact = 0
    incl_vat: Exact = 0

    def plus(self, other: "Money") -> "Money":
        """The sum of both."""
        return Money(self.excl_vat + other.excl_vat, self.incl_vat + other.incl_vat)

    def minus(self, other: "Money") -> "Money":
        """The difference of both."""
        return Money(self.excl_vat - other.excl_vat, self.incl_vat - other.incl_vat)

    def times(self, quantity: Exact) -> "Money":
        """So many times as much."""
        return Money(self.excl_vat * quantity, self.incl_vat * quantity)


def least_units(amount: Decimal) -> int:
    """A plausible amount of money in least units."""
    return scaled(amount) * (_UNITS // _SCALE)


def in_currency(amount: Exact) -> Decimal:
    """Least units as an amount of the currency."""
    return as_decimal(amount, _UNITS)


def rate(dimension: TariffDimensionType, price: Decimal, vat: Decimal | None) -> Money:
    """What the least unit of a dimension costs, so that any quantity of it is a multiple.

    Args:
        dimension: What is priced.
        price: Of a kWh, of an hour or once, without VAT; plausible.
        vat: Per cent; None: not applicable (TAR-11); plausible.
    """
    net = scaled(price) * (_UNITS // _SCALE // LEAST_UNITS[dimension])
    if vat is None:
        return Money(net, net)
    return Money(net, net * (_WHOLE_VAT + scaled(vat)) // _WHOLE_VAT)
