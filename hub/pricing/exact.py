"""Inside the engine numbers are fractions, since a third of an hour is no decimal; outside, decimals."""

from datetime import timedelta
from decimal import Context, Decimal
from fractions import Fraction

#: As many digits as IEEE 754 decimal128 has. A value that has a finite decimal form of at most so many digits
#: comes out exact; any other is cut here, far below every place to which money is rounded.
DIGITS = 34

_CONTEXT = Context(prec=DIGITS)
_MICROSECOND = timedelta(microseconds=1)
_SECONDS_AN_HOUR = 3600


def as_decimal(value: Fraction) -> Decimal:
    """The decimal form of a fraction: exact if it has one, else to `DIGITS` digits."""
    return _CONTEXT.divide(Decimal(value.numerator), Decimal(value.denominator))


def hours(seconds: Fraction) -> Fraction:
    """Seconds as hours, the unit in which OCPI prices and counts time."""
    return seconds / _SECONDS_AN_HOUR


def seconds(duration: timedelta) -> Fraction:
    """A duration in seconds, exact to the microsecond."""
    return Fraction(duration // _MICROSECOND, 1_000_000)
