"""What holds for every session and every tariff."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.pricing import CannotBePriced, ChargedPeriod, Kind, Level, half_up, price, rounded
from schemas import exact_json
from schemas.v2_2_1.tariffs import Tariff
from tests.unit.pricing.by_chance import case
from tests.unit.pricing.in_few_words import (
    charging,
    element,
    energy,
    parked,
    parking,
    priced,
    session,
    tariff,
    time,
)
from tests.unit.pricing.random_sessions import ZONES, sessions, tariffs

zones = st.sampled_from(ZONES)
instants = st.sets(st.integers(1, 59), max_size=4)


def divided(periods: tuple[ChargedPeriod, ...], parts: int) -> Iterator[ChargedPeriod]:
    """The same session, measured more often; parts that leave no finite number of Wh are left out."""
    for period in periods:
        share, energy_share = period.duration / parts, period.energy / parts
        if energy_share * parts != period.energy or share * parts != period.duration:
            yield period
            continue
        for number in range(parts):
            start = period.start + number * share
            yield period._replace(start=start, end=start + share, energy=energy_share)


@settings(max_examples=100, deadline=None)
@given(periods=sessions(), one=tariffs(), zone=zones, parts=st.sampled_from([2, 3, 4, 5, 10, 60]))
def test_measuring_more_often_changes_no_price(
    periods: tuple[ChargedPeriod, ...], one: Tariff, zone: str, parts: int
) -> None:
    finer = tuple(divided(periods, parts))

    assert price(finer, [one], time_zone=zone).total_cost == price(periods, [one], time_zone=zone).total_cost


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(10_000, 10**9), parts=st.sampled_from([2, 3, 4, 5, 10, 60]))
def test_measuring_more_often_changes_no_price_of_reservations_and_of_several_tariffs(
    seed: int, parts: int
) -> None:
    periods, several, zone = case(seed)
    measured = [each._replace(power=_known_power(each)) for each in periods]
    finer = tuple(divided(tuple(measured), parts))

    whole = price(measured, several, time_zone=zone)

    assert price(finer, several, time_zone=zone).total_cost == whole.total_cost


def _known_power(period: ChargedPeriod) -> Level:
    """As its parts may be left whole: their average power is that of the period."""
    return Level(average=Decimal(7)) if period.power == Level() else period.power


@settings(max_examples=100, deadline=None)
@given(periods=sessions(), one=tariffs(), zone=zones)
def test_the_lines_add_up_to_the_total_and_to_the_total_of_their_kind(
    periods: tuple[ChargedPeriod, ...], one: Tariff, zone: str
) -> None:
    statement = price(periods, [one], time_zone=zone)
    totals = {
        Kind.FIXED: statement.total_fixed_cost,
        Kind.ENERGY: statement.total_energy_cost,
        Kind.TIME: statement.total_time_cost,
        Kind.PARKING: statement.total_parking_cost,
    }

    assert close(sum(line.amount.excl_vat for line in statement.lines), statement.total_cost.excl_vat)
    if statement.total_cost.incl_vat is not None:
        with_vat = sum(
            line.amount.excl_vat if line.amount.incl_vat is None else line.amount.incl_vat
            for line in statement.lines
        )
        assert close(with_vat, statement.total_cost.incl_vat)
    for kind, total in totals.items():
        of_kind = [line.amount.excl_vat for line in statement.lines if line.kind is kind]
        assert (total is None) == (not of_kind)
        assert total is None or close(sum(of_kind), total.excl_vat)


def close(left: Decimal | int, right: Decimal) -> bool:
    return abs(Fraction(left) - Fraction(right)) < Fraction(1, 10**25)


@settings(max_examples=100, deadline=None)
@given(periods=sessions(), one=tariffs(), zone=zones)
def test_a_session_followed_from_beginning_to_end_ends_at_the_price_of_its_cdr(
    periods: tuple[ChargedPeriod, ...], one: Tariff, zone: str
) -> None:
    followed = [price(periods[: number + 1], [one], time_zone=zone) for number in range(len(periods))]

    assert followed[-1] == price(list(periods), [one], time_zone=zone)


@settings(max_examples=100, deadline=None)
@given(watt_hours=st.integers(1, 100_000), step=st.integers(1, 2_000))
def test_energy_is_billed_in_whole_steps_and_not_one_too_many(watt_hours: int, step: int) -> None:
    per_kwh = tariff(element(energy("1", step=step)))

    (line,) = priced(per_kwh, charging(60, str(Decimal(watt_hours) / 1000))).lines

    assert Fraction(line.billed_quantity) * 1000 == ceil(Fraction(watt_hours, step)) * step
    assert line.quantity <= line.billed_quantity < line.quantity + Decimal(step) / 1000


@settings(max_examples=100, deadline=None)
@given(seconds=st.integers(1, 10_000), step=st.sampled_from([1, 60, 300, 900]))
def test_one_second_beyond_a_step_begins_the_next(seconds: int, step: int) -> None:
    per_second = tariff(element(parking("3600", step=step)))

    assert priced(per_second, lasting(seconds)).total_cost.excl_vat == ceil(Fraction(seconds, step)) * step


def lasting(seconds: int) -> dict[str, object]:
    return parked(0) | {"lasting": timedelta(seconds=seconds)}


@settings(max_examples=100, deadline=None)
@given(charged=st.integers(1, 5_000), stayed=st.integers(1, 5_000))
def test_steps_are_billed_once_for_charging_and_parking_together(charged: int, stayed: int) -> None:
    """CDR-12."""
    by_quarters = tariff(element(time("1", step=900), parking("1", step=600)))

    first, second = priced(
        by_quarters, charging(0) | {"lasting": timedelta(seconds=charged)}, lasting(stayed)
    ).lines

    assert half_up(first.billed_quantity * 3600) == charged
    assert half_up(second.billed_quantity * 3600) == ceil(Fraction(stayed, 600)) * 600


@settings(max_examples=50, deadline=None)
@given(
    periods=sessions(),
    one=tariffs().filter(lambda one: one.max_price is None and not _changes_on_the_way(one)),
    more=st.integers(1, 1_000),
)
def test_more_energy_never_costs_less_where_one_price_holds_all_the_way(
    periods: tuple[ChargedPeriod, ...], one: Tariff, more: int
) -> None:
    *before, last = periods
    further = last._replace(energy=last.energy + Decimal(more) / 1000)

    less = price(periods, [one], time_zone="UTC").total_cost.excl_vat

    assert price([*before, further], [one], time_zone="UTC").total_cost.excl_vat >= less


def _changes_on_the_way(one: Tariff) -> bool:
    """Whether another element may apply at some point of the session, or with more energy.

    It may be cheaper. And where the price changes in the middle, energy is billed in the steps of the last
    price (CDR-12): a little more of it may fill a step that was begun, and billed, before.
    """
    return any(element.restrictions is not None for element in one.elements)


kilowatt_hours = st.integers(0, 4_000).map(lambda watt_hours: Decimal(watt_hours) / 1000)


@st.composite
def energy_tariffs(draw: st.DrawFn) -> Tariff:
    """Elements that price energy by the Wh, restricted by amounts of energy and times of day."""
    elements = []
    for _ in range(draw(st.integers(1, 4))):
        wanted = {
            "min_kwh": draw(st.none() | kilowatt_hours),
            "max_kwh": draw(st.none() | kilowatt_hours),
            "start_time": draw(st.none() | st.sampled_from(["00:30", "01:00", "17:00"])),
        }
        restrictions = {name: value for name, value in wanted.items() if value is not None}
        elements.append(element(energy(str(draw(st.integers(0, 9)))), **restrictions))
    return tariff(*elements, element(energy("5")))


@settings(max_examples=100, deadline=None)
@given(periods=sessions(), one=energy_tariffs(), zone=zones, more=st.integers(1, 3_000))
def test_more_energy_never_costs_less_though_its_price_changes_with_the_amount_and_the_hour(
    periods: tuple[ChargedPeriod, ...], one: Tariff, zone: str, more: int
) -> None:
    *before, last = periods
    further = last._replace(energy=last.energy + Decimal(more) / 1000)

    less = price(periods, [one], time_zone=zone).total_cost.excl_vat

    assert price([*before, further], [one], time_zone=zone).total_cost.excl_vat >= less


@settings(max_examples=100, deadline=None)
@given(periods=sessions(), one=tariffs(), zone=zones, chance=st.randoms(use_true_random=False))
def test_the_order_of_keys_in_json_changes_nothing(
    periods: tuple[ChargedPeriod, ...], one: Tariff, zone: str, chance: Random
) -> None:
    shuffled = Tariff.read(exact_json.encode(with_keys_shuffled(one.to_wire(), chance)))

    assert price(periods, [shuffled], time_zone=zone) == price(periods, [one], time_zone=zone)


def with_keys_shuffled(value: Any, chance: Random) -> Any:
    if isinstance(value, dict):
        names = list(value)
        chance.shuffle(names)
        return {name: with_keys_shuffled(value[name], chance) for name in names}
    return [with_keys_shuffled(each, chance) for each in value] if isinstance(value, list) else value


@settings(max_examples=100, deadline=None)
@given(periods=sessions(), one=tariffs(), zone=zones)
def test_what_was_used_is_either_priced_or_listed_as_not_priced(
    periods: tuple[ChargedPeriod, ...], one: Tariff, zone: str
) -> None:
    statement = price(periods, [one], time_zone=zone)

    def used(*dimensions: str) -> Decimal:
        priced_ones = [line.quantity for line in statement.lines if line.dimension in dimensions]
        return sum([*priced_ones, *free(*dimensions)], Decimal(0))

    def free(*dimensions: str) -> list[Decimal]:
        return [each.quantity for each in statement.not_priced if each.dimension in dimensions]

    assert close(used("ENERGY"), statement.total_energy)
    assert close(used("TIME", "PARKING_TIME"), statement.total_time)
    assert close(used("PARKING_TIME"), statement.total_parking_time)


@settings(max_examples=100, deadline=None)
@given(periods=sessions(), one=tariffs())
def test_rounded_totals_differ_from_the_exact_ones_by_half_a_unit_at_most(
    periods: tuple[ChargedPeriod, ...], one: Tariff
) -> None:
    exact = price(periods, [one], time_zone="UTC")
    shown = rounded(exact)

    assert abs(shown.total_cost.excl_vat - exact.total_cost.excl_vat) <= Decimal("0.00005")
    assert -int(shown.total_cost.excl_vat.as_tuple().exponent) <= 4


@settings(max_examples=100, deadline=None)
@given(st.permutations(range(3)))
def test_only_the_order_of_time_can_be_priced(order: list[int]) -> None:
    three = session(charging(10, 1), charging(20, 2), parked(5))
    shuffled = [three[number] for number in order]
    hourly = tariff(element(time("1")))

    try:
        price(shuffled, [hourly], time_zone="UTC")
    except CannotBePriced:
        assert order != [0, 1, 2]
    else:
        assert order == [0, 1, 2]
