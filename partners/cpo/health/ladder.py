"""The ladder of repairs: which step comes next, and when. Pure.

    TriggerMessage -> ChangeAvailability off and on -> UnlockConnector -> soft reset -> hard reset -> a person

A rule takes the steps that can help it, in this order. A step that is refused, unknown to the charger or not
answered is over at once; one that was accepted is given its patience to show an effect. Nothing is tried
while a driver charges or is about to, while there is no link, while an operator has paused repairs, or while
another step at the same charger has its patience; when that has gone on for too long, a person is called.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from partners.cpo.health.rules import Rule
from partners.cpo.health.thresholds import Thresholds


class Step(StrEnum):
    """One rung."""

    TRIGGER = "TriggerMessage"
    AVAILABILITY = "ChangeAvailability"
    UNLOCK = "UnlockConnector"
    SOFT_RESET = "soft reset"
    HARD_RESET = "hard reset"
    HUMAN = "human"


RESETS: Final = frozenset({Step.SOFT_RESET, Step.HARD_RESET})

#: Which steps can help; where there is none a person is called after `human_after`.
LADDERS: Final[Mapping[Rule, tuple[Step, ...]]] = {
    Rule.OFFLINE: (),
    Rule.SILENT: (Step.TRIGGER, Step.SOFT_RESET, Step.HARD_RESET, Step.HUMAN),
    Rule.FAULTED: (Step.TRIGGER, Step.AVAILABILITY, Step.SOFT_RESET, Step.HARD_RESET, Step.HUMAN),
    # A warning: it works all the same, and to disturb it might end that.
    Rule.ALARM: (),
    Rule.STUCK: (
        Step.TRIGGER,
        Step.AVAILABILITY,
        Step.UNLOCK,
        Step.SOFT_RESET,
        Step.HARD_RESET,
        Step.HUMAN,
    ),
    Rule.NO_ENERGY: (Step.AVAILABILITY, Step.SOFT_RESET, Step.HARD_RESET, Step.HUMAN),
    Rule.UNMETERED: (Step.TRIGGER, Step.AVAILABILITY, Step.SOFT_RESET, Step.HARD_RESET, Step.HUMAN),
    Rule.REFUSALS: (Step.TRIGGER, Step.SOFT_RESET, Step.HARD_RESET, Step.HUMAN),
    Rule.SIGNATURE: (Step.SOFT_RESET, Step.HUMAN),
}

#: What TriggerMessage asks for: the message that would prove it well.
TRIGGERED: Final[Mapping[Rule, str]] = {
    Rule.SILENT: "Heartbeat",
    Rule.FAULTED: "StatusNotification",
    Rule.STUCK: "StatusNotification",
    Rule.UNMETERED: "MeterValues",
    Rule.REFUSALS: "Heartbeat",
}


@dataclass(frozen=True, slots=True)
class Situation:
    """How things are at a charger."""

    is_connected: bool
    #: Somebody charges, is about to, or has reserved.
    has_driver: bool
    is_paused: bool
    #: A step is being done now.
    is_busy: bool
    #: In the last 24 hours.
    resets: int
    #: Until when the last step at this charger has its patience.
    patience_until: datetime | None = None


class Rung(NamedTuple):
    """How far an alert has climbed."""

    #: Of the ladder of its rule: the next one to be tried.
    next: int
    raised_at: datetime
    needs_human: bool


class Move(NamedTuple):
    """What to do now."""

    step: Step
    #: Not to be done: why it is left out.
    left_out: str | None = None


def next_move(
    rule: Rule, rung: Rung, situation: Situation, thresholds: Thresholds, now: datetime
) -> Move | None:
    """What to do now about an open alert; None: wait."""
    step = next(iter(LADDERS[rule][rung.next :]), None)
    is_at_the_top = step is Step.HUMAN and not _waits(situation, now)
    is_late = now - rung.raised_at >= thresholds.human_after
    if not rung.needs_human and (is_at_the_top or is_late):
        return Move(Step.HUMAN)
    if step is None or step is Step.HUMAN or not thresholds.repairs or not _may(situation, now):
        return None
    if step in RESETS and situation.resets >= thresholds.resets_a_day:
        return Move(step, f"resets in 24 hours: {situation.resets}")
    return Move(step)


def _may(situation: Situation, now: datetime) -> bool:
    """Whether a charger may be disturbed now."""
    is_free = situation.is_connected and not situation.has_driver and not situation.is_paused
    return is_free and not _waits(situation, now)


def _waits(situation: Situation, now: datetime) -> bool:
    until = situation.patience_until
    return situation.is_busy or (until is not None and now < until)


def patience(step: Step, thresholds: Thresholds) -> timedelta:
    """How long an accepted step may take to show an effect."""
    return {
        Step.TRIGGER: thresholds.trigger_patience,
        Step.AVAILABILITY: thresholds.availability_patience,
        Step.UNLOCK: thresholds.unlock_patience,
        Step.SOFT_RESET: thresholds.soft_reset_patience,
        Step.HARD_RESET: thresholds.hard_reset_patience,
    }.get(step, timedelta())
