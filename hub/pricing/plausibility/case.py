"""One CDR before the rules, with everything that several of them ask for."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from hub.pricing.errors import CannotBePriced
from hub.pricing.plausibility.history import valid_at
from hub.pricing.plausibility.known import Known, Missing
from hub.pricing.plausibility.measures import Plausibility
from hub.pricing.record import price_cdr
from hub.pricing.statement import PriceStatement
from schemas.text import NOT_AVAILABLE
from schemas.v2_2_1 import CDR, CdrDimensionType, Tariff
from schemas.v2_2_1.cdrs import ChargingPeriod
from schemas.v2_2_1.locations import EVSE, Connector

_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Case:
    """A CDR that could be read."""

    #: As it came, decoded.
    value: Any
    cdr: CDR
    known: Known
    measures: Plausibility
    #: The price by our own reckoning, or why there is none; None: there is nothing to price.
    statement: PriceStatement | CannotBePriced | None

    @property
    def sign(self) -> int:
        """A Credit CDR takes back what its periods cost (CDR-06)."""
        return -1 if self.cdr.credit else 1

    @property
    def duration(self) -> timedelta:
        """From start to end."""
        return self.cdr.end_date_time - self.cdr.start_date_time

    @property
    def occupied_from(self) -> datetime:
        """When the vehicle came: the periods of a reservation before it are left out."""
        periods = sorted(self.cdr.charging_periods, key=lambda period: period.start_date_time)
        return next(
            (period.start_date_time for period in periods if not is_reservation(period)),
            self.cdr.end_date_time,
        )

    @property
    def is_reservation_only(self) -> bool:
        """Whether no vehicle came at all (CDR-15)."""
        return all(map(is_reservation, self.cdr.charging_periods))

    def volume(self, kind: CdrDimensionType) -> Decimal | None:
        """The sum over all periods; None where none tells of it."""
        volumes = [
            dimension.volume
            for period in self.cdr.charging_periods
            for dimension in period.dimensions
            if dimension.type == kind
        ]
        return sum(volumes, Decimal(0)) if volumes else None

    @property
    def evse(self) -> EVSE | None:
        """The EVSE at the location that is known."""
        location = self.known.location
        if isinstance(location, Missing):
            return None
        wanted = self.cdr.cdr_location.evse_uid.upper()
        return next((each for each in location.evses if each.uid.upper() == wanted), None)

    @property
    def connector(self) -> Connector | None:
        """The connector at the location that is known."""
        evse, wanted = self.evse, self.cdr.cdr_location.connector_id.upper()
        connectors: Iterable[Connector] = () if evse is None else evse.connectors
        return next((each for each in connectors if each.id.upper() == wanted), None)

    @property
    def names_evse(self) -> bool:
        """Whether it says where the vehicle was (CDR-15)."""
        return NOT_AVAILABLE not in {self.cdr.cdr_location.evse_uid, self.cdr.cdr_location.connector_id}


def is_reservation(period: ChargingPeriod) -> bool:
    """Whether nothing but a reservation is told of in a period."""
    return all(dimension.type == CdrDimensionType.RESERVATION_TIME for dimension in period.dimensions)


def in_hours(duration: timedelta) -> Decimal:
    """A duration in hours, exact to what a CDR shows."""
    return Decimal(duration // timedelta(microseconds=1)) / Decimal(_HOUR // timedelta(microseconds=1))


def reckoned(cdr: CDR, known: Known, measures: Plausibility) -> PriceStatement | CannotBePriced | None:
    """The CDR's price by our own reckoning, or why there is none; None where nothing is to be paid for.

    A session that ends before it starts has no price, and needs none.
    """
    if cdr.end_date_time < cdr.start_date_time:
        return None
    missing = _missing(cdr, known, measures)
    named = any(period.tariff_id for period in cdr.charging_periods)
    if not cdr.tariffs and not missing and not named and cdr.total_cost.excl_vat == 0:
        return None
    try:
        return price_cdr(cdr, tariffs=missing, time_zone=time_zone(cdr, known))
    except CannotBePriced as error:
        return error


def time_zone(cdr: CDR, known: Known) -> str | None:
    """The location's time zone, if it is known or, against the specification, told by the CDR."""
    if not isinstance(known.location, Missing):
        return known.location.time_zone
    told = (cdr.cdr_location.model_extra or {}).get("time_zone")
    return told if isinstance(told, str) else None


def _missing(cdr: CDR, known: Known, measures: Plausibility) -> list[Tariff]:
    """The tariffs that a period names and the CDR does not hold, as they were at the start."""
    held = {tariff.id.upper() for tariff in cdr.tariffs}
    named = {period.tariff_id.upper() for period in cdr.charging_periods if period.tariff_id} - held
    found = (
        valid_at(known.tariffs, tariff_id, cdr.start_date_time, measures.tariff)
        for tariff_id in sorted(named)
    )
    return [candidates[-1] for candidates in found if candidates]
