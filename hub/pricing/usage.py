"""What was used of each dimension under one price component without a break."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from hub.pricing.errors import CannotBePriced
from hub.pricing.exact import Exact
from hub.pricing.flow import flow_remarks
from hub.pricing.periods import OF_A_RESERVATION, Activity, ChargedPeriod
from hub.pricing.segments import Segment
from hub.pricing.tariff import Component, Demand, PassedOver, PriceList
from schemas.v2_2_1.tariffs import ReservationRestrictionType, TariffDimensionType

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

_FEES: Final = {
    Activity.CHARGING: _FLAT,
    Activity.PARKING: _FLAT,
    Activity.RESERVED: _RESERVATION_FEE,
    Activity.EXPIRED: _RESERVATION_FEE,
}
_TIMES: Final = {
    Activity.CHARGING: _TIME,
    Activity.PARKING: _PARKING_TIME,
    Activity.RESERVED: _RESERVATION_TIME,
    Activity.EXPIRED: _EXPIRED_TIME,
}


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


#: Where a quantity belongs during a session; a fee depends on its element.
_KINDS: Final = {
    TariffDimensionType.ENERGY: Kind.ENERGY,
    TariffDimensionType.TIME: Kind.TIME,
    TariffDimensionType.PARKING_TIME: Kind.PARKING,
}


@dataclass(slots=True)
class _Stretch:
    """From start to end the same component applied, or none did; grows while this remains so."""

    kind: Kind
    demand: Demand
    component: Component | None
    tariff_id: str | None
    passed_over: tuple[PassedOver, ...]
    #: In the least unit of energy, in microseconds, or 1 for a fee.
    quantity: Exact
    start: datetime
    end: datetime


class Usage(NamedTuple):
    """A quantity to which one component applied from start to end."""

    kind: Kind
    component: Component
    passed_over: tuple[PassedOver, ...]
    #: In the least unit of energy, in microseconds, or 1 for a fee.
    quantity: Exact
    start: datetime
    end: datetime

    @property
    def key(self) -> tuple[Kind, TariffDimensionType]:
        """What it adds up with."""
        return self.kind, self.component.dimension


class Unpriced(NamedTuple):
    """A quantity to which no component applied from start to end."""

    kind: Kind
    dimension: TariffDimensionType
    #: None: no tariff is relevant.
    tariff_id: str | None
    #: Why none of its elements applied at the start.
    passed_over: tuple[PassedOver, ...]
    #: In the least unit of energy, or in microseconds.
    quantity: Exact
    start: datetime
    end: datetime


class Used(NamedTuple):
    """All that was used, and what had to be assumed."""

    priced: tuple[Usage, ...]
    unpriced: tuple[Unpriced, ...]
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
    period = price_list = None
    for segment in segments:
        if segment.moment.period is not period:
            period = segment.moment.period
            price_list = _relevant(period, price_lists)
            tally.remark(period, price_list)
        tally.add_fee(_EXPIRY_FEE if segment.expiry else _FEES[period.activity], price_list, segment)
        for demand, quantity in _quantities(segment):
            if quantity:
                tally.add(demand, quantity, price_list, segment)
    return tally.used()


def _relevant(period: ChargedPeriod, price_lists: Mapping[str, PriceList]) -> PriceList | None:
    if period.tariff_id is None:
        return None
    try:
        return price_lists[period.tariff_id.lower()]
    except KeyError:
        raise CannotBePriced(
            f"{period.pointer}/tariff_id", f"there is no tariff {period.tariff_id}"
        ) from None


def _quantities(segment: Segment) -> Iterable[tuple[Demand, Exact]]:
    """What is measured, beside the fee that any moment may bring."""
    time = _TIMES[segment.moment.period.activity], segment.duration
    return ((_ENERGY, segment.energy), time) if segment.energy else (time,)


class _Tally:
    """Adds up what was used; the one place that remembers what applied before."""

    def __init__(self) -> None:
        self._stretches: list[_Stretch] = []
        self._latest: dict[Demand, _Stretch] = {}
        self._paid: set[tuple[str, int]] = set()
        #: Fees of which no later moment can bring another one.
        self._settled: set[tuple[PriceList, Demand]] = set()
        self._notes: list[str] = []

    def used(self) -> Used:
        priced: list[Usage] = []
        unpriced: list[Unpriced] = []
        for each in self._stretches:
            where = each.passed_over, each.quantity, each.start, each.end
            if each.component is None:
                unpriced.append(Unpriced(each.kind, each.demand.dimension, each.tariff_id, *where))
            else:
                priced.append(Usage(each.kind, each.component, *where))
        return Used(tuple(priced), tuple(unpriced), tuple(dict.fromkeys(self._notes)))

    def remark(self, period: ChargedPeriod, price_list: PriceList | None) -> None:
        if period.remark:
            self._notes.append(period.remark)
        if price_list is None:
            self._notes.append(f"{period.pointer}: no tariff is relevant, so it costs nothing")
        elif price_list.turns.power or price_list.turns.current:
            self._notes += flow_remarks(period, price_list.turns.power, price_list.turns.current)

    def add_fee(self, demand: Demand, price_list: PriceList | None, segment: Segment) -> None:
        if price_list is None or (price_list, demand) in self._settled:
            return
        if price_list.is_constant(demand):
            self._settled.add((price_list, demand))
        found = price_list.applicable(demand, segment.moment)
        if found is None or (found.tariff_id, found.element) in self._paid:
            return
        self._paid.add((found.tariff_id, found.element))
        fee = _stretch(demand, 1, found, price_list, segment)
        fee.end = fee.start
        self._stretches.append(fee)

    def add(self, demand: Demand, quantity: Exact, price_list: PriceList | None, segment: Segment) -> None:
        found = price_list.applicable(demand, segment.moment) if price_list else None
        latest = self._latest.get(demand)
        if (
            latest is not None
            and latest.component is found
            and latest.end == segment.start
            and (found is not None or latest.tariff_id == segment.moment.period.tariff_id)
        ):
            latest.quantity += quantity
            latest.end = segment.end
        else:
            self._note_interpolation(demand, latest, found, segment)
            self._latest[demand] = _stretch(demand, quantity, found, price_list, segment)
            self._stretches.append(self._latest[demand])

    def _note_interpolation(
        self, demand: Demand, latest: _Stretch | None, found: Component | None, segment: Segment
    ) -> None:
        interpolated = segment.at_time if demand is _ENERGY else segment.at_energy
        before = latest.component if latest else None
        if interpolated and before is not found:
            self._notes.append(
                f"{segment.moment.period.pointer}: the price of {demand.dimension} changes within it, at"
                f" {segment.start}; its energy was divided as evenly as its time"
            )


def _stretch(
    demand: Demand,
    quantity: Exact,
    found: Component | None,
    price_list: PriceList | None,
    segment: Segment,
) -> _Stretch:
    return _Stretch(
        kind=_kind(segment.moment.period.activity, demand, found),
        demand=demand,
        component=found,
        tariff_id=segment.moment.period.tariff_id,
        passed_over=price_list.passed_over(demand, segment.moment, found) if price_list else (),
        quantity=quantity,
        start=segment.start,
        end=segment.end,
    )


def _kind(activity: Activity, demand: Demand, component: Component | None) -> Kind:
    if activity in OF_A_RESERVATION:
        return Kind.RESERVATION
    if demand.dimension is TariffDimensionType.FLAT:
        return Kind.PARKING if component and component.parking_only else Kind.FIXED
    return _KINDS[demand.dimension]
