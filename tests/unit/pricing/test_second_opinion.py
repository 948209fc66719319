"""The engine against a slow and obvious reference, on sessions by chance."""

from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.pricing import ChargedPeriod, price
from schemas.v2_2_1.tariffs import Tariff
from tests.unit.pricing.random_sessions import ZONES, sessions, tariffs
from tests.unit.pricing.reference import slow_price

TOLERANCE = Fraction(1, 10**28)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(periods=sessions(), tariff=tariffs(), zone=st.sampled_from(ZONES))
def test_a_price_is_what_counting_second_by_second_makes_it(
    periods: tuple[ChargedPeriod, ...], tariff: Tariff, zone: str
) -> None:
    excl_vat, incl_vat = slow_price(periods, tariff, ZoneInfo(zone))

    total = price(periods, [tariff], time_zone=zone).total_cost

    assert agree(total.excl_vat, excl_vat)
    assert total.incl_vat is None or agree(total.incl_vat, incl_vat)


def agree(decimal: Decimal, fraction: Fraction) -> bool:
    """Whether a decimal is the fraction, to the 28th place."""
    return abs(Fraction(decimal) - fraction) <= TOLERANCE
