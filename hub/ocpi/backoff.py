"""When to try again: pure. The wait grows with each failure, and is never the same for two peers."""

from dataclasses import dataclass
from datetime import timedelta

#: Doubled so often, any wait is beyond any bound.
_MOST_DOUBLINGS = 32


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a peer is left in peace after failures."""

    least: timedelta = timedelta(seconds=0.5)
    most: timedelta = timedelta(seconds=60)

    def delay(self, failures: int, chance: float) -> timedelta:
        """The wait after so many failures in a row.

        Args:
            failures: At least one.
            chance: A random number from 0 to 1: where, between the least and what the failures allow.
        """
        doubled: timedelta = self.least * 2 ** min(failures, _MOST_DOUBLINGS)
        return self.least + (min(self.most, doubled) - self.least) * chance
