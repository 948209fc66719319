"""The session as measured: what happened from when to when, in one activity."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple

from hub.pricing.errors import CannotBePriced
from hub.pricing.exact import plausible

_ZERO: Final = Decimal(0)

#: No charging period lies outside, and calendars end somewhere.
_EARLIEST_YEAR: Final = 1970
_LATEST_YEAR: Final = 2999


class Activity(StrEnum):
    """What goes on during a period; it decides which dimension the time counts for."""

    CHARGING = "CHARGING"
    #: Connected, and the vehicle asks for no energy (CDR `PARKING_TIME`, AM-38).
    PARKING = "PARKING"
    #: The EVSE is kept free for a driver who then comes.
    RESERVED = "RESERVED"
    #: The EVSE was kept free for a driver who did not come in time.
    EXPIRED = "EXPIRED"

    @property
    def of_a_reservation(self) -> bool:
        """Whether this is before the charging session, if there is one at all."""
        return self in (Activity.RESERVED, Activity.EXPIRED)


class Level(NamedTuple):
    """What was measured of a power (kW) or of a current (A, sum over all phases) during one period."""

    lowest: Decimal | None = None
    highest: Decimal | None = None
    average: Decimal | None = None

    @property
    def measured(self) -> tuple[Decimal, ...]:
        """The values that are known."""
        return tuple(value for value in (self.lowest, self.highest, self.average) if value is not None)


UNMEASURED = Level()


@dataclass(frozen=True, slots=True)
class ChargedPeriod:
    """A stretch of the session in one activity; its energy flows evenly over it.

    Raises:
        CannotBePriced: The end lies before the start, the energy is negative or belongs to a reservation.
    """

    start: datetime
    end: datetime
    activity: Activity = Activity.CHARGING
    #: kWh
    energy: Decimal = _ZERO
    #: The tariff that is relevant; without one the period costs nothing (`ChargingPeriod.tariff_id`).
    tariff_id: str | None = None
    power: Level = UNMEASURED
    current: Level = UNMEASURED
    #: Where this comes from, as a JSON pointer into the CDR or session.
    pointer: str = "/charging_periods"
    #: What had to be assumed to understand it.
    remark: str | None = None

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise CannotBePriced(self.pointer, "its times lack a time zone")
        if self.end < self.start:
            raise CannotBePriced(self.pointer, f"ends at {self.end}, before it starts at {self.start}")
        if not _EARLIEST_YEAR <= self.start.year <= self.end.year <= _LATEST_YEAR:
            raise CannotBePriced(self.pointer, f"no session lasts from {self.start} to {self.end}")
        if plausible(self.energy, self.pointer) < 0:
            raise CannotBePriced(self.pointer, f"{self.energy} kWh cannot be charged")
        if self.energy and self.activity.of_a_reservation:
            raise CannotBePriced(self.pointer, f"{self.energy} kWh during a reservation")

    @property
    def duration(self) -> timedelta:
        """From start to end."""
        return self.end - self.start


def in_order(periods: Sequence[ChargedPeriod]) -> Sequence[ChargedPeriod]:
    """The same periods, if they follow one another.

    Raises:
        CannotBePriced: There are none, or one begins before the one in front of it has ended.
    """
    if not periods:
        raise CannotBePriced("/charging_periods", "there is not one charging period")
    for before, after in pairwise(periods):
        if after.start < before.end:
            raise CannotBePriced(
                after.pointer, f"begins at {after.start}, before {before.end}, the end of the last one"
            )
    return periods
