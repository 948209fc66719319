"""A group of changes, applied one after another in memory: what to write, and what to tell each caller."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from hub.ocpi.description import ObjectKey
from hub.ocpi.errors import OcpiError, ServerError
from hub.store.acceptance import FOREVER, AcceptedChange, Outcome, State, state_after

#: The number of a change that gets one when the group is written: later than all that have one.
_IN_THIS_GROUP = 2**62

log = logging.getLogger(__name__)


class Submitted(NamedTuple):
    """A change on its way into the store."""

    change: AcceptedChange
    #: Whether others are owed it.
    is_logged: bool


@dataclass(frozen=True, slots=True)
class Applied:
    """A change that went well."""

    change: AcceptedChange
    outcome: Outcome
    state: State
    is_logged: bool

    @property
    def is_written(self) -> bool:
        """Whether the object is another one now."""
        return self.outcome not in {Outcome.IGNORED_OLDER, Outcome.UNCHANGED}

    @property
    def is_owed(self) -> bool:
        """Whether a row of the change log says so."""
        return self.is_written and self.is_logged


def applied(
    group: Iterable[Submitted],
    kept: Mapping[ObjectKey, State],
    changed: Mapping[ObjectKey, int | None],
    credible: int = FOREVER,
) -> list[Applied | OcpiError]:
    """What becomes of each change, in order; a change that cannot be made fails alone.

    Args:
        group: The changes.
        kept: What the hub has of their objects.
        changed: The newest change of each of them in the log.
        credible: Up to when a `last_updated` is believed.
    """
    states, numbers = dict(kept), dict(changed)
    results: list[Applied | OcpiError] = []
    for change, is_logged in group:
        try:
            state, outcome = _after(states.get(change.key), numbers.get(change.key), change, credible)
        except OcpiError as refusal:
            results.append(refusal)
        except Exception:  # one caller's surprise must not take the others' changes with it
            log.exception("a change of %s could not be applied", change.key)
            results.append(ServerError("the change could not be applied"))
        else:
            states[change.key] = state
            if change.found_after is None:
                numbers[change.key] = _IN_THIS_GROUP
            results.append(Applied(change, outcome, state, is_logged))
    return results


def _after(
    stored: State | None, number: int | None, change: AcceptedChange, credible: int
) -> tuple[State, Outcome]:
    """The state after the change; what was sent while a list was read is newer than what the list says."""
    if stored is not None and change.found_after is not None and (number or 0) > change.found_after:
        return stored, Outcome.IGNORED_OLDER
    return state_after(stored, change, credible)
