"""A group of changes, applied one after another in memory: what to write, and what to tell each caller."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from hub.ocpi.description import ObjectKey
from hub.ocpi.errors import OcpiError, ServerError
from hub.store.acceptance import AcceptedChange, Outcome, State, state_after

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
        return self.outcome is not Outcome.IGNORED_OLDER

    @property
    def is_owed(self) -> bool:
        """Whether a row of the change log says so."""
        return self.is_written and self.is_logged


def applied(group: Iterable[Submitted], kept: Mapping[ObjectKey, State]) -> list[Applied | OcpiError]:
    """What becomes of each change, in order; a change that cannot be made fails alone."""
    states = dict(kept)
    results: list[Applied | OcpiError] = []
    for change, is_logged in group:
        try:
            state, outcome = state_after(states.get(change.key), change)
        except OcpiError as refusal:
            results.append(refusal)
        except Exception:  # one caller's surprise must not take the others' changes with it
            log.exception("a change of %s could not be applied", change.key)
            results.append(ServerError("the change could not be applied"))
        else:
            states[change.key] = state
            results.append(Applied(change, outcome, state, is_logged))
    return results
