"""Uptime of a connector, by two laws. Pure; all durations are exact.

**United Kingdom**: Public Charge Point Regulations 2023 (SI 2023/1168), regulation 7: the rapid charge points
of a network must be reliable for 99 % of a calendar year. AVAILABLE, CHARGING and RESERVED are working;
INOPERATIVE and OUTOFORDER are not; UNKNOWN and BLOCKED are not measured. With M for all minutes:

    (M - exempt - downtime) / (M - exempt) x 100

**United States** (NEVI): 23 CFR 680.116(b): each port must be up for more than 97 % of the last twelve
months. It is up when it is online and available or in use: a charger without a link is not.

    (525,600 - (T_outage - T_excluded)) / 525,600 x 100

525,600 are the minutes of a year. Of a month, or of a leap year, they are its own minutes here.

What is exempt or excluded besides (planned work, grid, vandalism) is what the operator says: `Exclusions`.
"""

from collections.abc import Iterable
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from partners.cpo.reports.spans import Span, clipped, common, minutes, total, union, without

UK_LEAST: Final = 99
NEVI_LEAST: Final = 97
_HUNDRED: Final = 100
_DIGITS: Final = Decimal("0.001")


class Uptime(NamedTuple):
    """Of one connector in one stretch of time, in minutes."""

    measured: Decimal
    #: Out of order or out of use.
    down: Decimal
    #: Without a link, or nothing told.
    unknown: Decimal
    #: By the operator's word.
    excluded: Decimal
    #: UK: not measured.
    uk_exempt: Decimal
    uk_downtime: Decimal
    nevi_outage: Decimal
    nevi_excluded: Decimal

    @property
    def uk(self) -> Fraction | None:
        """Per cent; None where nothing was measured."""
        return uk_percent(self.measured, self.uk_exempt, self.uk_downtime)

    @property
    def nevi(self) -> Fraction | None:
        """Per cent; None where there is no time."""
        return nevi_percent(self.measured, self.nevi_outage, self.nevi_excluded)


def uptime(window: Span, down: Iterable[Span], unknown: Iterable[Span], excluded: Iterable[Span]) -> Uptime:
    """The uptime in a window.

    Args:
        window: What counts.
        down: Out of order, or out of use.
        unknown: Without a link, or nothing told.
        excluded: What the operator takes out.
    """
    is_down, is_unknown = clipped(list(down), window), clipped(list(unknown), window)
    is_excluded = clipped(list(excluded), window)
    exempt = union([*is_unknown, *is_excluded])
    outage = union([*is_down, *is_unknown])
    return Uptime(
        measured=minutes(window.duration),
        down=minutes(total(is_down)),
        unknown=minutes(total(is_unknown)),
        excluded=minutes(total(is_excluded)),
        uk_exempt=minutes(total(exempt)),
        uk_downtime=minutes(total(without(is_down, exempt))),
        nevi_outage=minutes(total(outage)),
        nevi_excluded=minutes(total(common(outage, is_excluded))),
    )


def uk_percent(measured: Decimal, exempt: Decimal, downtime: Decimal) -> Fraction | None:
    """The formula of the United Kingdom; None where nothing was measured."""
    counted = Fraction(measured) - Fraction(exempt)
    return None if counted <= 0 else (counted - Fraction(downtime)) / counted * _HUNDRED


def nevi_percent(measured: Decimal, outage: Decimal, excluded: Decimal) -> Fraction | None:
    """The formula of NEVI; None where there is no time."""
    whole = Fraction(measured)
    return None if whole <= 0 else (whole - (Fraction(outage) - Fraction(excluded))) / whole * _HUNDRED


def shown(percent: Fraction | None) -> Decimal | None:
    """With three digits, never rounded up: 98.9999 must not look like 99."""
    if percent is None:
        return None
    exact = Decimal(percent.numerator) / Decimal(percent.denominator)
    return exact.quantize(_DIGITS, rounding=ROUND_FLOOR)


def mean(uptimes: Iterable[Uptime]) -> Uptime | None:
    """Of a network: all its connectors together; the formulas of a sum are those of the means."""
    each = list(uptimes)
    return Uptime(*(sum(values, Decimal(0)) for values in zip(*each, strict=True))) if each else None
