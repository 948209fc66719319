"""What a transaction's use costs: its charging periods under a tariff, and their price.

Session and CDR are priced by the same function of the same periods, so that they cannot disagree, and by the
engine with which an eMSP checks them.

Sources: 2.2.1, CDRs, ChargingPeriod; CDR-10, CDR-12, TAR rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.pricing import PriceStatement, charged_periods, price
from partners.cpo.metering import Period, Use, periods
from schemas.v2_2_1 import ChargingPeriod, Tariff


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which prices something is used."""

    tariff: Tariff
    #: Name of the Location's time zone.
    time_zone: str


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
    told = _told(periods(used, _price_changes(used, terms)), terms.tariff)
    return Cost(told, _priced(told, used, terms)) if told else None


def running_periods(used: Use, terms: Terms, every: timedelta) -> tuple[ChargingPeriod, ...]:
    """The charging periods of a running Session that are over: what was told does not change any more.

    Raises:
        CannotBePriced: The tariff says something that the engine does not understand.
    """
    return _told(periods(used, _price_changes(used, terms), every), terms.tariff)[:-1]


def _price_changes(used: Use, terms: Terms) -> frozenset[datetime]:
    """The instants at which another price begins or ends to apply (CDR-10)."""
    told = _told(periods(used), terms.tariff)
    lines = _priced(told, used, terms).lines if told else ()
    return frozenset(instant for line in lines for instant in (line.start, line.end))


def _priced(told: Sequence[ChargingPeriod], used: Use, terms: Terms) -> PriceStatement:
    return price(charged_periods(told, end=used.end), [terms.tariff], time_zone=terms.time_zone)


def _told(measured: Iterable[Period], tariff: Tariff) -> tuple[ChargingPeriod, ...]:
    """The periods in OCPI's words."""
    return tuple(
        ChargingPeriod.model_validate(
            {
                "start_date_time": period.start,
                "dimensions": [volume._asdict() for volume in period.dimensions],
                "tariff_id": tariff.id,
            }
        )
        for period in measured
    )
