"""What a car can take, learned from what it does take: what it leaves can go to others. Pure.

| it draws | from then on it may have |
|---|---|
| clearly less than it may, for a while | what it draws and a little more |
| about as much as it may | half as much again, up to all |
| on some of its wires nothing, for a while | it counts on the others only; at once on all if that changes |
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from partners.cpo.energy.wires import ALL, Wires

#: A car draws up to so much less than it may, A.
_NEAR: Final = Decimal("0.5")
#: What it may have beyond what it draws, A.
_SPARE: Final = Decimal(2)
_GROWTH: Final = Decimal("1.5")
#: What is less is no current that flows, A; what is more is one.
_SILENT: Final = Decimal("0.5")
_FLOWING: Final = Decimal(3)
#: So long after a share was confirmed the car has followed it.
_FOLLOWED: Final = timedelta(seconds=30)
_A_WHILE: Final = timedelta(seconds=60)
#: More than so much above its limit is no inaccuracy of a meter.
_TOLERATED: Final = Decimal("1.1")


@dataclass(slots=True)
class Appetite:
    """Of one running session."""

    #: The most that it wants, A; None: nobody knows better than its connector.
    most: Decimal | None = None
    #: The wires of its connector that it uses, by their place there; None: all, as far as anybody knows.
    used: Wires | None = None
    #: The highest current that was last measured on any wire, A.
    drawn: Decimal | None = None
    drawn_at: datetime | None = None
    #: Energy so far, Wh, as a register has it.
    register_wh: Decimal | None = None
    _low_since: datetime | None = field(default=None)
    _high_since: datetime | None = field(default=None)
    _partly_since: datetime | None = field(default=None)

    def drew(self, amperes: Decimal, at: datetime, limit: Decimal, since: datetime) -> None:
        """Note a measurement, taken while it might draw so much, since that instant."""
        self.drawn, self.drawn_at = amperes, at
        if at - since < _FOLLOWED or limit <= 0:
            self._low_since = None
        elif amperes > limit - _NEAR:
            self._low_since = None
            if self.most is not None and self.most <= limit + _SPARE:
                self.most = max(self.most, limit) * _GROWTH
        elif amperes < limit - _SPARE:
            self._low_since = self._low_since or at
            if at - self._low_since >= _A_WHILE:
                self.most = amperes + _SPARE

    def is_above(self, amperes: Decimal, at: datetime, limit: Decimal, since: datetime) -> bool:
        """Whether it has drawn more than it may for a while."""
        if at - since < _FOLLOWED or amperes <= limit * _TOLERATED + _NEAR:
            self._high_since = None
            return False
        self._high_since = self._high_since or at
        return at - self._high_since >= _A_WHILE

    def phases(self, currents: tuple[Decimal, ...], at: datetime) -> None:
        """Note on which wires it draws."""
        flowing = tuple(number for number in ALL[: len(currents)] if currents[number] >= _FLOWING)
        audible = tuple(number for number in ALL[: len(currents)] if currents[number] > _SILENT)
        if self.used is not None and not set(audible) <= set(self.used):
            self.used = self._partly_since = None
        if not flowing or len(audible) == len(currents) or flowing != audible:
            self._partly_since = None
            return
        self._partly_since = self._partly_since or at
        if at - self._partly_since >= _A_WHILE:
            self.used = flowing
