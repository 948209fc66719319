"""What is to be looked after is shared out evenly, and each thing goes to one process (decision 0047)."""

from hypothesis import given
from hypothesis import strategies as st

from hub.store.sharing_out import plan, share

names = st.sampled_from("abcdefgh")
things = st.sets(st.integers(0, 40), max_size=30)


@given(st.sets(names, min_size=1), st.integers(0, 1000))
def test_the_shares_add_up_and_differ_by_one_at_most(processes: set[str], count: int) -> None:
    shares = [share(each, processes, count) for each in processes]
    assert sum(shares) == count
    assert max(shares) - min(shares) <= 1


@given(st.sets(names, min_size=1), things, st.dictionaries(st.integers(0, 40), names))
def test_after_everybody_has_followed_the_plan_everything_is_looked_after_evenly(
    processes: set[str], wanted: set[int], held: dict[int, str]
) -> None:
    """Whoever held what before; those that are dead hold nothing any more."""
    holders = {each: holder for each, holder in held.items() if holder in processes}
    for me in sorted(processes):
        for each in plan(me, processes, wanted, holders).give_back:
            assert holders.pop(each) == me
    for me in sorted(processes):
        for each in plan(me, processes, wanted, holders).take:
            assert each not in holders
            holders[each] = me
    assert holders.keys() == wanted
    for me in processes:
        assert plan(me, processes, wanted, holders) == ((), ())
        assert list(holders.values()).count(me) == share(me, processes, len(wanted))


@given(st.sets(names, min_size=1), things)
def test_whoever_comes_takes_no_more_from_others_than_its_share(
    processes: set[str], wanted: set[int]
) -> None:
    """A process that comes moves as little as it can."""
    holders: dict[int, str] = {}
    for me in sorted(processes):
        holders |= dict.fromkeys(plan(me, processes, wanted, holders).take, me)
    newcomer = "z"
    moved = [each for me in processes for each in plan(me, {*processes, newcomer}, wanted, holders).give_back]
    assert len(moved) == share(newcomer, {*processes, newcomer}, len(wanted))
