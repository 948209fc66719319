"""Each rule: a CDR that breaks it and no other, and one at its very boundary that does not."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from hub.pricing.plausibility import (
    RULES,
    Charge,
    Finding,
    Known,
    Missing,
    Severity,
    TariffVersion,
    Verdict,
    judged,
)
from hub.pricing.plausibility.shown import as_data
from schemas.v2_2_1 import Location, Session, Tariff, Token
from tests.fixtures.samples import cdr, connector, evse, location, period, session, tariff, token

#: When everything is known, and well.
START = datetime(2026, 1, 1, 10, tzinfo=UTC)
END = datetime(2026, 1, 1, 11, 30, tzinfo=UTC)
NOW = END + timedelta(minutes=1)
D = Decimal


def known_session(**changes: Any) -> Session:
    """The session of the CDR, in its last state."""
    at_the_end = {
        "end_date_time": "2026-01-01T11:30:00Z",
        "kwh": D(10),
        "status": "COMPLETED",
        "total_cost": {"excl_vat": D("3.50"), "incl_vat": D("4.20")},
    }
    return Session.model_validate(session(**(at_the_end | changes)))


def known_location(**changes: Any) -> Location:
    """The place of the CDR, with one connector."""
    return Location.model_validate(location(evses=[evse(connectors=[connector(**changes)])]))


def version(since: str, **changes: Any) -> TariffVersion:
    """A tariff as it was from a moment on."""
    made = Tariff.model_validate(tariff(last_updated=since, **changes))
    return TariffVersion("t1", made.last_updated, made)


def charge(start: timedelta, end: timedelta, latitude: str = "51.047599") -> Charge:
    """An earlier CDR, from so long after our start."""
    return Charge("C0", START + start, START + end, D(latitude), D("3.729944"))


EVERYTHING = Known(
    now=NOW,
    sender=("BE", "BEC"),
    session=known_session(),
    token=Token.model_validate(token()),
    location=known_location(),
    tariffs=(version("2025-12-01T00:00:00Z"),),
)


def verdict(value: Any, **known: Any) -> Verdict:
    return judged(value, replace(EVERYTHING, **known))


def rules_of(found: Verdict) -> set[tuple[str, Severity]]:
    return {(each.rule, each.severity) for each in found.findings}


def test_an_honest_cdr_has_no_findings() -> None:
    found = verdict(cdr())
    assert found.findings == ()
    assert found.severity is None
    assert found.statement is not None
    assert (found.statement.total_cost.excl_vat, found.statement.total_cost.incl_vat) == (D("3.5"), D("4.2"))
    assert [each for each in found.differences if each.amount] == []
    assert {each.pointer for each in found.differences} >= {
        "/total_cost/excl_vat", "/total_cost/incl_vat",
        "/total_energy_cost/excl_vat", "/total_parking_cost/incl_vat",
    }  # fmt: skip


def test_an_honest_cdr_of_which_nothing_else_is_known_has_no_findings() -> None:
    assert judged(cdr(), Known(now=NOW)).findings == ()


def parked(hours: str, *, total: str | None = None, **changes: Any) -> dict[str, Any]:
    """The CDR with so much parking after its hour of charging, and what that costs."""
    end = START + timedelta(hours=1) + timedelta(seconds=int(D(hours) * 3600))
    cost = D(2) * D(hours)
    return cdr(
        end_date_time=end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        charging_periods=[period(ENERGY="10", TIME="1"), period("2026-01-01T11:00:00Z", PARKING_TIME=hours)],
        total_time=D(total or str(D(1) + D(hours))),
        total_parking_time=D(hours),
        total_parking_cost=price(cost),
        total_cost=price(cost + D("2.5")),
        **changes,
    )


def price(excl_vat: Decimal) -> dict[str, Decimal]:
    return {"excl_vat": excl_vat, "incl_vat": excl_vat * D("1.2")}


def charged(kwh: str, **changes: Any) -> dict[str, Any]:
    """The CDR with so much energy, and what that costs."""
    cost = D(kwh) * D("0.25")
    return cdr(
        charging_periods=[period(ENERGY=kwh, TIME="1"), period("2026-01-01T11:00:00Z", PARKING_TIME="0.5")],
        total_energy=D(kwh),
        total_energy_cost=price(cost),
        total_cost=price(cost + 1),
        **changes,
    )


def credit(**changes: Any) -> dict[str, Any]:
    """The CDR that takes the other back."""
    taken = {"id": "C1-C", "credit": True, "credit_reference_id": "C1"}
    return cdr(**(taken | {"total_cost": {"excl_vat": D("-3.50"), "incl_vat": D("-4.20")}} | changes))


def shifted(by: timedelta, **changes: Any) -> dict[str, Any]:
    """The CDR with all its moments later."""

    def later(text: str) -> str:
        return (datetime.fromisoformat(text) + by).strftime("%Y-%m-%dT%H:%M:%SZ")

    made = cdr()
    periods = [
        each | {"start_date_time": later(each["start_date_time"])} for each in made["charging_periods"]
    ]
    times = {name: later(made[name]) for name in ("start_date_time", "end_date_time")}
    return made | times | {"charging_periods": periods} | changes


def plain(kwh: str, duration: timedelta) -> dict[str, Any]:
    """So much energy in so long, without parking."""
    cost = D(kwh) * D("0.25")
    hours = round(D(int(duration.total_seconds())) / 3600, 6)
    return cdr(
        end_date_time=(START + duration).strftime("%Y-%m-%dT%H:%M:%SZ"),
        charging_periods=[period(ENERGY=kwh, TIME=str(hours))],
        total_energy=D(kwh),
        total_energy_cost=price(cost),
        total_cost=price(cost),
        total_time=hours,
        total_parking_time=None,
        total_parking_cost=None,
    )


#: Nobody said anything of VAT.
NO_VAT = cdr(
    tariffs=[
        tariff(elements=[{"price_components": [
            {"type": "ENERGY", "price": D("0.25"), "step_size": 1},
            {"type": "PARKING_TIME", "price": D(2), "step_size": 1},
        ]}])
    ],
    total_cost={"excl_vat": D("3.50")},
    total_parking_cost={"excl_vat": D(1)},
)  # fmt: skip
#: No session is known, for what the session would say as well.
ALONE: dict[str, Any] = {"session": Missing.NOT_ASKED}
BARE: dict[str, Any] = {"session": Missing.NOT_ASKED, "location": Missing.NOT_ASKED}
LATER: dict[str, Any] = {"now": NOW + timedelta(days=1)}
#: 230 V, 32 A, three phases, an hour and a half.
MOST = D("22.08") * D("1.5")


class Example(NamedTuple):
    """A CDR that breaks one rule, and one that just does not."""

    rule: str
    severity: Severity
    pointer: str
    wrong: dict[str, Any]
    right: dict[str, Any]
    known_wrong: Mapping[str, Any] = MappingProxyType({})
    known_right: Mapping[str, Any] = MappingProxyType({})


REFUSE, HOLD, NOTE = Severity
EXAMPLES = [
    Example("schema", REFUSE, "/auth_method", cdr(auth_method=None), cdr(auth_method="COMMAND")),
    Example("schema", REFUSE, "/total_cost", cdr(total_cost={"excl_vat": D(-1)}), cdr(remark="x" * 255)),
    Example("schema", NOTE, "/auth_method", cdr(auth_method="TELEPATHY"), cdr(x_new=[1])),
    Example("schema", NOTE, "/remark", cdr(remark="x" * 256), cdr(remark="x" * 255)),
    Example("sender", REFUSE, "/party_id", cdr(), cdr(country_code="be"), {"sender": ("BE", "ABC")}),
    Example(
        "duplicate", REFUSE, "/remark", cdr(remark="new"), cdr(remark="new"), {"same_id": cdr(remark="old")}
    ),
    Example(
        "end-before-start",
        REFUSE,
        "/end_date_time",
        shifted(timedelta(), end_date_time="2026-01-01T09:59:59Z"),
        shifted(timedelta(), end_date_time="2026-01-01T10:00:00Z"),
        ALONE,
    ),
    Example(
        "end-in-future",
        HOLD,
        "/end_date_time",
        shifted(timedelta(seconds=361)),
        shifted(timedelta(seconds=360)),
        ALONE,
        ALONE,
    ),
    Example(
        "too-old",
        HOLD,
        "/end_date_time",
        cdr(),
        cdr(),
        {"now": END + timedelta(days=90, seconds=1)},
        {"now": END + timedelta(days=90)},
    ),
    Example(
        "duration-energy",
        HOLD,
        "/total_energy",
        plain("900", timedelta(seconds=3239)),
        plain("900", timedelta(seconds=3240)),
        BARE,
        BARE,
    ),
    Example(
        "duration-energy",
        NOTE,
        "/total_energy",
        plain("0", timedelta(hours=24, seconds=1)),
        plain("0", timedelta(hours=24)),
        BARE | LATER,
        BARE | LATER,
    ),
    Example(
        "power",
        NOTE,
        "/total_energy",
        charged(str(MOST * D("1.05") + D("0.001"))),
        charged(str(MOST * D("1.05"))),
        ALONE,
        ALONE,
    ),
    Example(
        "power",
        HOLD,
        "/total_energy",
        charged(str(MOST * D("1.2") + D("0.001"))),
        charged(str(MOST)),
        ALONE,
        ALONE,
    ),
    Example(
        "negative",
        REFUSE,
        "/total_parking_time",
        cdr(total_parking_time=D("-0.0001")),
        cdr(total_parking_time=D(0)),
    ),
    Example(
        "too-much-energy",
        HOLD,
        "/total_energy",
        charged("1000.001"),
        charged("1000"),
        ALONE | {"location": known_location(max_electric_power=900_000)},
        ALONE | {"location": known_location(max_electric_power=900_000)},
    ),
    Example(
        "total-energy",
        HOLD,
        "/total_energy",
        cdr(total_energy=D("10.0101")),
        cdr(total_energy=D("10.01")),
        ALONE,
    ),
    Example("total-time", HOLD, "/total_time", cdr(total_time=D("1.5101")), cdr(total_time=D("1.51"))),
    Example(
        "total-time",
        HOLD,
        "/total_parking_time",
        cdr(total_parking_time=D("1.5001")),
        cdr(total_parking_time=D("1.5")),
    ),
    Example(
        "periods",
        HOLD,
        "/charging_periods/1/start_date_time",
        cdr(
            charging_periods=[
                period("2026-01-01T11:00:00Z", PARKING_TIME="0.5"),
                period(ENERGY="10", TIME="1"),
            ]
        ),
        cdr(),
    ),
    Example(
        "price-lines",
        HOLD,
        "/total_energy_cost/excl_vat",
        cdr(total_energy_cost={"excl_vat": D("2.5101")}),
        cdr(total_energy_cost={"excl_vat": D("2.51")}),
    ),
    Example(
        "price-lines",
        HOLD,
        "/total_time_cost/excl_vat",
        cdr(total_time_cost={"excl_vat": D("0.02")}),
        cdr(total_time_cost={"excl_vat": D(0)}),
    ),
    Example(
        "price-total",
        HOLD,
        "/total_cost/excl_vat",
        cdr(total_cost={"excl_vat": D("3.5201"), "incl_vat": D("4.20")}),
        cdr(total_cost={"excl_vat": D("3.52"), "incl_vat": D("4.22")}),
        ALONE,
    ),
    Example(
        "price-total",
        HOLD,
        "/tariffs",
        cdr(tariffs=[], charging_periods=[period(tariff_id=None, ENERGY="10")]),
        cdr(tariffs=[]),
        {"tariffs": ()},
    ),
    Example(
        "tariff",
        HOLD,
        "/tariffs/0/elements",
        cdr(),
        cdr(),
        {
            "tariffs": (
                version(
                    "2026-01-01T10:00:00Z",
                    elements=[{"price_components": [{"type": "ENERGY", "price": D("0.2"), "step_size": 1}]}],
                ),
            )
        },
        {"tariffs": (version("2026-01-01T10:00:01Z", currency="CZK"),)},
    ),
    Example("currency", REFUSE, "/tariffs/0/currency", cdr(currency="CZK"), cdr(), ALONE | {"tariffs": ()}),
    Example(
        "vat",
        HOLD,
        "/total_energy_cost/incl_vat",
        NO_VAT | {"total_energy_cost": {"excl_vat": D("2.50"), "incl_vat": D("2.4899")}},
        NO_VAT | {"total_energy_cost": {"excl_vat": D("2.50"), "incl_vat": D("2.49")}},
        {"tariffs": ()},
        {"tariffs": ()},
    ),
    Example(
        "vat",
        HOLD,
        "/total_energy_cost/incl_vat",
        NO_VAT | {"total_energy_cost": {"excl_vat": D("2.50"), "incl_vat": D("3.2601")}},
        NO_VAT | {"total_energy_cost": {"excl_vat": D("2.50"), "incl_vat": D("3.26")}},
        {"tariffs": ()},
        {"tariffs": ()},
    ),
    Example("vat", NOTE, "/total_cost/incl_vat", cdr(total_cost={"excl_vat": D("3.50")}), cdr()),
    Example(
        "session",
        HOLD,
        "/total_energy",
        cdr(),
        cdr(),
        {"session": known_session(kwh=D("10.0101"))},
        {"session": known_session(kwh=D("10.01"))},
    ),
    Example(
        "session",
        HOLD,
        "/start_date_time",
        cdr(),
        cdr(),
        {"session": known_session(start_date_time="2026-01-01T09:58:59Z")},
        {"session": known_session(start_date_time="2026-01-01T09:59:00Z")},
    ),
    Example(
        "session",
        HOLD,
        "/end_date_time",
        cdr(),
        cdr(),
        {"session": known_session(end_date_time="2026-01-01T11:31:01Z")},
        {"session": known_session(end_date_time="2026-01-01T11:31:00Z")},
    ),
    Example(
        "session",
        HOLD,
        "/total_cost/excl_vat",
        cdr(),
        cdr(),
        {"session": known_session(total_cost={"excl_vat": D("3.5201")})},
        {"session": known_session(total_cost={"excl_vat": D("3.52")})},
    ),
    Example(
        "session",
        HOLD,
        "/cdr_location/evse_uid",
        cdr(),
        cdr(),
        {"session": known_session(evse_uid="E2")},
        {"session": known_session(evse_uid="e1")},
    ),
    Example(
        "session",
        HOLD,
        "/cdr_token/uid",
        cdr(),
        cdr(),
        {"session": known_session(cdr_token=cdr()["cdr_token"] | {"uid": "X"})},
        {"session": known_session(cdr_token=cdr()["cdr_token"] | {"uid": "04a1b2c3"})},
    ),
    Example(
        "session",
        NOTE,
        "/session_id",
        cdr(),
        cdr(),
        {"session": known_session(status="ACTIVE")},
        {"session": known_session()},
    ),
    Example(
        "unknown-session",
        HOLD,
        "/session_id",
        cdr(),
        cdr(session_id=None),
        {"session": Missing.UNKNOWN},
        {"session": Missing.UNKNOWN},
    ),
    Example(
        "unknown-token",
        NOTE,
        "/cdr_token/uid",
        cdr(),
        cdr(),
        {"token": Missing.UNKNOWN},
        {"token": Missing.NOT_ASKED},
    ),
    Example(
        "unknown-location",
        HOLD,
        "/cdr_location/id",
        cdr(),
        cdr(),
        {"location": Missing.UNKNOWN},
        {"location": Missing.NOT_ASKED},
    ),
    Example(
        "unknown-location",
        HOLD,
        "/cdr_location/connector_id",
        cdr(),
        cdr(),
        {"location": known_location(id="2")},
        {"location": known_location(id="1")},
    ),
    Example(
        "unknown-location",
        HOLD,
        "/cdr_location/evse_uid",
        cdr(),
        cdr(),
        {"location": Location.model_validate(location(evses=[evse(uid="E2")]))},
        {"location": Location.model_validate(location(evses=[evse(uid="e1")]))},
    ),
    Example(
        "token-invalid",
        HOLD,
        "/cdr_token/uid",
        cdr(),
        cdr(),
        {"token": Token.model_validate(token(valid=False))},
        {"token": Token.model_validate(token(valid=False, last_updated="2026-01-01T10:00:01Z"))},
    ),
    Example(
        "overlap",
        HOLD,
        "/start_date_time",
        cdr(),
        cdr(),
        {"at_evse": (charge(timedelta(hours=-1), timedelta(seconds=61)),)},
        {"at_evse": (charge(timedelta(hours=-1), timedelta(seconds=60)),)},
    ),
    Example(
        "two-places",
        NOTE,
        "/cdr_token/uid",
        cdr(),
        cdr(),
        {"of_token": (charge(timedelta(hours=-2), timedelta(minutes=-30), "52.047599"),)},
        {"of_token": (charge(timedelta(hours=-2), timedelta(minutes=-34), "52.047599"),)},
    ),
    Example(
        "two-places",
        NOTE,
        "/cdr_token/uid",
        cdr(),
        cdr(),
        {"of_token": (charge(timedelta(), timedelta(hours=1), "51.066"),)},
        {"of_token": (charge(timedelta(), timedelta(hours=1), "51.065"),)},
    ),
    Example(
        "credit",
        REFUSE,
        "/total_cost/incl_vat",
        credit(),
        credit(),
        {"original": cdr(total_cost={"excl_vat": D("3.50"), "incl_vat": D("4.21")})},
        {"original": cdr()},
    ),
    Example(
        "credit",
        REFUSE,
        "/meter_id",
        credit(meter_id="M2"),
        credit(remark="wrong card", last_updated="2026-02-01T00:00:00Z"),
        {"original": cdr()},
        {"original": cdr()},
    ),
    Example(
        "credit",
        REFUSE,
        "/credit_reference_id",
        credit(),
        credit(),
        {"original": cdr(), "other_credits": ("C1-D",)},
        {"original": cdr()},
    ),
    Example(
        "credit",
        NOTE,
        "/credit_reference_id",
        credit(),
        credit(),
        {"original": Missing.UNKNOWN},
        {"original": Missing.NOT_ASKED},
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: f"{each.rule}-{each.pointer}")
def test_a_rule_finds_what_breaks_it_and_nothing_else_does(example: Example) -> None:
    found = verdict(example.wrong, **example.known_wrong)
    assert rules_of(found) == {(example.rule, example.severity)}, found.findings
    assert example.pointer in {each.pointer for each in found.findings}
    assert all(each.message for each in found.findings)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: f"{each.rule}-{each.pointer}")
def test_at_the_boundary_it_finds_nothing(example: Example) -> None:
    found = verdict(example.right, **example.known_right).findings
    assert [each for each in found if each.rule == example.rule] == []


def test_what_is_wrong_in_thousands_of_places_is_told_in_few() -> None:
    found = verdict(cdr(charging_periods=[period(ENERGY="-1")] * 3_000)).findings
    assert len([each for each in found if each.rule == "negative"]) == 20


def test_every_rule_has_an_example() -> None:
    assert {each.rule for each in EXAMPLES} == {rule.id for rule in RULES}
    assert len({rule.id for rule in RULES}) == len(RULES)


def test_energy_of_more_than_the_connector_can_give_is_a_note_then_held() -> None:
    """105 % of 22.08 kW over an hour and a half, and 120 %."""
    severities = {
        kwh: {each.severity for each in verdict(charged(kwh), **ALONE).findings if each.rule == "power"}
        for kwh in ("34.776", "34.777", "39.744", "39.745")
    }
    assert list(severities.values()) == [set(), {NOTE}, {NOTE}, {HOLD}]


def test_a_corrected_credit_cdr_is_priced_the_other_way_round() -> None:
    found = verdict(credit(), original=cdr())
    assert found.findings == ()
    assert next(each.priced for each in found.differences if each.pointer == "/total_cost/excl_vat") == D(
        "-3.5"
    )


def test_a_tariff_that_changed_after_the_start_changes_nothing() -> None:
    """The CDR leaves its tariffs out: they are priced by the version that was valid, not by the last one."""
    dearer = [{"price_components": [{"type": "ENERGY", "price": D(9), "step_size": 1}]}]
    versions = (version("2025-12-01T00:00:00Z"), version("2026-01-01T10:30:00Z", elements=dearer))
    assert verdict(cdr(tariffs=[]), tariffs=versions).findings == ()
    assert rules_of(verdict(cdr(tariffs=[], start_date_time="2026-01-01T10:30:00Z"), tariffs=versions))


@pytest.mark.parametrize(
    "value",
    [None, [], "x", 7, {}, {"id": 7}, cdr(total_energy=D("1e999999")), cdr(total_time=D("-1e-999999")),
     cdr(total_cost={"excl_vat": D("1e500")}), cdr(end_date_time="9999-12-31T23:59:59Z"),
     cdr(start_date_time="0001-01-01T00:00:00Z"), cdr(charging_periods=[period(ENERGY="1e300")])],
)  # fmt: skip
def test_there_is_a_verdict_on_everything(value: Any) -> None:
    found = verdict(value)
    assert found.severity in {REFUSE, HOLD}
    assert all(isinstance(each, Finding) for each in found.findings)


@pytest.mark.parametrize("number", ["-1e-999999999999999999", "-1e999999", "-1e-99999999"])
def test_a_number_of_a_billion_zeros_is_shown_as_it_was_written(number: str) -> None:
    """Written out it would fill the memory of whoever judges the CDR."""
    shown = as_data(verdict(cdr(charging_periods=[period(ENERGY=number)], total_energy=D(number))))
    assert str(D(number)) in str(shown)
    assert len(str(shown)) < 100_000


@pytest.mark.parametrize("number", ["1e999999999999999999", "-1e999999999999999999", "1e-999999999999999999"])
@pytest.mark.parametrize("total", ["total_cost", "total_energy_cost"])
def test_a_verdict_on_a_total_beyond_all_measure_can_be_told(total: str, number: str) -> None:
    """Else who asks for it would have no verdict at all."""
    found = verdict(cdr(**{total: {"excl_vat": D(number), "incl_vat": D(number)}}))
    assert found.severity in {REFUSE, HOLD}
    assert len(str(as_data(found))) < 100_000
