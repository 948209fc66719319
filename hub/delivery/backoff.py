"""When to try again: pure. The wait grows with each failure, and is never the same for two platforms."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a platform is left in peace after failures."""

    least: timedelta = timedelta(seconds=0.5)
    most: timedelta = timedelta(seconds=60)

    def delay(self, failures: int, chance: float) -> timedelta:
        """The wait after so many failures in a row.

        Args:
            failures: At least one.
            chance: A random number from 0 to 1: where, between the least and twice as much a failure.
        """
        doublings = min(failures, 32)  # more would reach any bound, and leave what a timedelta can hold
        upper = min(self.most, self.least * (1 << doublings))
        return self.least + (upper - self.least) * chance
