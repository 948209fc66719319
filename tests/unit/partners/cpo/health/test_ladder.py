"""Which repair comes next: up the ladder, never at a driver's expense, never without an end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.cpo.health.alerts import calm_after
from partners.cpo.health.ladder import LADDERS, RESETS, Move, Rung, Situation, Step, next_move, patience
from partners.cpo.health.rules import Rule
from partners.cpo.health.thresholds import Thresholds

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LIMITS = Thresholds()
FREE = Situation(is_connected=True, has_driver=False, is_paused=False, is_busy=False, resets=0)
MINUTE = timedelta(minutes=1)


def rung(number: int = 0, *, raised_at: datetime = NOW, needs_human: bool = False) -> Rung:
    return Rung(number, raised_at, needs_human)


def test_every_rule_has_a_ladder_in_the_order_of_the_steps() -> None:
    order = list(Step)
    assert set(LADDERS) == set(Rule)
    for steps in LADDERS.values():
        assert list(steps) == sorted(steps, key=order.index)
        assert not steps or steps[-1] is Step.HUMAN


def test_a_free_charger_is_repaired_rung_by_rung_up_to_a_person() -> None:
    moves = [next_move(Rule.STUCK, rung(number), FREE, LIMITS, NOW) for number in range(6)]
    assert [move and move.step for move in moves] == list(Step)
    assert next_move(Rule.STUCK, rung(5, needs_human=True), FREE, LIMITS, NOW) is None


@pytest.mark.parametrize(
    "change",
    [{"has_driver": True}, {"is_connected": False}, {"is_paused": True}, {"is_busy": True}],
    ids=lambda change: next(iter(change)),
)
def test_nothing_is_tried_while_something_stands_against_it_and_then_a_person_is_called(
    change: dict[str, bool],
) -> None:
    situation = replace(FREE, **change)
    assert next_move(Rule.FAULTED, rung(), situation, LIMITS, NOW) is None
    late = rung(raised_at=NOW - LIMITS.human_after)
    assert next_move(Rule.FAULTED, late, situation, LIMITS, NOW) == Move(Step.HUMAN)


def test_a_step_gets_its_patience_and_an_offline_charger_only_a_person_in_the_end() -> None:
    waiting = replace(FREE, patience_until=NOW + MINUTE)
    assert next_move(Rule.FAULTED, rung(1), waiting, LIMITS, NOW) is None
    assert next_move(Rule.FAULTED, rung(1), waiting, LIMITS, NOW + MINUTE) == Move(Step.AVAILABILITY)
    away = replace(FREE, is_connected=False)
    assert next_move(Rule.OFFLINE, rung(), away, LIMITS, NOW) is None
    assert next_move(Rule.OFFLINE, rung(), away, LIMITS, NOW + LIMITS.human_after) == Move(Step.HUMAN)


def test_a_charger_is_reset_only_so_often_a_day_and_the_ladder_goes_on() -> None:
    often = replace(FREE, resets=LIMITS.resets_a_day)
    move = next_move(Rule.FAULTED, rung(2), often, LIMITS, NOW)
    assert move == Move(Step.SOFT_RESET, "resets in 24 hours: 3")
    assert next_move(Rule.FAULTED, rung(1), often, LIMITS, NOW) == Move(Step.AVAILABILITY)


def test_without_repairs_a_person_is_called_after_a_while() -> None:
    none = replace(LIMITS, repairs=False)
    assert next_move(Rule.FAULTED, rung(), FREE, none, NOW) is None
    assert next_move(Rule.FAULTED, rung(), FREE, none, NOW + none.human_after) == Move(Step.HUMAN)


@given(
    rule=st.sampled_from(Rule),
    number=st.integers(0, 9),
    minutes=st.integers(0, 300),
    flags=st.tuples(*[st.booleans()] * 5),
    resets=st.integers(0, 9),
)
def test_whatever_comes_a_driver_is_never_disturbed_and_resets_are_bounded(
    rule: Rule, number: int, minutes: int, flags: tuple[bool, ...], resets: int
) -> None:
    situation = Situation(flags[0], flags[1], flags[2], flags[3], resets)
    move = next_move(rule, rung(number, needs_human=flags[4]), situation, LIMITS, NOW + minutes * MINUTE)
    if move is None or move.step is Step.HUMAN:
        assert move is None or not flags[4]
        return
    stands_against = (situation.has_driver, situation.is_paused, situation.is_busy)
    assert situation.is_connected
    assert not any(stands_against)
    assert move.step in LADDERS[rule]
    assert (move.left_out is None) == (move.step not in RESETS or resets < LIMITS.resets_a_day)


def test_every_step_but_a_person_has_its_patience() -> None:
    assert all(patience(step, LIMITS) for step in Step if step is not Step.HUMAN)


def test_who_flaps_must_be_well_for_longer_each_time_up_to_a_bound() -> None:
    calms = [calm_after(count, LIMITS) for count in (0, 1, 2, 3, 50)]
    assert calms == [MINUTE, 2 * MINUTE, 4 * MINUTE, 8 * MINUTE, timedelta(hours=4)]
