"""What a connector is counted with: the highest of all that its charger may have, and never more."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from partners.cpo.configuration import Plug
from partners.cpo.energy.ledger import Account, Outlet, Promise, Times
from partners.cpo.energy.wires import ALL

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SIX = Decimal(6)
Ordered = tuple[int, int, bool | None]


def account() -> Account:
    made = Account(Outlet(Plug("CP1", 1), ALL, Decimal(32), SIX), Times(), is_prepared=True)
    made.begin(1, NOW)
    return made


def later(seconds: int) -> datetime:
    return NOW + timedelta(seconds=seconds)


orders = st.lists(st.tuples(st.integers(0, 32), st.integers(1, 400), st.sampled_from([None, False, True])))


@given(orders, st.integers(0, 4000))
def test_it_is_counted_with_the_most_that_any_profile_allows_that_it_may_have(
    told: list[Ordered], afterwards: int
) -> None:
    """However many were not answered; a refused one counts no longer, a taken one alone."""
    made, seconds = account(), 0
    expected = list(made.possible)
    for amperes, pause, has_it in told:
        seconds += pause
        promise = Promise(Decimal(amperes), later(seconds) + made.times.lease, SIX)
        made.ordered(promise, later(seconds))
        made.answered(promise, later(seconds), has_it=has_it)
        if has_it:
            expected = [promise]
        elif has_it is None:
            expected.append(promise)
    at = later(seconds + afterwards)
    assert made.promised(at, at) == max(each.at(at) for each in expected)


def test_a_profile_whose_time_is_over_does_not_count_again_because_others_are_not_answered() -> None:
    made = account()
    taken = Promise(Decimal(13), later(600), SIX)
    made.ordered(taken, NOW)
    made.answered(taken, NOW, has_it=True)
    for seconds in range(700, 800, 10):
        made.ordered(Promise(Decimal(7), later(seconds + 600), SIX), later(seconds))
    assert made.promised(later(800), later(800)) == 7
    assert len(made.possible) < 6
