"""Records with a total of energy that no charging period tells of: never priced as if none had flowed."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from hub.pricing import CannotBePriced, price_cdr
from hub.pricing.plausibility import Known, Severity, judged
from schemas import exact_json
from schemas.v2_2_1.tariffs import Tariff
from tests.fixtures.samples import cdr
from tests.unit.pricing.in_few_words import element, energy, flat, parking, tariff, time
from tests.unit.pricing.test_record import HALF, START, period, record

D = Decimal
PER_KWH = tariff(element(energy("0.20")))
PER_HOUR = tariff(element(time("3"), parking("1")))
UNEVEN = (period(START, TIME="0.5"), period(HALF, TIME="0.5"))
#: Tariffs whose price depends on energy, or on how fast it flowed.
ASKING = {
    "a price for energy": PER_KWH,
    "a price from some kWh on": tariff(element(flat("1"), min_kwh=D(5)), element(time("3"))),
    "a price up to some kWh": tariff(element(time("3"), max_kwh=D(5))),
    "a price up to some power": tariff(element(time("3"), max_power=D(11))),
    "a price from some power on": tariff(element(time("3"), min_power=D(11))),
    "a price up to some current": tariff(element(time("3"), max_current=D(16))),
    "a price from some current on": tariff(element(time("3"), min_current=D(16))),
}


@pytest.mark.parametrize(
    "periods",
    [
        [period(START, TIME="1")],
        [period(START, MAX_POWER="11")],
        [period(START, TIME="0.5"), period(HALF, PARKING_TIME="0.5")],
        [period(START, RESERVATION_TIME="0.5"), period(HALF, TIME="0.5")],
    ],
    ids=["alone", "telling of no time", "before parking", "after a reservation"],
)
def test_it_flowed_in_the_one_period_that_may_have_charged(periods: list[dict[str, Any]]) -> None:
    statement = price_cdr(record(*periods, tariffs=(PER_KWH,), total_energy=D("15.342")))

    assert statement.total_energy == D("15.342")
    assert statement.total_cost.excl_vat == D("3.0684")
    assert any("all of /total_energy was taken as its own" in note for note in statement.notes)


@pytest.mark.parametrize("asking", ASKING.values(), ids=ASKING)
def test_of_several_periods_nobody_knows_in_which_so_a_price_that_asks_is_refused(asking: Tariff) -> None:
    with pytest.raises(CannotBePriced, match="where it flowed is not known") as refused:
        price_cdr(record(*UNEVEN, tariffs=(asking,), total_energy=D("0.001")))
    assert refused.value.pointer == "/total_energy"


def test_a_price_that_asks_for_time_alone_is_the_same_wherever_it_flowed() -> None:
    """The energy in the statement is that of the record: it is not made nothing."""
    statement = price_cdr(record(*UNEVEN, tariffs=(PER_HOUR,), total_energy=D("15.342")))

    assert (statement.total_cost.excl_vat, statement.total_energy) == (D(3), D("15.342"))
    assert "/total_energy: no charging period tells of energy" in statement.notes


def test_a_tariff_that_no_period_names_asks_for_nothing() -> None:
    other = tariff(element(energy("1")), id="T2")

    assert price_cdr(record(*UNEVEN, tariffs=(PER_HOUR, other), total_energy=D(9))).total_cost.excl_vat == 3


@pytest.mark.parametrize("told", [None, D(0), D(-9)])
def test_without_a_total_there_is_nothing_to_place(told: Decimal | None) -> None:
    """A Credit CDR may take back its energy as well (CDR-06)."""
    assert price_cdr(record(*UNEVEN, tariffs=(PER_KWH,), total_energy=told)).total_cost.excl_vat == 0


def test_periods_that_tell_of_energy_count_whatever_the_total_says() -> None:
    told = (period(START, TIME="0.5", ENERGY="4"), period(HALF, TIME="0.5"))

    statement = price_cdr(record(*told, tariffs=(PER_KWH,), total_energy=D(9)))

    assert (statement.total_energy, statement.total_cost.excl_vat) == (D(4), D("0.80"))


def test_a_cdr_whose_periods_tell_of_no_energy_is_worth_a_note_and_no_more() -> None:
    """As the specification's own example of a CDR."""
    value = exact_json.decode(
        exact_json.encode(cdr(charging_periods=[period("2026-01-01T10:00:00Z", TIME="1.5", tariff_id="T1")]))
    )
    found = {each.rule: each for each in judged(value, Known(now=datetime(2026, 1, 2, tzinfo=UTC))).findings}

    assert found["total-energy"].severity is Severity.NOTE
    assert found["total-energy"].pointer == "/total_energy"
