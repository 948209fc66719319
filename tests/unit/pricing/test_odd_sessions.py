"""Sessions of every length and none, on days that are not like others, and what is not said in order."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from hub.pricing import CannotBePriced, PricedRecord, price, price_cdr
from hub.pricing.periods import Activity, ChargedPeriod
from schemas.v2_2_1.tariffs import Tariff
from tests.fixtures.samples import period
from tests.unit.pricing.in_few_words import (
    at,
    charging,
    element,
    energy,
    flat,
    parked,
    parking,
    priced,
    session,
    tariff,
    time,
)

D = Decimal
START = "2026-01-01T10:00:00Z"
EVERYTHING = tariff(element(flat("0.50"), energy("0.30"), time("3.60"), parking("7.20")))


def record(*periods: dict[str, Any], end: str, tariffs: tuple[Tariff, ...] = (EVERYTHING,)) -> PricedRecord:
    told = [each.to_wire() for each in tariffs]
    return PricedRecord.model_validate(
        {"end_date_time": end, "charging_periods": list(periods), "tariffs": told}
    )


@pytest.mark.parametrize(
    ("seconds", "cost"), [(1, "0.001"), (2, "0.002"), (59, "0.059"), (61, "0.061"), (3599, "3.599")]
)
def test_a_session_of_seconds_costs_its_seconds(seconds: int, cost: str) -> None:
    lasting = {"lasting": timedelta(seconds=seconds), "activity": Activity.CHARGING}

    assert priced(tariff(element(time("3.60"))), lasting).total_cost.excl_vat == D(cost)


def test_a_session_of_no_time_at_all_costs_its_fee() -> None:
    instant = {"lasting": timedelta(), "activity": Activity.CHARGING}

    assert priced(EVERYTHING, instant).total_cost.excl_vat == D("0.50")


@pytest.mark.parametrize("weeks", [1, 3, 52])
def test_a_session_of_weeks_costs_each_night_of_them(weeks: int) -> None:
    nights = tariff(element(parking("1"), start_time="22:00", end_time="06:00"))
    stay = weeks * 7 * 24 * 60

    statement = priced(nights, parked(stay), start=at("2026-04-06T12:00:00+02:00"), time_zone="UTC")

    assert statement.total_cost.excl_vat == weeks * 7 * 8
    assert len(statement.lines) == weeks * 7


def test_weeks_across_both_changes_of_the_clock_cost_one_hour_less_and_one_more() -> None:
    """Amsterdam: the night in March lasts 7 hours, the one in October 9."""
    nights = tariff(element(parking("1"), start_time="22:00", end_time="06:00"))

    def weeks_from(day: str) -> Decimal:
        start = at(f"{day}T12:00:00+01:00")
        return priced(
            nights, parked(14 * 24 * 60), start=start, time_zone="Europe/Amsterdam"
        ).total_cost.excl_vat

    assert (weeks_from("2026-03-22"), weeks_from("2026-10-18"), weeks_from("2026-06-01")) == (111, 113, 112)


def test_a_leap_day_is_a_day_and_in_other_years_there_is_none() -> None:
    only_then = tariff(element(parking("1"), start_date="2028-02-29", end_date="2028-03-01"))

    def three_days(year: int) -> Decimal:
        start = at(f"{year}-02-28T00:00:00+00:00")
        return priced(only_then, parked(3 * 24 * 60), start=start).total_cost.excl_vat

    assert (three_days(2028), three_days(2032)) == (24, 0)
    with pytest.raises(CannotBePriced, match="2027-02-29 is no day of the calendar"):
        priced(tariff(element(parking("1"), start_date="2027-02-29")), parked(60))


@pytest.mark.parametrize(("year", "day"), [(2028, "TUESDAY"), (2027, "MONDAY")])
def test_the_day_after_the_28th_of_february_is_the_right_day_of_the_week(year: int, day: str) -> None:
    that_day = tariff(element(parking("1"), day_of_week=[day]))

    statement = priced(that_day, parked(48 * 60), start=at(f"{year}-02-28T00:00:00+00:00"))

    assert statement.total_cost.excl_vat == 24
    assert statement.lines[0].start == at({2028: "2028-02-29T00:00Z", 2027: "2027-03-01T00:00Z"}[year])


def test_no_energy_costs_no_energy_but_its_time() -> None:
    statement = priced(tariff(element(energy("0.30", step=1000), time("3.60"))), charging(10, 0))

    assert (statement.total_energy_cost, statement.total_cost.excl_vat) == (None, D("0.6"))


def test_an_empty_period_between_others_changes_nothing() -> None:
    """A period in which nothing was used, of no time or of some."""
    full = session(charging(10, 5), charging(10, 5))
    of_no_time = ChargedPeriod(full[0].end, full[0].end, tariff_id="T1")

    with_it = price([full[0], of_no_time, full[1]], [EVERYTHING], time_zone="UTC")

    assert with_it == price(full, [EVERYTHING], time_zone="UTC")
    told = record(
        period(START, ENERGY="5", TIME="0.5"),
        period("2026-01-01T10:30:00Z", ENERGY="0"),
        period("2026-01-01T10:30:00Z", ENERGY="5", TIME="0.5"),
        end="2026-01-01T11:00:00Z",
    )
    assert price_cdr(told).total_cost.excl_vat == D("0.50") + 3 + D("3.60")


def test_periods_in_any_order_are_the_same_session() -> None:
    """A CDR lists them; when each begins says where it belongs."""
    parts = [
        period(START, ENERGY="5", TIME="0.5"),
        period("2026-01-01T10:30:00Z", ENERGY="2", TIME="0.5"),
        period("2026-01-01T11:00:00Z", PARKING_TIME="1"),
    ]
    end = "2026-01-01T12:00:00Z"
    ordered = price_cdr(record(*parts, end=end))

    assert ordered.total_cost.excl_vat == D("0.50") + D("2.1") + D("3.60") + D("7.20")
    for order in ([2, 1, 0], [1, 2, 0], [0, 2, 1]):
        assert price_cdr(record(*(parts[place] for place in order), end=end)).lines == ordered.lines


@pytest.mark.parametrize("dimension", ["ENERGY", "TIME", "PARKING_TIME", "RESERVATION_TIME"])
def test_a_negative_volume_is_refused_by_name(dimension: str) -> None:
    told = record(period(START, **{dimension: "-0.5"}), end="2026-01-01T10:30:00Z")

    with pytest.raises(CannotBePriced) as refused:
        price_cdr(told)
    assert refused.value.pointer == "/charging_periods/0/dimensions/0/volume"
    assert dimension in refused.value.reason


@pytest.mark.parametrize("amount", ["-0.25", "-100"])
def test_a_negative_price_is_what_the_tariff_says(amount: str) -> None:
    """OCPI allows it: a driver may be paid to take energy. The total follows it below nothing."""
    assert priced(tariff(element(energy(amount))), charging(60, 10)).total_cost.excl_vat == D(amount) * 10


def test_what_is_free_of_charge_costs_nothing_and_says_so() -> None:
    """TAR-08: a price of 0, which is not the same as none."""
    free = tariff(element(flat("0.00")))
    statement = priced(free, charging(60, 10))

    assert statement.total_cost.excl_vat == 0
    assert statement.total_fixed_cost is not None
    assert [(each.kind.value, each.amount.excl_vat) for each in statement.lines] == [("FIXED", 0)]


def test_what_a_tariff_tells_people_changes_no_price() -> None:
    told = {
        "tariff_alt_text": [{"language": "en", "text": "0.99 a kWh, as long as stocks last"}],
        "tariff_alt_url": "https://example.com/tariffs/1",
        "type": "PROFILE_GREEN",
        "energy_mix": {"is_green_energy": True},
    }
    plain, dressed = EVERYTHING.to_wire(), Tariff.model_validate(EVERYTHING.to_wire() | told)

    for steps in ([charging(30, 5)], [charging(30, 5), parked(20)]):
        assert price(session(*steps), [dressed], time_zone="UTC") == price(
            session(*steps), [Tariff.model_validate(plain)], time_zone="UTC"
        )


@pytest.mark.parametrize(("step", "last", "cost"), [(10_000, "4", 29), (4_000, "6", 33), (1, "3", 27)])
def test_steps_of_energy_are_counted_over_all_switches_of_its_price(step: int, last: str, cost: int) -> None:
    """The first one is ocpi/ocpi issue 494."""
    low, high = element(energy("2", step=step), max_power=10), element(energy("5", step=step))
    parts = (charging(60, 3, power=power) for power in ("5", "20", "5"))

    statement = priced(tariff(low, high), *parts)

    assert [line.billed_quantity for line in statement.lines] == [3, 3, D(last)]
    assert statement.total_cost.excl_vat == cost
