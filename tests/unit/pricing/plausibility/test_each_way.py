"""Rules that can be broken in several ways: each of them found, and what stands at its boundary not."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from hub.pricing.plausibility import Charge, Known, Severity, TariffVersion, judged
from schemas import exact_json
from schemas.v2_2_1 import Location, Session, Tariff
from tests.fixtures.samples import cdr, cdr_token, location, period, session, tariff

D = Decimal
REFUSE, HOLD, NOTE = Severity
START = datetime(2026, 1, 1, 10, tzinfo=UTC)
KNOWN = Known(now=datetime(2026, 1, 1, 12, tzinfo=UTC), sender=("BE", "BEC"))
DEARER = [{"price_components": [{"type": "ENERGY", "price": D(9), "step_size": 1}]}]
CREDIT = {
    "id": "C1-C",
    "credit": True,
    "credit_reference_id": "C1",
    "total_cost": {"excl_vat": D("-3.50"), "incl_vat": D("-4.20")},
}


def found(value: Any, rule: str, **known: Any) -> set[tuple[Severity, str]]:
    """How grave, and where, a rule finds what."""
    verdict = judged(value, replace(KNOWN, **known))
    return {(each.severity, each.pointer) for each in verdict.findings if each.rule == rule}


def changed(*path: str | int, to: Any, of: Mapping[str, Any] | None = None) -> Any:
    """The CDR with another value at a place."""
    value = place = exact_json.decode(exact_json.encode(of or cdr()))
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return value


# Negative values.


@pytest.mark.parametrize(
    "path",
    [
        ("total_energy",),
        ("total_time",),
        ("total_parking_time",),
        ("charging_periods", 0, "dimensions", 0, "volume"),
        ("charging_periods", 1, "dimensions", 0, "volume"),
    ],
)
def test_nothing_that_is_measured_is_negative_and_nothing_is_not(path: tuple[str | int, ...]) -> None:
    pointer = "".join(f"/{step}" for step in path)
    assert found(changed(*path, to=D("-0.0001")), "negative") == {(REFUSE, pointer)}
    assert found(changed(*path, to=D(0)), "negative") == set()


# Periods in order, and inside.


@pytest.mark.parametrize(
    ("first", "second", "outside"),
    [
        ("10:00:00", "11:30:00", set()),
        ("10:00:00", "10:00:00", set()),
        ("09:59:59", "11:00:00", {0}),
        ("10:00:00", "11:30:01", {1}),
        ("09:00:00", "12:00:00", {0, 1}),
    ],
)
def test_periods_begin_within_the_session(first: str, second: str, outside: set[int]) -> None:
    periods = [
        period(f"2026-01-01T{first}Z", ENERGY="10", TIME="1"),
        period(f"2026-01-01T{second}Z", PARKING_TIME="0.5"),
    ]
    pointers = {(HOLD, f"/charging_periods/{number}/start_date_time") for number in outside}
    assert found(cdr(charging_periods=periods), "periods") == pointers


# The tariff that was valid at the start.


def version(since: str, **changes: Any) -> TariffVersion:
    made = Tariff.model_validate(tariff(last_updated=since, **changes))
    return TariffVersion("T1", made.last_updated, made)


@pytest.mark.parametrize(
    ("replaced_at", "is_found"),
    [
        ("2026-01-01T09:54:59Z", True),
        ("2026-01-01T09:55:00Z", True),
        ("2026-01-01T09:55:01Z", False),
        ("2026-01-01T10:00:00Z", False),
        ("2026-01-01T10:00:01Z", False),
    ],
)
def test_a_tariff_may_have_been_replaced_just_before_the_start(replaced_at: str, *, is_found: bool) -> None:
    """Five minutes before, the CDR of whoever saw the old one is right; earlier it is not."""
    versions = (version("2025-12-01T00:00:00Z"), version(replaced_at, elements=DEARER))
    assert bool(found(cdr(), "tariff", tariffs=versions)) is is_found


def test_a_tariff_that_was_withdrawn_before_the_start_is_none() -> None:
    versions = (
        version("2025-12-01T00:00:00Z"),
        TariffVersion("t1", datetime(2025, 12, 31, tzinfo=UTC), None),
    )
    assert found(cdr(), "tariff", tariffs=versions) == {(HOLD, "/tariffs/0")}
    later = (versions[0], TariffVersion("t1", datetime(2026, 1, 1, 10, 1, tzinfo=UTC), None))
    assert found(cdr(), "tariff", tariffs=later) == set()


@pytest.mark.parametrize(
    ("field", "right", "wrong"),
    [
        ("start_date_time", "2026-01-01T10:00:00Z", "2026-01-01T10:00:01Z"),
        ("end_date_time", "2026-01-01T09:55:01Z", "2026-01-01T09:55:00Z"),
    ],
)
def test_a_tariff_holds_from_its_start_to_its_end(field: str, right: str, wrong: str) -> None:
    """With five minutes beyond its end, for whoever saw it until then."""
    assert found(cdr(tariffs=[tariff(**{field: right})]), "tariff") == set()
    assert found(cdr(tariffs=[tariff(**{field: wrong})]), "tariff") == {(HOLD, f"/tariffs/0/{field}")}


# Currency.


def test_a_currency_is_the_same_in_any_spelling_and_another_is_refused() -> None:
    assert found(cdr(currency="eur"), "currency") == set()
    assert found(cdr(currency="CZK"), "currency") == {(REFUSE, "/tariffs/0/currency")}
    from_elsewhere = (version("2025-12-01T00:00:00Z"),)
    without = cdr(currency="CZK", tariffs=[])
    assert found(without, "currency", tariffs=from_elsewhere) == {(REFUSE, "/currency")}


# The session's last state.


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"location_id": "LOC9"}, "/cdr_location/id"),
        ({"evse_uid": "E9"}, "/cdr_location/evse_uid"),
        ({"connector_id": "9"}, "/cdr_location/connector_id"),
        ({"currency": "CZK"}, "/currency"),
        ({"cdr_token": cdr_token(country_code="DE")}, "/cdr_token/country_code"),
        ({"cdr_token": cdr_token(party_id="TNM")}, "/cdr_token/party_id"),
        ({"cdr_token": cdr_token(uid="X")}, "/cdr_token/uid"),
        ({"cdr_token": cdr_token(type="APP_USER")}, "/cdr_token/type"),
    ],
)
def test_a_cdr_is_of_the_place_and_the_token_of_its_session(changes: dict[str, Any], pointer: str) -> None:
    over = {"status": "COMPLETED", "kwh": D(10), "end_date_time": "2026-01-01T11:30:00Z"}
    assert found(cdr(), "session", session=Session.model_validate(session(**over))) == set()
    other = Session.model_validate(session(**over, **changes))
    assert (HOLD, pointer) in found(cdr(), "session", session=other)


@pytest.mark.parametrize(
    ("told", "now", "expected"),
    [
        ("A1", "A1", set()),
        ("A1", "a1", set()),
        (None, "A1", set()),
        (None, None, set()),
        ("A1", "A2", {(HOLD, "/authorization_reference")}),
        ("A1", None, {(NOTE, "/authorization_reference")}),
    ],
)
def test_a_cdr_has_the_authorization_of_its_session(
    told: str | None, now: str | None, expected: set[tuple[Severity, str]]
) -> None:
    """CDR-22."""
    over = {"status": "COMPLETED", "kwh": D(10), "end_date_time": "2026-01-01T11:30:00Z"}
    known = Session.model_validate(session(**over, authorization_reference=told))
    assert found(cdr(authorization_reference=now), "session", session=known) == expected


# Credit CDRs.


@pytest.mark.parametrize(
    ("changes", "original", "pointers"),
    [
        ({}, cdr(), set()),
        ({}, cdr(meter_id=None), set()),
        ({}, cdr(remark="of the original"), set()),
        ({"total_cost": {"excl_vat": D("-3.5"), "incl_vat": D("-4.2")}}, cdr(), set()),
        ({"total_cost": {"excl_vat": D("-3.49"), "incl_vat": D("-4.20")}}, cdr(), {"/total_cost/excl_vat"}),
        ({"total_cost": {"excl_vat": D("3.50"), "incl_vat": D("-4.20")}}, cdr(), {"/total_cost/excl_vat"}),
        ({"total_cost": {"excl_vat": D("-3.50")}}, cdr(), {"/total_cost/incl_vat"}),
        ({"total_energy": D(9)}, cdr(), {"/total_energy"}),
        ({"charging_periods": []}, cdr(), {"/charging_periods"}),
        ({}, cdr(**CREDIT), {"/credit_reference_id", "/total_cost/excl_vat", "/total_cost/incl_vat"}),
    ],
)
def test_a_credit_cdr_mirrors_its_original_exactly(
    changes: dict[str, Any], original: Any, pointers: set[str]
) -> None:
    value = cdr(**(CREDIT | changes))
    if value["charging_periods"] == []:
        assert found(value, "schema", original=original)  # it cannot be read, so nothing else is asked
        return
    assert found(value, "credit", original=original) == {(REFUSE, pointer) for pointer in pointers}


def test_a_credit_cdr_takes_its_original_back_once() -> None:
    value = cdr(**CREDIT)
    assert found(value, "credit", original=cdr()) == set()
    again = found(value, "credit", original=cdr(), other_credits=("C1-A", "C1-B"))
    assert again == {(REFUSE, "/credit_reference_id")}


# Who was where.


@pytest.mark.parametrize(
    ("from_minute", "to_minute", "is_found"),
    [(-60, 0, False), (-60, 1, False), (-60, 2, True), (89, 120, False), (88, 120, True), (0, 90, True)],
)
def test_two_cdrs_may_overlap_by_a_minute_at_one_evse(
    from_minute: int, to_minute: int, *, is_found: bool
) -> None:
    def at(minute: int) -> datetime:
        return datetime.fromtimestamp(START.timestamp() + 60 * minute, UTC)

    other = Charge("C0", at(from_minute), at(to_minute))
    assert bool(found(cdr(), "overlap", at_evse=(other,))) is is_found


def test_a_credit_cdr_is_at_the_evse_of_its_original_and_overlaps_nobody() -> None:
    other = Charge("C1", START, datetime(2026, 1, 1, 11, 30, tzinfo=UTC), D("10"), D("10"))
    value = cdr(**CREDIT)
    assert found(value, "overlap", at_evse=(other,)) == found(value, "two-places", of_token=(other,)) == set()


# What is not understood is never priced at 0: it is found by name, with its pointer.

_ELEMENT = ("tariffs", 0, "elements", 0)
_COMPONENT = (*_ELEMENT, "price_components", 0)


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        (changed("tariffs", 0, "elements", to=[]), "/tariffs/0/elements"),
        (changed(*_COMPONENT, "type", to="NOISE"), "/tariffs/0/elements/0/price_components/0/type"),
        (
            changed(*_ELEMENT, "restrictions", to={"max_soc": 80}),
            "/tariffs/0/elements/0/restrictions/max_soc",
        ),
        (changed(*_COMPONENT, "step_size", to=0), "/tariffs/0/elements/0/price_components/0/step_size"),
        (changed(*_COMPONENT, "step_size", to=-60), "/tariffs/0/elements/0/price_components/0/step_size"),
        (changed("cdr_location", "time_zone", to="Europe/Atlantis"), "/cdr_location/time_zone"),
        (changed("charging_periods", 1, "tariff_id", to="T9"), "/charging_periods/1/tariff_id"),
        (changed("tariffs", to=[]), "/charging_periods/0/tariff_id"),
    ],
)
def test_what_is_not_understood_is_named_and_has_no_price(value: Any, pointer: str) -> None:
    """Also where the CDR asks for nothing: nothing is not its price."""
    for asked in (value, value | {"total_cost": {"excl_vat": D(0)}}):
        verdict = judged(asked, KNOWN)
        assert verdict.severity in {REFUSE, HOLD}
        assert pointer in {each.pointer for each in verdict.findings if each.severity is not NOTE}
        assert verdict.statement is None


def test_a_time_zone_of_a_known_location_that_nobody_knows_is_named_too() -> None:
    odd = Location.model_validate(location(time_zone="Europe/Atlantis"))
    assert found(cdr(), "price-total", location=odd) == {(HOLD, "/cdr_location/id")}
