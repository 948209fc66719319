"""The bill for a CDR: what the driver pays and why, and whether our own reckoning agrees with the CPO's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from hub.ocpi.party import Party
from hub.pricing import Amount, CannotBePriced, Kind, PriceStatement, charged_periods, half_up, price
from schemas.v2_2_1 import CDR, CdrDimensionType, Tariff

#: Money on a bill is in cents.
CENT = Decimal("0.01")
#: A CDR and our own reckoning may differ by this much, as OCPI has no rounding rule (TAR-17).
TOLERANCE = CENT

TEXTS = {
    Kind.FIXED: "Fee",
    Kind.ENERGY: "Energy",
    Kind.TIME: "Charging time",
    Kind.PARKING: "Parking time",
    Kind.RESERVATION: "Reservation",
    Kind.MIN_PRICE: "Up to the minimum price",
    Kind.MAX_PRICE: "Down to the maximum price",
}
UNITS = {Kind.ENERGY: "kWh", Kind.TIME: "h", Kind.PARKING: "h"}


@dataclass(frozen=True, slots=True)
class BillLine:
    """One thing that was used, and what it costs."""

    text: str
    #: Without VAT, not rounded to cents.
    net: Decimal
    #: kWh or hours as billed, None for a sum that the CPO did not explain.
    quantity: Decimal | None = None
    unit: str = ""
    #: Without VAT, for one unit of the quantity.
    unit_price: Decimal | None = None
    #: Per cent; None: not applicable or not known.
    vat: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Bill:
    """What a driver owes for one CDR."""

    cdr_id: str
    session_id: str | None
    cpo: Party
    #: The CDR that this one takes back, None where it is no Credit CDR (CDR-06).
    credited_cdr_id: str | None
    token_uid: str
    place: str
    start: datetime
    end: datetime
    #: kWh
    energy: Decimal
    currency: str
    lines: tuple[BillLine, ...]
    #: Without VAT. What the CDR says is what is billed, whatever we reckon.
    net: Decimal
    #: None: the CDR says nothing of VAT.
    vat: Decimal | None
    total: Decimal
    #: The total by our own reckoning, not rounded; None where it could not be made.
    recomputed: Amount | None
    #: Whether our own reckoning comes to the same total.
    agrees: bool
    #: In what the two differ, and what had to be assumed.
    remarks: tuple[str, ...]


def bill(cdr: CDR, tariffs: Sequence[Tariff], time_zone: str | None) -> Bill:
    """The bill for a CDR.

    Args:
        cdr: What the CPO asks for.
        tariffs: Tariffs of the same CPO that we know, for those that the CDR does not hold.
        time_zone: Of the location; None: it is not known, and UTC is assumed (AM-55).
    """
    reckoned, remarks = _reckoned(cdr, tariffs, time_zone)
    difference = None if reckoned is None else _difference(cdr, reckoned)
    if difference is not None:
        remarks = (difference, *remarks)
    remarks = (*remarks, *_at_odds(cdr))
    agrees = reckoned is not None and difference is None
    net, total = cdr.total_cost.excl_vat, cdr.total_cost.incl_vat
    return Bill(
        cdr_id=cdr.id,
        session_id=cdr.session_id,
        cpo=Party(cdr.country_code, cdr.party_id),
        credited_cdr_id=cdr.credit_reference_id if cdr.credit else None,
        token_uid=cdr.cdr_token.uid,
        place=f"{cdr.cdr_location.name or cdr.cdr_location.address}, {cdr.cdr_location.city}",
        start=cdr.start_date_time,
        end=cdr.end_date_time,
        energy=cdr.total_energy,
        currency=cdr.currency,
        lines=_explained(reckoned, _sign(cdr)) if agrees and reckoned is not None else _summed(cdr),
        net=_cents(net),
        vat=None if total is None else _cents(total) - _cents(net),
        total=_cents(net if total is None else total),
        recomputed=None if reckoned is None else reckoned.total_cost,
        agrees=agrees,
        remarks=remarks,
    )


@dataclass(frozen=True, slots=True)
class Balance:
    """What is owed for one charging in the end: its CDR, what was credited, and the CDR in its place."""

    cpo: Party
    #: None: the CPO told of no session.
    session_id: str | None
    #: In the order in which they came.
    cdr_ids: tuple[str, ...]
    currency: str
    net: Decimal
    total: Decimal


def balances(bills: Sequence[Bill]) -> list[Balance]:
    """One balance for each charging, in the order of the first bill of each.

    Bills belong together that name the same session of the same CPO, or of which one takes the other back.
    """
    together: dict[tuple[Party, str, str], list[Bill]] = {}
    of_cdr: dict[tuple[Party, str], tuple[Party, str, str]] = {}
    for each in bills:
        key = of_cdr.get((each.cpo, (each.credited_cdr_id or "").upper()))
        if key is None:
            key = (each.cpo, (each.session_id or f"CDR {each.cdr_id}").upper(), each.currency)
        together.setdefault(key, []).append(each)
        of_cdr[each.cpo, each.cdr_id.upper()] = key
    return [_balance(found) for found in together.values()]


def _balance(found: Sequence[Bill]) -> Balance:
    first = found[0]
    return Balance(
        cpo=first.cpo,
        session_id=first.session_id,
        cdr_ids=tuple(each.cdr_id for each in found),
        currency=first.currency,
        net=sum((each.net for each in found), Decimal(0)),
        total=sum((each.total for each in found), Decimal(0)),
    )


def _reckoned(
    cdr: CDR, tariffs: Sequence[Tariff], time_zone: str | None
) -> tuple[PriceStatement | None, tuple[str, ...]]:
    """Our own price for the CDR's periods, None where there is none, and what is to be said about it."""
    assumed = () if time_zone else ("the time zone of the location is not known, UTC was assumed",)
    in_cdr = {tariff.id.upper() for tariff in cdr.tariffs}
    missing = {period.tariff_id.upper() for period in cdr.charging_periods if period.tariff_id} - in_cdr
    known = (*cdr.tariffs, *(tariff for tariff in tariffs if tariff.id.upper() in missing))
    try:
        periods = charged_periods(cdr.charging_periods, end=cdr.end_date_time)
        statement = price(periods, known, time_zone=time_zone or "UTC")
    except CannotBePriced as error:
        return None, (f"could not be checked: {error}",)
    if statement.currency != cdr.currency:
        return None, (f"could not be checked: the tariff is in {statement.currency}",)
    return statement, (*assumed, *statement.notes)


def _difference(cdr: CDR, reckoned: PriceStatement) -> str | None:
    """In what the CDR's total and our own differ, None where they agree."""
    ours = reckoned.total_cost
    pairs = [("without VAT", cdr.total_cost.excl_vat, ours.excl_vat * _sign(cdr))]
    if cdr.total_cost.incl_vat is not None and ours.incl_vat is not None:
        pairs.append(("with VAT", cdr.total_cost.incl_vat, ours.incl_vat * _sign(cdr)))
    for what, theirs, own in pairs:
        if abs(theirs - own) > TOLERANCE:
            return f"the CDR asks for {theirs} {cdr.currency} {what}, by its tariff it is {half_up(own)}"
    return None


def _at_odds(cdr: CDR) -> Iterator[str]:
    """Where the CDR is at odds with itself (CDR-20); it is billed all the same."""
    parked = cdr.total_parking_time or Decimal(0)
    if parked > cdr.total_time:
        yield f"the CDR has {parked} h of parking in {cdr.total_time} h in all"
    energy = [
        dimension.volume
        for period in cdr.charging_periods
        for dimension in period.dimensions
        if dimension.type == CdrDimensionType.ENERGY
    ]
    if energy and sum(energy) != cdr.total_energy:
        yield f"the periods of the CDR have {sum(energy)} kWh, its total is {cdr.total_energy} kWh"


def _sign(cdr: CDR) -> int:
    """A credit CDR takes back what its periods cost (CDR-06)."""
    return -1 if cdr.credit else 1


def _explained(reckoned: PriceStatement, sign: int) -> tuple[BillLine, ...]:
    return tuple(
        BillLine(
            text=TEXTS[line.kind],
            net=line.amount.excl_vat * sign,
            quantity=line.billed_quantity,
            unit=UNITS.get(line.kind, ""),
            unit_price=line.unit_price,
            vat=line.vat,
        )
        for line in reckoned.lines
    )


def _summed(cdr: CDR) -> tuple[BillLine, ...]:
    """What the CDR itself says of its total, as its own sums."""
    charging_time = cdr.total_time - (cdr.total_parking_time or 0)
    sums = (
        (Kind.FIXED, cdr.total_fixed_cost, None),
        (Kind.ENERGY, cdr.total_energy_cost, cdr.total_energy),
        (Kind.TIME, cdr.total_time_cost, charging_time),
        (Kind.PARKING, cdr.total_parking_cost, cdr.total_parking_time),
        (Kind.RESERVATION, cdr.total_reservation_cost, None),
    )
    lines = tuple(
        BillLine(TEXTS[kind], cost.excl_vat * _sign(cdr), quantity, UNITS.get(kind, ""))
        for kind, cost, quantity in sums
        if cost is not None
    )
    return lines or (BillLine("Charging session", cdr.total_cost.excl_vat),)


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)
