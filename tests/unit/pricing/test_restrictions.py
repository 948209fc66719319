"""When an element applies (TAR-12 … TAR-15); mostly: the first of two elements is restricted."""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from hub.pricing import Level, half_up
from tests.unit.pricing.in_few_words import (
    MONDAY,
    at,
    charging,
    element,
    energy,
    expired,
    flat,
    parked,
    parking,
    priced,
    reserved,
    tariff,
    time,
)


def minutes_under_the_first(
    restrictions: dict[str, Any],
    *session: dict[str, Any],
    start: datetime = MONDAY,
    time_zone: str = "UTC",
) -> Decimal:
    """For how long the first element priced the time."""
    both = tariff(element(time("1"), parking("1"), **restrictions), element(time("2"), parking("2")))
    lines = priced(both, *session, start=start, time_zone=time_zone).lines
    return half_up(sum((line.quantity for line in lines if line.element == 0), Decimal(0)) * 60)


class Case(NamedTuple):
    rule: str
    restrictions: dict[str, Any]
    start: str
    minutes: int
    expected: str
    time_zone: str = "UTC"


CLOCK = [
    Case(
        "it applies between its times",
        {"start_time": "10:00", "end_time": "11:00"},
        "2026-03-02T09:30:00Z",
        120,
        "60",
    ),
    Case("the start is inclusive", {"start_time": "09:30"}, "2026-03-02T09:30:00Z", 30, "30"),
    Case("the end is exclusive", {"end_time": "09:30"}, "2026-03-02T09:30:00Z", 30, "0"),
    Case("a start alone lasts to midnight", {"start_time": "23:00"}, "2026-03-02T22:30:00Z", 120, "60"),
    Case("an end alone begins at midnight", {"end_time": "01:00"}, "2026-03-02T23:30:00Z", 120, "60"),
    Case(
        "00:00 is the end of the day",
        {"start_time": "23:00", "end_time": "00:00"},
        "2026-03-02T22:30:00Z",
        120,
        "60",
    ),
    Case(
        "00:00 to 00:00 is the whole day",
        {"start_time": "00:00", "end_time": "00:00"},
        "2026-03-02T22:30:00Z",
        120,
        "120",
    ),
    Case(
        "an earlier end is of the next day",
        {"start_time": "22:00", "end_time": "06:00"},
        "2026-03-02T21:00:00Z",
        600,
        "480",
    ),
    Case(
        "time is that of the location",
        {"start_time": "10:00", "end_time": "11:00"},
        "2026-03-02T08:30:00Z",
        120,
        "60",
        "Europe/Amsterdam",
    ),
    Case(
        "even half an hour off",
        {"start_time": "10:00", "end_time": "11:00"},
        "2026-03-02T04:00:00Z",
        120,
        "60",
        "Asia/Kolkata",
    ),
    Case("the day that a session begins", {"day_of_week": ["MONDAY"]}, "2026-03-02T23:00:00Z", 120, "60"),
    Case("several days", {"day_of_week": ["MONDAY", "TUESDAY"]}, "2026-03-02T23:00:00Z", 120, "120"),
    Case(
        "the day is that of the location",
        {"day_of_week": ["TUESDAY"]},
        "2026-03-02T22:00:00Z",
        120,
        "60",
        "Europe/Amsterdam",
    ),
    Case("no day at all restricts nothing", {"day_of_week": []}, "2026-03-02T23:00:00Z", 120, "120"),
    Case(
        "after midnight it is the next day",
        {"day_of_week": ["MONDAY"], "start_time": "22:00", "end_time": "06:00"},
        "2026-03-02T23:00:00Z",
        120,
        "60",
    ),
    Case("the first date is inclusive", {"start_date": "2026-03-03"}, "2026-03-02T23:00:00Z", 120, "60"),
    Case("the last date is exclusive", {"end_date": "2026-03-03"}, "2026-03-02T23:00:00Z", 120, "60"),
    Case(
        "dates are those of the location",
        {"end_date": "2026-03-03"},
        "2026-03-02T22:00:00Z",
        120,
        "60",
        "Europe/Amsterdam",
    ),
    Case(
        "a leap day has its date",
        {"start_date": "2028-02-29", "end_date": "2028-03-01"},
        "2028-02-28T12:00:00Z",
        2880,
        "1440",
    ),
    Case(
        "all restrictions must hold",
        {"start_time": "09:00", "day_of_week": ["TUESDAY"]},
        "2026-03-02T09:30:00Z",
        60,
        "0",
    ),
]


@pytest.mark.parametrize("case", CLOCK, ids=[case.rule for case in CLOCK])
def test_clock_and_calendar_restrict(case: Case) -> None:
    found = minutes_under_the_first(
        case.restrictions, charging(case.minutes), start=at(case.start), time_zone=case.time_zone
    )

    assert found == Decimal(case.expected)


DURATION = [
    Case("the shortest duration is inclusive", {"min_duration": 1800}, "2026-03-02T09:30:00Z", 60, "30"),
    Case("the longest duration is exclusive", {"max_duration": 1800}, "2026-03-02T09:30:00Z", 60, "30"),
    Case("a session that stays below", {"min_duration": 3600}, "2026-03-02T09:30:00Z", 60, "0"),
    Case("no duration at all is reached at once", {"min_duration": 0}, "2026-03-02T09:30:00Z", 60, "60"),
    Case("a duration beyond all sessions", {"min_duration": 10**15}, "2026-03-02T09:30:00Z", 60, "0"),
]


@pytest.mark.parametrize("case", DURATION, ids=[case.rule for case in DURATION])
def test_the_duration_of_the_session_restricts(case: Case) -> None:
    assert minutes_under_the_first(case.restrictions, charging(case.minutes)) == Decimal(case.expected)


def test_duration_counts_parking_too() -> None:
    assert minutes_under_the_first({"min_duration": 3600}, charging(50), parked(30)) == Decimal(20)


def test_the_duration_of_a_session_does_not_count_its_reservation() -> None:
    assert minutes_under_the_first({"max_duration": 1800}, reserved(60), charging(60)) == Decimal(30)


def test_an_element_for_reservations_counts_the_duration_of_the_reservation() -> None:
    grace = tariff(element(time("6"), reservation="RESERVATION", min_duration=600))

    statement = priced(grace, reserved(15), charging(30))

    assert [line.amount.excl_vat for line in statement.lines] == [Decimal("0.5")]


@pytest.mark.parametrize(
    ("restrictions", "kwh"),
    [
        ({"max_kwh": 20}, "20"),
        ({"min_kwh": 20}, "10"),
        ({"min_kwh": 10, "max_kwh": Decimal("12.5")}, "2.5"),
        ({"min_kwh": 30}, "0"),
        ({"max_kwh": 30}, "30"),
        ({"max_kwh": 0}, "0"),
    ],
)
def test_energy_restricts_to_the_watt_hour_inside_a_period(restrictions: dict[str, Any], kwh: str) -> None:
    both = tariff(element(energy("1"), **restrictions), element(energy("2")))

    lines = priced(both, charging(7, "7.5"), charging(100, "22.5")).lines

    assert sum(line.quantity for line in lines if line.element == 0) == Decimal(kwh)
    assert sum(line.quantity for line in lines) == Decimal(30)


@pytest.mark.parametrize("kind", ["power", "current"])
@pytest.mark.parametrize(
    ("restriction", "level", "applies"),
    [
        ("min", Level(average=Decimal(16)), True),
        ("min", Level(average=Decimal("15.9")), False),
        ("max", Level(average=Decimal(16)), False),
        ("max", Level(average=Decimal("15.9")), True),
        ("max", Level(highest=Decimal(10)), True),
        ("min", Level(lowest=Decimal(20)), True),
        ("max", Level(lowest=Decimal(20)), False),
        ("min", Level(highest=Decimal(10)), False),
        ("min", Level(lowest=Decimal(10), highest=Decimal(20), average=Decimal(17)), True),
        ("max", Level(lowest=Decimal(10), highest=Decimal(20), average=Decimal(17)), False),
        ("max", Level(average=Decimal(-5)), True),
    ],
)
def test_the_level_of_a_period_restricts(kind: str, restriction: str, level: Level, applies: bool) -> None:  # noqa: FBT001 - a table's column
    found = minutes_under_the_first({f"{restriction}_{kind}": 16}, charging(60, 10, **{kind: level}))

    assert found == Decimal(60 if applies else 0)


def test_power_that_was_not_measured_is_energy_over_time() -> None:
    found = minutes_under_the_first({"max_power": 16}, charging(30, 8), charging(30, "7.999"))

    assert found == Decimal(30)


def test_a_parked_vehicle_takes_no_power_and_no_current() -> None:
    assert minutes_under_the_first({"max_power": 1, "max_current": 1}, parked(30)) == Decimal(30)
    assert minutes_under_the_first({"min_current": 1}, parked(30)) == Decimal(0)


def test_the_first_matching_element_prices_a_dimension() -> None:
    """TAR-05."""
    dear_first = tariff(element(energy("2")), element(energy("1")))
    cheap_first = tariff(element(energy("1")), element(energy("2")))

    assert priced(dear_first, charging(60, 10)).total_cost.excl_vat == Decimal(20)
    assert priced(cheap_first, charging(60, 10)).total_cost.excl_vat == Decimal(10)


def test_each_dimension_finds_its_own_element() -> None:
    """TAR-06."""
    apart = tariff(element(time("1"), max_duration=1800), element(energy("2")), element(time("4")))

    statement = priced(apart, charging(60, 10))

    assert statement.total_energy_cost is not None
    assert statement.total_energy_cost.excl_vat == Decimal(20)
    assert statement.total_time_cost is not None
    assert statement.total_time_cost.excl_vat == Decimal("2.5")


def test_a_dimension_without_a_matching_element_costs_nothing() -> None:
    statement = priced(tariff(element(energy("2"), min_kwh=5)), charging(60, 4), parked(30))

    assert statement.total_cost.excl_vat == 0
    assert statement.total_energy_cost is None


def test_a_line_says_why_the_elements_before_it_did_not_apply() -> None:
    several = tariff(
        element(flat("1")),
        element(energy("1"), day_of_week=["SUNDAY", "SATURDAY"]),
        element(energy("2"), max_kwh=5, start_time="09:00"),
        element(time("9"), reservation="RESERVATION"),
        element(energy("3")),
    )

    _, first, second = priced(several, charging(60, 10)).lines

    assert (first.element, first.passed_over) == (
        2,
        (
            (0, None, "it does not price ENERGY"),
            (1, "day_of_week", "it wants SATURDAY or SUNDAY, and it was MONDAY"),
        ),
    )
    assert (second.element, second.passed_over[2:]) == (
        4,
        (
            (2, "max_kwh", "it wants less than 5 kWh, and it was 5 kWh"),
            (3, None, "it is for RESERVATION only"),
        ),
    )


class Reason(NamedTuple):
    restrictions: dict[str, Any]
    reason: str
    session: dict[str, Any] = charging(60, 10)


REASONS = [
    Reason(
        {"start_time": "10:00", "end_time": "12:30"},
        "it wants 10:00 to 12:30, and it was 09:30:00 there",
        charging(20),
    ),
    Reason({"start_date": "2026-03-03"}, "it wants 2026-03-03 or later, and it was 2026-03-02"),
    Reason({"end_date": "2026-03-02"}, "it wants a day before 2026-03-02, and it was 2026-03-02"),
    Reason({"min_duration": 4000}, "it wants 4000 s or more, and it was 0:00:00"),
    Reason({"max_duration": 0}, "it wants less than 0 s, and it was 0:00:00"),
    Reason({"min_kwh": Decimal("12.50")}, "it wants 12.5 kWh or more, and it was 0 kWh"),
    Reason({"min_power": 11}, "it wants 11 kW or more, and it was 10 kW on average"),
    Reason(
        {"max_power": 11},
        "it wants less than 11 kW, and it was 22 kW at most",
        charging(60, 10, power=Level(highest=Decimal(22))),
    ),
    Reason(
        {"min_current": 32},
        "it wants 32 A or more, and it was 6 A at least, 16 A at most",
        charging(60, 10, current=Level(Decimal(6), Decimal(16))),
    ),
    Reason({"min_current": 32}, "it wants 32 A or more, and it was none", parked(60)),
]


@pytest.mark.parametrize("case", REASONS, ids=[case.reason for case in REASONS])
def test_a_reason_names_what_was_wanted_and_what_was(case: Reason) -> None:
    both = tariff(element(time("1"), parking("1"), **case.restrictions), element(time("2"), parking("2")))

    (line,) = priced(both, case.session).lines

    ((number, restriction, reason),) = line.passed_over
    assert (number, reason) == (0, case.reason)
    assert restriction is not None
    assert set(restriction.split(", ")) == set(case.restrictions)


def test_an_element_that_others_come_before_is_said_to_be() -> None:
    """TAR-15."""
    reversed_order = tariff(
        element(time("3"), reservation="RESERVATION"),
        element(time("6"), reservation="RESERVATION_EXPIRES"),
    )

    (line,) = priced(reversed_order, expired(60)).lines

    assert line.passed_over == ((0, None, "elements for RESERVATION_EXPIRES come before it"),)


def test_what_no_element_prices_is_listed_with_the_reasons() -> None:
    (free, stay) = priced(tariff(element(energy("2"), min_kwh=5)), charging(60, 4)).not_priced

    assert (free.dimension, free.quantity, free.tariff_id) == ("ENERGY", Decimal(4), "T1")
    assert free.passed_over == ((0, "min_kwh", "it wants 5 kWh or more, and it was 0 kWh"),)
    assert (stay.dimension, stay.quantity) == ("TIME", Decimal(1))
    assert stay.passed_over == ((0, None, "it does not price TIME"),)


@pytest.mark.holds("AM-36", by=("cpo", "emsp"))
def test_a_fee_is_due_once_for_each_component_that_comes_to_apply() -> None:
    """AM-36: 1.00 in the first hour and 3.00 from then on make 4.00 for a session of two hours."""
    stay = tariff(element(flat("1.00"), max_duration=3600), element(flat("3.00"), min_duration=3600))

    assert priced(stay, charging(30), parked(20)).total_cost.excl_vat == Decimal(1)
    assert priced(stay, charging(30), parked(60), charging(30)).total_cost.excl_vat == Decimal(4)


def test_a_fee_in_an_element_that_prices_only_parking_is_a_cost_of_parking() -> None:
    overstay = tariff(element(energy("1")), element(flat("10"), parking("2"), min_duration=3600))

    statement = priced(overstay, charging(60, 5), parked(30))

    assert statement.total_fixed_cost is None
    assert statement.total_parking_cost is not None
    assert statement.total_parking_cost.excl_vat == Decimal(11)


def test_the_element_for_expired_reservations_beats_the_other_wherever_it_stands() -> None:
    """TAR-15."""
    reversed_order = tariff(
        element(time("3"), reservation="RESERVATION"),
        element(time("6"), reservation="RESERVATION_EXPIRES"),
    )

    assert priced(reversed_order, expired(60)).total_cost.excl_vat == Decimal(6)
    assert priced(reversed_order, reserved(60)).total_cost.excl_vat == Decimal(3)


def test_what_is_for_reservations_does_not_price_a_session_nor_the_other_way_round() -> None:
    only_reserved = tariff(element(time("3"), reservation="RESERVATION"))
    only_charged = tariff(element(time("3"), energy("1"), flat("5")))

    assert priced(only_reserved, charging(60, 10)).lines == ()
    assert priced(only_charged, reserved(60)).lines == ()
