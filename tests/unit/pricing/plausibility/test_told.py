"""The rules as an operator tells them: how grave each is, and what it measures with (decision 0034)."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from hub.pricing.plausibility import RULES, Known, Plausibility, Severity, Verdict, judged
from hub.pricing.plausibility.told import WrongRules, plausibility
from tests.fixtures.samples import cdr, period

END = datetime(2026, 1, 1, 11, 30, tzinfo=UTC)
KNOWN = Known(now=END + timedelta(minutes=1))
D = Decimal
MEASURES = [each.name for each in fields(Plausibility) if each.name != "severities"]


def found(value: Any, told: dict[str, Any], known: Known = KNOWN) -> set[tuple[str, Severity]]:
    verdict: Verdict = judged(value, known, plausibility(told))
    return {(each.rule, each.severity) for each in verdict.findings}


def test_nothing_told_is_as_delivered() -> None:
    assert plausibility({}) == Plausibility() == plausibility({"severity": {}, "measure": {}})


@pytest.mark.parametrize("severity", Severity)
@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        ("end-before-start", cdr(end_date_time="2026-01-01T09:00:00Z", total_time=D(0))),
        ("price-total", cdr(total_cost={"excl_vat": D(9), "incl_vat": D("4.20")})),
        ("schema", {}),
        ("negative", cdr(total_parking_time=D(-1))),
    ],
)
def test_a_rule_is_as_grave_as_it_is_told(rule: str, broken: Any, severity: Severity) -> None:
    assert (rule, severity) in found(broken, {"severity": {rule: str(severity)}})


@pytest.mark.parametrize("rule", [each.id for each in RULES if each.id != "schema"])
def test_each_rule_but_the_schema_can_be_off(rule: str) -> None:
    """And nothing else is."""
    hopeless = cdr(
        end_date_time="2026-01-01T09:00:00Z",
        total_energy=D(-5),
        total_cost={"excl_vat": D(9)},
        currency="CZK",
        charging_periods=[
            period("2025-01-01T00:00:00Z", ENERGY="10"),
            period("2024-01-01T00:00:00Z", TIME="1"),
        ],
    )
    before = {name for name, _ in found(hopeless, {})}
    assert {name for name, _ in found(hopeless, {"severity": {rule: "off"}})} == before - {rule}


def test_what_a_rule_calls_a_note_stays_one_however_grave_the_rule_is() -> None:
    no_vat = cdr(total_cost={"excl_vat": D("3.50")})
    for severity in Severity:
        assert found(no_vat, {"severity": {"vat": str(severity)}}) == {("vat", Severity.NOTE)}


@pytest.mark.parametrize(
    ("measure", "value", "rule", "broken"),
    [
        ("total", D("5.5"), "price-total", cdr(total_cost={"excl_vat": D(9)})),
        ("line", D("0.5"), "price-lines", cdr(total_energy_cost={"excl_vat": D(3)})),
        ("energy", D("0.5"), "total-energy", cdr(total_energy=D("10.5"))),
        ("time", 3600, "total-time", cdr(total_time=D("2.5"))),
        ("oldest", 60, "too-old", cdr()),
        ("clocks", 0, "end-in-future", cdr()),
        ("most_energy", 10, "too-much-energy", cdr()),
    ],
)
def test_a_measure_moves_the_boundary_and_the_boundary_is_still_right(
    measure: str, value: Any, rule: str, broken: Any
) -> None:
    """Where the value is reached there is no finding, and just beyond it there is one."""
    known = replace(KNOWN, now=END) if measure == "clocks" else KNOWN
    beyond = replace(known, now=known.now - timedelta(seconds=1)) if measure == "clocks" else known
    told = value if measure == "clocks" else value - D("0.0001")
    assert rule not in {name for name, _ in found(broken, {"measure": {measure: value}}, known)}
    assert rule in {name for name, _ in found(broken, {"measure": {measure: told}}, beyond)}


@pytest.mark.parametrize("measure", MEASURES)
def test_each_measure_is_read_in_its_own_unit(measure: str) -> None:
    made = getattr(plausibility({"measure": {"power_hold": 9, measure: 3}}), measure)
    default = getattr(Plausibility(), measure)
    assert made == (timedelta(seconds=3) if isinstance(default, timedelta) else D(3))
    assert type(made) is type(default)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"severities": {}}, "severities: expected one of severity, measure"),
        ({"severity": []}, "severity: expected a table, got []"),
        ({"severity": {"tooold": "hold"}}, "severity.tooold: expected one of schema, sender, duplicate,"),
        (
            {"severity": {"too-old": "fatal"}},
            "severity.too-old: expected one of refuse, hold, note, off, got 'fatal'",
        ),
        (
            {"severity": {"too-old": ["hold"]}},
            "severity.too-old: expected one of refuse, hold, note, off, got ['hold']",
        ),
        (
            {"severity": {"schema": "off"}},
            "severity.schema: expected one of refuse, hold, note: what cannot be read",
        ),
        ({"measure": {"most": 1}}, "measure.most: expected one of clocks, oldest,"),
        ({"measure": {"severities": 1}}, "measure.severities: expected one of clocks, oldest,"),
        ({"measure": {"total": "2"}}, "measure.total: expected a number, got '2'"),
        ({"measure": {"total": True}}, "measure.total: expected a number, got True"),
        (
            {"measure": {"total": D("-0.01")}},
            "measure.total: expected a number that is not negative, got -0.01",
        ),
        ({"measure": {"total": D("nan")}}, "measure.total: expected a number that is not negative, got NaN"),
        (
            {"measure": {"total": D("inf")}},
            "measure.total: expected a number that is not negative, got Infinity",
        ),
        ({"measure": {"oldest": "90 days"}}, "measure.oldest: expected a number of seconds, got '90 days'"),
        ({"measure": {"oldest": 10**30}}, "measure.oldest: expected a number of seconds, 3153600000 at most"),
        ({"measure": {"power_hold": 1}}, "measure.power_hold: expected at least power_note, 1.05, got 1"),
    ],
)
def test_what_cannot_be_is_refused_by_name(told: dict[str, Any], said: str) -> None:
    with pytest.raises(WrongRules) as refused:
        plausibility(told)
    assert str(refused.value).startswith(said)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(WrongRules) as refused:
        plausibility({"colour": 1, "severity": {"x": "hold"}, "measure": {"y": 1, "total": -1}})
    assert [line.partition(":")[0] for line in str(refused.value).splitlines()] == [
        "colour",
        "severity.x",
        "measure.y",
        "measure.total",
    ]
