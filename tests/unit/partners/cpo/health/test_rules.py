"""What counts as ill, as well, and as unknown: values in, values out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from partners.cpo.charging.charging_events import ConnectorStatus
from partners.cpo.configuration import Plug
from partners.cpo.health.rules import RULES, Health, Ill, Rule
from partners.cpo.health.thresholds import Thresholds
from partners.cpo.health.vitals import Link, Vitals

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)
LIMITS = Thresholds()
UP = Link(None, NOW - timedelta(days=1), NOW)


def ago(**duration: float) -> datetime:
    return NOW - timedelta(**duration)


def judged(rule: Rule, link: Link = UP, **known: Any) -> Any:
    return RULES[rule].judge(Vitals(Plug("CP1", 1), link, **known), LIMITS, NOW)


@pytest.mark.parametrize(
    ("rule", "known", "expected"),
    [
        (Rule.FAULTED, {"status": ConnectorStatus.FAULTED, "status_since": ago(seconds=59)}, Health.UNKNOWN),
        (Rule.FAULTED, {"status": ConnectorStatus.AVAILABLE, "status_since": ago(days=1)}, Health.WELL),
        (Rule.FAULTED, {"status": ConnectorStatus.UNAVAILABLE, "status_since": ago(days=1)}, Health.UNKNOWN),
        (Rule.FAULTED, {}, Health.UNKNOWN),
        (Rule.ALARM, {}, Health.UNKNOWN),
        (Rule.ALARM, {"status": ConnectorStatus.AVAILABLE, "error_code": "NoError"}, Health.WELL),
        (
            Rule.ALARM,
            {
                "status": ConnectorStatus.FAULTED,
                "error_code": "GroundFailure",
                "error_since": ago(days=1),
            },
            Health.UNKNOWN,
        ),
        (
            Rule.ALARM,
            {
                "status": ConnectorStatus.CHARGING,
                "error_code": "HighTemperature",
                "error_since": ago(seconds=59),
            },
            Health.UNKNOWN,
        ),
        (Rule.STUCK, {"status": ConnectorStatus.PREPARING, "status_since": ago(minutes=29)}, Health.UNKNOWN),
        (Rule.STUCK, {"status": ConnectorStatus.FINISHING, "status_since": ago(hours=11)}, Health.UNKNOWN),
        (Rule.STUCK, {"status": ConnectorStatus.AVAILABLE, "status_since": ago(hours=99)}, Health.WELL),
        (
            Rule.STUCK,
            {
                "status": ConnectorStatus.PREPARING,
                "status_since": ago(hours=2),
                "session_since": ago(hours=1),
            },
            Health.WELL,
        ),
        (
            Rule.NO_ENERGY,
            {
                "session_since": ago(hours=2),
                "charging_since": ago(hours=1),
                "measured_at": NOW,
                "grew_at": NOW,
            },
            Health.WELL,
        ),
        (Rule.NO_ENERGY, {"session_since": ago(hours=2)}, Health.UNKNOWN),
        (Rule.UNMETERED, {"unmetered_since": ago(minutes=14)}, Health.UNKNOWN),
        (Rule.UNMETERED, {"unmetered_since": ago(hours=2), "idle_since": ago(hours=1)}, Health.WELL),
        (Rule.UNMETERED, {"idle_since": ago(hours=1)}, Health.WELL),
        (Rule.SIGNATURE, {"good_signature_at": NOW, "bad_signature_at": ago(hours=1)}, Health.WELL),
        (Rule.SIGNATURE, {}, Health.UNKNOWN),
    ],
)
def test_what_is_not_ill_is_well_only_if_something_proves_it(
    rule: Rule, known: dict[str, Any], expected: Health
) -> None:
    assert judged(rule, **known) is expected


@pytest.mark.parametrize(
    ("rule", "known", "since"),
    [
        (
            Rule.FAULTED,
            {
                "status": ConnectorStatus.FAULTED,
                "status_since": ago(seconds=60),
                "error_code": "GroundFailure",
            },
            ago(seconds=60),
        ),
        (
            Rule.ALARM,
            {
                "status": ConnectorStatus.CHARGING,
                "status_since": ago(hours=3),
                "error_code": "HighTemperature",
                "error_since": ago(seconds=60),
            },
            ago(seconds=60),
        ),
        (Rule.STUCK, {"status": ConnectorStatus.PREPARING, "status_since": ago(minutes=30)}, ago(minutes=30)),
        (Rule.STUCK, {"status": ConnectorStatus.FINISHING, "status_since": ago(hours=12)}, ago(hours=12)),
        (
            Rule.NO_ENERGY,
            {
                "session_since": ago(hours=2),
                "charging_since": ago(hours=1),
                "measured_at": NOW,
                "grew_at": ago(minutes=15),
            },
            ago(minutes=15),
        ),
        (
            Rule.UNMETERED,
            {"unmetered_since": ago(minutes=15), "unmetered_wh": Decimal(2500)},
            ago(minutes=15),
        ),
        (
            Rule.SIGNATURE,
            {"bad_signature_at": ago(minutes=1), "good_signature_at": ago(hours=1)},
            ago(minutes=1),
        ),
    ],
)
def test_ill_is_what_has_lasted_its_time(rule: Rule, known: dict[str, Any], since: datetime) -> None:
    found = judged(rule, **known)
    assert isinstance(found, Ill)
    assert found.since == since


def test_why_has_the_error_code_and_the_energy() -> None:
    fault = {"status": ConnectorStatus.FAULTED, "status_since": ago(hours=1), "error_code": "GroundFailure"}
    assert judged(Rule.FAULTED, **fault).why == "Faulted: GroundFailure"
    leak = {"unmetered_since": ago(hours=1), "unmetered_wh": Decimal(2500)}
    assert judged(Rule.UNMETERED, **leak).why == "2.5 kWh flowed without a session"


def test_a_link_that_is_away_is_offline_after_its_time_and_nothing_else_is_known_then() -> None:
    away = replace(UP, away_since=ago(minutes=5))
    assert judged(Rule.OFFLINE, away).since == ago(minutes=5)
    assert judged(Rule.OFFLINE, replace(away, away_since=ago(minutes=4))) is Health.UNKNOWN
    assert judged(Rule.OFFLINE) is Health.WELL
    assert judged(Rule.SILENT, away) is Health.UNKNOWN
    status = {"status": ConnectorStatus.AVAILABLE, "status_since": ago(hours=3)}
    assert judged(Rule.FAULTED, away, **status) is Health.UNKNOWN
    assert judged(Rule.STUCK, away, **status) is Health.UNKNOWN


def test_a_link_over_which_nothing_comes_is_silent() -> None:
    assert judged(Rule.SILENT, replace(UP, heard_at=ago(minutes=15))).since == ago(minutes=15)
    assert judged(Rule.SILENT, replace(UP, heard_at=ago(minutes=14))) is Health.WELL


def test_refusals_count_within_their_time_and_one_card_that_is_accepted_ends_them() -> None:
    five = tuple(ago(minutes=minute) for minute in (50, 40, 30, 20, 10))
    assert judged(Rule.REFUSALS, replace(UP, refused_at=five)).since == ago(minutes=50)
    assert judged(Rule.REFUSALS, replace(UP, refused_at=five[1:])) is Health.UNKNOWN
    old = (ago(minutes=61), *five[1:])
    assert judged(Rule.REFUSALS, replace(UP, refused_at=old)) is Health.UNKNOWN
    assert judged(Rule.REFUSALS, replace(UP, accepted_at=NOW)) is Health.WELL
