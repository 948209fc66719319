"""A price statement explained: in words for people, and as data for programs."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from hub.pricing.exact import figures
from hub.pricing.rounding import half_up, payable
from hub.pricing.statement import Amount, Line, NotPriced, PriceStatement
from hub.pricing.tariff import PassedOver
from hub.pricing.usage import Kind
from schemas.moment import moment_text
from schemas.v2_2_1.tariffs import TariffDimensionType

_TEXTS: Final = {
    Kind.FIXED: "Fee",
    Kind.ENERGY: "Energy",
    Kind.TIME: "Charging time",
    Kind.PARKING: "Parking",
    Kind.RESERVATION: "Reservation",
    Kind.MIN_PRICE: "Up to min_price",
    Kind.MAX_PRICE: "Down to max_price",
}
_UNITS: Final = {
    TariffDimensionType.ENERGY: "kWh",
    TariffDimensionType.TIME: "h",
    TariffDimensionType.PARKING_TIME: "h",
}
_STEPS: Final = {
    TariffDimensionType.ENERGY: "Wh",
    TariffDimensionType.TIME: "s",
    TariffDimensionType.PARKING_TIME: "s",
}
_TOTALS: Final = ("fixed", "energy", "time", "parking", "reservation")


class Explanation(NamedTuple):
    """Why a session costs what it costs."""

    #: A sentence a line; amounts and quantities to four decimals.
    words: tuple[str, ...]
    #: JSON values; decimals are texts, exact, and totals of which there is nothing are absent.
    data: Mapping[str, Any]


def explain(statement: PriceStatement) -> Explanation:
    """The reasoning of a statement: what was used, what it cost, which element said so, and why no other."""
    return Explanation(tuple(_words(statement)), _data(statement))


def _words(statement: PriceStatement) -> Iterator[str]:
    for number, line in enumerate(statement.lines, start=1):
        yield f"{number}. {_line_words(line, statement.currency)}"
        yield from (f"   {reason}" for reason in _reasons(line))
    for free in statement.not_priced:
        yield f"Nothing is asked for {free.dimension}, {_span(free.start, free.end)}: {_of(free)}."
        yield from (f"   {each}" for each in _free_reasons(free))
    yield f"Total: {_amount_words(statement.total_cost, statement.currency)}."
    if statement.total_cost.incl_vat is not None:
        to_pay = payable(statement.total_cost, statement.currency)
        yield f"To be paid: {to_pay} {statement.currency}."
    yield from (f"Note: {note}." for note in statement.notes)


def _line_words(line: Line, currency: str) -> str:
    if line.dimension is None or line.unit_price is None:
        return f"{_TEXTS[line.kind]} of tariff {line.tariff_id}: {_amount_words(line.amount, currency)}."
    unit = _UNITS.get(line.dimension)
    if unit is None:
        return f"{_TEXTS[line.kind]}, at {moment_text(line.start)}: {_amount_words(line.amount, currency)}."
    return (
        f"{_TEXTS[line.kind]}, {_span(line.start, line.end)}: {_short(line.billed_quantity)} {unit}"
        f" at {figures(line.unit_price)} {currency} is {_amount_words(line.amount, currency)}."
    )


def _reasons(line: Line) -> Iterator[str]:
    if line.dimension is None:
        return
    yield f"Element {line.element} of tariff {line.tariff_id} prices {line.dimension}."
    if line.billed_quantity != line.quantity:
        unit = _UNITS[line.dimension]
        yield (
            f"{_short(line.quantity)} {unit} were used; the total of the session is billed in steps of"
            f" {line.step_size} {_STEPS[line.dimension]}."
        )
    yield from map(_reason, line.passed_over)


def _reason(passed: PassedOver) -> str:
    restriction = f" ({passed.restriction})" if passed.restriction else ""
    return f"Element {passed.element} does not apply{restriction}: {passed.reason}."


def _free_reasons(free: NotPriced) -> Iterator[str]:
    if free.tariff_id is None:
        yield "No tariff is relevant."
    elif all(passed.restriction is None for passed in free.passed_over):
        yield f"No element of tariff {free.tariff_id} is for it."
    else:
        yield from map(_reason, free.passed_over)


def _of(free: NotPriced) -> str:
    return f"{_short(free.quantity)} {_UNITS[free.dimension]}"


def _amount_words(amount: Amount, currency: str) -> str:
    with_vat = "" if amount.incl_vat is None else f", with VAT {_short(amount.incl_vat)} {currency}"
    return f"{_short(amount.excl_vat)} {currency}{with_vat}"


def _span(start: datetime, end: datetime) -> str:
    return f"{moment_text(start)} to {moment_text(end)}"


def _short(value: Decimal) -> str:
    return figures(half_up(value))


def _data(statement: PriceStatement) -> dict[str, Any]:
    totals = {name: getattr(statement, f"total_{name}_cost") for name in _TOTALS}
    return {
        "currency": statement.currency,
        "total_cost": _amount(statement.total_cost),
        **{f"total_{name}_cost": _amount(total) for name, total in totals.items() if total is not None},
        "total_energy": figures(statement.total_energy),
        "total_time": figures(statement.total_time),
        "total_parking_time": figures(statement.total_parking_time),
        "lines": [_line(line) for line in statement.lines],
        "not_priced": [_not_priced(free) for free in statement.not_priced],
        "notes": list(statement.notes),
    }


def _amount(amount: Amount) -> dict[str, str | None]:
    incl_vat = None if amount.incl_vat is None else figures(amount.incl_vat)
    return {"excl_vat": figures(amount.excl_vat), "incl_vat": incl_vat}


def _line(line: Line) -> dict[str, Any]:
    return {
        "kind": line.kind.value,
        "component": None if line.dimension is None else line.dimension.value,
        "tariff_id": line.tariff_id,
        "element": line.element,
        "from": moment_text(line.start),
        "until": moment_text(line.end),
        "quantity": figures(line.quantity),
        "billed_quantity": figures(line.billed_quantity),
        "step_size": line.step_size,
        "unit_price": None if line.unit_price is None else figures(line.unit_price),
        "vat": None if line.vat is None else figures(line.vat),
        **_amount(line.amount),
        "passed_over": _passed_over(line.passed_over),
    }


def _not_priced(free: NotPriced) -> dict[str, Any]:
    return {
        "component": free.dimension.value,
        "tariff_id": free.tariff_id,
        "from": moment_text(free.start),
        "until": moment_text(free.end),
        "quantity": figures(free.quantity),
        "passed_over": _passed_over(free.passed_over),
    }


def _passed_over(elements: Iterable[PassedOver]) -> list[dict[str, Any]]:
    return [each._asdict() for each in elements]
