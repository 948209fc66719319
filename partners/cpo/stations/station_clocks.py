"""The clocks of charge points, and what their word is worth. Pure.

| a charge point's time                               | is taken as                             |
|-----------------------------------------------------|-----------------------------------------|
| as ours, within the trust                           | what it says                            |
| off by the same in most of its last live messages   | corrected by that, live and queued      |
| off by more and more: a simulated one that runs     | what it says: its time is its own       |
| of before the clock was ever set (1970)             | since its first such message came       |
| of a status: to come, or past though nothing waited | when it came                            |

A message is live if nothing can have been queued: the link has been there for a while, or the charge point
has just booted and says how its connectors are. What is off by the same must be so for a while, or since the
first word after a boot: messages that come all at once agree on any clock. A correction holds until another
one is clearly right, so that what is told again is told of the same instant; a boot is a reason to look anew.

Sources: OCPP 1.6, 4.2 and 4.9; 2.0.1, E04.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median_low
from typing import Final

#: How many live messages are looked at.
_LOOKED_AT: Final = 5
_ENOUGH: Final = 2
#: A clock that is off is off by the same; one that runs (a simulated one) is not put right.
_ALIKE: Final = timedelta(seconds=30)
#: For so long. What runs four times as fast or more does not agree for as long.
_A_WHILE: Final = timedelta(seconds=15)
#: No charge point spoke OCPP before.
_NEVER_SET: Final = datetime(2000, 1, 1, tzinfo=UTC)
#: What has no time of its own is told with ours.
_OURS: Final = timedelta(milliseconds=50)
_NONE: Final = timedelta()


@dataclass(slots=True)
class StationClock:
    """The clock of one charge point.

    Attributes:
        trust: So far it may be off.
        offset: By what its times are corrected.
    """

    trust: timedelta
    offset: timedelta = _NONE
    _since: datetime | None = None
    #: Over this link.
    _has_booted: bool = False
    #: By how much its first message after that was off.
    _first: timedelta | None = None
    #: What is added to times of before it was set.
    _unset: timedelta | None = None
    #: When its last live messages came, and by how much they were off.
    _seen: deque[tuple[datetime, timedelta]] = field(default_factory=lambda: deque(maxlen=_LOOKED_AT))

    def connected(self, now: datetime) -> None:
        """A link is up."""
        self._since, self._has_booted, self._first = now, False, None

    def booted(self) -> None:
        """It has started anew, and with it perhaps its clock."""
        self._has_booted, self._first, self._unset = True, None, None
        self._seen.clear()

    def heard(self, told: datetime, now: datetime, *, is_status: bool = False) -> bool:
        """Learn from a message with a time; whether the correction is another one now."""
        is_live = self._is_settled(now) or (is_status and self._has_booted)
        off = now - told
        if not is_live or told < _NEVER_SET:
            return False
        if self._first is None and self._has_booted:
            self._first = off
        if _NONE <= off < _OURS:
            return False
        self._seen.append((now, off))
        middle = median_low(each for _, each in self._seen)
        agreeing = [at for at, each in self._seen if abs(each - middle) <= _ALIKE]
        if len(agreeing) < _ENOUGH or len(agreeing) * 2 <= len(self._seen):
            return False
        wanted = middle if abs(middle) > self.trust else _NONE
        is_so_since_boot = self._first is not None and abs(self._first - middle) <= _ALIKE
        if wanted and agreeing[-1] - agreeing[0] < _A_WHILE and not is_so_since_boot:
            return False
        if abs(wanted - self.offset) <= self.trust:
            return False
        self.offset = wanted
        return True

    def is_right(self, told: datetime) -> bool:
        """Whether it was then, as `true` would say."""
        return not self.offset and told >= _NEVER_SET

    def true(self, told: datetime, now: datetime) -> datetime:
        """When it really was."""
        if told >= _NEVER_SET:
            return told + self.offset if self.offset else told
        if self._unset is None:
            self._unset = now - told
        return min(told + self._unset, now)

    def of_status(self, told: datetime, now: datetime) -> datetime:
        """When a status really was; where the clock cannot be trusted, the order of arrival counts."""
        at = self.true(told, now)
        if abs(now - at) <= self.trust:
            return at
        if at > now:
            return now
        was_connected = self._since is not None and self._since <= at
        return now if was_connected or self._is_settled(now) else at

    def _is_settled(self, now: datetime) -> bool:
        """Whether everything that was queued has been told by now."""
        return self._since is not None and now - self._since > self.trust
