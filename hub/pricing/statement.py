"""The price statement: every cost total of a CDR, the lines that add up to them, and what costs nothing."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from hub.pricing.tariff import PassedOver
from hub.pricing.usage import Kind
from schemas.v2_2_1.tariffs import TariffDimensionType


class Amount(NamedTuple):
    """An amount of money, not rounded."""

    excl_vat: Decimal
    #: None: no component has VAT (TAR-11).
    incl_vat: Decimal | None


class Line(NamedTuple):
    """What one component asks for, or what lifts or lowers the total to a bound of the tariff."""

    kind: Kind
    #: Not rounded; the amounts of all lines add up to the total.
    amount: Amount
    tariff_id: str
    start: datetime
    #: The instant of `start` for a fee.
    end: datetime
    #: kWh, hours, or 1 for a fee and for a bound.
    quantity: Decimal = Decimal(1)
    #: The same after `step_size`.
    billed_quantity: Decimal = Decimal(1)
    #: Per kWh, per hour or once, without VAT; None for a bound, like all that follows.
    unit_price: Decimal | None = None
    #: Per cent; None: not applicable.
    vat: Decimal | None = None
    dimension: TariffDimensionType | None = None
    step_size: int | None = None
    #: Place of the element in its tariff, from 0.
    element: int | None = None
    #: The elements before it, and why each did not apply at `start`.
    passed_over: tuple[PassedOver, ...] = ()


class NotPriced(NamedTuple):
    """What was used and costs nothing, since no element of its tariff applied (TAR-05)."""

    kind: Kind
    dimension: TariffDimensionType
    #: None: no tariff is relevant.
    tariff_id: str | None
    start: datetime
    end: datetime
    #: kWh or hours.
    quantity: Decimal
    #: All elements, and why each did not apply at `start`.
    passed_over: tuple[PassedOver, ...]


@dataclass(frozen=True, slots=True)
class PriceStatement:
    """What a session costs, and why; the totals are named as in a CDR (2.2.1, CDRs, CDR Object).

    Decimals are exact, or cut after 34 digits where no decimal is (a third of an hour).
    """

    currency: str
    total_cost: Amount
    #: None: there is nothing of this kind. Fees that are neither for parking nor for a reservation.
    total_fixed_cost: Amount | None
    total_energy_cost: Amount | None
    #: Charging time only.
    total_time_cost: Amount | None
    #: With its fees.
    total_parking_cost: Amount | None
    #: With its fees.
    total_reservation_cost: Amount | None
    #: kWh
    total_energy: Decimal
    #: Hours of charging and parking; a reservation does not count.
    total_time: Decimal
    #: Hours
    total_parking_time: Decimal
    #: In the order in which they began; those for the bounds of a tariff last.
    lines: tuple[Line, ...]
    #: In the order in which it began.
    not_priced: tuple[NotPriced, ...] = ()
    #: What had to be assumed, in words, each beginning with a JSON pointer.
    notes: tuple[str, ...] = ()
