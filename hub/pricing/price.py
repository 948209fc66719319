"""What a session costs: measured periods and tariffs in, a price statement out."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import reduce
from itertools import chain
from operator import or_
from typing import Final, NamedTuple

from hub.pricing.bounds import adjustments
from hub.pricing.clock import zone
from hub.pricing.errors import CannotBePriced
from hub.pricing.exact import MICROSECONDS_AN_HOUR, Exact, as_decimal, microseconds, total
from hub.pricing.money import LEAST_UNITS, Money, in_currency
from hub.pricing.periods import OF_A_RESERVATION, Activity, ChargedPeriod, in_order
from hub.pricing.remembered import PriceLists
from hub.pricing.restrictions import Turns
from hub.pricing.segments import segments
from hub.pricing.statement import Amount, Line, NotPriced, PriceStatement
from hub.pricing.steps import billed
from hub.pricing.tariff import PriceList
from hub.pricing.usage import Kind, Unpriced, Usage, Used, used
from hub.pricing.validity import validity_notes
from schemas.v2_2_1.tariffs import Tariff

_UTC: Final = "UTC"
_NO_ZONE: Final = "the time zone of the location is not known; its clock is taken to show UTC"

_remembered: Final = PriceLists()


class _Charge(NamedTuple):
    """A line, and its amount while it is still exact."""

    line: Line
    money: Money


def price(
    periods: Sequence[ChargedPeriod], tariffs: Iterable[Tariff], *, time_zone: str | None
) -> PriceStatement:
    """The exact price of a session, whether it is over or still goes on.

    Args:
        periods: The session as measured, in order of time; `charged_periods` reads them from OCPI.
        tariffs: Every tariff that a period names; OCPI's CDR and Connector allow several.
        time_zone: Name of the location's time zone (`Location.time_zone`), for restrictions of time; None: it
            is not known, UTC is assumed, and the statement says so where it matters (AM-55).

    Raises:
        CannotBePriced: Something in the periods or tariffs is not understood, or contradicts itself.
    """
    price_lists = _price_lists(tariffs)
    session = in_order(periods)
    relevant = _relevant(price_lists, session)
    turns = reduce(or_, (one.turns for one in relevant), Turns())
    found = used(segments(session, turns, zone(_UTC if time_zone is None else time_zone)), price_lists)
    charges = [
        _charge(usage, quantity) for usage, quantity in zip(found.priced, billed(found.priced), strict=True)
    ]
    for one in relevant:
        charges += _bounds(one, charges, session)
    if time_zone is None and turns.clock:
        found = found._replace(notes=(_NO_ZONE, *found.notes))
    remarks = chain.from_iterable(one.remarks for one in relevant)
    notes = (*validity_notes(relevant, session[0].start), *remarks, *found.notes)
    currency = next(iter(price_lists.values())).currency
    total_cost = _amount(_sum(charges), with_vat=any(map(_has_vat, relevant)))
    return _statement(currency, total_cost, charges, session, found._replace(notes=notes))


def _price_lists(tariffs: Iterable[Tariff]) -> dict[str, PriceList]:
    """The tariffs by id, which ignores case."""
    price_lists: dict[str, PriceList] = {}
    for number, tariff in enumerate(tariffs):
        one = _remembered.of(tariff, f"/tariffs/{number}")
        if one.id.lower() in price_lists:
            raise CannotBePriced(f"/tariffs/{number}/id", f"there is another tariff {one.id}")
        for other in price_lists.values():
            if other.currency != one.currency:
                raise CannotBePriced(
                    f"/tariffs/{number}/currency", f"{one.currency} does not add up with {other.currency}"
                )
        price_lists[one.id.lower()] = one
    if not price_lists:
        raise CannotBePriced("/tariffs", "there is not one tariff")
    return price_lists


def _relevant(price_lists: Mapping[str, PriceList], session: Iterable[ChargedPeriod]) -> list[PriceList]:
    """Those that a period names."""
    named = {period.tariff_id.lower() for period in session if period.tariff_id is not None}
    return [one for tariff_id, one in price_lists.items() if tariff_id in named]


def _charge(usage: Usage, billed_quantity: Exact) -> _Charge:
    component = usage.component
    units = LEAST_UNITS[component.dimension]
    cost = component.rate.times(billed_quantity)
    quantity = as_decimal(usage.quantity, units)
    line = Line(
        kind=usage.kind,
        amount=_amount(cost, with_vat=component.vat is not None),
        tariff_id=component.tariff_id,
        start=usage.start,
        end=usage.end,
        quantity=quantity,
        billed_quantity=(
            quantity if billed_quantity == usage.quantity else as_decimal(billed_quantity, units)
        ),
        unit_price=component.price,
        vat=component.vat,
        dimension=component.dimension,
        step_size=component.step_size,
        element=component.element,
        passed_over=usage.passed_over,
    )
    return _Charge(line, cost)


def _not_priced(unpriced: Unpriced) -> NotPriced:
    return NotPriced(
        kind=unpriced.kind,
        dimension=unpriced.dimension,
        tariff_id=unpriced.tariff_id,
        start=unpriced.start,
        end=unpriced.end,
        quantity=as_decimal(unpriced.quantity, LEAST_UNITS[unpriced.dimension]),
        passed_over=unpriced.passed_over,
    )


def _bounds(one: PriceList, charges: Sequence[_Charge], session: Sequence[ChargedPeriod]) -> list[_Charge]:
    """The lines for the bounds of one tariff that is relevant to the session."""
    if one.min_price is None and one.max_price is None:
        return []
    periods = [
        period for period in session if period.tariff_id and period.tariff_id.lower() == one.id.lower()
    ]
    cost = _sum(charge for charge in charges if charge.line.tariff_id == one.id)
    in_session = any(period.activity not in OF_A_RESERVATION for period in periods)
    return [
        _Charge(
            Line(
                kind=adjustment.kind,
                amount=_amount(adjustment.money, with_vat=_has_vat(one)),
                tariff_id=one.id,
                start=periods[0].start,
                end=periods[-1].end,
            ),
            adjustment.money,
        )
        for adjustment in adjustments(one, cost, in_session=in_session)
    ]


def _statement(
    currency: str,
    total_cost: Amount,
    charges: Sequence[_Charge],
    session: Sequence[ChargedPeriod],
    found: Used,
) -> PriceStatement:
    totals = _totals(charges)
    charging, parking = _time(session, Activity.CHARGING), _time(session, Activity.PARKING)
    return PriceStatement(
        currency=currency,
        total_cost=total_cost,
        total_fixed_cost=totals.get(Kind.FIXED),
        total_energy_cost=totals.get(Kind.ENERGY),
        total_time_cost=totals.get(Kind.TIME),
        total_parking_cost=totals.get(Kind.PARKING),
        total_reservation_cost=totals.get(Kind.RESERVATION),
        total_energy=total(period.energy for period in session),
        total_time=as_decimal(charging + parking, MICROSECONDS_AN_HOUR),
        total_parking_time=as_decimal(parking, MICROSECONDS_AN_HOUR),
        lines=tuple(charge.line for charge in charges),
        not_priced=tuple(map(_not_priced, found.unpriced)),
        notes=found.notes,
    )


def _totals(charges: Iterable[_Charge]) -> dict[Kind, Amount]:
    """The totals of the kinds of which there is something."""
    of_kinds: dict[Kind, list[_Charge]] = {}
    for charge in charges:
        of_kinds.setdefault(charge.line.kind, []).append(charge)
    return {
        kind: (
            same[0].line.amount
            if len(same) == 1
            else _amount(_sum(same), with_vat=any(charge.line.vat is not None for charge in same))
        )
        for kind, same in of_kinds.items()
    }


def _sum(charges: Iterable[_Charge]) -> Money:
    return reduce(Money.plus, (charge.money for charge in charges), Money())


def _amount(exact: Money, *, with_vat: bool) -> Amount:
    return Amount(in_currency(exact.excl_vat), in_currency(exact.incl_vat) if with_vat else None)


def _has_vat(one: PriceList) -> bool:
    """Whether costs with VAT are told: a component has it, or a bound says so."""
    bounds = (bound.incl_vat for bound in (one.min_price, one.max_price) if bound is not None)
    return one.has_vat or any(incl_vat is not None for incl_vat in bounds)


def _time(session: Iterable[ChargedPeriod], activity: Activity) -> int:
    """Microseconds in all."""
    durations = (period.end - period.start for period in session if period.activity is activity)
    return microseconds(sum(durations, timedelta()))
