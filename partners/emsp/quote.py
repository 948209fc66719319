"""What a charging will cost, before it starts: pure, and by the engine that prices the CDR later.

The power is taken to be the same all the time. What cannot be quoted is refused, with the reason's name in
front: nobody is ever quoted 0 because something was not known.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NamedTuple

from hub.ocpi.timestamps import format_timestamp
from hub.pricing import (
    Activity,
    CannotBePriced,
    ChargedPeriod,
    Level,
    PriceStatement,
    explain,
    half_up,
    payable,
    price,
    tariffs_for,
)
from hub.pricing.plausibility import TariffVersion
from hub.pricing.plausibility.history import is_known_at, valid_at
from hub.pricing.plausibility.rules_of_energy import kilowatts
from partners.administration import NotPossible
from schemas.v2_2_1 import Connector, ProfileType, Tariff, TariffType

_NO_TIME: Final = timedelta()
_HOUR: Final = timedelta(hours=1)
_WATTS_IN_A_KILOWATT: Final = 1000
#: OCPI's numbers have so many decimals.
_PLACES: Final = Decimal("0.0001")
#: The engine prices nothing longer.
_LONGEST: Final = timedelta(days=366)
_EARLIEST_YEAR: Final = 1970
_LATEST_YEAR: Final = 2900


class Reason(StrEnum):
    """Why there is no quote."""

    #: The wish itself makes no sense.
    NOT_A_CHARGING = "not a charging"
    #: The connector cannot give the energy in the time.
    TOO_MUCH_POWER = "too much power"
    NO_TARIFF = "no tariff"
    #: The connector names a tariff that its CPO has not told us of (TAR-18).
    UNKNOWN_TARIFF = "unknown tariff"
    #: It was taken back, has ended, or begins later.
    TARIFF_NOT_VALID = "tariff not valid"
    #: Its type is for other sessions.
    TARIFF_OF_OTHER_TYPE = "tariff of another type"
    #: The engine does not understand it.
    NOT_PRICED = "cannot be priced"


class NoQuote(NotPossible):
    """A charging cannot be quoted; the message begins with the reason."""

    def __init__(self, reason: Reason, words: str) -> None:
        super().__init__(f"{reason}: {words}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Wish:
    """What a driver means to do."""

    start: datetime
    #: kWh
    energy: Decimal
    #: How long it charges.
    charging: timedelta
    #: How long it stays connected afterwards.
    parking: timedelta = _NO_TIME
    #: How the driver wants to charge (2.2.1, Sessions, Charging Preferences).
    profile: ProfileType = ProfileType.REGULAR
    #: Whether the driver pays at the charge point.
    ad_hoc: bool = False

    def __post_init__(self) -> None:
        if not (self.energy.is_finite() and self.energy >= 0):
            raise NoQuote(Reason.NOT_A_CHARGING, f"{self.energy} kWh")
        if not _EARLIEST_YEAR <= self.start.year <= _LATEST_YEAR:
            raise NoQuote(Reason.NOT_A_CHARGING, f"at {self.start}")
        if min(self.charging, self.parking) < _NO_TIME or self.charging + self.parking > _LONGEST:
            raise NoQuote(Reason.NOT_A_CHARGING, f"{self.charging} and {self.parking} of parking")
        if not self.charging + self.parking:
            raise NoQuote(Reason.NOT_A_CHARGING, "no time at all")
        if self.energy and not self.charging:
            raise NoQuote(Reason.NOT_A_CHARGING, f"{self.energy} kWh in no time")


class Quote(NamedTuple):
    """What a charging costs if it happens as wished."""

    wish: Wish
    tariff: Tariff
    statement: PriceStatement
    #: Other tariffs of the connector that a CPO may take to be meant as well.
    others: tuple[str, ...]

    def as_data(self) -> dict[str, Any]:
        """The quote as JSON values; numbers are exact."""
        wish, total = self.wish, self.statement.total_cost
        explanation = explain(self.statement)
        return {
            "start": format_timestamp(wish.start),
            "energy_kwh": wish.energy,
            "charging_minutes": _minutes(wish.charging),
            "parking_minutes": _minutes(wish.parking),
            "tariff_id": self.tariff.id,
            "tariff_last_updated": format_timestamp(self.tariff.last_updated),
            "other_tariffs": list(self.others),
            "currency": self.statement.currency,
            "total": payable(total, self.statement.currency),
            "excl_vat": explanation.data["total_cost"]["excl_vat"],
            "incl_vat": explanation.data["total_cost"]["incl_vat"],
            "statement": explanation.data,
            "words": list(explanation.words),
        }


def quoted(wish: Wish, connector: Connector, versions: Sequence[TariffVersion], time_zone: str) -> Quote:
    """The price of a charging at a connector.

    Args:
        wish: What is to be charged, and when.
        connector: Where.
        versions: Of the connector's tariffs, in any order.
        time_zone: Of the location.

    Raises:
        NoQuote: there is no price; its reason says why.
    """
    _check_power(wish, connector)
    tariff, *others = _tariffs(wish, connector, versions)
    try:
        statement = price(_periods(wish, connector, tariff.id), [tariff], time_zone=time_zone)
    except CannotBePriced as error:
        raise NoQuote(Reason.NOT_PRICED, f"tariff {tariff.id}, {error}") from error
    return Quote(wish, tariff, statement, tuple(each.id for each in others))


def _check_power(wish: Wish, connector: Connector) -> None:
    most = kilowatts(connector) * _microseconds(wish.charging)
    if wish.energy * _microseconds(_HOUR) > most:
        raise NoQuote(
            Reason.TOO_MUCH_POWER,
            f"connector {connector.id} gives {kilowatts(connector)} kW at most, which is"
            f" {most / _microseconds(_HOUR):.3f} kWh in {_minutes(wish.charging)} minutes, not {wish.energy}",
        )


def _tariffs(wish: Wish, connector: Connector, versions: Sequence[TariffVersion]) -> list[Tariff]:
    """The tariffs of the connector for this wish, the one to take first."""
    if not connector.tariff_ids:
        raise NoQuote(Reason.NO_TARIFF, f"connector {connector.id} names none")
    unknown = [each for each in connector.tariff_ids if not is_known_at(versions, each, wish.start)]
    if unknown:
        raise NoQuote(Reason.UNKNOWN_TARIFF, f"nothing is known of {', '.join(unknown)} at {wish.start}")
    found = {each: valid_at(versions, each, wish.start, _NO_TIME) for each in connector.tariff_ids}
    there = [candidates[-1] for candidates in found.values() if candidates]
    fitting = tariffs_for(there, start=wish.start, profile=wish.profile, ad_hoc=wish.ad_hoc)
    if fitting:
        return fitting
    withdrawn = [f"{name} was withdrawn" for name, candidates in found.items() if not candidates]
    dated = [said for each in there for said in _dated(each, wish.start)]
    if len(withdrawn) + len(dated) == len(found):
        raise NoQuote(Reason.TARIFF_NOT_VALID, "; ".join([*withdrawn, *dated]))
    wanted = TariffType.AD_HOC_PAYMENT if wish.ad_hoc else f"profile {wish.profile}"
    typed = (f"{each.id} is {each.type}" for each in there)
    raise NoQuote(Reason.TARIFF_OF_OTHER_TYPE, "; ".join([*typed, f"none is for {wanted}"]))


def _dated(tariff: Tariff, start: datetime) -> Iterable[str]:
    if tariff.end_date_time is not None and tariff.end_date_time < start:
        yield f"{tariff.id} ended at {tariff.end_date_time}"
    elif tariff.start_date_time is not None and start < tariff.start_date_time:
        yield f"{tariff.id} begins at {tariff.start_date_time}"


def _periods(wish: Wish, connector: Connector, tariff_id: str) -> list[ChargedPeriod]:
    """The wish as the session that it would be."""
    stopped = wish.start + wish.charging
    periods = []
    if wish.charging:
        periods.append(
            ChargedPeriod(
                wish.start,
                stopped,
                Activity.CHARGING,
                wish.energy,
                tariff_id,
                current=Level(average=_current(wish, connector)),
                pointer="/quote/charging",
            )
        )
    if wish.parking:
        periods.append(
            ChargedPeriod(
                stopped,
                stopped + wish.parking,
                Activity.PARKING,
                tariff_id=tariff_id,
                pointer="/quote/parking",
            )
        )
    return periods


def _current(wish: Wish, connector: Connector) -> Decimal:
    """Amperes, the sum over all phases, at the connector's voltage."""
    power = wish.energy * _microseconds(_HOUR) / _microseconds(wish.charging)
    amperes = power * _WATTS_IN_A_KILOWATT / max(connector.max_voltage, 1)
    return amperes.quantize(_PLACES)


def _microseconds(duration: timedelta) -> Decimal:
    return Decimal(duration // timedelta.resolution)


def _minutes(duration: timedelta) -> Decimal:
    return half_up(_microseconds(duration) / _microseconds(timedelta(minutes=1)))
