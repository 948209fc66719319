"""What the fields of an object mean together, where the tables of the specification say so."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from schemas import exact_json
from schemas.findings import findings
from schemas.v2_2_1 import (
    CDR,
    EVSE,
    OBJECTS,
    Connector,
    Location,
    RegularHours,
    Session,
    Tariff,
    Token,
    WireObject,
)

FOLDER = Path(__file__).parent.parent / "fixtures" / "ocpi-2.2.1-examples"
NOW = "2026-01-02T03:04:05Z"
HTTPS = "https://example.com/x"


def example(name: str) -> Any:
    return exact_json.decode((FOLDER / f"{name}.json").read_bytes())


TOKEN = example("token_example_2_full_rfid")
CDR_1 = example("cdr_example")
SESSION = example("session_example_2_short_finished")
LOCATION = example("location_example")
TARIFF = example("tariff_1_simple_2hour")
CONNECTOR = LOCATION["evses"][0]["connectors"][0]
EVSE_1 = LOCATION["evses"][0]
WEEK = [{"weekday": 1, "period_begin": "08:00", "period_end": "20:00"}]
PARTY = {"role": "CPO", "party_id": "ABC", "country_code": "NL", "business_details": {"name": "ABC"}}
ENDPOINT = {"identifier": "tokens", "role": "SENDER", "url": HTTPS}
ACTIVE_PROFILE = {"start_date_time": NOW, "charging_profile": {"charging_rate_unit": "A"}}
NEGATIVE = {"excl_vat": Decimal(-4), "incl_vat": Decimal("-4.40")}
CREDIT = {"credit": True, "credit_reference_id": CDR_1["id"]}


def element(dimension: str, step: int = 1, **restrictions: Any) -> dict[str, Any]:
    component = {"type": dimension, "price": 1, "step_size": step}
    return {"price_components": [component], "restrictions": restrictions}


def periods(dimension: str) -> list[dict[str, Any]]:
    return [{"start_date_time": NOW, "dimensions": [{"type": dimension, "volume": 1}]}]


BROKEN: dict[str, tuple[str, Any, str, str]] = {
    "a credit without what it takes back": (
        "CDR",
        CDR_1 | {"credit": True},
        "/credit_reference_id",
        "credit is true",
    ),
    "no credit, and yet a CDR to take back": (
        "CDR",
        CDR_1 | {"credit_reference_id": "1"},
        "/credit_reference_id",
        "credit is not true",
    ),
    "a credit denied, and yet a CDR to take back": (
        "CDR",
        CDR_1 | {"credit": False, "credit_reference_id": "1"},
        "/credit_reference_id",
        "credit is not true",
    ),
    "a long id that is no credit's": ("CDR", CDR_1 | {"id": "x" * 37}, "/id", "at most 36"),
    "a negative total that is no credit's": (
        "CDR",
        CDR_1 | {"total_cost": NEGATIVE},
        "/total_cost",
        "negative",
    ),
    "a credit with more negative than its total": (
        "CDR",
        CDR_1 | CREDIT | {"total_cost": NEGATIVE, "total_time_cost": NEGATIVE},
        "/total_time_cost/excl_vat",
        "only total_cost of a Credit CDR",
    ),
    "a session that pays the driver": (
        "Session",
        SESSION | {"total_cost": {"excl_vat": 0, "incl_vat": -1}},
        "/total_cost/incl_vat",
        "negative",
    ),
    "a CDR with a dimension of running sessions": (
        "CDR",
        CDR_1 | {"charging_periods": periods("TIME") + periods("POWER")},
        "/charging_periods/1/dimensions/0/type",
        "expected no POWER",
    ),
    "a battery more than full": (
        "CdrDimension",
        {"type": "STATE_OF_CHARGE", "volume": 101},
        "/volume",
        "0 to 100",
    ),
    "an active session without an EVSE": (
        "Session",
        SESSION | {"status": "ACTIVE", "evse_uid": "#NA"},
        "/evse_uid",
        "reservations only",
    ),
    "a published Location shown to some": (
        "Location",
        LOCATION | {"publish": True, "publish_allowed_to": [{"uid": "1", "type": "RFID"}]},
        "/publish_allowed_to",
        "publish is true",
    ),
    "two EVSEs of one uid": (
        "Location",
        LOCATION | {"evses": [EVSE_1 | {"uid": "a"}, EVSE_1 | {"uid": "A"}]},
        "/evses/1/uid",
        "no other EVSE",
    ),
    "two Connectors of one id": (
        "EVSE",
        EVSE_1 | {"connectors": [CONNECTOR, CONNECTOR]},
        "/connectors/1/id",
        "no other Connector",
    ),
    "always open, and opening hours": (
        "Hours",
        {"twentyfourseven": True, "regular_hours": WEEK},
        "/regular_hours",
        "twentyfourseven is true",
    ),
    "not always open, and no opening hours": (
        "Hours",
        {"twentyfourseven": False},
        "/regular_hours",
        "at least one element",
    ),
    "closing before opening": (
        "RegularHours",
        WEEK[0] | {"period_end": "07:00"},
        "/period_end",
        "later than period_begin",
    ),
    "closing at midnight": (
        "RegularHours",
        WEEK[0] | {"period_end": "00:00"},
        "/period_end",
        "later than period_begin",
    ),
    "an eighth day of the week": ("RegularHours", WEEK[0] | {"weekday": 8}, "/weekday", "at most 7"),
    "no token to show a Location to": (
        "PublishTokenType",
        {"issuer": "x"},
        "",
        "uid, visual_number and group_id",
    ),
    "a token uid without its type": ("PublishTokenType", {"uid": "1"}, "/type", "uid is given"),
    "a visual number without its issuer": (
        "PublishTokenType",
        {"visual_number": "1"},
        "/issuer",
        "visual_number is given",
    ),
    "a reservation priced by energy": (
        "Tariff",
        TARIFF | {"elements": [element("TIME"), element("ENERGY", reservation="RESERVATION")]},
        "/elements/1/price_components/0/type",
        "FLAT or TIME",
    ),
    "a reservation priced by parking": (
        "TariffElement",
        element("PARKING_TIME", reservation="RESERVATION_EXPIRES"),
        "/price_components/0/type",
        "FLAT or TIME",
    ),
    "energy in steps of nothing": (
        "TariffElement",
        element("ENERGY", step=0),
        "/price_components/0/step_size",
        "at least 1",
    ),
    "a fee in steps of less than nothing": (
        "TariffElement",
        element("FLAT", step=-1),
        "/price_components/0/step_size",
        "at least 0",
    ),
    "a time of day that no clock shows": (
        "TariffRestrictions",
        {"start_time": "24:00"},
        "/start_time",
        "a time of day",
    ),
    "a date that is none": ("TariffRestrictions", {"end_date": "2026-13-01"}, "/end_date", "a date such as"),
    "a least price below zero": (
        "Tariff",
        TARIFF | {"min_price": NEGATIVE},
        "/min_price/excl_vat",
        "negative",
    ),
    "a connector of no EVSE": (
        "StartSession",
        {"response_url": HTTPS, "token": TOKEN, "location_id": "1", "connector_id": "1"},
        "/evse_uid",
        "connector_id is given",
    ),
    "a refusal with a location": (
        "AuthorizationInfo",
        {"allowed": "BLOCKED", "token": TOKEN, "location": {"location_id": "1"}},
        "/location",
        "not allowed",
    ),
    "a failure with a profile": (
        "ActiveChargingProfileResult",
        {"result": "REJECTED", "profile": ACTIVE_PROFILE},
        "/profile",
        "not ACCEPTED",
    ),
    "one role twice": (
        "Credentials",
        {"token": "x", "url": HTTPS, "roles": [PARTY, PARTY | {"party_id": "abc"}]},
        "/roles/1",
        "once",
    ),
    "one interface at two addresses": (
        "VersionDetails",
        {"version": "2.2.1", "endpoints": [ENDPOINT, ENDPOINT | {"url": HTTPS + "/2"}]},
        "/endpoints/1",
        "one endpoint for tokens as SENDER",
    ),
    "a status code of three digits": (
        "Response",
        {"status_code": 200, "timestamp": NOW},
        "/status_code",
        "1000",
    ),
}

RIGHT: dict[str, tuple[str, Any]] = {
    "a credit, with a longer id and a negative total": (
        "CDR",
        CDR_1 | CREDIT | {"id": "x" * 39, "total_cost": NEGATIVE},
    ),
    "a CDR that says it is no credit": ("CDR", CDR_1 | {"credit": False}),
    "a session with a dimension of running sessions": (
        "Session",
        SESSION | {"charging_periods": periods("POWER")},
    ),
    "a reservation without an EVSE": (
        "Session",
        SESSION | {"status": "RESERVATION", "evse_uid": "#NA", "connector_id": "#NA"},
    ),
    "an unpublished Location shown to some": (
        "Location",
        LOCATION | {"publish": False, "publish_allowed_to": [{"group_id": "1"}]},
    ),
    "Connectors of one id in two EVSEs": (
        "Location",
        LOCATION | {"evses": [EVSE_1, EVSE_1 | {"uid": "other"}]},
    ),
    "a fee in steps of nothing": ("TariffElement", element("FLAT", step=0)),
    "a reservation priced by time": ("TariffElement", element("TIME", reservation="RESERVATION")),
    "hours that wrap over midnight in a tariff": (
        "TariffRestrictions",
        {"start_time": "22:00", "end_time": "00:00"},
    ),
    "a command for a whole Location": (
        "StartSession",
        {"response_url": HTTPS, "token": TOKEN, "location_id": "1"},
    ),
    "a success without a profile": ("ActiveChargingProfileResult", {"result": "ACCEPTED"}),
    "both interfaces of a module": (
        "VersionDetails",
        {"version": "2.2.1", "endpoints": [ENDPOINT, ENDPOINT | {"role": "RECEIVER"}]},
    ),
    "one party in two roles": (
        "Credentials",
        {"token": "x", "url": HTTPS, "roles": [PARTY, PARTY | {"role": "EMSP"}]},
    ),
}


@pytest.mark.holds("CDR-05", "CDR-08", "CDR-11", "SES-13", by="cpo")
@pytest.mark.holds("CR-19", "VE-04", by=("hub", "cpo", "emsp"))
@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_rule_is_told_with_its_field_and_what_was_expected(case: str) -> None:
    name, value, pointer, words = BROKEN[case]
    with pytest.raises(ValidationError) as refused:
        OBJECTS[name].model_validate(value)
    (finding,) = findings(refused.value)
    assert finding.pointer == pointer
    assert finding.message.startswith("expected ")
    assert words in finding.message


@pytest.mark.holds("CDR-05", "SES-13", "SES-19", by="cpo")
@pytest.mark.holds("CR-20", by=("hub", "cpo", "emsp"))
@pytest.mark.parametrize("case", RIGHT)
def test_what_a_rule_allows_is_accepted(case: str) -> None:
    name, value = RIGHT[case]
    assert OBJECTS[name].model_validate(value).to_wire() == value


@pytest.mark.holds("AM-22", by=("cpo", "emsp"))
@pytest.mark.parametrize("end", ["00:00", "02:00"])
def test_tolerant_reading_lets_opening_hours_run_over_midnight(end: str) -> None:
    """AM-22."""
    hours = RegularHours.model_validate(WEEK[0] | {"period_end": end}, context={"tolerant": True})
    assert hours.period_end == end


@pytest.mark.holds("ST-03", by=("hub", "cpo", "emsp"))
@pytest.mark.parametrize("model", [Location, EVSE, Connector, Session, Token])
def test_a_patch_needs_last_updated(model: type[WireObject]) -> None:
    """ST-03, LOC-07, SES-07, TOK-04."""
    model.check_patch({"last_updated": NOW})
    with pytest.raises(ValidationError) as refused:
        model.check_patch({})
    assert findings(refused.value) == (("/last_updated", "expected this field: it is required", None),)


@pytest.mark.parametrize(
    ("model", "patch", "pointer"),
    [
        (Location, {"name": 7}, "/name"),
        (Location, {"city": None}, "/city"),  # AM-19: null cannot remove what is required
        (Location, {"coordinates": {"latitude": "50.770774"}}, "/coordinates/longitude"),
        (EVSE, {"status": "SLEEPING"}, "/status"),
        (EVSE, {"connectors": []}, "/connectors"),
        (EVSE, {"connectors": [{"id": "1"}]}, "/connectors/0/standard"),
        (
            Session,
            {"charging_periods": [{"start_date_time": NOW, "dimensions": []}]},
            "/charging_periods/0/dimensions",
        ),
        (Token, {"valid": "false"}, "/valid"),
    ],
)
def test_a_patch_holds_right_fields_and_whole_objects(
    model: type[WireObject], patch: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        model.check_patch(patch | {"last_updated": NOW})
    assert findings(refused.value)[0].pointer == pointer


@pytest.mark.holds("AM-19", "AM-32", by=("hub", "cpo", "emsp"))
def test_a_patch_may_unset_an_optional_field_and_hold_unknown_ones() -> None:
    """AM-19, AM-32."""
    Location.check_patch({"name": None, "x_new": {"a": 1}, "last_updated": NOW})


def test_a_patch_may_be_checked_tolerantly() -> None:
    EVSE.check_patch({"status": "SLEEPING", "last_updated": "2026-01-02T03:04:05+01:00"}, tolerant=True)


@pytest.mark.parametrize("wrong", [None, [], "x", 7])
def test_a_patch_is_an_object(wrong: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        Location.check_patch(wrong)
    assert findings(refused.value) == (("", "expected a JSON object", wrong),)


def test_every_broken_field_is_found_at_once() -> None:
    value = LOCATION | {"city": 7, "time_zone": None, "evses": [EVSE_1 | {"status": "x"}]}
    with pytest.raises(ValidationError) as refused:
        Location.model_validate(value)
    assert {finding.pointer for finding in findings(refused.value)} == {
        "/city",
        "/time_zone",
        "/evses/0/status",
    }


def test_objects_of_examples_are_those_that_the_rules_are_tried_on() -> None:
    for model, value in ((CDR, CDR_1), (Session, SESSION), (Location, LOCATION), (Tariff, TARIFF)):
        assert model.model_validate(value).to_wire() == value
