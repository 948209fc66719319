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


ZONES = ["Europe/Amsterdam", "America/Sao_Paulo", "Australia/Lord_Howe"]


@pytest.mark.parametrize("time_zone", ZONES)
@pytest.mark.parametrize("first_year", range(2000, 2036, 6))
def test_every_jump_of_the_clock_agrees_with_asking_each_minute(time_zone: str, first_year: int) -> None:
    zone = ZoneInfo(time_zone)
    for jump in jumps(zone, first_year, first_year + 6):
        first = jump - timedelta(hours=5)
        minutes = (first + timedelta(minutes=number) for number in range(600))
        expected = sum(1 for minute in minutes if 30 <= minutes_of_the_day(minute, zone) < 150)

        assert hours_between("00:30", "02:30", first, 10, time_zone) * 60 == expected


def test_these_zones_put_their_clocks_forward_and_back_in_those_years() -> None:
    counted = {zone: len(jumps(ZoneInfo(zone), 2000, 2036)) for zone in ZONES}

    assert counted == {"Europe/Amsterdam": 72, "America/Sao_Paulo": 39, "Australia/Lord_Howe": 72}


def jumps(zone: ZoneInfo, first_year: int, last_year: int) -> list[datetime]:
    """The half hours of these years, the last one exclusive, at which the offset changes."""
    start = datetime(first_year, 1, 1, tzinfo=UTC)
    days = [start + timedelta(days=number) for number in range((last_year - first_year) * 366)]
    changing = [
        day
        for day in days
        if day.year < last_year and offset(day, zone) != offset(day + timedelta(days=1), zone)
    ]
    half_hours = (day + timedelta(minutes=30 * number) for day in changing for number in range(1, 49))
    return [each for each in half_hours if offset(each - timedelta(minutes=30), zone) != offset(each, zone)]


def offset(instant: datetime, zone: ZoneInfo) -> timedelta | None:
    return instant.astimezone(zone).utcoffset()


def minutes_of_the_day(instant: datetime, zone: ZoneInfo) -> int:
    local = instant.astimezone(zone)
    return 60 * local.hour + local.minute


def test_weeks_of_parking_pay_each_night() -> None:
    assert hours_between(
        "22:00", "06:00", at("2026-03-16T12:00:00Z"), 24 * 21, "Europe/Amsterdam"
    ) == Decimal(21 * 8 - 1)
