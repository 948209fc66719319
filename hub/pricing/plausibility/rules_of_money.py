"""Rules about money: the price by our own reckoning, the tariff, the currency, VAT."""

from collections.abc import Callable, Iterator
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Final, NamedTuple

from hub.pricing.errors import CannotBePriced
from hub.pricing.exact import DIGITS
from hub.pricing.plausibility.case import Case, time_zone
from hub.pricing.plausibility.history import is_known_at, valid_at
from hub.pricing.plausibility.known import Missing
from hub.pricing.plausibility.values import Doubt, Severity
from hub.pricing.rounding import half_up
from hub.pricing.statement import Amount, PriceStatement
from schemas.v2_2_1 import CDR, Tariff
from schemas.v2_2_1.types import Price

TOTAL: Final = "total_cost"
#: The totals of a kind, named alike in a CDR and in a price statement.
LINES: Final = (
    "total_fixed_cost",
    "total_energy_cost",
    "total_time_cost",
    "total_parking_cost",
    "total_reservation_cost",
)
#: What makes the price; the rest of a tariff is for people.
_PRICING: Final = ("currency", "min_price", "max_price", "elements")
_NOTHING: Final = Amount(Decimal(0), None)
_PER_CENT: Final = 100
#: In which the difference to any number that JSON can hold is a number, too.
_ANY_NUMBER: Final = Context(prec=2 * DIGITS, Emax=MAX_EMAX, Emin=MIN_EMIN)

_CURRENCY: Final = "/currency"
_TIME_ZONE: Final = "/time_zone"


class Difference(NamedTuple):
    """One amount of a CDR beside our own."""

    #: JSON pointer into the CDR.
    pointer: str
    #: In the CDR.
    asked: Decimal
    #: By our own reckoning.
    priced: Decimal

    @property
    def amount(self) -> Decimal:
        """By how much too much is asked; negative: too little."""
        return _ANY_NUMBER.subtract(self.asked, self.priced)


def differences(cdr: CDR, statement: PriceStatement) -> Iterator[Difference]:
    """Each amount that the CDR tells and that we can tell, equal or not."""
    yield from _two(TOTAL, cdr.total_cost, statement.total_cost)
    for name in LINES:
        if (asked := getattr(cdr, name)) is not None:
            yield from _two(name, asked, getattr(statement, name) or _NOTHING)


def _two(name: str, asked: Price, priced: Amount) -> Iterator[Difference]:
    yield Difference(f"/{name}/excl_vat", asked.excl_vat, half_up(priced.excl_vat))
    if asked.incl_vat is not None and priced.incl_vat is not None:
        yield Difference(f"/{name}/incl_vat", asked.incl_vat, half_up(priced.incl_vat))


def price_of_lines(case: Case) -> Iterator[Doubt]:
    """Each total of a kind is what the tariff says."""
    yield from _off(case, case.measures.line, lambda pointer: not _is_total(pointer))


def price_of_all(case: Case) -> Iterator[Doubt]:
    """The total is what the tariff says; what cannot be priced is not believed."""
    if isinstance(case.statement, CannotBePriced) and case.statement.pointer != _CURRENCY:
        yield Doubt(
            _place(case, case.statement.pointer),
            f"cannot be priced: {case.statement.reason}",
            {"asked": case.cdr.total_cost.excl_vat},
        )
    yield from _off(case, case.measures.total, _is_total)


def _place(case: Case, pointer: str) -> str:
    """Where in the CDR: a time zone stands there against the specification, or is that of its location."""
    if pointer != _TIME_ZONE:
        return pointer
    return "/cdr_location/time_zone" if isinstance(case.known.location, Missing) else "/cdr_location/id"


def _off(case: Case, tolerance: Decimal, which: Callable[[str], bool]) -> Iterator[Doubt]:
    statement = case.statement
    if not isinstance(statement, PriceStatement):
        return
    assumed = "" if time_zone(case.cdr, case.known) else ", in the time zone UTC, since none is known"
    for each in differences(case.cdr, statement):
        if which(each.pointer) and abs(each.amount) > tolerance:
            yield Doubt(
                each.pointer,
                f"asks for {each.asked} {case.cdr.currency}, by the tariff it is {each.priced}{assumed}",
                {"asked": each.asked, "priced": each.priced, "difference": each.amount},
            )


def tariff_at_start(case: Case) -> Iterator[Doubt]:
    """The tariffs are those that were valid when the session started."""
    start, versions = case.cdr.start_date_time, case.known.tariffs
    for number, tariff in enumerate(case.cdr.tariffs):
        pointer = f"/tariffs/{number}"
        yield from _validity(tariff, case, pointer)
        if not is_known_at(versions, tariff.id, start):
            continue
        candidates = valid_at(versions, tariff.id, start, case.measures.tariff)
        if not candidates:
            yield Doubt(pointer, f"{tariff.id} had been withdrawn by then", {"start": start})
        elif not any(same_price(tariff, each) for each in candidates):
            fields = [name for name in _PRICING if getattr(tariff, name) != getattr(candidates[-1], name)]
            yield Doubt(
                f"{pointer}/{fields[0]}",
                f"{', '.join(fields)} of {tariff.id} are not those of {candidates[-1].last_updated}",
                {"start": start, "valid_version": candidates[-1].last_updated},
            )


def _validity(tariff: Tariff, case: Case, pointer: str) -> Iterator[Doubt]:
    """The tariff's own start and end."""
    start = case.cdr.start_date_time
    begins, ends = tariff.start_date_time, tariff.end_date_time
    if begins is not None and start < begins:
        yield Doubt(f"{pointer}/start_date_time", "begins later", {"start": start, "valid_from": begins})
    if ends is not None and ends + case.measures.tariff <= start:
        yield Doubt(f"{pointer}/end_date_time", "had ended by then", {"start": start, "valid_until": ends})


def same_price(one: Tariff, other: Tariff) -> bool:
    """Whether two tariffs make the same price of every session, whatever they tell people beside."""
    return all(getattr(one, name) == getattr(other, name) for name in _PRICING)


def currency(case: Case) -> Iterator[Doubt]:
    """The currency is that of the tariffs."""
    for number, tariff in enumerate(case.cdr.tariffs):
        if tariff.currency.upper() != case.cdr.currency.upper():
            yield Doubt(
                f"/tariffs/{number}/currency",
                f"{tariff.currency}, but the CDR is in {case.cdr.currency}",
                {"tariff": tariff.currency, "cdr": case.cdr.currency},
            )
    statement = case.statement
    is_other = isinstance(statement, CannotBePriced) and statement.pointer == _CURRENCY
    if is_other and not case.cdr.tariffs:
        yield Doubt(_CURRENCY, str(statement), {"cdr": case.cdr.currency})


def vat(case: Case) -> Iterator[Doubt]:
    """With VAT is not less than without, not by more than VAT can be, and told where the tariff has VAT."""
    by_tariff = _as_reckoned(case)
    for name in (TOTAL, *LINES):
        cost = getattr(case.cdr, name)
        if cost is None or cost.incl_vat is None or f"/{name}/incl_vat" in by_tariff:
            continue
        without, with_vat = abs(cost.excl_vat), abs(cost.incl_vat)
        tax = with_vat - without
        most = without * case.measures.most_vat / _PER_CENT + case.measures.line
        if tax < -case.measures.line or tax > most:
            yield Doubt(
                f"/{name}/incl_vat",
                f"{cost.incl_vat} with VAT, {cost.excl_vat} without",
                {
                    "incl_vat": cost.incl_vat,
                    "excl_vat": cost.excl_vat,
                    "most_per_cent": case.measures.most_vat,
                },
            )
    statement = case.statement
    has_vat = isinstance(statement, PriceStatement) and statement.total_cost.incl_vat is not None
    if has_vat and case.cdr.total_cost.incl_vat is None:
        yield Doubt("/total_cost/incl_vat", "is missing, though the tariff has VAT", {}, Severity.NOTE)


def _as_reckoned(case: Case) -> frozenset[str]:
    """Where the CDR says what the tariff says, odd as that may be: a bound can have any VAT."""
    if not isinstance(case.statement, PriceStatement):
        return frozenset()
    every = differences(case.cdr, case.statement)
    return frozenset(each.pointer for each in every if abs(each.amount) <= case.measures.line)


def _is_total(pointer: str) -> bool:
    return pointer.startswith(f"/{TOTAL}/")
