"""Which numbers can be money, energy or time."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.pricing.exact import PLACES, is_plausible


@given(st.integers(-(10**45), 10**45), st.integers(-45, 45))
def test_a_number_is_plausible_with_at_most_twenty_places_on_either_side(digits: int, exponent: int) -> None:
    value = Decimal(f"{digits}E{exponent}")
    before_the_point = abs(digits) * 10**45 < 10 ** (PLACES + 45 - exponent)
    after_the_point = digits * 10 ** (PLACES + 45) % 10 ** (45 - exponent) == 0

    assert is_plausible(value) == (before_the_point and after_the_point)


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity", "1E+999999", "1E-999999"])
def test_what_is_no_number_or_beyond_all_measure_is_not_plausible(text: str) -> None:
    assert not is_plausible(Decimal(text))
