"""VAT, bounds and rounding."""

from decimal import Decimal

import pytest

from hub.pricing import Amount, Kind, half_up, ocpi_price, price, rounded
from tests.unit.pricing.in_few_words import (
    charging,
    element,
    energy,
    flat,
    parked,
    parking,
    priced,
    reserved,
    session,
    tariff,
    time,
)


def amount(excl_vat: str, incl_vat: str | None = None) -> Amount:
    return Amount(Decimal(excl_vat), None if incl_vat is None else Decimal(incl_vat))


def bound(excl_vat: str, incl_vat: str | None = None) -> dict[str, Decimal]:
    fields = {"excl_vat": Decimal(excl_vat)}
    return fields if incl_vat is None else fields | {"incl_vat": Decimal(incl_vat)}


def test_no_vat_is_not_a_vat_of_nothing() -> None:
    """TAR-11."""
    assert priced(tariff(element(energy("1"))), charging(60, 10)).total_cost == amount("10")
    assert priced(tariff(element(energy("1", vat="0"))), charging(60, 10)).total_cost == amount("10", "10")


def test_each_component_has_its_own_vat_and_one_without_adds_as_it_is() -> None:
    mixed = tariff(element(flat("1", "20"), energy("1", "10"), parking("6")))

    statement = priced(mixed, charging(60, 10), parked(30))

    assert statement.total_fixed_cost == amount("1", "1.2")
    assert statement.total_energy_cost == amount("10", "11")
    assert statement.total_parking_cost == amount("3")
    assert statement.total_cost == amount("14", "15.2")


def test_a_session_that_cost_nothing_yet_tells_its_cost_with_vat_too() -> None:
    assert priced(tariff(element(energy("1", "10"))), charging(0)).total_cost == amount("0", "0")


def test_bounds_bind_without_and_with_vat_separately() -> None:
    """TAR-09."""
    capped = tariff(element(flat("2", "20"), energy("1", "10")), max_price=bound("10", "12"))

    assert priced(capped, charging(60, "8.5")).total_cost == amount("10", "11.75")
    assert priced(capped, charging(60, "9")).total_cost == amount("10", "12")


def test_a_bound_is_a_line_so_that_the_lines_add_up() -> None:
    capped = tariff(element(energy("1", "10")), max_price=bound("10", "11"))

    energy_line, cap = priced(capped, charging(60, 12)).lines

    assert energy_line.amount == amount("12", "13.2")
    assert (cap.kind, cap.amount, cap.dimension) == (Kind.MAX_PRICE, amount("-2", "-2.2"), None)


def test_a_bound_that_tells_no_vat_carries_that_of_the_session() -> None:
    capped = tariff(element(energy("1", "10")), max_price=bound("10"))
    lifted = tariff(element(energy("1", "10")), min_price=bound("20"))

    assert priced(capped, charging(60, 12)).total_cost == amount("10", "11")
    assert priced(lifted, charging(60, 12)).total_cost == amount("20", "22")


def test_a_minimum_that_tells_no_vat_has_that_of_its_tariff_where_nothing_was_used() -> None:
    """Else who plugs in and takes nothing would pay the minimum without VAT."""
    least = tariff(element(energy("1", "10"), time("0", "10")), min_price=bound("5"))
    mixed = tariff(element(energy("1", "10"), parking("1", "20")), min_price=bound("5"))

    assert priced(least, charging(60, 0)).total_cost == amount("5", "5.5")
    assert priced(mixed, charging(60, 0)).total_cost == amount("5", "5")


def test_the_minimum_is_that_of_a_session_and_not_of_a_reservation() -> None:
    least = tariff(element(time("1"), reservation="RESERVATION"), element(energy("1")), min_price=bound("5"))

    assert priced(least, reserved(60)).total_cost == amount("1")
    assert priced(least, reserved(60), charging(1, 1)).total_cost == amount("5")


def test_each_tariff_bounds_what_was_charged_under_it() -> None:
    first = tariff(element(energy("1")), id="A", max_price=bound("5"))
    second = tariff(element(energy("2")), id="B", min_price=bound("7"))
    periods = session(charging(30, 10) | {"tariff_id": "A"}, charging(30, 1) | {"tariff_id": "B"})

    assert price(periods, [first, second], time_zone="UTC").total_cost == amount("12")


def test_a_tariff_that_no_period_names_asks_for_nothing() -> None:
    unused = tariff(element(flat("9", "21"), start_time="09:00"), id="B", min_price=bound("7"))

    both = price(session(charging(60, 10)), [tariff(element(energy("1"))), unused], time_zone=None)

    assert both.total_cost == amount("10")
    assert both.notes == ()


def test_quantities_are_exact_where_a_decimal_can_be() -> None:
    (line,) = priced(tariff(element(energy("0.3333", step=1))), charging(60, "0.1152")).lines

    assert (line.quantity, line.billed_quantity) == (Decimal("0.1152"), Decimal("0.116"))
    assert line.amount.excl_vat == Decimal("0.0386628")


def test_thirds_of_an_hour_add_up_to_the_hour() -> None:
    in_thirds = tariff(
        element(time("1"), end_time="09:50"), element(time("1"), end_time="10:10"), element(time("1"))
    )

    statement = priced(in_thirds, charging(60))

    assert [str(line.amount.excl_vat) for line in statement.lines] == ["0." + 34 * "3"] * 3
    assert statement.total_cost.excl_vat == 1


def test_totals_count_energy_and_hours_as_a_cdr_does() -> None:
    statement = priced(tariff(element(energy("1"))), reserved(30), charging(90, "12.5"), parked(45))

    assert statement.total_energy == Decimal("12.5")
    assert statement.total_time == Decimal("2.25")
    assert statement.total_parking_time == Decimal("0.75")


@pytest.mark.parametrize(
    ("value", "decimals", "shown"),
    [
        ("1.00005", 4, "1.0001"),
        ("1.00004999", 4, "1"),
        ("-1.00005", 4, "-1.0001"),
        ("10.50", 4, "10.5"),
        ("1200", 4, "1200"),
        ("0", 4, "0"),
        ("2.5", 0, "3"),
        ("0.0005", 3, "0.001"),
        ("123456789012345678901234567890.00005", 4, "123456789012345678901234567890.0001"),
    ],
)
def test_halves_are_rounded_away_from_zero_and_no_zeros_hang_on(
    value: str, decimals: int, shown: str
) -> None:
    assert str(half_up(Decimal(value), decimals)) == shown


def test_rounding_happens_once_so_parts_may_differ_from_the_whole() -> None:
    thirds = tariff(element(flat("0.33333")), element(energy("0.33333")), element(parking("0.33333")))

    shown = rounded(priced(thirds, charging(60, 1), parked(60)))

    assert [line.amount.excl_vat for line in shown.lines] == [Decimal("0.3333")] * 3
    assert shown.total_cost.excl_vat == Decimal(1)


def test_an_ocpi_price_has_four_decimals_at_most_and_no_vat_where_none_applies() -> None:
    assert ocpi_price(amount("1.23456", "1.5")).to_wire() == {
        "excl_vat": Decimal("1.2346"),
        "incl_vat": Decimal("1.5"),
    }
    assert ocpi_price(amount("10.00")).to_json() == b'{"excl_vat":10}'
