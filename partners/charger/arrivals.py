"""When drivers come to a charger: by the hour of the day, at random, the same for the same seed. Pure.

Drivers come as a Poisson process whose rate follows the day; each of them brings a car, and stays as long
as it takes, or as long as the driver likes.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from partners.charger.vehicle import Vehicle

#: Share of a day's arrivals in each hour, per cent: at work in the morning, at the shops, home at night.
HOURLY_SHARES = (1, 1, 0, 0, 0, 1, 3, 6, 8, 7, 5, 5, 6, 5, 5, 5, 7, 9, 9, 7, 4, 3, 2, 1)

_BUSIEST = max(HOURLY_SHARES)
_BATTERIES_KWH = (40, 52, 58, 64, 77, 82, 95)
_CAR_PHASES = (1, 3, 3, 3)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One driver who comes."""

    at: datetime
    vehicle: Vehicle
    #: After which the driver leaves, even if the car is not full.
    stays: timedelta
    #: Whether the card is shown before the car is plugged in.
    card_first: bool


def arrivals(random: Random, begin: datetime, per_day: float) -> Iterator[Arrival]:
    """All drivers who come to a connector from an instant on, in order, without end.

    Args:
        random: Where chance comes from.
        begin: The first instant.
        per_day: How many come in a day, on average.
    """
    # Thinning: as often as in the busiest hour, and then only as many as the hour has.
    most_per_second = per_day * _BUSIEST / sum(HOURLY_SHARES) / 3600
    at = begin
    while True:
        at += timedelta(seconds=random.expovariate(most_per_second))
        if random.random() * _BUSIEST < HOURLY_SHARES[at.hour]:
            yield _driver(random, at)


def _driver(random: Random, at: datetime) -> Arrival:
    vehicle = Vehicle(
        capacity_wh=Decimal(random.choice(_BATTERIES_KWH) * 1000),
        soc=Decimal(round(min(max(random.gauss(45, 18), 5), 90))) / 100,
        phases=random.choice(_CAR_PHASES),
    )
    # Half of the drivers stay less than two hours, one in twenty more than seven.
    minutes = min(max(random.lognormvariate(math.log(110), 0.8), 10), 14 * 60)
    return Arrival(at, vehicle, timedelta(minutes=round(minutes)), random.random() < _CARD_FIRST)


#: Share of the drivers who show the card before they plug in.
_CARD_FIRST = 0.3
