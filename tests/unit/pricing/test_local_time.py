"""Hours of the day are those of the clock at the location, also when it is put forward or back (TAR-13)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from tests.unit.pricing.in_few_words import at, charging, element, priced, tariff, time


def hours_between(start: str, end: str, first: datetime, hours: int, time_zone: str) -> Decimal:
    """How many hours of a session the element from start to end prices."""
    window = tariff(element(time("1"), start_time=start, end_time=end))
    return priced(window, charging(60 * hours), start=first, time_zone=time_zone).total_cost.excl_vat


@pytest.mark.parametrize(
    ("time_zone", "day", "start", "end", "hours"),
    [
        ("Europe/Amsterdam", "2026-03-29T00:00:00+01:00", "01:00", "04:00", "2"),
        ("Europe/Amsterdam", "2026-03-29T00:00:00+01:00", "02:00", "03:00", "0"),
        ("Europe/Amsterdam", "2026-03-29T00:00:00+01:00", "02:30", "04:00", "1"),
        ("Europe/Amsterdam", "2026-03-29T00:00:00+01:00", "01:00", "02:30", "1"),
        ("Europe/Amsterdam", "2026-10-25T00:00:00+02:00", "01:00", "04:00", "4"),
        ("Europe/Amsterdam", "2026-10-25T00:00:00+02:00", "02:00", "03:00", "2"),
        ("Europe/Amsterdam", "2026-10-25T00:00:00+02:00", "02:30", "02:45", "0.5"),
        ("America/Sao_Paulo", "2018-11-03T12:00:00-03:00", "23:00", "02:00", "2"),
        ("America/Sao_Paulo", "2019-02-16T12:00:00-02:00", "22:00", "01:00", "4"),
        ("Australia/Lord_Howe", "2026-04-04T20:00:00+11:00", "01:00", "03:00", "2.5"),
        ("Australia/Lord_Howe", "2026-10-03T20:00:00+10:30", "01:00", "03:00", "1.5"),
        ("Asia/Kolkata", "2026-10-03T20:00:00+05:30", "01:00", "03:00", "2"),
    ],
)
def test_a_jump_of_the_clock_shortens_or_lengthens_what_lies_around_it(
    time_zone: str, day: str, start: str, end: str, hours: str
) -> None:
    assert hours_between(start, end, at(day).astimezone(UTC), 18, time_zone) == Decimal(hours)


@pytest.mark.parametrize("time_zone", ["Europe/Amsterdam", "America/Sao_Paulo", "Australia/Lord_Howe"])
@pytest.mark.parametrize("year", [2016, 2018, 2026])
def test_every_jump_of_the_clock_agrees_with_asking_each_minute(time_zone: str, year: int) -> None:
    zone = ZoneInfo(time_zone)
    for jump in jumps(zone, year):
        first = jump - timedelta(hours=5)
        minutes = (first + timedelta(minutes=number) for number in range(600))
        expected = sum(1 for minute in minutes if 30 <= minutes_of_the_day(minute, zone) < 150)

        assert hours_between("00:30", "02:30", first, 10, time_zone) * 60 == expected


def jumps(zone: ZoneInfo, year: int) -> list[datetime]:
    """The full hours, or half hours, of a year at which the offset changes."""
    half_hours = [
        datetime(year, 1, 1, tzinfo=UTC) + timedelta(minutes=30 * number) for number in range(17520)
    ]
    offsets = [half_hour.astimezone(zone).utcoffset() for half_hour in half_hours]
    return [half_hours[n] for n in range(1, len(offsets)) if offsets[n] != offsets[n - 1]]


def minutes_of_the_day(instant: datetime, zone: ZoneInfo) -> int:
    local = instant.astimezone(zone)
    return 60 * local.hour + local.minute


def test_weeks_of_parking_pay_each_night() -> None:
    assert hours_between(
        "22:00", "06:00", at("2026-03-16T12:00:00Z"), 24 * 21, "Europe/Amsterdam"
    ) == Decimal(21 * 8 - 1)
