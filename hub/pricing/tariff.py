"""Which price component applies at a moment, and why those before it did not (TAR-05, TAR-06)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from hub.pricing.errors import CannotBePriced
from hub.pricing.exact import plausible
from hub.pricing.moment import Moment
from hub.pricing.money import Money, rate
from hub.pricing.restrictions import Condition, Restrictions, Turns, understood
from hub.pricing.unknown_fields import unknown_fields
from schemas.v2_2_1.tariffs import (
    PriceComponent,
    ReservationRestrictionType,
    Tariff,
    TariffDimensionType,
    TariffElement,
)
from schemas.v2_2_1.types import Price

#: All that a reservation can cost (2.2.1, Tariffs, TariffRestrictions, `reservation`).
_OF_A_RESERVATION: Final = frozenset({TariffDimensionType.FLAT, TariffDimensionType.TIME})


@dataclass(frozen=True, slots=True)
class Component:
    """A price component and where it stands."""

    tariff_id: str
    #: Place of its element in the tariff, from 0.
    element: int
    dimension: TariffDimensionType
    #: Per kWh, per hour or once, without VAT.
    price: Decimal
    #: Per cent; None: not applicable, which is not 0 (TAR-11).
    vat: Decimal | None
    #: Wh or seconds (TAR-16).
    step_size: int
    #: What the least unit of the dimension costs.
    rate: Money
    #: Whether its element prices parking and nothing that comes before: then its fee is one for parking.
    parking_only: bool


class PassedOver(NamedTuple):
    """An element that stands before the one that applies, or would have come before it."""

    element: int
    #: What did not hold, as named in `TariffRestrictions`; None: the element does not come into question.
    restriction: str | None
    #: In words.
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """A dimension in which something was used, during a session or one kind of reservation.

    There are a few constants, each of which is only itself: they are looked up more often than all else.
    """

    dimension: TariffDimensionType
    #: In the order of precedence; None: the elements that have no reservation restriction.
    reservations: tuple[ReservationRestrictionType | None, ...] = (None,)


class _Element(NamedTuple):
    number: int
    restrictions: Restrictions
    components: dict[TariffDimensionType, Component]


class _Ranking(NamedTuple):
    """What a tariff has for a demand, whatever the moment."""

    #: What may apply, and when; the first to ask first.
    candidates: tuple[tuple[Component, tuple[Condition, ...]], ...]
    #: Element by element: that it does not come into question, and why; None: it does.
    out_of_question: tuple[PassedOver | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PriceList:
    """A tariff, understood: nothing in it is unknown to the engine."""

    id: str
    #: Where the tariff stands.
    pointer: str
    currency: str
    min_price: Price | None
    max_price: Price | None
    #: When it becomes valid, and after which instant it is not any more.
    valid_from: datetime | None
    valid_until: datetime | None
    has_vat: bool
    #: That of all components; None: they have several, or none.
    only_vat: Decimal | None
    turns: Turns
    #: What is to be said of it, in words, each beginning with a JSON pointer.
    remarks: tuple[str, ...]
    _elements: tuple[_Element, ...]
    #: By demand, as demands come.
    _rankings: dict[Demand, _Ranking] = field(default_factory=dict, repr=False)

    def applicable(self, demand: Demand, moment: Moment) -> Component | None:
        """That of the first element that prices the dimension and applies; None: it costs nothing."""
        ranking = self._rankings.get(demand) or self._ranked(demand)
        for component, conditions in ranking.candidates:
            for condition in conditions:
                if not condition.holds(moment):
                    break
            else:
                return component
        return None

    def is_constant(self, demand: Demand) -> bool:
        """Whether the same applies at every moment."""
        candidates = (self._rankings.get(demand) or self._ranked(demand)).candidates
        return not (candidates and candidates[0][1])

    def _ranked(self, demand: Demand) -> _Ranking:
        dimension = demand.dimension
        candidates = tuple(
            (element.components[dimension], element.restrictions.conditions)
            for reservation in demand.reservations
            for element in self._elements
            if element.restrictions.reservation == reservation and dimension in element.components
        )
        ranking = _Ranking(candidates, tuple(_out_of_question(each, demand) for each in self._elements))
        self._rankings[demand] = ranking
        return ranking

    def passed_over(self, demand: Demand, moment: Moment, found: Component | None) -> tuple[PassedOver, ...]:
        """Why none of the elements before the one that was found applies; None: of all elements."""
        found_at = None if found is None else found.element
        ranking = self._rankings.get(demand) or self._ranked(demand)
        before = zip(self._elements[:found_at], ranking.out_of_question, strict=False)
        return (
            *(beside or _passed_over(each, demand, moment) for each, beside in before),
            *self._asked_first(demand, moment, found_at),
        )

    def _asked_first(self, demand: Demand, moment: Moment, found_at: int | None) -> tuple[PassedOver, ...]:
        """The elements behind the one that was found which would have had precedence (TAR-15)."""
        if found_at is None or self._elements[found_at].restrictions.reservation == demand.reservations[0]:
            return ()
        return tuple(
            _passed_over(each, demand, moment)
            for each in self._elements[found_at + 1 :]
            if each.restrictions.reservation == demand.reservations[0] and demand.dimension in each.components
        )


def _out_of_question(element: _Element, demand: Demand) -> PassedOver | None:
    reservation = element.restrictions.reservation
    if reservation not in demand.reservations:
        return PassedOver(element.number, None, f"it is for {reservation or 'charging sessions'} only")
    if demand.dimension not in element.components:
        return PassedOver(element.number, None, f"it does not price {demand.dimension}")
    return None


def _passed_over(element: _Element, demand: Demand, moment: Moment) -> PassedOver:
    broken = element.restrictions.broken_by(moment)
    if broken is None:
        return PassedOver(element.number, None, f"elements for {demand.reservations[0]} come before it")
    return PassedOver(element.number, broken.restriction, broken.reason)


def check_tariff(tariff: Tariff) -> None:
    """Check that the engine understands a tariff that stands by itself.

    Raises:
        CannotBePriced: It does not; the pointer is one into the tariff.
    """
    price_list(tariff, "")


def price_list(tariff: Tariff, pointer: str) -> PriceList:
    """The tariff as a price list.

    Args:
        tariff: As it came.
        pointer: Where it stands, for errors.

    Raises:
        CannotBePriced: A component or restriction is unknown, contradicts another one, or has no meaning.
    """
    if not tariff.elements:
        raise CannotBePriced(f"{pointer}/elements", "a tariff without elements says no price")
    _check_bounds(tariff, pointer)
    elements: list[_Element] = []
    turns = Turns()
    vats: set[Decimal | None] = set()
    for number, element in enumerate(tariff.elements):
        where = f"{pointer}/elements/{number}"
        restrictions = understood(element.restrictions, f"{where}/restrictions")
        turns = turns | restrictions.turns if restrictions.conditions else turns
        components = {each.dimension: each for each in _components(tariff.id, number, element, where)}
        for component in components.values():
            _check_reservation(component, restrictions, where)
            vats.add(component.vat)
        elements.append(_Element(number, restrictions, components))
    return PriceList(
        id=tariff.id,
        pointer=pointer,
        currency=tariff.currency,
        min_price=tariff.min_price,
        max_price=tariff.max_price,
        valid_from=tariff.start_date_time,
        valid_until=tariff.end_date_time,
        has_vat=vats != {None},
        only_vat=vats.pop() if len(vats) == 1 else None,
        turns=turns,
        remarks=unknown_fields(tariff, pointer),
        _elements=tuple(elements),
    )


def _components(tariff_id: str, number: int, element: TariffElement, pointer: str) -> Iterator[Component]:
    priced = [component.type for component in element.price_components]
    if not priced:
        raise CannotBePriced(f"{pointer}/price_components", "an element without components says no price")
    parking_only = TariffDimensionType.PARKING_TIME in priced and not (
        {TariffDimensionType.TIME, TariffDimensionType.ENERGY} & set(priced)
    )
    for place, component in enumerate(element.price_components):
        where = f"{pointer}/price_components/{place}"
        _check_component(component, priced[:place], where)
        yield Component(
            tariff_id=tariff_id,
            element=number,
            dimension=component.type,
            price=component.price,
            vat=component.vat,
            step_size=component.step_size,
            rate=rate(component.type, component.price, component.vat),
            parking_only=parking_only,
        )


def _check_component(component: PriceComponent, before: Sequence[TariffDimensionType], pointer: str) -> None:
    if not isinstance(component.type, TariffDimensionType):
        raise CannotBePriced(f"{pointer}/type", f"{component.type} is no dimension that OCPI 2.2.1 prices")
    if component.type in before:
        raise CannotBePriced(f"{pointer}/type", f"the element prices {component.type} twice")
    plausible(component.price, f"{pointer}/price")
    if component.vat is not None and plausible(component.vat, f"{pointer}/vat") < 0:
        raise CannotBePriced(f"{pointer}/vat", f"a VAT of {component.vat} % has no meaning")
    plausible(Decimal(component.step_size), f"{pointer}/step_size")
    if component.type is not TariffDimensionType.FLAT and component.step_size < 1:
        raise CannotBePriced(f"{pointer}/step_size", f"steps of {component.step_size} lead nowhere")


def _check_reservation(component: Component, restrictions: Restrictions, pointer: str) -> None:
    if restrictions.reservation is not None and component.dimension not in _OF_A_RESERVATION:
        raise CannotBePriced(
            f"{pointer}/restrictions/reservation", f"a reservation has no {component.dimension} to price"
        )


def _check_bounds(tariff: Tariff, pointer: str) -> None:
    least, most = tariff.min_price, tariff.max_price
    for name, bound in (("min_price", least), ("max_price", most)):
        for vat in ("excl_vat", "incl_vat"):
            if bound is not None and getattr(bound, vat) is not None:
                plausible(getattr(bound, vat), f"{pointer}/{name}/{vat}")
    if least is None or most is None:
        return
    if least.excl_vat > most.excl_vat:
        raise CannotBePriced(f"{pointer}/min_price/excl_vat", f"exceeds max_price, {most.excl_vat}")
    if least.incl_vat is not None and most.incl_vat is not None and least.incl_vat > most.incl_vat:
        raise CannotBePriced(f"{pointer}/min_price/incl_vat", f"exceeds max_price, {most.incl_vat}")
