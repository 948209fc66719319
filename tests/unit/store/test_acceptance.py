"""What becomes of an object when a change of it is accepted (LOC-06, LOC-22, LOC-23, AM-17, AM-18)."""

from typing import Any

import pytest

from hub.ocpi.errors import InvalidParameters, LocationNotFound, NotFound
from hub.store.acceptance import AcceptedChange, Outcome, State, state_after
from schemas import exact_json
from tests.fixtures.changes import EARLIER, LATER, THEN, change, evse, location, patch, put


def after(*changes: AcceptedChange) -> tuple[Any, Outcome]:
    state: State | None = None
    for each in changes:
        state, outcome = state_after(state, each)
    assert state is not None
    return exact_json.decode(state.body), outcome


def test_a_whole_put_keeps_the_bytes_as_they_came() -> None:
    body = b'{ "price" : 2.50,\n "last_updated":"2026-05-01T12:00:00Z", "x_new": [1e5], "id":"LOC1" }'
    state, outcome = state_after(None, change("PUT", "locations", "/NL/TNM/LOC1", body=body))
    assert outcome is Outcome.CREATED
    assert state.body == body.decode()


def test_a_second_put_replaces_and_forgets_what_it_leaves_out() -> None:
    value, outcome = after(location(name="old"), location(LATER))
    assert outcome is Outcome.REPLACED
    assert "name" not in value


def test_a_patch_changes_only_the_fields_that_it_gives() -> None:
    value, outcome = after(
        location(name="old", city="Gent"), patch("locations", "/NL/TNM/LOC1", LATER, name="new")
    )
    assert outcome is Outcome.PATCHED
    assert (value["name"], value["city"], value["last_updated"]) == ("new", "Gent", LATER)


def test_numbers_keep_their_spelling_through_a_patch() -> None:
    body = b'{"id":"T1","price":2.50,"last_updated":"2026-05-01T12:00:00Z"}'
    stored, _ = state_after(None, change("PUT", "tokens", "/NL/TNM/T1", body=body))
    state, _ = state_after(stored, patch("tokens", "/NL/TNM/T1", LATER, valid=False))
    assert '"price":2.50' in state.body


@pytest.mark.parametrize("updated", [EARLIER, "2026-05-01T11:59:59.999Z"])
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_what_is_older_than_the_stored_object_is_ignored(method: str, updated: str) -> None:
    older = change(method, "locations", "/NL/TNM/LOC1", {"name": "older", "last_updated": updated})
    value, outcome = after(location(name="newer"), older)
    assert outcome is Outcome.IGNORED_OLDER
    assert value["name"] == "newer"


def test_what_is_as_old_as_the_stored_object_is_taken() -> None:
    value, outcome = after(location(name="one"), location(name="two"))
    assert (outcome, value["name"]) == (Outcome.REPLACED, "two")


def test_an_evse_moves_its_location_on() -> None:
    base = location(evses=[evse("1", status="AVAILABLE"), evse("2", status="AVAILABLE")])
    value, outcome = after(base, patch("locations", "/NL/TNM/LOC1/1", LATER, status="CHARGING"))
    assert outcome is Outcome.PATCHED
    assert value["last_updated"] == LATER
    assert [each["status"] for each in value["evses"]] == ["CHARGING", "AVAILABLE"]
    assert [each["last_updated"] for each in value["evses"]] == [LATER, THEN]


def test_a_connector_moves_its_evse_and_its_location_on() -> None:
    base = location(evses=[evse("1", connectors=[{"id": "A", "last_updated": THEN}])])
    value, _ = after(base, patch("locations", "/NL/TNM/LOC1/1/a", LATER, max_voltage=400))
    assert value["last_updated"] == value["evses"][0]["last_updated"] == LATER
    assert value["evses"][0]["connectors"] == [{"id": "A", "last_updated": LATER, "max_voltage": 400}]


def test_a_put_of_an_evse_replaces_it_or_adds_it() -> None:
    base = location(evses=[evse("1", status="CHARGING", x_old=1)])
    replaced = put("locations", "/NL/TNM/LOC1/1", LATER, uid="1", status="AVAILABLE")
    added = put("locations", "/NL/TNM/LOC1/2", LATER, uid="2", status="AVAILABLE")
    value, _ = after(base, replaced, added)
    assert value["evses"] == [evse("1", LATER, status="AVAILABLE"), evse("2", LATER, status="AVAILABLE")]


def test_an_evse_is_judged_by_its_own_time_and_never_moves_its_location_back() -> None:
    base = location(EARLIER, evses=[evse("1", EARLIER), evse("2", EARLIER)])
    value, outcome = after(
        base,
        patch("locations", "/NL/TNM/LOC1/1", LATER, status="CHARGING"),
        patch("locations", "/NL/TNM/LOC1/2", THEN, status="CHARGING"),
    )
    assert outcome is Outcome.PATCHED
    assert [each["status"] for each in value["evses"]] == ["CHARGING", "CHARGING"]
    assert value["last_updated"] == LATER


def test_an_older_change_of_an_evse_is_ignored() -> None:
    base = location(evses=[evse("1", LATER, status="CHARGING")])
    value, outcome = after(base, patch("locations", "/NL/TNM/LOC1/1", THEN, status="AVAILABLE"))
    assert outcome is Outcome.IGNORED_OLDER
    assert value["evses"][0]["status"] == "CHARGING"


@pytest.mark.parametrize(
    ("stored", "unknown"),
    [
        ([], patch("locations", "/NL/TNM/LOC1", name="x")),
        ([], put("locations", "/NL/TNM/LOC1/1", uid="1")),
        ([], patch("locations", "/NL/TNM/LOC1/1", status="CHARGING")),
        ([location()], patch("locations", "/NL/TNM/LOC1/1", status="CHARGING")),
        ([location()], put("locations", "/NL/TNM/LOC1/1/A", id="A")),
        ([location(evses=[evse("1")])], patch("locations", "/NL/TNM/LOC1/1/A", LATER, max_voltage=1)),
    ],
)
def test_a_part_of_something_unknown_is_a_404_with_2003(
    stored: list[AcceptedChange], unknown: AcceptedChange
) -> None:
    state = None
    for each in stored:
        state, _ = state_after(state, each)
    with pytest.raises(LocationNotFound) as refused:
        state_after(state, unknown)
    assert (refused.value.http_status, refused.value.status_code) == (404, 2003)


@pytest.mark.parametrize(
    "stored", [[], [put("tariffs", "/NL/TNM/T1"), change("DELETE", "tariffs", "/NL/TNM/T1")]]
)
def test_a_delete_of_something_unknown_is_a_404(stored: list[AcceptedChange]) -> None:
    state = None
    for each in stored:
        state, _ = state_after(state, each)
    with pytest.raises(NotFound) as refused:
        state_after(state, change("DELETE", "tariffs", "/NL/TNM/T1"))
    assert refused.value.status_code == 2001


def test_an_older_put_does_not_bring_a_deleted_object_back() -> None:
    state, _ = state_after(None, put("tariffs", "/NL/TNM/T1"))
    state, _ = state_after(state, change("DELETE", "tariffs", "/NL/TNM/T1"))
    state, outcome = state_after(state, put("tariffs", "/NL/TNM/T1", EARLIER))
    assert (outcome, state.is_deleted) == (Outcome.IGNORED_OLDER, True)
    state, outcome = state_after(state, put("tariffs", "/NL/TNM/T1", THEN))
    assert (outcome, state.is_deleted) == (Outcome.CREATED, False)


def test_a_body_without_last_updated_is_refused() -> None:
    with pytest.raises(InvalidParameters):
        state_after(None, change("PUT", "locations", "/NL/TNM/LOC1", {"id": "LOC1"}))
