"""The check of a CDR by what was published: each way in which a CPO may be at odds with what it told us."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from hub.pricing.plausibility import Known, Missing, Severity
from partners.emsp.check import Check
from schemas.v2_2_1 import Session
from tests.fixtures.checked_cdrs import NOW, check_of, version, withdrawn
from tests.fixtures.samples import period, session, tariff

BEFORE, DURING = "2025-12-01T00:00:00Z", "2026-01-01T10:30:00Z"


def energy_at(price: str, **changes: Any) -> dict[str, Any]:
    """Fields of a tariff with another price for energy than that of the sample."""
    components = [
        {"type": "ENERGY", "price": Decimal(price), "vat": Decimal(20), "step_size": 1},
        {"type": "PARKING_TIME", "price": Decimal("2.00"), "vat": Decimal(20), "step_size": 1},
    ]
    return {"elements": [{"price_components": components}], **changes}


def found(check: Check) -> list[tuple[str, str, str]]:
    return [(each["rule"], each["severity"], each["pointer"]) for each in check.as_data()["findings"]]


def rules(check: Check) -> list[str]:
    return [rule for rule, _, _ in found(check)]


def by_published(check: Check) -> Mapping[str, Decimal]:
    """By how much too much is asked, where it is any."""
    return {each.pointer: each.amount for each in check.differences if each.amount}


def test_a_cdr_by_the_published_tariff_has_no_findings() -> None:
    check = check_of(version(BEFORE))
    assert found(check) == []
    assert check.as_data()["is_disputed"] is False


def test_a_tariff_that_was_changed_during_the_session_changes_nothing() -> None:
    """Nor does one that was taken back."""
    before = check_of(version(BEFORE)).as_data()
    assert check_of(version(BEFORE), version(DURING, **energy_at("9"))).as_data() == before
    assert check_of(version(BEFORE), withdrawn(DURING)).as_data() == before


def test_a_cpo_that_bills_by_what_it_changed_during_the_session_is_found_by_line() -> None:
    """Its CDR agrees with itself: 10 kWh at 0.45."""
    check = check_of(
        version(BEFORE),
        version(DURING, **energy_at("0.45")),
        tariffs=[tariff(**energy_at("0.45"), last_updated=DURING)],
        total_energy_cost={"excl_vat": Decimal("4.50"), "incl_vat": Decimal("5.40")},
        total_cost={"excl_vat": Decimal("5.50"), "incl_vat": Decimal("6.60")},
    )
    assert check.own is not None
    assert check.own.total_cost.excl_vat == Decimal("5.5")
    assert found(check) == [
        ("tariff", "hold", "/tariffs/0/elements"),
        ("published-price-total", "hold", "/total_cost/excl_vat"),
        ("published-price-total", "hold", "/total_cost/incl_vat"),
        ("published-price-lines", "hold", "/total_energy_cost/excl_vat"),
        ("published-price-lines", "hold", "/total_energy_cost/incl_vat"),
    ]
    assert by_published(check) == {
        "/total_cost/excl_vat": 2,
        "/total_cost/incl_vat": Decimal("2.40"),
        "/total_energy_cost/excl_vat": 2,
        "/total_energy_cost/incl_vat": Decimal("2.40"),
    }
    assert check.published is not None
    assert check.published.total_cost.excl_vat == Decimal("3.5")


def test_a_cpo_that_miscounts_is_found_by_line_once() -> None:
    """The published tariff says the same as its own: no finding is told twice."""
    check = check_of(
        version(BEFORE), total_parking_cost={"excl_vat": Decimal("1.50"), "incl_vat": Decimal("1.80")}
    )
    assert found(check) == [
        ("price-lines", "hold", "/total_parking_cost/excl_vat"),
        ("price-lines", "hold", "/total_parking_cost/incl_vat"),
    ]
    assert check.published is None


def test_another_tariff_than_those_of_the_connector_is_found_by_line() -> None:
    """It is published and valid, only not for this connector."""
    dear = energy_at("0.90", id="T2")
    check = check_of(
        version(BEFORE),
        version(BEFORE, **dear),
        offered=("T1",),
        tariffs=[tariff(**dear)],
        charging_periods=[
            period(ENERGY="10", TIME="1", tariff_id="T2"),
            period("2026-01-01T11:00:00Z", PARKING_TIME="0.5", tariff_id="T2"),
        ],
        total_energy_cost={"excl_vat": Decimal(9), "incl_vat": Decimal("10.80")},
        total_cost={"excl_vat": Decimal(10), "incl_vat": Decimal(12)},
    )
    assert ("tariff-of-connector", "hold", "/charging_periods/0/tariff_id") in found(check)
    assert by_published(check)["/total_energy_cost/excl_vat"] == Decimal("6.50")
    assert by_published(check)["/total_cost/excl_vat"] == Decimal("6.50")


def test_a_tariff_for_ad_hoc_payment_is_not_for_a_card() -> None:
    at_the_charge_point = version(BEFORE, **energy_at("0.90", id="T2", type="AD_HOC_PAYMENT"))
    changes: dict[str, Any] = {
        "tariffs": [tariff(**energy_at("0.90", id="T2", type="AD_HOC_PAYMENT"))],
        "charging_periods": [period(ENERGY="10", TIME="1", tariff_id="T2")],
    }
    versions = (version(BEFORE, type="REGULAR"), at_the_charge_point)
    card = check_of(*versions, offered=("T1", "T2"), **changes)
    assert "tariff-of-connector" in rules(card)


def test_any_tariff_of_the_connector_for_such_a_session_will_do() -> None:
    """Which of them is the CPO's to say: a driver may have told of a preference."""
    green = version(BEFORE, id="T2", type="PROFILE_GREEN")
    check = check_of(version(BEFORE, type="REGULAR"), green, offered=("T1", "T2"))
    assert "tariff-of-connector" not in rules(check)


def test_where_a_tariff_of_the_connector_is_not_known_none_is_said_to_be_wrong() -> None:
    assert "tariff-of-connector" not in rules(check_of(version(BEFORE, id="T2"), offered=("T2", "T3")))


def test_what_was_not_published_is_checked_by_the_cdr_itself() -> None:
    check = check_of()
    assert found(check) == [("tariff-not-published", "note", "/charging_periods/0/tariff_id")]
    assert check.own is not None
    wrong = check_of(total_cost={"excl_vat": Decimal(9)})
    assert ("price-total", "hold", "/total_cost/excl_vat") in found(wrong)


def test_a_tariff_that_was_withdrawn_before_the_start_is_found() -> None:
    check = check_of(version(BEFORE), withdrawn("2026-01-01T09:00:00Z"))
    assert found(check) == [("tariff", "hold", "/tariffs/0")]


def test_a_tariff_that_was_replaced_moments_before_may_have_been_shown() -> None:
    replaced = version("2026-01-01T09:57:00Z", **energy_at("9"))
    assert found(check_of(version(BEFORE), replaced)) == []
    earlier = version("2026-01-01T09:54:00Z", **energy_at("9"))
    assert "published-price-total" in rules(check_of(version(BEFORE), earlier))


def test_a_price_of_tomorrow_that_is_told_today_leaves_the_one_of_today_in_force() -> None:
    """Under the same id; from its `start_date_time` on it is the one that counts."""
    begins = "2026-01-01T10:00:01Z"
    tomorrow = version("2026-01-01T08:00:00Z", **energy_at("9", start_date_time=begins))
    assert found(check_of(version(BEFORE), tomorrow)) == []
    begun = version("2026-01-01T08:00:00Z", **energy_at("9", start_date_time="2026-01-01T09:50:00Z"))
    assert "published-price-total" in rules(check_of(version(BEFORE), begun))
    moments_ago = version("2026-01-01T08:00:00Z", **energy_at("9", start_date_time="2026-01-01T09:57:00Z"))
    assert found(check_of(version(BEFORE), moments_ago)) == []


def test_a_version_that_came_when_the_session_had_begun_is_noted() -> None:
    """It holds all the same: a message may be late. Until then drivers were shown another price."""
    late = version("2025-12-31T00:00:00Z", DURING)
    check = check_of(version(BEFORE, **energy_at("0.20")), late)
    assert found(check) == [("tariff-told-late", "note", "/charging_periods/0/tariff_id")]
    assert found(check_of(late)) == []


def test_a_published_tariff_in_another_currency_is_said() -> None:
    check = check_of(version(BEFORE, currency="SEK"))
    assert ("published-price-total", "hold", "/currency") in found(check)


def test_periods_without_a_tariff_are_priced_by_the_only_one() -> None:
    periods = [
        period(ENERGY="10", TIME="1", tariff_id=None),
        period("2026-01-01T11:00:00Z", PARKING_TIME="0.5", tariff_id=None),
    ]
    assert found(check_of(version(BEFORE), charging_periods=periods)) == []
    dearer = check_of(version(BEFORE, **energy_at("0.20")), charging_periods=periods)
    assert by_published(dearer)["/total_cost/excl_vat"] == Decimal("0.50")


def test_the_rules_of_the_hub_apply() -> None:
    running = Session.model_validate(session(kwh=Decimal(10)))
    check = check_of(version(BEFORE), known=Known(now=NOW, session=running, token=Missing.UNKNOWN))
    assert rules(check) == ["session", "unknown-token"]
    assert {each.severity for each in check.verdict.findings} == {Severity.NOTE}


def test_a_price_beyond_all_reckoning_is_a_finding_and_no_failure() -> None:
    check = check_of(version(BEFORE), total_cost={"excl_vat": Decimal("1E+999999")})
    assert check.as_data()["is_disputed"]


def test_the_check_tells_its_reckoning_in_words() -> None:
    words = check_of(version(BEFORE)).as_data()["words"]
    assert words[0].startswith("1. Energy, 2026-01-01T10:00:00Z")
    assert "To be paid: 4.20 EUR." in words
