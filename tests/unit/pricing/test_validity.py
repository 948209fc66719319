"""Which tariff a session is under: valid when it starts, and meant for it."""

from typing import Any

import pytest

from hub.pricing import is_valid, tariffs_for
from schemas.v2_2_1.sessions import ProfileType
from schemas.v2_2_1.tariffs import Tariff
from tests.unit.pricing.in_few_words import MONDAY, at, charging, element, energy, priced, tariff


def dated(**fields: Any) -> Tariff:
    return tariff(element(energy("1")), **fields)


@pytest.mark.parametrize(
    ("fields", "valid"),
    [
        ({}, True),
        ({"start_date_time": "2026-03-02T09:30:00Z"}, True),
        ({"start_date_time": "2026-03-02T09:30:01Z"}, False),
        ({"end_date_time": "2026-03-02T09:30:00Z"}, True),
        ({"end_date_time": "2026-03-02T09:29:59Z"}, False),
        ({"start_date_time": "2026-01-01T00:00:00Z", "end_date_time": "2027-01-01T00:00:00Z"}, True),
    ],
)
def test_a_tariff_is_valid_from_its_start_to_its_end(fields: dict[str, str], valid: bool) -> None:  # noqa: FBT001 - a table's column
    assert is_valid(dated(**fields), MONDAY) == valid


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        (
            {"start_date_time": "2026-03-03T00:00:00Z"},
            "/tariffs/0/start_date_time: tariff T1 becomes valid at",
        ),
        ({"end_date_time": "2026-03-01T00:00:00Z"}, "/tariffs/0/end_date_time: tariff T1 was valid until"),
    ],
)
def test_a_session_under_a_tariff_that_was_not_valid_at_its_start_is_priced_and_says_so(
    fields: dict[str, str], note: str
) -> None:
    statement = priced(dated(**fields), charging(60, 10))

    (said,) = statement.notes
    assert said.startswith(note)
    assert statement.total_cost.excl_vat == 10


def test_a_tariff_that_ends_during_a_session_prices_it_to_its_end() -> None:
    statement = priced(dated(end_date_time="2026-03-02T10:00:00Z"), charging(60, 10))

    assert (statement.total_cost.excl_vat, statement.notes) == (10, ())


TYPED = [dated(id=kind, type=kind) for kind in ("AD_HOC_PAYMENT", "PROFILE_CHEAP", "PROFILE_FAST", "REGULAR")]
FOR_ALL = dated(id="ALL")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["REGULAR", "ALL"]),
        ({"profile": ProfileType.CHEAP}, ["PROFILE_CHEAP", "ALL"]),
        ({"profile": ProfileType.FAST}, ["PROFILE_FAST", "ALL"]),
        ({"profile": ProfileType.GREEN}, ["ALL"]),
        ({"ad_hoc": True}, ["AD_HOC_PAYMENT", "ALL"]),
    ],
)
def test_a_type_says_for_which_sessions_a_tariff_is_meant(asked: dict[str, Any], found: list[str]) -> None:
    """2.2.1, Tariffs, TariffType; one without a type is for all sessions."""
    assert [each.id for each in tariffs_for([FOR_ALL, *TYPED], start=MONDAY, **asked)] == found


def test_the_tariff_that_became_valid_last_replaces_the_others() -> None:
    old, new = (
        dated(id="OLD", end_date_time="2026-03-02T00:00:00Z"),
        dated(id="NEW", start_date_time="2026-03-02T00:00:00Z"),
    )
    ever, later = dated(id="EVER"), dated(id="LATER", start_date_time="2026-04-01T00:00:00Z")

    def ids(start: str) -> list[str]:
        return [each.id for each in tariffs_for([ever, old, new, later], start=at(start))]

    assert ids("2026-03-01T12:00:00Z") == ["EVER", "OLD"]
    assert ids("2026-03-02T00:00:00Z") == ["NEW", "EVER", "OLD"]
    assert ids("2026-05-01T12:00:00Z") == ["LATER", "NEW", "EVER"]
