"""Uptime by the formulas of two laws, from the log of a charger to the per cent."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.cpo.charging.charging_events import ConnectorStatus
from partners.cpo.configuration import Plug
from partners.cpo.health.charger_log import Event, Kind
from partners.cpo.reports.spans import (
    Span,
    by_hour,
    common,
    days,
    minutes,
    months,
    total,
    union,
    without,
)
from partners.cpo.reports.timeline import State, timeline
from partners.cpo.reports.uptime import mean, shown, uptime

START = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
YEAR = Span(START, START + timedelta(days=365))
AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def span(since: float, until: float) -> Span:
    """From one minute after the start up to another."""
    return Span(START + since * MINUTE, START + until * MINUTE)


spans = st.lists(
    st.tuples(st.integers(0, 900), st.integers(0, 300)).map(lambda each: span(each[0], each[0] + each[1])),
    max_size=8,
)
WINDOW = span(100, 1000)


def minute_set(some: list[Span]) -> set[int]:
    """Which minutes belong to them: a second way to count."""
    return {
        minute
        for each in some
        for minute in range((each.start - START) // MINUTE, (each.end - START) // MINUTE)
    }


# Sets of spans.


@given(one=spans, other=spans)
def test_sets_of_spans_are_sets_of_minutes(one: list[Span], other: list[Span]) -> None:
    ones, others = minute_set(one), minute_set(other)
    assert minute_set(union(one)) == ones
    assert minute_set(common(one, other)) == ones & others
    assert minute_set(without(one, other)) == ones - others
    assert total(one) == len(ones) * MINUTE


def test_a_month_in_which_clocks_change_has_an_hour_more_or_less() -> None:
    found = dict(months(date(2026, 1, 15), date(2026, 11, 1), AMSTERDAM))
    assert next(iter(found)) == "2026-01"
    assert len(found) == 10
    assert minutes(found["2026-01"].duration) == 17 * 24 * 60
    assert minutes(found["2026-03"].duration) == 743 * 60
    assert minutes(found["2026-10"].duration) == 745 * 60
    assert found["2026-03"].start == datetime(2026, 2, 28, 23, tzinfo=UTC)


def test_hours_of_the_clock_add_up_to_a_day_that_has_23_or_25_of_them() -> None:
    spring = by_hour(days(date(2026, 3, 29), date(2026, 3, 30), AMSTERDAM), AMSTERDAM)
    assert (spring[1], spring[2], spring[3]) == (60 * MINUTE, 0 * MINUTE, 60 * MINUTE)
    autumn = by_hour(days(date(2026, 10, 25), date(2026, 10, 26), AMSTERDAM), AMSTERDAM)
    assert (autumn[1], autumn[2], autumn[3]) == (60 * MINUTE, 120 * MINUTE, 60 * MINUTE)


def test_hours_of_a_clock_that_is_half_an_hour_off_are_right() -> None:
    kolkata = ZoneInfo("Asia/Kolkata")
    found = by_hour(Span(START, START + 60 * MINUTE), kolkata)
    assert (found[5], found[6]) == (30 * MINUTE, 30 * MINUTE)


# The formulas.


def test_the_formulas_of_both_laws_by_hand() -> None:
    down, unknown, excluded = [span(0, 6000)], [span(10000, 11000)], [span(5000, 6000)]
    found = uptime(YEAR, down, unknown, excluded)
    assert found.measured == 525_600
    # UK: exempt are the 1000 without a link and the 1000 excluded; 5000 remain of the downtime.
    assert found.uk == Fraction(525_600 - 2000 - 5000, 525_600 - 2000) * 100
    # NEVI: 7000 of outage, of which 1000 are excluded.
    assert found.nevi == Fraction(525_600 - (7000 - 1000), 525_600) * 100
    assert shown(found.uk) == Decimal("99.045")
    assert shown(found.nevi) == Decimal("98.858")


def test_a_charger_that_was_never_down_has_all_and_one_that_was_never_measured_has_none() -> None:
    assert uptime(YEAR, [], [], []).uk == 100
    never = uptime(YEAR, [], [YEAR], [])
    assert never.uk is None
    assert never.nevi == 0


def test_what_is_shown_is_never_rounded_up_to_what_the_law_wants() -> None:
    assert shown(Fraction(989_999, 10_000)) == Decimal("98.999")
    assert shown(Fraction(9_899_999, 100_000)) == Decimal("98.999")
    assert shown(None) is None


@given(down=spans, unknown=spans, excluded=spans, cut=st.integers(0, 1200))
def test_how_an_outage_is_cut_changes_nothing(
    down: list[Span], unknown: list[Span], excluded: list[Span], cut: int
) -> None:
    at = START + cut * MINUTE

    def in_two(some: list[Span]) -> list[Span]:
        return [
            part for each in some for part in (each.within(Span(START, at)), each.within(Span(at, each.end)))
        ]

    assert uptime(WINDOW, down, unknown, excluded) == uptime(
        WINDOW, in_two(down), in_two(unknown), in_two(excluded)
    )


@given(down=spans, unknown=spans, excluded=spans)
def test_the_formulas_agree_with_counting_minutes_and_stay_between_0_and_100(
    down: list[Span], unknown: list[Span], excluded: list[Span]
) -> None:
    found = uptime(WINDOW, down, unknown, excluded)
    whole = minute_set([WINDOW])
    is_down, is_unknown, is_excluded = (minute_set(each) & whole for each in (down, unknown, excluded))
    counted = whole - is_unknown - is_excluded
    expected = Fraction(len(counted - is_down), len(counted)) * 100 if counted else None
    assert found.uk == expected
    assert found.nevi == Fraction(len(whole - ((is_down | is_unknown) - is_excluded)), len(whole)) * 100
    assert all(each is None or 0 <= each <= 100 for each in (found.uk, found.nevi))


@given(down=spans, unknown=spans, excluded=spans, more=spans)
def test_excluding_more_never_makes_nevi_worse(
    down: list[Span], unknown: list[Span], excluded: list[Span], more: list[Span]
) -> None:
    before, after = (uptime(WINDOW, down, unknown, each).nevi for each in (excluded, excluded + more))
    assert before is not None
    assert after is not None
    assert after >= before


def test_months_add_up_to_the_year() -> None:
    down, unknown, excluded = [span(5000, 90_000)], [span(80_000, 200_000)], [span(70_000, 85_000)]
    zone = ZoneInfo("UTC")
    each = [
        uptime(month, down, unknown, excluded)
        for _, month in months(date(2026, 3, 1), date(2027, 3, 1), zone)
    ]
    assert mean(each) == uptime(YEAR, down, unknown, excluded)
    assert mean([]) is None


# From the log.


def told(minute: float, kind: Kind, number: int = 0, status: str | None = None) -> Event:
    detail = {} if status is None else {"status": status}
    return Event(Plug("CP1", number), START + minute * MINUTE, kind, detail)


def status(minute: float, text: str, number: int = 1) -> Event:
    return told(minute, Kind.STATUS, number, text)


UP = State(is_connected=True, own=ConnectorStatus.AVAILABLE)


@pytest.mark.parametrize(
    ("events", "down", "unknown"),
    [
        ([], [], []),
        ([status(110, "Faulted"), status(120, "Available")], [span(110, 120)], []),
        ([status(110, "Unavailable")], [span(110, 1000)], []),
        (
            [told(110, Kind.DISCONNECTED), told(150, Kind.CONNECTED)],
            [],
            [span(110, 150)],
        ),
        # While there is no link nobody knows; afterwards it is as it was until it says otherwise.
        (
            [
                status(105, "Faulted"),
                told(110, Kind.DISCONNECTED),
                told(150, Kind.CONNECTED),
                status(160, "Available"),
            ],
            [span(105, 110), span(150, 160)],
            [span(110, 150)],
        ),
        # Another connector of the same charger.
        ([status(110, "Faulted", number=2)], [], []),
        # The charger as a whole, but for whoever charges.
        ([status(110, "Faulted", number=0), status(130, "Available", number=0)], [span(110, 130)], []),
        (
            [status(105, "Charging"), status(110, "Unavailable", number=0), status(130, "Finishing")],
            [span(130, 1000)],
            [],
        ),
        # Said twice: one outage.
        ([status(110, "Faulted"), status(115, "Faulted"), status(120, "Available")], [span(110, 120)], []),
    ],
)
def test_the_log_says_when_a_connector_was_down_and_when_nobody_knew(
    events: list[Event], down: list[Span], unknown: list[Span]
) -> None:
    found = timeline(1, UP, events, WINDOW)
    assert found.down == down
    assert found.unknown == unknown


def test_how_it_was_before_counts_from_the_begin_of_the_window() -> None:
    found = timeline(
        1, State(is_connected=True, own=ConnectorStatus.FAULTED), [status(400, "Available")], WINDOW
    )
    assert found.down == [span(100, 400)]
    assert timeline(1, State(), [], WINDOW).unknown == [WINDOW]
