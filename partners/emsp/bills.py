"""The bill for a CDR: what the driver pays and why, and what our check says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from hub.ocpi.party import Party
from hub.pricing import Amount, Kind, payable
from partners.emsp.check import PUBLISHED_LINES, PUBLISHED_TOTAL
from schemas.v2_2_1 import CDR

TEXTS: Final = {
    Kind.FIXED: "Fee",
    Kind.ENERGY: "Energy",
    Kind.TIME: "Charging time",
    Kind.PARKING: "Parking time",
    Kind.RESERVATION: "Reservation",
    Kind.MIN_PRICE: "Up to the minimum price",
    Kind.MAX_PRICE: "Down to the maximum price",
}
UNITS: Final = {Kind.ENERGY: "kWh", Kind.TIME: "h", Kind.PARKING: "h"}
#: The rules that say that the CDR asks for another sum than its tariffs.
_OF_PRICE: Final = frozenset({"price-lines", "price-total", "currency", PUBLISHED_LINES, PUBLISHED_TOTAL})
_NOTE: Final = "note"


class Finding(NamedTuple):
    """What our check found."""

    rule: str
    severity: str
    #: JSON pointer into the CDR.
    pointer: str
    message: str

    def __str__(self) -> str:
        return f"{self.message} ({self.rule}, {self.pointer or '/'})"


@dataclass(frozen=True, slots=True)
class BillLine:
    """One thing that was used, and what it costs."""

    text: str
    #: Without VAT, not rounded to what can be paid.
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
    #: To be paid: in steps in which the currency can be.
    total: Decimal
    #: The total that we would have asked for, not rounded; None where there is none.
    recomputed: Amount | None
    #: Whether our own reckoning comes to the same, line by line.
    agrees: bool
    #: Whether somebody should talk to the CPO before it is paid: a finding is graver than a note.
    is_disputed: bool
    findings: tuple[Finding, ...]
    #: What had to be assumed to reckon.
    notes: tuple[str, ...]
    #: The whole check as JSON values (`Check.as_data`).
    check: Mapping[str, Any]
    #: What the driver was quoted before the start, as JSON values; None: nothing.
    quote: Mapping[str, Any] | None = None

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was found, the grave first, and what was assumed, in words."""
        grave = [each for each in self.findings if each.severity != _NOTE]
        notes = [each for each in self.findings if each.severity == _NOTE]
        return (*map(str, grave), *map(str, notes), *self.notes)


def bill(cdr: CDR, check: Mapping[str, Any], quote: Mapping[str, Any] | None = None) -> Bill:
    """The bill for a CDR.

    Args:
        cdr: What the CPO asks for.
        check: What we think of it, as `Check.as_data` gives it.
        quote: What the driver was told before the start.
    """
    findings = tuple(Finding(*(each[name] for name in Finding._fields)) for each in check["findings"])
    expected = check["expected"]
    agrees = expected is not None and not any(
        each.rule in _OF_PRICE and each.severity != _NOTE for each in findings
    )
    net, total = _payable(cdr.total_cost.excl_vat, cdr), payable(_asked(cdr), cdr.currency)
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
        lines=_explained(expected, _sign(cdr)) if agrees else _summed(cdr),
        net=net,
        vat=None if cdr.total_cost.incl_vat is None else total - net,
        total=total,
        recomputed=None if expected is None else _amount(expected["total_cost"]),
        agrees=agrees,
        is_disputed=check["is_disputed"],
        findings=findings,
        notes=() if expected is None else tuple(expected["notes"]),
        check=check,
        quote=quote,
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
    """One balance for each charging and currency, in the order of the first bill of each.

    Bills belong together that name the same session of the same CPO, or of which one takes the other back.
    """
    together: dict[tuple[Party, str, str], list[Bill]] = {}
    of_cdr: dict[tuple[Party, str], str] = {}
    for each in bills:
        own = (each.session_id or f"CDR {each.cdr_id}").upper()
        charging = of_cdr.get((each.cpo, (each.credited_cdr_id or "").upper()), own)
        together.setdefault((each.cpo, charging, each.currency), []).append(each)
        of_cdr[each.cpo, each.cdr_id.upper()] = charging
    return [_balance(found) for found in together.values()]


def owed(bills: Sequence[Bill]) -> dict[str, Decimal]:
    """What all bills come to, by currency: no sum is made of two."""
    sums: dict[str, Decimal] = {}
    for each in bills:
        sums[each.currency] = sums.get(each.currency, Decimal(0)) + each.total
    return sums


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


def _sign(cdr: CDR) -> int:
    """A credit CDR takes back what its periods cost (CDR-06)."""
    return -1 if cdr.credit else 1


def _asked(cdr: CDR) -> Amount:
    return Amount(cdr.total_cost.excl_vat, cdr.total_cost.incl_vat)


def _payable(net: Decimal, cdr: CDR) -> Decimal:
    return payable(Amount(net, None), cdr.currency)


def _amount(told: Mapping[str, Any]) -> Amount:
    return Amount(Decimal(told["excl_vat"]), _decimal(told["incl_vat"]))


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _explained(expected: Mapping[str, Any], sign: int) -> tuple[BillLine, ...]:
    return tuple(
        BillLine(
            text=TEXTS[Kind(line["kind"])],
            net=Decimal(line["excl_vat"]) * sign,
            quantity=Decimal(line["billed_quantity"]),
            unit=UNITS.get(Kind(line["kind"]), ""),
            unit_price=_decimal(line["unit_price"]),
            vat=_decimal(line["vat"]),
        )
        for line in expected["lines"]
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
