"""A statement explains itself, in words and as data."""

from decimal import Decimal
from typing import Any

import pytest

from hub.pricing import Level, PriceStatement, decimals_of, explain, ocpi_price, payable, price
from schemas import exact_json
from tests.unit.pricing.in_few_words import (
    at,
    charging,
    element,
    energy,
    expired,
    flat,
    parked,
    parking,
    priced,
    session,
    tariff,
    time,
)


def words(statement: PriceStatement) -> list[str]:
    return list(explain(statement).words)


def test_every_line_says_what_was_used_which_element_priced_it_and_why_no_other() -> None:
    evening = tariff(
        element(flat("1", "21")),
        element(energy("0.50", "21"), start_time="18:00"),
        element(energy("0.25", "21", 1000)),
    )

    told = words(priced(evening, charging(60, "10.2")))

    amount = "11 kWh at 0.25 EUR is 2.75 EUR, with VAT 3.3275 EUR"
    assert told == [
        "1. Fee, at 2026-03-02T09:30:00Z: 1 EUR, with VAT 1.21 EUR.",
        "   Element 0 of tariff T1 prices FLAT.",
        f"2. Energy, 2026-03-02T09:30:00Z to 2026-03-02T10:30:00Z: {amount}.",
        "   Element 2 of tariff T1 prices ENERGY.",
        "   10.2 kWh were used; the total of the session is billed in steps of 1000 Wh.",
        "   Element 0 does not apply: it does not price ENERGY.",
        "   Element 1 does not apply (start_time): it wants 18:00 to 00:00, and it was 09:30:00 there.",
        "Nothing is asked for TIME, 2026-03-02T09:30:00Z to 2026-03-02T10:30:00Z: 1 h.",
        "   No element of tariff T1 is for it.",
        "Total: 3.75 EUR, with VAT 4.5375 EUR.",
        "To be paid: 4.54 EUR.",
    ]


def test_bounds_free_stretches_and_assumptions_are_said() -> None:
    capped = tariff(
        element(parking("9"), start_time="10:45"),
        element(time("4")),
        max_price={"excl_vat": Decimal(5)},
    )

    told = words(priced(capped, charging(60), parked(90)))

    assert (
        "   Element 0 does not apply (start_time): it wants 10:45 to 00:00, and it was 10:30:00 there."
        in told
    )
    assert "3. Down to max_price of tariff T1: -10.25 EUR." in told
    assert "Total: 5 EUR." in told


def test_a_period_without_a_tariff_is_said_to_have_none() -> None:
    periods = session(charging(30, 5), charging(30, 5) | {"tariff_id": None})

    told = words(price(periods, [tariff(element(energy("1")))], time_zone="UTC"))

    assert "   No tariff is relevant." in told


def test_the_data_are_json_and_say_the_same() -> None:
    night = tariff(element(time("1"), start_time="20:00"), element(time("2")))
    statement = priced(night, charging(20), start=at("2026-03-02T19:50:00Z"))

    data: Any = exact_json.decode(exact_json.encode(explain(statement).data))

    sixth = "0.1" + 32 * "6" + "7"
    assert [(line["element"], line["from"], line["until"], line["quantity"]) for line in data["lines"]] == [
        (1, "2026-03-02T19:50:00Z", "2026-03-02T20:00:00Z", sixth),
        (0, "2026-03-02T20:00:00Z", "2026-03-02T20:10:00Z", sixth),
    ]
    assert data["total_cost"] == {"excl_vat": "0.5", "incl_vat": None}
    assert "total_energy_cost" not in data


def test_power_that_nobody_measured_is_said_to_be_worked_out() -> None:
    by_power = tariff(element(energy("1"), max_power=16), element(energy("2")))

    assert priced(by_power, charging(60, 10), parked(5)).notes == (
        "/charging_periods: no power was measured; energy over time counts, 10 kW on average",
    )
    assert priced(by_power, charging(60, 10, power=Level(highest=Decimal(11)))).notes == ()


@pytest.mark.parametrize("kind", ["power", "current"])
def test_a_level_on_both_sides_of_a_bound_is_said_to_be(kind: str) -> None:
    unit = {"power": "kW", "current": "A"}[kind]
    both = tariff(element(energy("1"), **{f"max_{kind}": 16}), element(energy("2")))
    crossing = charging(60, 10, **{kind: Level(Decimal(6), Decimal(20), Decimal(10))})

    (note,) = priced(both, crossing).notes

    assert note.startswith(
        f"/charging_periods: its {kind} was below and above 16 {unit}, and nothing says when"
    )


def test_an_expired_reservation_says_which_elements_come_first() -> None:
    both = tariff(
        element(time("3"), reservation="RESERVATION"), element(time("6"), reservation="RESERVATION_EXPIRES")
    )

    assert "   Element 0 does not apply: elements for RESERVATION_EXPIRES come before it." in words(
        priced(both, expired(60))
    )


@pytest.mark.parametrize(
    ("currency", "decimals", "to_pay"),
    [("EUR", 2, "1.23"), ("JPY", 0, "1"), ("KWD", 3, "1.235"), ("kwd", 3, "1.235"), ("CLF", 4, "1.2346")],
)
def test_what_is_to_be_paid_has_the_decimals_of_its_currency(
    currency: str, decimals: int, to_pay: str
) -> None:
    statement = priced(tariff(element(energy("1.23456", "0")), currency=currency), charging(60, 1))

    assert decimals_of(currency) == decimals
    assert str(payable(statement.total_cost, currency)) == to_pay
    assert ocpi_price(statement.total_cost).excl_vat == Decimal("1.2346")
    assert f"To be paid: {to_pay} {currency}." in words(statement)


def test_a_sum_to_be_paid_keeps_its_zeros() -> None:
    assert str(payable(priced(tariff(element(energy("1"))), charging(60, 4)).total_cost, "EUR")) == "4.00"


def test_fields_that_the_specification_has_not_are_told_where_they_stand() -> None:
    """Such as a restriction that is misspelled, and so restricts nothing."""
    one = element(energy("0.25") | {"per": "15min"}) | {"restriction": {"max_kwh": 1}}
    statement = priced(tariff(one, **{"tax/included": "YES"}), charging(60, 10))

    assert statement.total_cost.excl_vat == Decimal("2.5")
    assert [note.split(":")[0] for note in statement.notes] == [
        "/tariffs/0/tax~1included",
        "/tariffs/0/elements/0/restriction",
        "/tariffs/0/elements/0/price_components/0/per",
    ]


def test_of_a_thousand_unknown_fields_some_are_told() -> None:
    statement = priced(tariff(element(energy("1")), **{f"x{n}": n for n in range(1000)}), charging(60, 10))

    assert len(statement.notes) == 20
