"""What a transaction's use costs: its charging periods under a tariff, and their price.

Session and CDR are priced by the same function of the same periods, so that they cannot disagree, and by the
engine with which an eMSP checks them.

Sources: 2.2.1, CDRs, ChargingPeriod; CDR-10, CDR-12, TAR rows.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from hub.pricing import PriceStatement, charged_periods, half_up, price
from partners.cpo.charging.metering import WH_PER_KWH, Period, Use, periods
from partners.cpo.charging.register_walk import SECONDS_PER_HOUR
from schemas.v2_2_1 import CdrDimensionType, ChargingPeriod, Tariff


class TariffFrom(NamedTuple):
    """A tariff, and from when on it holds."""

    since: datetime
    tariff: Tariff


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which prices something is used."""

    tariff: Tariff
    #: Name of the Location's time zone.
    time_zone: str
    #: Since when it was reserved, until the start; None: it was not.
    reserved: datetime | None = None
    #: Tariffs that hold later, in order of time.
    chosen: tuple[TariffFrom, ...] = ()

    @property
    def tariffs(self) -> list[Tariff]:
        """All of them, each once."""
        return list(
            {each.id.upper(): each for each in (self.tariff, *(later for _, later in self.chosen))}.values()
        )

    def tariff_at(self, at: datetime) -> Tariff:
        """The tariff that holds at an instant."""
        return next((tariff for since, tariff in reversed(self.chosen) if since <= at), self.tariff)


@dataclass(frozen=True, slots=True)
class Cost:
    """Charging periods and their price."""

    periods: tuple[ChargingPeriod, ...]
    statement: PriceStatement


def cost(used: Use, terms: Terms) -> Cost | None:
    """The charging periods of what was used, as a CDR has them, and their cost; None while no time passed.

    Raises:
        CannotBePriced: The tariff says something that the engine does not understand.
    """
    return _cost(used, terms, _price_changes(used, terms))


def running_cost(used: Use, terms: Terms, every: timedelta) -> tuple[Cost | None, tuple[ChargingPeriod, ...]]:
    """What a running Session would cost if it ended now, and its charging periods that are over.

    What was told of these does not change any more. They say more than those that are priced (SES-19).

    Raises:
        CannotBePriced: The tariff says something that the engine does not understand.
    """
    changes = _price_changes(used, terms)
    over = _told(periods(used, changes, every), used.start, terms)[:-1]
    return _cost(used, terms, changes), over


def _cost(used: Use, terms: Terms, changes: Iterable[datetime]) -> Cost | None:
    told = _told(periods(used, changes), used.start, terms)
    return Cost(told, _priced(told, used, terms)) if told else None


def reservation_cost(terms: Terms, end: datetime, *, is_expired: bool) -> Cost | None:
    """What a reservation costs that nobody used; None if no time passed.

    Args:
        terms: With the instant from which it was reserved.
        end: When it was cancelled, or expired.
        is_expired: Nobody came; a reservation that was given up has other prices (TAR-15).

    Raises:
        CannotBePriced: The tariff says something that the engine does not understand.
    """
    told = tuple(_reservation(end, terms))
    if not told:
        return None
    charged = charged_periods(told, end=end, expired=is_expired)
    return Cost(told, price(charged, terms.tariffs, time_zone=terms.time_zone))


def _price_changes(used: Use, terms: Terms) -> frozenset[datetime]:
    """The instants at which another price begins or ends to apply (CDR-10)."""
    switches = [*(since for since, _ in terms.chosen), *_flow_changes(used, terms)]
    told = _told(periods(used, switches), used.start, terms)
    lines = _priced(told, used, terms).lines if told else ()
    return frozenset([*switches, *(instant for line in lines for instant in (line.start, line.end))])


def _flow_changes(used: Use, terms: Terms) -> Iterator[datetime]:
    """The samples at which power or current comes to the other side of a bound of the tariff (TAR-12)."""
    restrictions = [
        element.restrictions
        for tariff in terms.tariffs
        for element in tariff.elements
        if element.restrictions is not None
    ]
    power = [each for one in restrictions for each in (one.min_power, one.max_power) if each is not None]
    current = [
        each for one in restrictions for each in (one.min_current, one.max_current) if each is not None
    ]
    before: tuple[bool, ...] | None = None
    for sample in used.samples:
        kilowatt = None if sample.power_w is None else sample.power_w / WH_PER_KWH
        sides = (
            *(kilowatt is not None and kilowatt >= bound for bound in power),
            *(sample.current_a is not None and sample.current_a >= bound for bound in current),
        )
        if before is not None and sides != before:
            yield sample.at
        before = sides


def _priced(told: Sequence[ChargingPeriod], used: Use, terms: Terms) -> PriceStatement:
    charged = charged_periods(told, end=used.end, expired=False)
    return price(charged, terms.tariffs, time_zone=terms.time_zone)


def _told(measured: Iterable[Period], start: datetime, terms: Terms) -> tuple[ChargingPeriod, ...]:
    """The periods in OCPI's words, after that of a reservation."""
    charging = (
        ChargingPeriod.model_validate(
            {
                "start_date_time": period.start,
                "dimensions": [volume._asdict() for volume in period.dimensions],
                "tariff_id": terms.tariff_at(period.start).id,
            }
        )
        for period in measured
    )
    return (*_reservation(start, terms), *charging)


def _reservation(end: datetime, terms: Terms) -> Iterable[ChargingPeriod]:
    """The time for which it was reserved, if it was."""
    if terms.reserved is None or terms.reserved >= end:
        return
    hours = half_up(Decimal((end - terms.reserved) // timedelta(seconds=1)) / SECONDS_PER_HOUR)
    volume = {"type": CdrDimensionType.RESERVATION_TIME.value, "volume": hours}
    yield ChargingPeriod.model_validate(
        {"start_date_time": terms.reserved, "dimensions": [volume], "tariff_id": terms.tariff.id}
    )
