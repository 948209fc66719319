"""Chargers whose clocks are off: by hours, by decades, by an hour twice a year; and those that jump."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.cpo.health.charger_log import Kind
from partners.cpo.stations.central_system import CentralSystemSettings
from partners.cpo.stations.station_clocks import StationClock
from tests.fixtures.cpo_world import SettableClock, World, token, world
from tests.unit.partners.cpo.test_odd_chargers import Charger, charger, status

TRUST = timedelta(minutes=5)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}
PATIENT = CentralSystemSettings(settle=timedelta(minutes=1))


def told(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


# What a clock's word is worth.


def booted() -> StationClock:
    clock = StationClock(TRUST)
    clock.connected(NOW)
    clock.booted()
    return clock


@given(off=st.integers(-(10**6), 10**6), jitter=st.lists(st.integers(60, 2000), min_size=2, max_size=9))
def test_a_constant_error_is_found_out_and_taken_away(off: int, jitter: list[int]) -> None:
    clock, error = booted(), timedelta(seconds=off)
    for place, milliseconds in enumerate(jitter):
        late = timedelta(milliseconds=milliseconds)
        at = NOW + timedelta(seconds=place)
        clock.heard(at + error, at + late, is_status=True)
    true = clock.true(NOW + error, NOW)
    assert abs(true - NOW) <= (
        timedelta(seconds=2) if abs(error) > TRUST + timedelta(seconds=2) else TRUST * 2
    )


@given(st.sampled_from([20, 90, 600]), st.lists(st.sampled_from([0, 0, 0.2, 1, 3, 20, 600]), max_size=60))
def test_a_clock_that_runs_is_never_put_right(speed: int, pauses: list[float]) -> None:
    """A simulated charger, twenty minutes in one: messages that come together agree, and say nothing."""
    clock, passed = booted(), 0.0
    for pause in [0.1, *pauses]:
        passed += pause
        at, now = NOW + timedelta(seconds=passed * speed), NOW + timedelta(seconds=passed)
        clock.heard(at, now + timedelta(milliseconds=60), is_status=True)
        assert clock.true(at, now) == at


def test_a_clock_that_is_set_right_by_a_boot_is_believed_at_once() -> None:
    clock = booted()
    for seconds in range(5):
        clock.heard(NOW - 3 * HOUR, NOW + timedelta(seconds=seconds), is_status=True)
    assert clock.offset == 3 * HOUR
    later = NOW + timedelta(days=1)
    clock.booted()
    for seconds in (1, 2):
        clock.heard(later, later + timedelta(seconds=seconds), is_status=True)
    assert clock.offset == timedelta()


@given(st.lists(st.integers(0, 86_400), max_size=20))
def test_what_was_queued_says_nothing_of_the_clock(ages: list[int]) -> None:
    """A replay after an outage: each message is late, none is wrong."""
    clock = StationClock(TRUST)
    clock.connected(NOW)
    for age in ages:
        clock.heard(NOW - timedelta(seconds=age), NOW + TRUST / 2, is_status=True)
    assert clock.offset == timedelta()


def test_a_single_message_says_nothing_and_a_few_odd_ones_change_nothing() -> None:
    clock = booted()
    assert not clock.heard(NOW - 3 * HOUR, NOW, is_status=True)
    for _ in range(3):
        clock.heard(NOW - timedelta(seconds=1), NOW, is_status=True)
    clock.heard(NOW - 3 * HOUR, NOW, is_status=True)
    assert clock.offset == timedelta()


def test_a_clock_that_is_set_right_is_believed_again() -> None:
    clock = booted()
    for _ in range(5):
        clock.heard(NOW - 3 * HOUR, NOW, is_status=True)
    assert clock.offset == 3 * HOUR
    for _ in range(3):
        clock.heard(NOW - timedelta(seconds=1), NOW, is_status=True)
    assert clock.offset == timedelta()


def test_a_correction_does_not_tremble_so_that_what_is_told_again_is_the_same() -> None:
    clock = booted()
    for place in range(60):
        clock.heard(NOW - 3 * HOUR - timedelta(seconds=place), NOW, is_status=True)
    assert clock.true(NOW, NOW) == NOW + 3 * HOUR


def test_times_of_before_the_clock_was_set_keep_their_order_and_their_distances() -> None:
    clock, first = booted(), datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
    begun = clock.true(first, NOW)
    assert begun == NOW
    assert clock.true(first + HOUR, NOW + HOUR + timedelta(seconds=9)) == NOW + HOUR
    assert clock.true(first, NOW + HOUR) == begun


# At the node.


async def boots(one: Charger, clock: SettableClock, error: timedelta) -> None:
    await one.says("BootNotification", **BOOT)
    for number in (0, 1):
        await shows(one, "Available", clock() + error, number)


async def shows(one: Charger, shown: str, at: datetime, number: int = 1) -> None:
    await one.says(
        "StatusNotification", connectorId=number, status=shown, errorCode="NoError", timestamp=told(at)
    )


async def charges(made: World, clock: SettableClock, error: timedelta) -> dict[str, Any]:
    """A charge of an hour by a charger whose clock is off; its CDR."""
    async with charger(made) as one:
        await boots(one, clock, error)
        begun = clock()
        number = await one.starts(timestamp=told(begun + error))
        clock.ahead += HOUR
        await one.stops(number, timestamp=told(begun + HOUR + error))
        cdr: dict[str, Any] = (await made.hub.receives("POST", "/receiver/cdrs")).value
    started = datetime.fromisoformat(cdr["start_date_time"])
    assert abs(started - begun) < timedelta(seconds=3)
    return cdr


@pytest.mark.parametrize("hours", [3, -3, 24 * 200])
async def test_a_charge_is_billed_at_its_true_time_though_the_clock_is_hours_off(hours: int) -> None:
    """Vector 24: corrected, and written down for the operator; at the next start of the node, too."""
    clock = SettableClock()
    async with world(tokens=(token(),), clock=clock, trust_clock=TRUST, central_system=PATIENT) as made:
        cdr = await charges(made, clock, hours * HOUR)
        assert (cdr["total_energy"], cdr["total_time"]) == (10, 1)
        assert [each.kind for each in made.cpo.care.log.newest("CP1", 50)].count(Kind.CLOCK) == 1
        row = made.cpo.node.database.row("SELECT off FROM station_clock WHERE charge_point = 'CP1'")
        assert row is not None
        assert abs(timedelta(microseconds=row["off"]) + hours * HOUR) < timedelta(seconds=3)


async def test_a_charge_is_billed_at_its_true_time_though_the_clock_was_never_set() -> None:
    """Vector 24: 1970."""
    clock = SettableClock()
    async with world(tokens=(token(),), clock=clock, trust_clock=TRUST, central_system=PATIENT) as made:
        cdr = await charges(made, clock, datetime(1970, 1, 1, 0, 5, tzinfo=UTC) - clock())
        assert (cdr["total_energy"], cdr["total_time"]) == (10, 1)


async def test_in_the_night_of_the_longer_hour_time_is_that_which_passed() -> None:
    """Vector 24: 25 October 2026, 02:30 comes twice at the location; the tariff ends at three, once."""
    cheap = {"type": "ENERGY", "price": Decimal("0.10"), "step_size": 1}
    dear = {"type": "ENERGY", "price": Decimal("0.50"), "step_size": 1}
    night = {
        "id": "standard",
        "currency": "EUR",
        "elements": [
            {"price_components": [cheap], "restrictions": {"start_time": "02:00", "end_time": "03:00"}},
            {"price_components": [dear]},
        ],
    }
    begun = datetime(2026, 10, 25, 0, tzinfo=UTC)  # 02:00 in Amsterdam, for the first time
    async with world(tokens=(token(),), tariffs=[night]) as made, charger(made) as one:
        number = await one.starts(timestamp=told(begun))
        for hours in (1, 2, 3):
            value = {
                "timestamp": told(begun + hours * HOUR),
                "sampledValue": [{"value": str(1000 + hours * 2000)}],
            }
            await one.says("MeterValues", connectorId=1, transactionId=number, meterValue=[value])
        await one.stops(number, timestamp=told(begun + 3 * HOUR), meterStop=7000)
        cdr = (await made.hub.receives("POST", "/receiver/cdrs")).value
        assert cdr["total_time"] == 3
        # Two hours of the night, 4 kWh, then one of the morning, 2 kWh.
        assert cdr["total_cost"]["excl_vat"] == 4 * Decimal("0.10") + 2 * Decimal("0.50")


async def test_a_clock_that_jumps_back_does_not_make_its_charger_silent() -> None:
    """Its statuses count in the order in which they come: nothing was queued."""
    clock = SettableClock()
    async with (
        world(clock=clock, trust_clock=TRUST, central_system=PATIENT) as made,
        charger(made) as one,
    ):
        await shows(one, "Available", clock())
        clock.ahead += 2 * HOUR
        await shows(one, "Faulted", clock())
        assert status(made) == "OUTOFORDER"
        await shows(one, "Available", clock() - HOUR)
        assert status(made) == "AVAILABLE"
        await shows(one, "Faulted", clock() - 3 * HOUR)
        assert status(made) == "OUTOFORDER"


async def test_a_clock_that_was_ahead_and_is_set_right_does_not_make_its_charger_silent() -> None:
    clock = SettableClock()
    async with (
        world(clock=clock, trust_clock=TRUST, central_system=PATIENT) as made,
        charger(made) as one,
    ):
        await shows(one, "Faulted", clock() + 2 * HOUR)
        await shows(one, "Available", clock())
        assert status(made) == "AVAILABLE"


async def test_statuses_of_an_outage_that_are_told_after_it_do_not_undo_the_present() -> None:
    clock = SettableClock()
    async with world(clock=clock, trust_clock=TRUST, central_system=PATIENT) as made, charger(made) as one:
        clock.ahead += timedelta(minutes=1)
        await shows(one, "Available", clock())
        for minutes in (90, 60, 30):
            await shows(one, "Faulted", clock() - timedelta(minutes=minutes))
        assert status(made) == "AVAILABLE"


async def test_a_simulated_charger_that_runs_ahead_is_billed_by_its_own_time() -> None:
    """Twenty minutes in one, for an hour: as those of docker/compose.yaml."""
    clock = SettableClock()
    async with (
        world(tokens=(token(),), clock=clock, trust_clock=TRUST, central_system=PATIENT) as made,
        charger(made) as one,
    ):
        begun = clock()

        def its_time() -> datetime:
            return begun + 20 * (clock() - begun)

        async def measures(number: int, wh: int) -> None:
            value = {"timestamp": told(its_time()), "sampledValue": [{"value": str(wh)}]}
            await one.says("MeterValues", connectorId=1, transactionId=number, meterValue=[value])

        await boots(one, clock, timedelta())
        for place in range(1, 4):
            clock.ahead += timedelta(minutes=20)
            await shows(one, "Preparing", its_time())
            started = its_time()
            number = await one.starts(timestamp=told(started))
            await shows(one, "Charging", its_time())
            for wh in range(1000, 9000, 1000):  # every three minutes 1 kWh
                await measures(number, wh)
                clock.ahead += timedelta(seconds=9)
            for shown in ("SuspendedEV", "Charging", "SuspendedEV"):
                await shows(one, shown, its_time())
            await measures(number, 9000)
            ended = its_time()
            await one.stops(number, timestamp=told(ended), meterStop=9000)
            for shown in ("Finishing", "Available"):
                await shows(one, shown, its_time())
            cdr = (await made.hub.receives("POST", "/receiver/cdrs", place)).value
            assert cdr["total_energy"] == 8
            assert abs(float(cdr["total_time"]) - (ended - started) / HOUR) < 0.001
            assert datetime.fromisoformat(cdr["start_date_time"]) == started.replace(microsecond=0)
            assert "remark" not in cdr
        row = made.cpo.node.database.row("SELECT off FROM station_clock WHERE charge_point = 'CP1'")
        assert row is None
