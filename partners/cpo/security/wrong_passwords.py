"""Wrong passwords slow down whoever sends them: an address, as far as it tries the name of one charger.

Nobody is locked out: the true charger, from another address, is not slowed down by who tries its name, and
one whose password is known already never is. Memory is bounded: who failed longest ago is forgotten first.
"""

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

from hub.ocpi.timestamps import Clock

#: So many may be wrong before it gets slower.
_FREE: Final = 3
_FIRST_PAUSE: Final = timedelta(milliseconds=250)
_LONGEST_PAUSE: Final = timedelta(seconds=30)
_FORGOTTEN_AFTER: Final = timedelta(hours=1)
#: Pairs of an address and a charger that are remembered.
_MOST: Final = 10_000
_DOUBLINGS: Final = 16

Attempt = tuple[str, str]


class WrongPasswords:
    """How often each address was wrong about each charger."""

    def __init__(self, clock: Clock, first_pause: timedelta = _FIRST_PAUSE) -> None:
        self._clock = clock
        self._first_pause = first_pause
        self._wrong: OrderedDict[Attempt, tuple[int, datetime]] = OrderedDict()

    def count(self, attempt: Attempt) -> int:
        """How often it was wrong of late."""
        count, at = self._wrong.get(attempt, (0, self._clock()))
        return count if self._clock() - at < _FORGOTTEN_AFTER else 0

    def pause(self, attempt: Attempt) -> timedelta:
        """How long the next attempt has to wait before it is looked at."""
        excess = self.count(attempt) - _FREE
        if excess < 0:
            return timedelta()
        return min(self._first_pause * (1 << min(excess, _DOUBLINGS)), _LONGEST_PAUSE)

    def failed(self, attempt: Attempt) -> int:
        """It was wrong; how often by now."""
        count = self.count(attempt) + 1
        self._wrong[attempt] = (count, self._clock())
        self._wrong.move_to_end(attempt)
        if len(self._wrong) > _MOST:
            self._wrong.popitem(last=False)
        return count

    def succeeded(self, attempt: Attempt) -> None:
        """It was right: all is forgotten."""
        self._wrong.pop(attempt, None)
