"""The engine against a slow and obvious reference, on sessions by chance.

`python -m tests.measuring.second_opinion --sessions 10000` asks it more often.
"""

import pytest

from tests.unit.pricing.second_opinion import disagreement, wide_disagreement

TOGETHER = 50


@pytest.mark.parametrize("block", range(6))
def test_a_price_is_what_counting_second_by_second_makes_it(block: int) -> None:
    for seed in range(block * TOGETHER, (block + 1) * TOGETHER):
        assert disagreement(seed) is None


@pytest.mark.parametrize("block", range(3))
def test_so_is_that_of_odd_seconds_three_tariffs_and_steps_of_any_size(block: int) -> None:
    for seed in range(block * TOGETHER, (block + 1) * TOGETHER):
        assert wide_disagreement(seed) is None
