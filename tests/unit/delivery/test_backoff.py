"""When a platform that failed is tried again (design D3)."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from hub.delivery.backoff import Backoff

BACKOFF = Backoff()


def test_the_first_wait_is_half_a_second_to_a_second() -> None:
    assert BACKOFF.delay(1, 0.0) == timedelta(seconds=0.5)
    assert BACKOFF.delay(1, 1.0) == timedelta(seconds=1)


def test_the_wait_grows_to_a_minute() -> None:
    waits = [BACKOFF.delay(failures, 1.0).total_seconds() for failures in range(1, 10)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


@given(failures=st.integers(1, 10**9), chance=st.floats(0, 1))
def test_the_wait_stays_within_its_bounds(failures: int, chance: float) -> None:
    assert BACKOFF.least <= BACKOFF.delay(failures, chance) <= BACKOFF.most
