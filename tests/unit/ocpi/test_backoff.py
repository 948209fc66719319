"""When to try again (design D3)."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.ocpi.backoff import Backoff


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 1.0), (2, 2.0), (3, 4.0), (6, 32.0), (7, 60.0), (8, 60.0), (10_000, 60.0)]
)
def test_the_wait_doubles_up_to_a_bound(failures: int, seconds: float) -> None:
    assert Backoff().delay(failures, 1.0) == timedelta(seconds=seconds)


@pytest.mark.parametrize("failures", [1, 5, 10_000])
def test_the_shortest_wait_is_half_a_second(failures: int) -> None:
    assert Backoff().delay(failures, 0.0) == timedelta(seconds=0.5)


@given(st.integers(min_value=1), st.floats(min_value=0, max_value=1))
def test_the_wait_is_never_nothing_and_never_beyond_the_bound(failures: int, chance: float) -> None:
    backoff = Backoff()
    assert backoff.least <= backoff.delay(failures, chance) <= backoff.most
