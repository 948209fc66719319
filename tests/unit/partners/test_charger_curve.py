"""The charging curve: power that a battery takes, and the energy that comes of it."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from partners.charger.curve import ChargingCurve, Progress, advanced, is_full, power_w, room_wh, soc
from partners.charger.vehicle import Vehicle, charging_curve

MINUTE = timedelta(minutes=1)

curves = st.builds(
    ChargingCurve,
    max_power_w=st.integers(1_000, 350_000).map(Decimal),
    capacity_wh=st.integers(10_000, 120_000).map(Decimal),
    soc_at_start=st.decimals(min_value=0, max_value=1, places=2),
    ramp=st.integers(0, 120).map(lambda seconds: timedelta(seconds=seconds)),
    taper_from=st.decimals(min_value="0.3", max_value=1, places=2),
)
steps = st.lists(st.integers(0, 900).map(lambda seconds: timedelta(seconds=seconds)), max_size=12)


def test_power_ramps_up_stays_and_tapers_towards_the_full_battery() -> None:
    curve = ChargingCurve(
        max_power_w=Decimal(11_000), capacity_wh=Decimal(50_000), soc_at_start=Decimal("0.5")
    )
    powers = [power_w(curve, advanced(curve, Progress(), MINUTE * minutes)) for minutes in range(0, 240, 5)]
    assert powers[0] == 0
    assert powers[1] == powers[10] == 11_000
    falling = powers[powers.index(11_000, 10) :]
    assert falling == sorted(falling, reverse=True)
    assert powers[-1] == 0


def test_a_car_takes_no_more_than_the_connector_gives_and_no_more_than_it_can() -> None:
    assert charging_curve(Vehicle(max_power_w=Decimal(11_000)), Decimal(22_000)).max_power_w == 11_000
    assert charging_curve(Vehicle(max_power_w=Decimal(50_000)), Decimal(22_000)).max_power_w == 22_000


def test_an_hour_at_constant_power_is_that_power_in_wh() -> None:
    curve = ChargingCurve(
        max_power_w=Decimal(10_000),
        capacity_wh=Decimal(100_000),
        soc_at_start=Decimal(0),
        ramp=timedelta(0),
    )
    energy_wh = advanced(curve, Progress(), timedelta(hours=1)).energy_wh
    assert abs(energy_wh - 10_000) < Decimal("0.001")


@given(curves, steps)
def test_energy_only_grows_and_never_beyond_what_fits(
    curve: ChargingCurve, durations: list[timedelta]
) -> None:
    progress = Progress()
    for duration in durations:
        later = advanced(curve, progress, duration)
        assert later.energy_wh >= progress.energy_wh
        assert later.elapsed == progress.elapsed + duration
        progress = later
    assert progress.energy_wh <= room_wh(curve)
    assert curve.soc_at_start <= soc(curve, progress) <= 1
    assert 0 <= power_w(curve, progress) <= curve.max_power_w
    assert is_full(curve, progress) == (power_w(curve, progress) == 0) or progress.elapsed == timedelta(0)


@settings(max_examples=40)
@given(curves, st.integers(1, 90))
def test_energy_is_the_integral_of_the_power(curve: ChargingCurve, minutes: int) -> None:
    step = timedelta(seconds=30)
    progress, integral = Progress(), Decimal(0)
    for _ in range(2 * minutes):
        later = advanced(curve, progress, step)
        integral += (power_w(curve, progress) + power_w(curve, later)) / 2 * 30 / 3600
        progress = later
    # The trapezoid is off by no more than one step of power, at the ramp and where the car is full.
    allowed = curve.max_power_w * 60 / 3600 + integral / 500
    assert abs(progress.energy_wh - integral) <= allowed


@settings(max_examples=40)
@given(curves, st.integers(1, 3600), st.integers(1, 3600))
def test_it_hardly_matters_in_how_many_steps_time_goes_by(
    curve: ChargingCurve, first: int, second: int
) -> None:
    at_once = advanced(curve, Progress(), timedelta(seconds=first + second))
    halfway = advanced(curve, Progress(), timedelta(seconds=first))
    in_two = advanced(curve, halfway, timedelta(seconds=second))
    assert in_two.elapsed == at_once.elapsed
    assert abs(in_two.energy_wh - at_once.energy_wh) <= at_once.energy_wh / 200 + curve.max_power_w * 5 / 3600
