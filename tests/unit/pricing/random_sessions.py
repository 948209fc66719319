"""Tariffs and sessions by chance, within what the slow reference can follow."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from hub.pricing import Activity, ChargedPeriod
from schemas.v2_2_1.tariffs import Tariff
from tests.unit.pricing.in_few_words import component, element, tariff

ZONES = ["UTC", "Europe/Amsterdam", "America/Sao_Paulo", "Australia/Lord_Howe"]
DAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]

#: Near jumps of the clock, the turn of a year, a leap day, and far from all of them.
STARTS = [
    datetime(2026, 3, 29, 0, 20, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 10, tzinfo=UTC),
    datetime(2018, 11, 4, 2, 30, tzinfo=UTC),
    datetime(2026, 4, 4, 14, 40, tzinfo=UTC),
    datetime(2027, 12, 31, 23, 30, tzinfo=UTC),
    datetime(2028, 2, 28, 23, 45, tzinfo=UTC),
    datetime(2026, 7, 14, 16, 45, tzinfo=UTC),
]

prices = st.integers(0, 500).map(lambda cents: Decimal(cents) / 100)
vats = st.sampled_from([None, None, Decimal(0), Decimal(10), Decimal("5.2"), Decimal(21)])


def _components(draw: st.DrawFn) -> list[dict[str, Any]]:
    kinds = draw(
        st.lists(
            st.sampled_from(["FLAT", "ENERGY", "TIME", "PARKING_TIME"]), min_size=1, max_size=4, unique=True
        )
    )
    steps = st.sampled_from([1, 60, 100, 300, 500, 900])
    made = []
    for kind in kinds:
        vat = draw(vats)
        made.append(component(kind, str(draw(prices)), None if vat is None else str(vat), draw(steps)))
    return made


def _restrictions(draw: st.DrawFn, *, of_current: bool) -> dict[str, Any]:
    clock = st.builds(
        "{:02}:{:02}".format, st.sampled_from([0, 1, 2, 3, 12, 16, 17, 23]), st.sampled_from([0, 15, 30])
    )
    amounts = st.integers(0, 60).map(lambda number: Decimal(number * 60) / 1000)
    choices: dict[str, st.SearchStrategy[Any]] = {
        "start_time": clock,
        "end_time": clock,
        "day_of_week": st.lists(st.sampled_from(DAYS), min_size=1, max_size=5, unique=True),
        "start_date": st.sampled_from(["2026-03-29", "2028-02-29", "2028-01-01"]),
        "end_date": st.sampled_from(["2026-03-29", "2028-02-29", "2028-01-01"]),
        "min_kwh": amounts,
        "max_kwh": amounts,
        "min_duration": st.integers(0, 3600),
        "max_duration": st.integers(0, 3600),
        "min_power": st.integers(0, 20),
        "max_power": st.integers(0, 20),
    }
    if of_current:
        choices |= {"min_current": st.integers(0, 40), "max_current": st.integers(0, 40)}
    names = draw(st.lists(st.sampled_from(sorted(choices)), max_size=2, unique=True))
    chosen = {name: draw(choices[name]) for name in names}
    if chosen.get("start_time") == chosen.get("end_time") != "00:00":
        chosen.pop("end_time", None)
    return chosen


def _of_a_reservation(draw: st.DrawFn) -> dict[str, Any]:
    kinds = draw(st.lists(st.sampled_from(["FLAT", "TIME"]), min_size=1, unique=True))
    ends = st.sampled_from(["RESERVATION", "RESERVATION_EXPIRES"])
    made = [component(kind, str(draw(prices)), step=draw(st.sampled_from([1, 60, 900]))) for kind in kinds]
    return element(*made, reservation=draw(ends))


@st.composite
def tariffs(draw: st.DrawFn, *, everything: bool = False) -> Tariff:
    """Up to four elements, most of them restricted, and perhaps bounds.

    Args:
        draw: By hypothesis.
        everything: Elements may ask for the current as well, and be for reservations.
    """
    elements = [
        element(*_components(draw), **_restrictions(draw, of_current=everything))
        for _ in range(draw(st.integers(1, 4)))
    ]
    if everything and draw(st.booleans()):
        elements.insert(draw(st.integers(0, len(elements))), _of_a_reservation(draw))
    bounds: dict[str, Any] = {}
    if draw(st.booleans()):
        bounds["min_price"] = {"excl_vat": draw(prices), "incl_vat": draw(prices)}
    if draw(st.booleans()):
        bounds["max_price"] = {"excl_vat": 5 + draw(prices), "incl_vat": 5 + draw(prices)}
    return tariff(*elements, **bounds)


@st.composite
def sessions(draw: st.DrawFn) -> tuple[ChargedPeriod, ...]:
    """Up to five periods of up to 20 minutes that follow one another."""
    start = draw(st.sampled_from(STARTS)) + timedelta(minutes=draw(st.integers(0, 40)))
    periods = []
    for _ in range(draw(st.integers(1, 5))):
        minutes, watt_hours = draw(st.integers(1, 20)), draw(st.integers(0, 5))
        charging = watt_hours > 0 or draw(st.booleans())
        periods.append(
            ChargedPeriod(
                start,
                start + timedelta(minutes=minutes),
                Activity.CHARGING if charging else Activity.PARKING,
                Decimal(60 * minutes * watt_hours) / 1000,
                "T1",
            )
        )
        start = periods[-1].end
    return tuple(periods)
