"""What the charging periods of a Session or CDR tell (2.2.1, CDRs, ChargingPeriod)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.pricing import Activity, CannotBePriced, Level, charged_periods, price
from schemas.v2_2_1.cdrs import CdrDimension, CdrDimensionType, ChargingPeriod
from tests.unit.pricing.in_few_words import element, energy, parking, tariff, time

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)


def told(after_minutes: int, tariff_id: str | None = "T1", **volumes: str) -> ChargingPeriod:
    dimensions = tuple(CdrDimension(type=kind, volume=Decimal(volume)) for kind, volume in volumes.items())
    fields: dict[str, Any] = {} if tariff_id is None else {"tariff_id": tariff_id}
    return ChargingPeriod(
        start_date_time=NINE + timedelta(minutes=after_minutes), dimensions=dimensions, **fields
    )


def read(*periods: ChargingPeriod, minutes: int = 60) -> list[tuple[Activity, int, str]]:
    """Activity, seconds, kWh."""
    return [
        (period.activity, int(period.duration.total_seconds()), str(period.energy))
        for period in charged_periods(periods, end=NINE + timedelta(minutes=minutes))
    ]


def test_a_period_ends_where_the_next_one_starts_and_the_last_one_with_the_session() -> None:
    assert read(told(0, ENERGY="5", TIME="0.5"), told(30, PARKING_TIME="0.5")) == [
        (Activity.CHARGING, 1800, "5"),
        (Activity.PARKING, 1800, "0"),
    ]


def test_periods_are_put_in_order_and_keep_their_place_in_the_object() -> None:
    later, earlier = told(30, PARKING_TIME="0.5"), told(0, TIME="0.5")

    periods = charged_periods([later, earlier], end=NINE + timedelta(hours=1))

    assert [(period.activity, period.pointer) for period in periods] == [
        (Activity.CHARGING, "/charging_periods/1"),
        (Activity.PARKING, "/charging_periods/0"),
    ]


def test_a_period_with_several_activities_is_divided_in_the_order_of_a_session() -> None:
    assert read(told(0, PARKING_TIME="0.25", RESERVATION_TIME="0.25", TIME="0.5", ENERGY="5")) == [
        (Activity.RESERVED, 900, "0"),
        (Activity.CHARGING, 1800, "5"),
        (Activity.PARKING, 900, "0"),
    ]


@pytest.mark.parametrize("volume", ["0.6667", "0.667", "0.67", "0.66"])
def test_timestamps_count_where_a_volume_is_only_rounded(volume: str) -> None:
    assert read(told(0, TIME=volume), minutes=40) == [(Activity.CHARGING, 2400, "0")]


def test_time_of_which_nothing_is_told_is_parking_and_said_to_be() -> None:
    (charging, parked) = charged_periods([told(0, TIME="0.5", ENERGY="5")], end=NINE + timedelta(hours=2))

    assert (charging.activity, parked.activity) == (Activity.CHARGING, Activity.PARKING)
    assert parked.duration == timedelta(minutes=90)
    assert parked.remark is not None
    assert parked.remark.startswith("/charging_periods/0: of 1:30:00 nothing is told")


@pytest.mark.parametrize(
    ("volumes", "activity"),
    [
        ({"ENERGY": "5"}, Activity.CHARGING),
        ({"ENERGY": "0"}, Activity.PARKING),
        ({"STATE_OF_CHARGE": "5"}, Activity.PARKING),
    ],
)
def test_a_period_that_tells_of_no_time_is_charging_if_energy_flowed(
    volumes: dict[str, str], activity: Activity
) -> None:
    assert [found for found, _, _ in read(told(0, **volumes))] == [activity]


def test_a_reservation_after_which_nothing_comes_has_expired_unless_it_still_runs() -> None:
    reserved = told(0, RESERVATION_TIME="1")

    assert [found for found, _, _ in read(reserved)] == [Activity.EXPIRED]
    (running,) = charged_periods([reserved], end=NINE + timedelta(hours=1), expired=False)
    assert running.activity is Activity.RESERVED
    assert [found for found, _, _ in read(told(0, RESERVATION_TIME="0.5"), told(30, TIME="0.5"))] == [
        Activity.RESERVED,
        Activity.CHARGING,
    ]


def test_levels_are_those_of_the_part_in_which_energy_flowed() -> None:
    mixed = told(
        0,
        TIME="0.5",
        PARKING_TIME="0.5",
        MIN_CURRENT="6",
        MAX_CURRENT="16",
        CURRENT="10",
        MAX_POWER="11",
        POWER="7",
    )

    charging, parked = charged_periods([mixed], end=NINE + timedelta(hours=1))

    assert charging.current == Level(Decimal(6), Decimal(16), Decimal(10))
    assert charging.power == Level(None, Decimal(11), Decimal(7))
    assert parked.current == parked.power == Level()


@pytest.mark.parametrize(
    ("volumes", "pointer"),
    [
        ({"TIME": "2"}, "/charging_periods/0/dimensions"),
        ({"TIME": "0.2", "PARKING_TIME": "0.2"}, "/charging_periods/0/dimensions"),
        ({"TIME": "-0.5"}, "/charging_periods/0/dimensions/0/volume"),
        ({"TIME": "1", "ENERGY": "-5"}, "/charging_periods/0/dimensions/1/volume"),
        ({"ENERGY_IMPORT": "5"}, "/charging_periods/0/dimensions"),
        ({"RESERVATION_TIME": "1", "ENERGY": "5"}, "/charging_periods/0"),
    ],
)
def test_volumes_that_contradict_the_period_are_refused(volumes: dict[str, str], pointer: str) -> None:
    with pytest.raises(CannotBePriced) as refused:
        read(told(0, **volumes))

    assert refused.value.pointer == pointer


def test_a_dimension_twice_is_refused() -> None:
    once = told(0, TIME="0.5")
    twice = once.model_copy(update={"dimensions": once.dimensions * 2})

    with pytest.raises(CannotBePriced, match="twice"):
        read(twice)


def test_a_dimension_that_no_list_has_is_refused() -> None:
    unheard = CdrDimension.model_construct(type="NOISE", volume=Decimal(1))
    period = told(0, TIME="1").model_copy(update={"dimensions": (unheard,)})

    with pytest.raises(CannotBePriced, match="NOISE"):
        read(period)


def test_a_period_after_the_end_of_the_session_is_refused() -> None:
    with pytest.raises(CannotBePriced, match="after the end"):
        read(told(90, TIME="0.5"))


def test_a_period_without_a_tariff_costs_nothing_and_the_statement_says_so() -> None:
    periods = charged_periods(
        [told(0, TIME="0.5", ENERGY="5"), told(30, None, TIME="0.5", ENERGY="5")],
        end=NINE + timedelta(hours=1),
    )

    statement = price(periods, [tariff(element(energy("1")))], time_zone="UTC")

    assert statement.total_cost.excl_vat == Decimal(5)
    assert statement.total_energy == Decimal(10)
    assert statement.notes == ("/charging_periods/1: no tariff is relevant, so it costs nothing",)


def test_the_id_of_a_tariff_ignores_case() -> None:
    periods = charged_periods([told(0, "t1", TIME="1", ENERGY="5")], end=NINE + timedelta(hours=1))

    assert price(periods, [tariff(element(energy("1")))], time_zone="UTC").total_cost.excl_vat == Decimal(5)


def test_several_tariffs_price_their_own_periods_and_steps_are_counted_once() -> None:
    """CDR-12: step_size is not taken into account when switching between two tariffs."""
    fast = tariff(element(energy("0.50", step=1000)), id="FAST")
    cheap = tariff(element(energy("0.20", step=1000)), id="CHEAP")
    periods = charged_periods(
        [told(0, "FAST", TIME="0.5", ENERGY="4.3"), told(30, "CHEAP", TIME="0.5", ENERGY="1.1")],
        end=NINE + timedelta(hours=1),
    )

    statement = price(periods, [fast, cheap], time_zone="UTC")

    assert [(line.tariff_id, line.billed_quantity) for line in statement.lines] == [
        ("FAST", Decimal("4.3")),
        ("CHEAP", Decimal("1.7")),
    ]


def test_interpolated_energy_is_said_to_be() -> None:
    dearer_later = tariff(element(energy("1"), end_time="09:30"), element(energy("2")), element(time("1")))
    periods = charged_periods([told(0, TIME="1", ENERGY="10")], end=NINE + timedelta(hours=1))

    statement = price(periods, [dearer_later], time_zone="UTC")

    assert statement.total_energy_cost is not None
    assert statement.total_energy_cost.excl_vat == Decimal(15)
    (note,) = statement.notes
    assert note.startswith("/charging_periods/0: the price of ENERGY changes within it, at 2026-03-02 09:30")


def test_where_time_changes_its_price_at_a_time_nothing_is_interpolated() -> None:
    dearer_later = tariff(element(time("1"), parking("1"), end_time="09:30"), element(time("2")))
    periods = charged_periods([told(0, TIME="1", ENERGY="10")], end=NINE + timedelta(hours=1))

    assert price(periods, [dearer_later], time_zone="UTC").notes == ()


@pytest.mark.parametrize("volume", ["1e999999999", "1e19"])
def test_a_volume_out_of_all_proportion_is_refused(volume: str) -> None:
    with pytest.raises(CannotBePriced):
        read(told(0, TIME=volume))


volumes = st.one_of(
    st.decimals(-2, 100, places=3),
    st.sampled_from([Decimal("1e25"), Decimal("1e-25"), Decimal("1e18"), Decimal(0)]),
)
kinds = st.sampled_from(sorted(set(CdrDimensionType) - {CdrDimensionType.STATE_OF_CHARGE}))
dimensions = st.lists(
    st.builds(lambda kind, volume: CdrDimension(type=kind, volume=volume), kinds, volumes),
    min_size=1,
    max_size=4,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 90), dimensions), max_size=4))
def test_whatever_is_told_is_understood_as_one_whole_session_or_refused(
    told_at: list[tuple[int, list[CdrDimension]]],
) -> None:
    periods = [
        ChargingPeriod(
            start_date_time=NINE + timedelta(minutes=after), dimensions=tuple(each), tariff_id="T1"
        )
        for after, each in told_at
    ]
    end = NINE + timedelta(hours=1)

    try:
        understood = charged_periods(periods, end=end)
    except CannotBePriced:
        return
    starts = [period.start for period in understood]
    ends = [period.end for period in understood]
    assert starts[1:] == ends[:-1]
    assert ends[-1:] == ([end] if periods else [])
    assert sum(period.energy for period in understood) == sum(
        one.volume for period in periods for one in period.dimensions if one.type == CdrDimensionType.ENERGY
    )
