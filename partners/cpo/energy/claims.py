"""What somebody who charges may want of the site, and what comes of it. Values."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from partners.cpo.energy.wires import VOLTAGE, Wires

#: IEC 61851: a car charges with 6 A or more, or not at all.
LEAST: Final = Decimal(6)
_SECOND: Final = timedelta(seconds=1)
_HOUR: Final = Decimal(3600)


class Strategy(StrEnum):
    """How what is there is divided."""

    #: The same current for all, as far as each can take it.
    EQUAL = "equal"
    #: Everybody's minimum, then the first ones as much as they can take.
    FIRST_COME = "first-come"
    #: By what is needed until the departure.
    DEPARTURE = "departure"


class Reason(StrEnum):
    """Why a session has what it has."""

    MOST = "all that its connector and its car can take"
    SHARED = "its part of what there is"
    PAUSED = "paused: not even the least for all at once; by turns"
    PROFILE = "limited by a charging profile"
    BELOW = "paused: its charging profile is below the least that a car can take"
    CHEAPER = "waits for a cheaper hour; there is time until its departure"
    IDLE = "its car takes nothing or little"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One running session, at one instant."""

    id: int
    wires: Wires
    #: A on each phase: the lowest of what connector, car, charging profile and preferences allow.
    most: Decimal
    #: Below it the car does not charge at all, A.
    least: Decimal = LEAST
    began: datetime
    #: Still needed, Wh; None: nobody said.
    need: Decimal | None = None
    departs: datetime | None = None
    #: The higher ones first.
    priority: int = 0
    #: Paused for too long, and since when it is due; None: it is not.
    owed: datetime | None = None
    #: Whether it charges now: of equals, who charges goes on.
    is_served: bool = False
    #: Whether the car takes nothing, so that others go first.
    is_idle: bool = False
    #: What sets `most`.
    reason: Reason = Reason.MOST

    @property
    def watt_per_ampere(self) -> Decimal:
        """On all its phases."""
        return VOLTAGE * len(self.wires)

    def pace(self, now: datetime) -> Decimal | None:
        """The current that brings what is needed in time, A; None: nobody said what is needed."""
        if self.need is None or self.departs is None:
            return None
        left = hours(self.departs - now)
        return self.most if left <= 0 else self.need / self.watt_per_ampere / left

    def laxity(self, now: datetime) -> Decimal | None:
        """For how many hours it could wait, and then charge at its most; below 0: it is too late."""
        if self.need is None or self.departs is None:
            return None
        if self.most <= 0:
            return hours(self.departs - now)
        return hours(self.departs - now) - self.need / (self.watt_per_ampere * self.most)


class Share(NamedTuple):
    """What a session gets."""

    #: On each of its phases; 0: paused.
    amperes: Decimal
    reason: Reason


def hours(duration: timedelta) -> Decimal:
    """A duration in hours."""
    return Decimal(duration // _SECOND) / _HOUR
