"""The session as measured: what happened from when to when, in one activity."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple

from hub.pricing.errors import CannotBePriced
from hub.pricing.exact import plausible

_ZERO: Final = Decimal(0)

#: No charging period lies outside, and calendars end somewhere.
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2999, 12, 31, tzinfo=UTC)


class Activity(StrEnum):
    """What goes on during a period; it decides which dimension the time counts for."""

    CHARGING = "CHARGING"
    #: Connected, and the vehicle asks for no energy (CDR `PARKING_TIME`, AM-38).
    PARKING = "PARKING"
    #: The EVSE is kept free for a driver who then comes.
    RESERVED = "RESERVED"
    #: The EVSE was kept free for a driver who did not come in time.
    EXPIRED = "EXPIRED"


#: What is before the charging session, if there is one at all.
OF_A_RESERVATION: Final = frozenset({Activity.RESERVED, Activity.EXPIRED})


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


class ChargedPeriod(NamedTuple):
    """A stretch of the session in one activity; its energy flows evenly over it."""

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

    @property
    def duration(self) -> timedelta:
        """From start to end."""
        return self.end - self.start


def check(period: ChargedPeriod) -> None:
    """Check that a period can have been.

    Raises:
        CannotBePriced: The end lies before the start, the energy is negative or belongs to a reservation.
    """
    start, end, energy = period.start, period.end, period.energy
    if start.tzinfo is None or end.tzinfo is None:
        raise CannotBePriced(period.pointer, "its times lack a time zone")
    if end < start:
        raise CannotBePriced(period.pointer, f"ends at {end}, before it starts at {start}")
    if start < _EARLIEST or end > _LATEST:
        raise CannotBePriced(period.pointer, f"no session lasts from {start} to {end}")
    if plausible(energy, period.pointer) < 0:
        raise CannotBePriced(period.pointer, f"{energy} kWh cannot be charged")
    if energy and period.activity in OF_A_RESERVATION:
        raise CannotBePriced(period.pointer, f"{energy} kWh during a reservation")


def in_order(periods: Sequence[ChargedPeriod]) -> Sequence[ChargedPeriod]:
    """The same periods, if each can have been and they follow one another.

    Raises:
        CannotBePriced: There are none, one cannot have been, or one begins before the one in front of it has
            ended.
    """
    if not periods:
        raise CannotBePriced("/charging_periods", "there is not one charging period")
    for period in periods:
        check(period)
    for before, after in pairwise(periods):
        if after.start < before.end:
            raise CannotBePriced(
                after.pointer, f"begins at {after.start}, before {before.end}, the end of the last one"
            )
    return periods
