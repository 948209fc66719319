"""How well a charger's firmware behaves towards what is wanted of it: slow, unwilling, silent."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple


class Manner(StrEnum):
    """What it does with a CALL."""

    #: As it should be.
    OBEY = "obey"
    #: Says no, in the word that the action has for it; nothing happens.
    REJECT = "reject"
    #: Says nothing at all.
    SILENT = "silent"
    #: CALLERROR InternalError.
    ERROR = "error"


class Behaviour(NamedTuple):
    """Towards one action."""

    manner: Manner = Manner.OBEY
    #: Simulated time before the answer.
    delay: timedelta = timedelta()


_GOOD = Behaviour()


@dataclass(slots=True)
class Firmware:
    """The behaviour towards each action; towards all others it is the same."""

    others: Behaviour = _GOOD
    _towards: dict[str, Behaviour] = field(default_factory=dict)

    def towards(self, action: str) -> Behaviour:
        """How it behaves when this is wanted of it."""
        return self._towards.get(action, self.others)

    def behave(self, behaviour: Behaviour, action: str | None = None) -> None:
        """Behave like this from now on: towards one action, or towards all."""
        if action is None:
            self.others = behaviour
            self._towards.clear()
        else:
            self._towards[action] = behaviour
