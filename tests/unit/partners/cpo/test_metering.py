"""Meter samples and states into charging periods: exact sums, whatever the charge point sent."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.cpo.charging.charging_events import ConnectorStatus
from partners.cpo.charging.meter_values import MeterSample
from partners.cpo.charging.metering import Metered, Period, StateChange, Use, periods, use

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def sample(seconds: float, wh: int | str, watts: int | None = None) -> MeterSample:
    return MeterSample(at(seconds), Decimal(wh), None if watts is None else Decimal(watts))


def state(seconds: float, status: ConnectorStatus) -> StateChange:
    return StateChange(at(seconds), status)


def used(
    *samples: MeterSample,
    states: tuple[StateChange, ...] = (),
    stop: float | None = 3600,
    meter_start: int = 1000,
    meter_stop: int | None = 11_000,
    max_power: int | None = None,
) -> Use:
    return use(
        Metered(
            START,
            Decimal(meter_start),
            samples,
            states,
            None if stop is None else at(stop),
            None if meter_stop is None or stop is None else Decimal(meter_stop),
            None if max_power is None else Decimal(max_power),
        )
    )


def volumes(period: Period) -> dict[str, Decimal]:
    return dict(period.dimensions)


def summed(found: tuple[Period, ...], dimension: str) -> Decimal:
    return sum((volumes(period).get(dimension, Decimal(0)) for period in found), Decimal(0))


# What must hold for every meter stream.

registers = st.lists(
    st.tuples(
        st.floats(min_value=0, max_value=40_000, allow_nan=False),
        st.decimals(min_value=0, max_value=200_000, places=3),
        st.one_of(st.none(), st.integers(0, 300_000)),
    ),
    max_size=30,
)
state_lists = st.lists(
    st.tuples(st.floats(min_value=-60, max_value=40_000, allow_nan=False), st.sampled_from(ConnectorStatus)),
    max_size=12,
)


@pytest.mark.holds("CDR-20", by="cpo")
@given(
    registers=registers,
    states=state_lists,
    stop=st.one_of(st.none(), st.floats(min_value=0, max_value=40_000, allow_nan=False)),
    meter_start=st.decimals(min_value=0, max_value=100_000, places=3),
    meter_stop=st.one_of(st.none(), st.decimals(min_value=0, max_value=300_000, places=3)),
    price_changes=st.lists(st.floats(min_value=-10, max_value=50_000, allow_nan=False), max_size=5),
    every=st.one_of(st.none(), st.just(timedelta(minutes=15))),
    max_power=st.one_of(st.none(), st.just(Decimal(22_000))),
)
def test_whatever_a_charge_point_sends_the_periods_add_up(
    registers: list[tuple[float, Decimal, int | None]],
    states: list[tuple[float, ConnectorStatus]],
    stop: float | None,
    meter_start: Decimal,
    meter_stop: Decimal | None,
    price_changes: list[float],
    every: timedelta | None,
    max_power: Decimal | None,
) -> None:
    """CDR-20: energy, time and parking add up exactly; starts ascend; nothing is negative."""
    metered = Metered(
        START,
        meter_start,
        tuple(
            MeterSample(at(when), wh, None if watts is None else Decimal(watts))
            for when, wh, watts in registers
        ),
        tuple(state(when, status) for when, status in states),
        None if stop is None else at(stop),
        None if stop is None else meter_stop,
        max_power,
    )
    whole = use(metered)
    found = periods(whole, map(at, price_changes), every)
    if whole.end == whole.start:
        assert found == ()
        return
    assert summed(found, "ENERGY") == whole.kwh
    assert summed(found, "TIME") + summed(found, "PARKING_TIME") == whole.hours
    assert found[0].start == whole.start
    assert all(before.start < after.start for before, after in pairwise(found))
    assert found[-1].start < whole.end
    assert all(volume >= 0 for period in found for volume in volumes(period).values())
    assert all(volume == round(volume, 4) for period in found for volume in volumes(period).values())
    assert all(("TIME" in volumes(period)) != ("PARKING_TIME" in volumes(period)) for period in found)


@given(
    steps=st.lists(st.tuples(st.integers(1, 600), st.integers(0, 4000)), min_size=1, max_size=60),
    meter_start=st.integers(0, 10**8),
)
def test_of_an_honest_meter_all_energy_is_billed_in_one_period_however_many_samples_there_are(
    steps: list[tuple[int, int]], meter_start: int
) -> None:
    seconds, wh, samples = 0, meter_start, []
    for pause, energy in steps:
        seconds, wh = seconds + pause, wh + energy
        samples.append(sample(seconds, wh))
    (only,) = periods(used(*samples, meter_start=meter_start, stop=seconds, meter_stop=wh))
    assert volumes(only)["ENERGY"] == Decimal(wh - meter_start) / 1000


# Energy.


def test_energy_between_two_samples_flows_evenly() -> None:
    first, second = periods(used(sample(1200, 2000), sample(2400, 8000)), [at(1800)])
    assert volumes(first)["ENERGY"] == Decimal(4)
    assert volumes(second)["ENERGY"] == Decimal(6)


def test_a_running_transaction_is_known_until_its_last_sample() -> None:
    running = used(sample(60, 1100), sample(120, 1250), stop=None)
    assert (running.end, running.kwh) == (at(120), Decimal("0.25"))


def test_a_sample_after_the_stop_is_not_billed() -> None:
    assert used(sample(3700, 90_000), meter_stop=2000).kwh == Decimal(1)


def test_samples_that_count_from_zero_are_offsets() -> None:
    """Many charge points send registers for start and stop, and session energy in between."""
    relative = used(sample(1800, 5000), meter_start=100_000, meter_stop=110_000)
    assert relative.kwh == Decimal(10)
    assert relative.consumed(at(1800)) == Decimal(5000)


@pytest.mark.parametrize("outlier", [0, 500, 9_000_000])
def test_a_single_wrong_register_changes_nothing(outlier: int) -> None:
    found = used(sample(600, 3000), sample(1200, outlier), sample(1800, 6000))
    assert found.kwh == Decimal(10)
    assert found.consumed(at(1800)) == Decimal(5000)


def test_a_jump_beyond_the_power_of_the_connector_is_no_energy() -> None:
    found = used(sample(60, 1300), sample(120, 500_000), sample(180, 500_300), max_power=22_000)
    assert found.consumed(at(180)) < Decimal(2000)


def test_a_register_that_is_set_anew_counts_on() -> None:
    found = used(sample(600, 4000), sample(1200, 6000), sample(1800, 10), sample(2400, 1010), meter_stop=2010)
    assert found.kwh == Decimal(7)


def test_without_an_end_the_last_sample_is_the_end() -> None:
    assert used(sample(600, 4000), meter_stop=None).kwh == Decimal(3)


# Charging and parking.


def test_a_car_that_asks_for_no_power_parks() -> None:
    found = periods(
        used(states=(state(2, ConnectorStatus.CHARGING), state(1800, ConnectorStatus.SUSPENDED_EV)))
    )
    assert [sorted(volumes(each).keys()) for each in found] == [
        ["ENERGY", "TIME"],
        ["ENERGY", "PARKING_TIME"],
    ]
    assert volumes(found[1])["PARKING_TIME"] == Decimal("0.5")


@pytest.mark.holds("AM-38", by="cpo")
def test_a_charge_point_that_gives_no_power_is_no_parking() -> None:
    """AM-38: the car asks, the charge point does not give."""
    (only,) = periods(used(states=(state(1800, ConnectorStatus.SUSPENDED_EVSE),)))
    assert volumes(only)["TIME"] == Decimal(1)


def test_without_states_no_power_means_parking() -> None:
    first, second = periods(used(sample(600, 6000, 22_000), sample(1800, 11_000, 0)))
    assert volumes(first)["TIME"] == Decimal("0.5")
    assert volumes(second)["PARKING_TIME"] == Decimal("0.5")


def test_two_changes_in_one_second_are_the_later_one() -> None:
    states = (state(10.2, ConnectorStatus.SUSPENDED_EV), state(10.7, ConnectorStatus.CHARGING))
    assert len(periods(used(states=states))) == 1


def test_a_period_tells_its_least_and_greatest_power() -> None:
    (only,) = periods(used(sample(60, 1100, 11_000), sample(120, 1400, 22_000)))
    assert volumes(only)["MIN_POWER"] == Decimal(11)
    assert volumes(only)["MAX_POWER"] == Decimal(22)


# Time.


def test_a_running_session_has_a_period_every_quarter_of_an_hour_at_most() -> None:
    found = periods(used(), every=timedelta(minutes=15))
    assert [each.start for each in found] == [at(0), at(900), at(1800), at(2700)]


def test_hours_that_are_no_decimals_still_add_up() -> None:
    """A third of an hour is 0.3333 h: three of them are an hour all the same."""
    found = periods(used(), [at(1200), at(2400)])
    assert [volumes(each)["TIME"] for each in found] == [
        Decimal("0.3333"),
        Decimal("0.3334"),
        Decimal("0.3333"),
    ]
