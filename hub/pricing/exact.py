"""Inside the engine numbers are fractions, since a third of an hour is no decimal; outside, decimals."""

from datetime import timedelta
from decimal import Context, Decimal
from fractions import Fraction
from typing import Final

from hub.pricing.errors import CannotBePriced

#: As many digits as IEEE 754 decimal128 has. A value that has a finite decimal form of at most so many digits
#: comes out exact; any other is cut here, far below every place to which money is rounded.
DIGITS: Final = 34

#: Places before and after the point that no money, energy or time needs; more would only cost memory.
_PLACES: Final = 20

_CONTEXT: Final = Context(prec=DIGITS)
_MICROSECOND: Final = timedelta(microseconds=1)
_SECONDS_AN_HOUR: Final = 3600


def plausible(value: Decimal, pointer: str) -> Decimal:
    """The same number, if it can be money, energy, time, power or current.

    Raises:
        CannotBePriced: It is no number at all, or one with more than 20 places before or after the point.
    """
    if not value.is_finite() or value.adjusted() >= _PLACES or int(value.as_tuple().exponent) < -_PLACES:
        raise CannotBePriced(pointer, f"{value} is out of all proportion")
    return value


def as_decimal(value: Fraction) -> Decimal:
    """The decimal form of a fraction: exact if it has one, else to `DIGITS` digits."""
    return _CONTEXT.divide(Decimal(value.numerator), Decimal(value.denominator))


def hours(seconds: Fraction) -> Fraction:
    """Seconds as hours, the unit in which OCPI prices and counts time."""
    return seconds / _SECONDS_AN_HOUR


def seconds(duration: timedelta) -> Fraction:
    """A duration in seconds, exact to the microsecond."""
    return Fraction(duration // _MICROSECOND, 1_000_000)
