"""What is sent of several changes (design D3)."""

from hypothesis import given
from hypothesis import strategies as st

from hub.delivery.changes import Change
from hub.delivery.collapse import collapsed
from tests.unit.delivery.in_few_words import logged


def newest_of(changes: list[Change], *later: Change) -> dict[str, tuple[int, bool]]:
    """What is owed, where the log ends with `later`."""
    ends = {change.key: change.seq for change in (*changes, *later)}
    owed = collapsed(changes, lambda change: ends[change.key])
    return {key.object_id: (each.change.seq, each.is_whole) for key, each in owed.items()}


def test_one_partial_change_goes_as_it_came() -> None:
    assert newest_of([logged(1, body=b"{}")]) == {"LOC1": (1, False)}


def test_a_whole_put_is_the_newest_state() -> None:
    assert newest_of([logged(1)]) == {"LOC1": (1, True)}


def test_several_changes_of_one_object_become_its_newest_state() -> None:
    changes = [logged(1, body=b"{}"), logged(2, name="LOC2", body=b"{}"), logged(3, body=b"{}")]
    assert newest_of(changes) == {"LOC1": (3, True), "LOC2": (2, False)}


def test_a_partial_change_is_not_sent_when_the_object_has_moved_on() -> None:
    """Sent now, it would come after the newest state, which may have been sent before a crash."""
    assert newest_of([logged(1, body=b"{}")], logged(2, body=b"{}")) == {"LOC1": (1, True)}


def test_a_partial_change_of_an_object_that_was_refused_goes_whole() -> None:
    change = logged(1, body=b"{}")
    [owed] = collapsed([change], lambda _: 1, doubtful={change.key}).values()
    assert owed.is_whole


def test_objects_come_in_the_order_in_which_they_first_changed() -> None:
    changes = [logged(1, name="B"), logged(2, name="A"), logged(3, name="B")]
    assert list(newest_of(changes)) == ["B", "A"]


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=20))
def test_each_object_is_sent_once_up_to_its_last_change(steps: list[tuple[int, bool]]) -> None:
    changes = [
        logged(seq, name=f"LOC{number}", body=b"{}" if is_partial else b"")
        for seq, (number, is_partial) in enumerate(steps, start=1)
    ]
    owed = newest_of(changes)
    for name, (seq, is_whole) in owed.items():
        of_object = [change for change in changes if change.key.object_id == name]
        assert seq == of_object[-1].seq
        assert is_whole is (len(of_object) > 1 or not of_object[0].is_partial)
    assert set(owed) == {change.key.object_id for change in changes}
