"""What a CDR costs, by the tariffs that it names."""

from decimal import Decimal
from typing import Any

import pytest

from hub.pricing import CannotBePriced, PricedRecord, price_cdr
from schemas.v2_2_1 import CDR
from schemas.v2_2_1.tariffs import Tariff
from tests.fixtures.samples import cdr
from tests.unit.pricing.in_few_words import element, energy, flat, parking, tariff, time

START, HALF, END = "2026-03-02T09:00:00Z", "2026-03-02T09:30:00Z", "2026-03-02T10:00:00Z"


def period(start: str, tariff_id: str | None = "T1", **volumes: str) -> dict[str, Any]:
    dimensions = [{"type": kind, "volume": Decimal(volume)} for kind, volume in volumes.items()]
    wire = {"start_date_time": start, "dimensions": dimensions}
    return wire if tariff_id is None else wire | {"tariff_id": tariff_id}


def record(*periods: dict[str, Any], tariffs: tuple[Tariff, ...] = (), **fields: Any) -> PricedRecord:
    wire = {"start_date_time": START, "end_date_time": END, "charging_periods": list(periods)}
    own = [each.to_wire() for each in tariffs]
    return PricedRecord.model_validate(wire | {"tariffs": own} | fields)


PER_KWH = tariff(element(energy("0.20", "21")))
CHARGED = period(START, ENERGY="10", TIME="1")


def test_a_cdr_holds_all_that_its_price_needs() -> None:
    one = record(CHARGED, tariffs=(PER_KWH,))

    assert price_cdr(one, time_zone="UTC").total_cost.excl_vat == 2


def test_a_whole_cdr_is_priced_as_its_parts_are() -> None:
    whole = cdr(
        start_date_time=START, end_date_time=END, charging_periods=[CHARGED], tariffs=[PER_KWH.to_wire()]
    )

    assert price_cdr(CDR.model_validate(whole)) == price_cdr(record(CHARGED, tariffs=(PER_KWH,)))


def test_tariffs_from_elsewhere_fill_in_and_go_before_those_of_the_cdr() -> None:
    dearer = tariff(element(energy("1")), id="t1")

    assert price_cdr(record(CHARGED), tariffs=[PER_KWH]).total_cost.excl_vat == 2
    assert price_cdr(record(CHARGED, tariffs=(PER_KWH,)), tariffs=[dearer]).total_cost.excl_vat == 10


def test_a_tariff_that_was_given_in_vain_is_named() -> None:
    other = tariff(element(energy("1")), id="T2")

    assert price_cdr(record(CHARGED, tariffs=(PER_KWH,)), tariffs=[other]).notes == (
        "tariff T2 was given, but no charging period names it",
    )


def test_each_period_is_priced_by_the_tariff_that_it_names() -> None:
    fast, stay = tariff(element(energy("1")), id="FAST"), tariff(element(parking("4")), id="STAY")
    periods = (period(START, "FAST", ENERGY="10", TIME="0.5"), period(HALF, "stay", PARKING_TIME="0.5"))

    statement = price_cdr(record(*periods, tariffs=(fast, stay)))

    assert [(line.tariff_id, line.amount.excl_vat) for line in statement.lines] == [("FAST", 10), ("STAY", 2)]


def test_the_only_tariff_of_a_cdr_whose_periods_name_none_prices_them_and_says_so() -> None:
    statement = price_cdr(record(period(START, None, ENERGY="10", TIME="1"), tariffs=(PER_KWH,)))

    assert statement.total_cost.excl_vat == 2
    assert statement.notes == ("/charging_periods: none names a tariff; T1, the only one, was taken for all",)


def test_beside_periods_that_name_a_tariff_one_that_names_none_costs_nothing() -> None:
    """2.2.1, CDRs, ChargingPeriod: no tariff is relevant."""
    periods = (period(START, ENERGY="10", TIME="0.5"), period(HALF, None, ENERGY="10", TIME="0.5"))

    statement = price_cdr(record(*periods, tariffs=(PER_KWH,)))

    assert statement.total_cost.excl_vat == 2
    assert statement.notes == ("/charging_periods/1: no tariff is relevant, so it costs nothing",)


@pytest.mark.parametrize(
    ("bad", "pointer"),
    [
        (record(CHARGED), "/charging_periods/0/tariff_id"),
        (
            record(CHARGED, period(HALF, "T9", TIME="0.5"), tariffs=(PER_KWH,)),
            "/charging_periods/1/tariff_id",
        ),
        (record(period(START, None, TIME="1")), "/tariffs"),
        (
            record(period(START, None, TIME="1"), tariffs=(PER_KWH, tariff(element(energy("1")), id="T2"))),
            "/charging_periods/0/tariff_id",
        ),
        (record(CHARGED, tariffs=(PER_KWH,), currency="SEK"), "/currency"),
        (record(CHARGED, tariffs=(PER_KWH,), end_date_time="1970-01-01T00:00:00Z"), "/end_date_time"),
    ],
)
def test_what_is_missing_or_contradicts_itself_is_refused(bad: PricedRecord, pointer: str) -> None:
    with pytest.raises(CannotBePriced) as refused:
        price_cdr(bad)

    assert refused.value.pointer == pointer


def test_a_credit_cdr_takes_back_every_digit_of_what_has_no_decimal() -> None:
    for_a_second = tariff(element(time("1", "21")))
    second = record(period("2026-03-02T09:59:59Z", TIME="0.00027778"), tariffs=(for_a_second,))
    whole = price_cdr(second).total_cost
    back = price_cdr(second.model_copy(update={"credit": True})).total_cost

    assert whole.excl_vat == Decimal("0.0002777777777777777777777777777777778")
    assert whole.incl_vat is not None
    assert (back.excl_vat, back.incl_vat) == (whole.excl_vat.copy_negate(), whole.incl_vat.copy_negate())


def test_taking_back_nothing_is_nothing_not_minus_nothing() -> None:
    nothing = price_cdr(record(period(START, ENERGY="0"), tariffs=(PER_KWH,), credit=True))

    assert str(nothing.total_cost.excl_vat) == "0"


def test_a_credit_cdr_takes_back_its_total_and_keeps_its_lines() -> None:
    """CDR-06."""
    original = record(CHARGED, tariffs=(PER_KWH,))
    credit = record(CHARGED, tariffs=(PER_KWH,), credit=True)

    taken_back, first = price_cdr(credit), price_cdr(original)

    assert (taken_back.total_cost.excl_vat, taken_back.total_cost.incl_vat) == (-2, Decimal("-2.42"))
    assert (taken_back.lines, taken_back.total_energy_cost) == (first.lines, first.total_energy_cost)


def test_time_before_the_first_period_is_said_to_have_no_price() -> None:
    late = record(period(HALF, ENERGY="1", TIME="0.5"), tariffs=(PER_KWH,))

    (note,) = price_cdr(late).notes

    assert note.startswith(
        "/start_date_time: 2026-03-02 09:00:00+00:00, but the first charging period begins at"
    )


def test_a_clock_that_nobody_knows_shows_utc_and_is_said_to_only_where_it_matters() -> None:
    """AM-55."""
    morning = tariff(element(time("1"), end_time="09:30"), element(flat("0")))

    assert price_cdr(record(CHARGED, tariffs=(PER_KWH,))).notes == ()
    statement = price_cdr(record(CHARGED, tariffs=(morning,)))
    assert statement.total_cost.excl_vat == Decimal("0.5")
    assert statement.notes[0].startswith("the time zone of the location is not known")
