"""Which price component applies at a moment, and why those before it did not (TAR-05, TAR-06)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from hub.pricing.errors import CannotBePriced
from hub.pricing.exact import plausible
from hub.pricing.restrictions import Moment, Restrictions, Turns, understood
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
    #: Whether its element prices parking and nothing that comes before: then its fee is one for parking.
    parking_only: bool


class PassedOver(NamedTuple):
    """An element that prices the dimension and stands before the one that applies."""

    element: int
    #: The restriction that did not hold, as named in `TariffRestrictions`.
    restriction: str


class Applicable(NamedTuple):
    """The component that applies, and the elements that were asked before it."""

    component: Component
    passed_over: tuple[PassedOver, ...]


class _Candidate(NamedTuple):
    component: Component
    restrictions: Restrictions


class Demand(NamedTuple):
    """A dimension in which something was used, during a session or one kind of reservation."""

    dimension: TariffDimensionType
    #: In the order of precedence; None: the elements that have no reservation restriction.
    reservations: tuple[ReservationRestrictionType | None, ...] = (None,)


@dataclass(frozen=True, slots=True)
class PriceList:
    """A tariff, understood: nothing in it is unknown to the engine."""

    id: str
    currency: str
    min_price: Price | None
    max_price: Price | None
    has_vat: bool
    turns: Turns
    _candidates: dict[tuple[TariffDimensionType, ReservationRestrictionType | None], tuple[_Candidate, ...]]

    def applicable(self, demand: Demand, moment: Moment) -> Applicable | None:
        """The first element that prices the dimension and whose restrictions hold; None: it costs nothing."""
        passed_over: list[PassedOver] = []
        for reservation in demand.reservations:
            for component, restrictions in self._candidates.get((demand.dimension, reservation), ()):
                broken = restrictions.broken_by(moment)
                if broken is None:
                    return Applicable(component, tuple(passed_over))
                passed_over.append(PassedOver(component.element, broken))
        return None


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
    candidates: dict[
        tuple[TariffDimensionType, ReservationRestrictionType | None], tuple[_Candidate, ...]
    ] = {}
    turns = Turns()
    for number, element in enumerate(tariff.elements):
        where = f"{pointer}/elements/{number}"
        restrictions = understood(element.restrictions, f"{where}/restrictions")
        turns |= restrictions.turns
        for component in _components(tariff.id, number, element, where):
            _check_reservation(component, restrictions, where)
            key = component.dimension, restrictions.reservation
            candidates[key] = (*candidates.get(key, ()), _Candidate(component, restrictions))
    return PriceList(
        id=tariff.id,
        currency=tariff.currency,
        min_price=tariff.min_price,
        max_price=tariff.max_price,
        has_vat=any(one.component.vat is not None for some in candidates.values() for one in some),
        turns=turns,
        _candidates=candidates,
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
