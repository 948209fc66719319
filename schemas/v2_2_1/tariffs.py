"""Tariffs: what a charging session costs, and when (2.2.1, chapter Tariffs module)."""

from typing import Annotated, Self

from pydantic import model_validator

from schemas.cardinality import AtLeastOne, Many
from schemas.enumeration import OcpiEnum
from schemas.rules import broken
from schemas.text import Format, OcpiString
from schemas.v2_2_1.locations import EnergyMix
from schemas.v2_2_1.types import (
    TIME_OF_DAY,
    CiString2,
    CiString3,
    CiString36,
    Cost,
    DateTime,
    DisplayText,
    Int,
    Number,
    String3,
    Url,
)
from schemas.wire_object import WireObject

_CALENDAR_DATE = Format(
    r"^[12][0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])$", 'a date such as "2015-12-24"'
)
TimeOfDay = Annotated[str, OcpiString(5, TIME_OF_DAY)]
CalendarDate = Annotated[str, OcpiString(10, _CALENDAR_DATE)]


class DayOfWeek(OcpiEnum):
    """A day of the week."""

    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


class ReservationRestrictionType(OcpiEnum):
    """Which end of a reservation a Tariff Element prices."""

    RESERVATION = "RESERVATION"
    RESERVATION_EXPIRES = "RESERVATION_EXPIRES"


class TariffDimensionType(OcpiEnum):
    """What is priced: energy per kWh, time and parking time per hour, or a flat fee."""

    ENERGY = "ENERGY"
    FLAT = "FLAT"
    PARKING_TIME = "PARKING_TIME"
    TIME = "TIME"


class TariffType(OcpiEnum):
    """For which sessions a Tariff is meant."""

    AD_HOC_PAYMENT = "AD_HOC_PAYMENT"
    PROFILE_CHEAP = "PROFILE_CHEAP"
    PROFILE_FAST = "PROFILE_FAST"
    PROFILE_GREEN = "PROFILE_GREEN"
    REGULAR = "REGULAR"


class PriceComponent(WireObject):
    """The price of one dimension."""

    type: TariffDimensionType
    #: Per unit, without VAT.
    price: Number
    #: Percent. Absent: no VAT applies, which is not the same as 0 (TAR-11).
    vat: Number | None = None
    #: ENERGY: Wh; TIME and PARKING_TIME: seconds; FLAT: without meaning, but required (TAR-16).
    step_size: Int

    @model_validator(mode="after")
    def _a_step_has_a_size(self) -> Self:
        least = 0 if self.type == TariffDimensionType.FLAT else 1
        if self.step_size < least:
            raise broken("step_size", f"expected a step of at least {least}")
        return self


class TariffRestrictions(WireObject):
    """When a Tariff Element applies: all that is set must hold, at every moment (TAR-12)."""

    #: In the Location's time zone, as are `end_time`, `start_date` and `end_date` (TAR-13).
    start_time: TimeOfDay | None = None
    #: Earlier than `start_time`: of the next day; `00:00`: the end of the day.
    end_time: TimeOfDay | None = None
    start_date: CalendarDate | None = None
    #: Exclusive.
    end_date: CalendarDate | None = None
    min_kwh: Number | None = None
    #: Exclusive, as is every `max_`; every `min_` is inclusive (TAR-14).
    max_kwh: Number | None = None
    #: Ampere, the sum of all phases.
    min_current: Number | None = None
    max_current: Number | None = None
    #: kW.
    min_power: Number | None = None
    max_power: Number | None = None
    #: Seconds.
    min_duration: Int | None = None
    max_duration: Int | None = None
    day_of_week: Many[DayOfWeek] = ()
    reservation: ReservationRestrictionType | None = None


class TariffElement(WireObject):
    """Prices that hold under the same restrictions."""

    price_components: AtLeastOne[PriceComponent]
    restrictions: TariffRestrictions | None = None

    @model_validator(mode="after")
    def _a_reservation_costs_a_fee_or_time(self) -> Self:
        """TAR-15."""
        if self.restrictions is None or self.restrictions.reservation is None:
            return self
        for index, component in enumerate(self.price_components):
            if component.type in (TariffDimensionType.ENERGY, TariffDimensionType.PARKING_TIME):
                at = ("price_components", index, "type")
                raise broken(at, "expected FLAT or TIME, because the element prices a reservation")
        return self


class Tariff(WireObject):
    """A tariff of a CPO, as it is to be applied and shown."""

    country_code: CiString2
    party_id: CiString3
    id: CiString36
    #: ISO 4217.
    currency: String3
    #: Absent: for all sessions.
    type: TariffType | None = None
    tariff_alt_text: Many[DisplayText] = ()
    tariff_alt_url: Url | None = None
    #: Binds excluding and including VAT separately, as does `max_price` (TAR-09).
    min_price: Cost | None = None
    max_price: Cost | None = None
    elements: AtLeastOne[TariffElement]
    start_date_time: DateTime | None = None
    end_date_time: DateTime | None = None
    energy_mix: EnergyMix | None = None
    last_updated: DateTime
