"""How far two places are apart, without floats: good enough to tell one town from the next."""

from decimal import Decimal
from typing import Final

#: Latitude and longitude, in decimal degrees.
Place = tuple[Decimal, Decimal]

_PI: Final = Decimal("3.14159265358979323846")
#: km along a meridian.
_A_DEGREE: Final = Decimal("111.195")
_HALF_ROUND: Final = Decimal(180)
_TERMS: Final = 12


def kilometres(one: Place, other: Place) -> Decimal:
    """The distance between two places, as on a flat map around the latitude between them.

    Within some hundred kilometres it is right to a few per cent; beyond that it is at least never near.
    """
    north = abs(one[0] - other[0])
    east = abs(one[1] - other[1])
    if east > _HALF_ROUND:
        east = 2 * _HALF_ROUND - east
    east *= _cosine((one[0] + other[0]) / 2 * _PI / _HALF_ROUND)
    return (north * north + east * east).sqrt() * _A_DEGREE


def _cosine(angle: Decimal) -> Decimal:
    """The cosine of an angle in radians between -pi/2 and pi/2, by its series."""
    term = total = Decimal(1)
    for place in range(1, _TERMS):
        term = -term * angle * angle / ((2 * place - 1) * (2 * place))
        total += term
    return total
