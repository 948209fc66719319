"""What was used of each dimension under one price component without a break."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from typing import Final, NamedTuple

from hub.pricing.errors import CannotBePriced
from hub.pricing.exact import hours
from hub.pricing.periods import Activity, ChargedPeriod
from hub.pricing.segments import Segment
from hub.pricing.tariff import Applicable, Component, Demand, PassedOver, PriceList
from schemas.v2_2_1.tariffs import ReservationRestrictionType, TariffDimensionType

_ONCE: Final = Fraction(1)
_RESERVED: Final = (ReservationRestrictionType.RESERVATION,)
_EXPIRES: Final = (ReservationRestrictionType.RESERVATION_EXPIRES,)

_FLAT: Final = Demand(TariffDimensionType.FLAT)
_ENERGY: Final = Demand(TariffDimensionType.ENERGY)
_TIME: Final = Demand(TariffDimensionType.TIME)
_PARKING_TIME: Final = Demand(TariffDimensionType.PARKING_TIME)
_RESERVATION_FEE: Final = Demand(TariffDimensionType.FLAT, _RESERVED)
_RESERVATION_TIME: Final = Demand(TariffDimensionType.TIME, _RESERVED)
_EXPIRED_TIME: Final = Demand(TariffDimensionType.TIME, (*_EXPIRES, *_RESERVED))
_EXPIRY_FEE: Final = Demand(TariffDimensionType.FLAT, _EXPIRES)


class Kind(StrEnum):
    """What a line of a statement is for; each but the last two has its total in a CDR."""

    FIXED = "FIXED"
    ENERGY = "ENERGY"
    TIME = "TIME"
    PARKING = "PARKING"
    RESERVATION = "RESERVATION"
    #: What is missing to the `min_price` of the tariff.
    MIN_PRICE = "MIN_PRICE"
    #: What goes beyond its `max_price`, negative.
    MAX_PRICE = "MAX_PRICE"


class Usage(NamedTuple):
    """A quantity to which one component applied from start to end."""

    kind: Kind
    component: Component
    passed_over: tuple[PassedOver, ...]
    #: kWh, hours, or 1 for a fee.
    quantity: Fraction
    start: datetime
    end: datetime

    @property
    def key(self) -> tuple[Kind, TariffDimensionType]:
        """What it adds up with."""
        return self.kind, self.component.dimension


class Used(NamedTuple):
    """All that was used and has a price, and what had to be assumed."""

    usages: tuple[Usage, ...]
    notes: tuple[str, ...]


def used(segments: Iterable[Segment], price_lists: Mapping[str, PriceList]) -> Used:
    """What the segments used, in order of time: one usage as long as its component applies without a break.

    A fee (FLAT) is due once for each component, at the first moment at which it applies (AM-36). A dimension
    for which no component applies costs nothing (TAR-05), and nor does a period without a tariff.

    Args:
        segments: Of the whole session.
        price_lists: By the id of their tariff, in lower case.

    Raises:
        CannotBePriced: A period names a tariff that is not among them.
    """
    tally = _Tally()
    for segment in segments:
        tally.remark(segment)
        price_list = _relevant(segment.moment.period, price_lists)
        for demand, quantity in _demands(segment):
            found = price_list.applicable(demand, segment.moment) if price_list and quantity else None
            tally.add(demand, quantity, found, segment)
    return Used(tuple(tally.usages), tuple(dict.fromkeys(tally.notes)))


def _relevant(period: ChargedPeriod, price_lists: Mapping[str, PriceList]) -> PriceList | None:
    if period.tariff_id is None:
        return None
    try:
        return price_lists[period.tariff_id.lower()]
    except KeyError:
        raise CannotBePriced(
            f"{period.pointer}/tariff_id", f"there is no tariff {period.tariff_id}"
        ) from None


def _demands(segment: Segment) -> Iterator[tuple[Demand, Fraction]]:
    time = hours(segment.duration)
    match segment.moment.period.activity:
        case Activity.EXPIRED if segment.expiry:
            yield _EXPIRY_FEE, _ONCE
        case Activity.EXPIRED:
            yield _RESERVATION_FEE, _ONCE
            yield _EXPIRED_TIME, time
        case Activity.RESERVED:
            yield _RESERVATION_FEE, _ONCE
            yield _RESERVATION_TIME, time
        case Activity.CHARGING:
            yield from ((_FLAT, _ONCE), (_ENERGY, segment.energy), (_TIME, time))
        case Activity.PARKING:
            yield from ((_FLAT, _ONCE), (_ENERGY, segment.energy), (_PARKING_TIME, time))


def _kind(segment: Segment, component: Component) -> Kind:
    if segment.moment.period.activity.of_a_reservation:
        return Kind.RESERVATION
    match component.dimension:
        case TariffDimensionType.ENERGY:
            return Kind.ENERGY
        case TariffDimensionType.TIME:
            return Kind.TIME
        case TariffDimensionType.PARKING_TIME:
            return Kind.PARKING
        case TariffDimensionType.FLAT:
            return Kind.PARKING if component.parking_only else Kind.FIXED


class _Tally:
    """Adds up what applies; the one place that remembers what applied before."""

    def __init__(self) -> None:
        self.usages: list[Usage] = []
        self.notes: list[str] = []
        self._latest: dict[Demand, int] = {}
        self._paid: set[tuple[str, int]] = set()
        self._before: dict[Demand, Component | None] = {}

    def remark(self, segment: Segment) -> None:
        period = segment.moment.period
        if period.remark:
            self.notes.append(period.remark)
        if period.tariff_id is None:
            self.notes.append(f"{period.pointer}: no tariff is relevant, so it costs nothing")

    def add(self, demand: Demand, quantity: Fraction, found: Applicable | None, segment: Segment) -> None:
        self._note_interpolation(demand, quantity, found, segment)
        if found is None:
            return
        if demand.dimension is TariffDimensionType.FLAT:
            self._add_fee(found, segment)
        else:
            self._add_quantity(demand, quantity, found, segment)

    def _add_fee(self, found: Applicable, segment: Segment) -> None:
        where = found.component.tariff_id, found.component.element
        if where not in self._paid:
            self._paid.add(where)
            self.usages.append(_usage(_ONCE, found, segment)._replace(end=segment.start))

    def _add_quantity(self, demand: Demand, quantity: Fraction, found: Applicable, segment: Segment) -> None:
        place = self._latest.get(demand)
        latest = None if place is None else self.usages[place]
        if (
            place is None
            or latest is None
            or latest.component is not found.component
            or latest.end != segment.start
        ):
            self._latest[demand] = len(self.usages)
            self.usages.append(_usage(quantity, found, segment))
        else:
            self.usages[place] = latest._replace(quantity=latest.quantity + quantity, end=segment.end)

    def _note_interpolation(
        self, demand: Demand, quantity: Fraction, found: Applicable | None, segment: Segment
    ) -> None:
        component = found.component if found else None
        interpolated = segment.at_time if demand is _ENERGY else segment.at_energy
        if interpolated and quantity and demand is not _FLAT and self._before.get(demand) is not component:
            self.notes.append(
                f"{segment.moment.period.pointer}: the price of {demand.dimension} changes within it, at"
                f" {segment.start}; its energy was divided as evenly as its time"
            )
        self._before[demand] = component


def _usage(quantity: Fraction, found: Applicable, segment: Segment) -> Usage:
    return Usage(
        kind=_kind(segment, found.component),
        component=found.component,
        passed_over=found.passed_over,
        quantity=quantity,
        start=segment.start,
        end=segment.end,
    )
