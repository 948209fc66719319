"""Inside the engine numbers are whole, or fractions: a third of an hour is no decimal. Outside, decimals."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from fractions import Fraction
from functools import cache, reduce
from typing import Final, TypeAlias

from hub.pricing.errors import CannotBePriced

#: What is exact: time and energy are whole numbers of their least unit, until a period is divided inside one.
Exact: TypeAlias = int | Fraction

#: As many digits as IEEE 754 decimal128 has. A value that has a finite decimal form of at most so many digits
#: comes out exact; any other is cut here, far below every place to which money is rounded.
DIGITS: Final = 34

#: Places before and after the point that no money, energy or time needs; more would only cost memory.
PLACES: Final = 20

#: Of a number that is refused so many characters are shown.
_SHOWN: Final = 3 * PLACES

_CONTEXT: Final = Context(prec=DIGITS)

#: Enough for the sum of any number of plausible values.
_ROOMY: Final = Context(prec=3 * PLACES)

#: In which a number that has more places than are plausible is no number.
_STRICT: Final = Context(prec=2 * PLACES, traps=[InvalidOperation, Inexact])
#: The same, in which one that has more than 21 digits in all is no number either: asked first, most fit.
_NARROW: Final = Context(
    prec=PLACES + 1, Emin=0, Emax=PLACES - 1, traps=[InvalidOperation, Inexact, Overflow]
)
_LAST_PLACE: Final = Decimal(1).scaleb(-PLACES)

_MICROSECOND: Final = timedelta(microseconds=1)
MICROSECONDS_A_SECOND: Final = 1_000_000
MICROSECONDS_AN_HOUR: Final = 3600 * MICROSECONDS_A_SECOND
#: The least unit of energy is the last place of a kWh that a plausible number has.
UNITS_A_KWH: Final = 10**PLACES


def is_plausible(value: Decimal) -> bool:
    """Whether a number can be money, energy, time, power or current: at most 20 places on either side."""
    try:
        return _NARROW.plus(value).is_finite()
    except ArithmeticError:
        return _has_places(value)


def _has_places(value: Decimal) -> bool:
    if not (value.is_finite() and -PLACES <= value.adjusted() < PLACES):
        return False
    try:
        value.quantize(_LAST_PLACE, context=_STRICT)
    except ArithmeticError:
        return False
    return True


def out_of_proportion(value: Decimal) -> str:
    """What is said of a number that is not plausible, the first of its digits if it has many."""
    text = str(value)
    return f"{text if len(text) <= _SHOWN else f'{text[:_SHOWN]}…'} is out of all proportion"


def plausible(value: Decimal, pointer: str) -> Decimal:
    """The same number, if it is plausible.

    Raises:
        CannotBePriced: It is no number at all, or one with more than 20 places before or after the point.
    """
    if not is_plausible(value):
        raise CannotBePriced(pointer, out_of_proportion(value))
    return value


def total(values: Iterable[Decimal]) -> Decimal:
    """The sum of plausible values, exact."""
    return reduce(_ROOMY.add, values, Decimal(0))


def negated(value: Decimal) -> Decimal:
    """The number with the other sign and all its digits: `-value` would keep 28 of them. There is no -0."""
    return value.copy_negate() if value else value


def as_decimal(value: Exact, units: int = 1) -> Decimal:
    """The decimal form of a number: exact if it has one, else to `DIGITS` digits.

    Args:
        value: The number.
        units: Of how many least units the decimal has one.
    """
    if isinstance(value, int):
        return _CONTEXT.divide(Decimal(value), _whole(units))
    return _CONTEXT.divide(Decimal(value.numerator), Decimal(value.denominator * units))


@cache
def _whole(units: int) -> Decimal:
    """How many least units something has; there are few such numbers."""
    return Decimal(units)


def figures(value: Decimal | Exact) -> str:
    """The number as people write it: every digit it has, no exponent, no zeros at the end."""
    text = f"{value if isinstance(value, Decimal) else as_decimal(value):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def scaled(value: Decimal) -> int:
    """A plausible number, counted in the last place that it can have."""
    return int(_ROOMY.scaleb(value, PLACES))


def energy_units(kilowatt_hours: Decimal) -> int:
    """A plausible amount of energy in its least unit."""
    return scaled(kilowatt_hours)


def quotient(dividend: int, divisor: int) -> Exact:
    """One number divided by another: whole wherever it can be."""
    whole, rest = divmod(dividend, divisor)
    return Fraction(dividend, divisor) if rest else whole


def microseconds(duration: timedelta) -> int:
    """A duration in microseconds, beyond which no clock here goes."""
    return duration // _MICROSECOND
