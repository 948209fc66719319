"""The chapter Types, and Cardinality in the chapter Terminology: what a field may hold."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from schemas import exact_json
from schemas.findings import Finding, findings
from schemas.v2_2_1 import (
    EVSE,
    Connector,
    Credentials,
    EnergyMix,
    EnergySource,
    GeoLocation,
    LocationReferences,
    ModuleID,
    Price,
    Role,
    SessionStatus,
    Status,
    StatusSchedule,
    TokenType,
    Version,
    VersionDetails,
    WireObject,
)
from schemas.v2_2_1.chargingprofiles import ChargingProfilePeriod
from schemas.v2_2_1.credentials import CredentialsRole
from schemas.v2_2_1.locations import Image, RegularHours
from schemas.v2_2_1.tariffs import TariffRestrictions
from schemas.v2_2_1.types import DisplayText

NOW = "2026-01-02T03:04:05Z"
CONNECTOR = {
    "id": "1",
    "standard": "IEC_62196_T2",
    "format": "SOCKET",
    "power_type": "AC_3_PHASE",
    "max_voltage": 230,
    "max_amperage": 32,
    "last_updated": NOW,
}


def found(model: type[WireObject], value: Any) -> tuple[Finding, ...]:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(value)
    return findings(refused.value)


def the_finding(model: type[WireObject], value: Any) -> Finding:
    (finding,) = found(model, value)
    return finding


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2015-06-29T20:39:09Z", datetime(2015, 6, 29, 20, 39, 9, tzinfo=UTC)),
        ("2015-06-29T20:39:09", datetime(2015, 6, 29, 20, 39, 9, tzinfo=UTC)),
        ("2016-12-29T17:45:09.2Z", datetime(2016, 12, 29, 17, 45, 9, 200_000, tzinfo=UTC)),
        ("2018-01-01T01:08:01.123", datetime(2018, 1, 1, 1, 8, 1, 123_000, tzinfo=UTC)),
        ("2024-02-29T00:00:00.1234Z", datetime(2024, 2, 29, 0, 0, 0, 123_400, tzinfo=UTC)),
    ],
)
def test_a_date_time_is_utc_with_or_without_the_z(text: str, expected: datetime) -> None:
    schedule = StatusSchedule.model_validate({"period_begin": text, "status": "AVAILABLE"})
    assert schedule.period_begin == expected
    assert schedule.period_begin.tzinfo is UTC


@pytest.mark.parametrize(
    "wrong",
    [
        "2015-06-29T20:39:09+00:00",  # an offset, even that of UTC
        "2015-06-29T20:39:09+02:00",
        "2015-06-29T20:39:09z",
        "2015-06-29 20:39:09Z",
        "2015-06-29",
        "2015-06-29T20:39Z",
        "2015-02-29T20:39:09Z",  # no such day
        "2015-06-29T24:00:00Z",
        "2015-06-29T20:39:60Z",
        "1970-1-1T00:00:00Z",  # as the specification itself prints it (CDR-16)
        "0000-01-01T00:00:00Z",
        "2015-06-29T20:39:09.123456Z",  # 27 characters, of 25
        "2015-06-29T20:39:09.Z",
        "\uff12015-06-29T20:39:09Z",
        "",
        1435610349,
        None,
    ],
)
def test_anything_else_is_no_date_time(wrong: Any) -> None:
    finding = the_finding(StatusSchedule, {"period_begin": wrong, "status": "AVAILABLE"})
    assert finding.pointer == "/period_begin"
    assert finding.message.startswith("expected a UTC date and time")
    assert finding.got == wrong


@pytest.mark.holds("AM-21", by=("hub", "cpo", "emsp"))
@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), NOW),
        (datetime(2026, 1, 2, 3, 4, 50, 250_000, tzinfo=UTC), "2026-01-02T03:04:50.25Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 123_999, tzinfo=UTC), "2026-01-02T03:04:05.123Z"),
        (datetime(2026, 1, 2, 3, 4, 10, 999, tzinfo=UTC), "2026-01-02T03:04:10Z"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))), "2026-01-02T01:04:05Z"),
    ],
)
def test_a_moment_is_written_with_z_and_at_most_three_digits(moment: datetime, expected: str) -> None:
    """AM-21."""
    written = StatusSchedule(period_begin=moment, status=Status.PLANNED).to_wire()
    assert written == {"period_begin": expected, "status": "PLANNED"}


def test_a_naive_moment_of_our_own_code_is_refused() -> None:
    with pytest.raises(ValidationError):
        StatusSchedule(period_begin=datetime(2026, 1, 2), status=Status.PLANNED)  # noqa: DTZ001 - the very mistake


@pytest.mark.parametrize(
    "text", ["4", "0", "-1", "2.50", "0.30000000000000000001", "1e3", "100000000000000000001"]
)
def test_a_number_keeps_its_digits(text: str) -> None:
    price = Price.read(f'{{"excl_vat":{text}}}')
    assert price.excl_vat == Decimal(text)
    assert Price.read(price.to_json()).excl_vat.as_tuple() == price.excl_vat.as_tuple()


def test_a_number_that_cannot_be_kept_exactly_is_refused_as_json() -> None:
    with pytest.raises(exact_json.NotJson, match="too large or too small"):
        Price.read(b'{"excl_vat":1e99999999999999999999}')


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (b'{"a":1,"b":[{"c":1,"d":{"c":2}},{"e":0,"\\u0065":0}]}', ("b", 1, "e")),
        (b'{"a":1,"a":1}', ("a",)),
        (b'{"a":{"b":1},"b":{"a":1},"c":[[],{},"a","a"]}', None),
        (b"[1e400,1e99999999999,-0]", None),
    ],
)
def test_a_name_that_stands_twice_in_an_object_is_found(text: bytes, path: tuple[Any, ...] | None) -> None:
    assert exact_json.repeated(text) == path


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_has_no_names(text: bytes) -> None:
    with pytest.raises(exact_json.NotJson):
        exact_json.repeated(text)


@pytest.mark.parametrize("wrong", ["2.50", True, None, 2.5, [1], Decimal("NaN")])
def test_only_a_json_number_is_a_number(wrong: Any) -> None:
    assert the_finding(Price, {"excl_vat": wrong})[:2] == ("/excl_vat", "expected a JSON number")


@pytest.mark.parametrize("wrong", ["230", True, None, Decimal("230.0"), 230.0])
def test_only_a_json_integer_is_an_int(wrong: Any) -> None:
    finding = the_finding(Connector, CONNECTOR | {"max_voltage": wrong})
    assert finding[:2] == ("/max_voltage", "expected a JSON integer")


@pytest.mark.parametrize("wrong", ["true", 1, 0, None])
def test_only_true_and_false_are_booleans(wrong: Any) -> None:
    finding = the_finding(EnergyMix, {"is_green_energy": wrong})
    assert finding[:2] == ("/is_green_energy", "expected true or false")


def test_an_int_of_five_digits_has_no_sixth() -> None:
    image = {"url": "https://example.com/1.png", "category": "CHARGER", "type": "png"}
    assert Image.model_validate(image | {"width": 99999}).width == 99999
    assert the_finding(Image, image | {"width": 100000}).pointer == "/width"


def test_a_percentage_of_the_energy_mix_is_from_0_to_100() -> None:
    assert EnergySource.model_validate({"source": "SOLAR", "percentage": 100}).percentage == 100
    finding = the_finding(EnergySource, {"source": "SOLAR", "percentage": Decimal("100.1")})
    assert finding[:2] == ("/percentage", "expected a JSON number, at least 0, at most 100")


@pytest.mark.holds("CHP-13", by="hub")
@pytest.mark.holds("CHP-13", by=("cpo", "emsp"))
@pytest.mark.parametrize(("limit", "is_right"), [("8", 1), ("8.1", 1), ("8.10", 1), ("8.15", 0), ("0.01", 0)])
def test_a_charging_limit_has_at_most_one_decimal(limit: str, is_right: int) -> None:
    """CHP-13."""
    period = {"start_period": 0, "limit": Decimal(limit)}
    if is_right:
        assert ChargingProfilePeriod.model_validate(period).limit == Decimal(limit)
    else:
        assert "at most 1 digit after the point" in the_finding(ChargingProfilePeriod, period).message


def test_a_cistring_is_printable_ascii_and_keeps_its_spelling() -> None:
    references = LocationReferences.model_validate({"location_id": "aB ~1"})
    assert references.location_id == "aB ~1"
    for wrong in ("é", "a\nb", "\x7f", "x" * 37, 7, None):
        finding = the_finding(LocationReferences, {"location_id": wrong})
        assert finding == ("/location_id", "expected printable ASCII text, at most 36 characters", wrong)


def test_a_string_is_printable_text_and_is_measured_in_characters() -> None:
    longest = "Ü" * 512
    assert DisplayText.model_validate({"language": "de", "text": longest}).text == longest
    for wrong in (longest + "Ü", "a\nb", "a\tb", "a\rb", "a\u2028b", "a\x85b", 7):
        assert the_finding(DisplayText, {"language": "de", "text": wrong}).pointer == "/text"


@pytest.mark.parametrize(
    "wrong",
    ["example.com", "/versions", "ftp://example.com", "https://", "https:///x", "https://a b", "https://a\n"],
)
def test_a_url_is_absolute_http_or_https(wrong: str) -> None:
    finding = the_finding(Version, {"version": "2.2.1", "url": wrong})
    assert finding[:2] == ("/url", "expected an absolute http or https URL, at most 255 characters")


def test_a_url_has_at_most_255_characters() -> None:
    url = "HTTPS://example.com/" + "x" * 235
    assert Version.model_validate({"version": "2.2.1", "url": url}).url == url
    assert the_finding(Version, {"version": "2.2.1", "url": url + "x"}).pointer == "/url"


@pytest.mark.parametrize(
    ("latitude", "is_right"),
    [
        ("50.770774", True),
        ("-0.00000", True),
        ("90.00000", True),
        ("90.00001", False),
        ("-91.00000", False),
        ("50.77", False),
        ("50,770774", False),
        ("50.7707741", True),
        ("-50.7707741", False),  # 11 characters, of 10
        ("+50.770774", False),
        ("", False),
        ("#NA", True),
    ],
)
def test_a_latitude_is_degrees_in_text(latitude: str, is_right: bool) -> None:  # noqa: FBT001 - a case
    point = {"latitude": latitude, "longitude": "3.729944"}
    if is_right:
        assert GeoLocation.model_validate(point).latitude == latitude
    else:
        assert "a latitude from -90 to 90" in the_finding(GeoLocation, point).message


@pytest.mark.parametrize(
    ("longitude", "is_right"),
    [
        ("180.00000", True),
        ("-179.999999", True),
        ("180.00001", False),
        ("200.00000", False),
        ("003.72994", True),
    ],
)
def test_a_longitude_is_degrees_in_text(longitude: str, is_right: bool) -> None:  # noqa: FBT001 - a case
    point = {"latitude": "50.770774", "longitude": longitude}
    if is_right:
        assert GeoLocation.model_validate(point).longitude == longitude
    else:
        assert "a longitude from -180 to 180" in the_finding(GeoLocation, point).message


@pytest.mark.holds("TR-34", by=("hub", "cpo", "emsp"))
def test_what_cannot_exist_is_na_in_a_required_text_field_only() -> None:
    """TR-34: an optional field is left out instead."""
    assert RegularHours.model_validate({"weekday": 1, "period_begin": "#NA", "period_end": "#NA"})
    assert the_finding(TariffRestrictions, {"start_time": "#NA"}).pointer == "/start_time"
    assert the_finding(TariffRestrictions, {"end_date": "#NA"}).pointer == "/end_date"
    assert the_finding(Price, {"excl_vat": "#NA"}).pointer == "/excl_vat"


@pytest.mark.holds("TR-38", by=("hub", "cpo", "emsp"))
def test_an_optional_field_that_is_null_is_absent() -> None:
    """TR-38."""
    connector = Connector.model_validate(CONNECTOR | {"max_electric_power": None, "tariff_ids": None})
    assert connector.max_electric_power is None
    assert connector.tariff_ids == ()
    assert "max_electric_power" not in connector.to_wire()


@pytest.mark.holds("TR-38", by=("hub", "cpo", "emsp"))
def test_a_required_field_must_not_be_null_and_a_list_of_at_least_one_not_empty() -> None:
    """TR-38."""
    evse = {"uid": "1", "status": "AVAILABLE", "last_updated": NOW}
    assert the_finding(EVSE, evse | {"connectors": None})[:2] == ("/connectors", "expected a JSON array")
    assert the_finding(EVSE, evse | {"connectors": []})[:2] == ("/connectors", "expected at least 1 element")
    assert the_finding(EVSE, evse)[:2] == ("/connectors", "expected this field: it is required")
    assert EVSE.model_validate(evse | {"connectors": [CONNECTOR]})


def test_a_list_field_never_given_is_empty_to_read_and_absent_when_written() -> None:
    references = LocationReferences(location_id="LOC1")
    assert references.evse_uids == ()
    assert references.to_wire() == {"location_id": "LOC1"}


@pytest.mark.holds("AM-32", by=("hub", "cpo", "emsp"))
def test_unknown_fields_survive_with_everything_in_them() -> None:
    """AM-32."""
    text = b'{"excl_vat":1.50,"x_note":{"deep":[null,1.10,"\xc3\xa9"]},"x_null":null}'
    assert Price.read(text).to_json() == text


def test_an_enumeration_is_exact_in_its_case() -> None:
    finding = the_finding(CredentialsRole, {"role": "cpo"} | PARTY)
    assert finding == ("/role", "expected one of CPO, EMSP, HUB, NAP, NSP, OTHER, SCSP", "cpo")
    assert CredentialsRole.model_validate({"role": "CPO"} | PARTY).role is Role.CPO


PARTY = {"party_id": "ABC", "country_code": "NL", "business_details": {"name": "ABC"}}


@pytest.mark.holds("VE-08", by=("hub", "cpo", "emsp"))
def test_parties_may_add_modules_and_speak_later_versions() -> None:
    """VE-08."""
    own = {"identifier": "nltnm-tokens", "role": "SENDER", "url": "https://example.com/x"}
    known = own | {"identifier": "tokens"}
    details = VersionDetails.model_validate({"version": "2.3.0", "endpoints": [own, known]})
    assert details.version == "2.3.0"
    assert details.endpoints[0].identifier == "nltnm-tokens"
    assert details.endpoints[1].identifier is ModuleID.TOKENS


def test_a_model_is_a_value_that_does_not_change() -> None:
    price = Price(excl_vat=Decimal(1))
    with pytest.raises(ValidationError):
        price.excl_vat = Decimal(2)


def test_a_secret_is_neither_in_what_is_printed_nor_in_what_is_raised() -> None:
    """Design, Secrets."""
    value = {"token": "hush-hush", "url": "https://example.com", "roles": [{"role": "CPO"} | PARTY]}
    assert "hush-hush" not in repr(Credentials.model_validate(value))
    with pytest.raises(ValidationError) as refused:
        Credentials.model_validate(value | {"token": "hush hush"})
    assert "hush" not in str(refused.value)
    assert "hush" not in str(findings(refused.value)[0])


@pytest.mark.holds("CR-23", by=("hub", "cpo", "emsp"))
def test_a_token_of_credentials_has_no_blanks() -> None:
    value = {"token": "a b", "url": "https://example.com", "roles": [{"role": "CPO"} | PARTY]}
    assert the_finding(Credentials, value)[:2] == (
        "/token",
        "expected printable ASCII text without blanks, at most 64 characters",
    )


@pytest.mark.holds("AM-33", by=("hub", "cpo", "emsp"))
def test_tolerant_reading_keeps_values_that_later_versions_added() -> None:
    """AM-33."""
    value = {
        "uid": "1",
        "status": "SLEEPING",
        "connectors": [CONNECTOR | {"standard": "MCS"}],
        "last_updated": NOW,
    }
    text = exact_json.encode(value)
    evse = EVSE.read(text, tolerant=True)
    assert (evse.status, evse.connectors[0].standard) == ("SLEEPING", "MCS")
    assert evse.to_json() == text
    with pytest.raises(ValidationError) as refused:
        EVSE.read(text)
    assert {finding.pointer for finding in findings(refused.value)} == {"/status", "/connectors/0/standard"}


@pytest.mark.holds("AM-31", by="hub")
def test_tolerant_reading_keeps_long_text_and_line_breaks() -> None:
    """AM-31."""
    value = b'{"language":"de-DE","text":"%s"}' % (b"long\\n" * 200)
    assert DisplayText.read(value, tolerant=True).text == "long\n" * 200


def test_tolerant_reading_still_wants_text_where_text_belongs() -> None:
    for wrong in (b'{"language":"de","text":7}', b'{"language":null,"text":"x"}'):
        with pytest.raises(ValidationError):
            DisplayText.read(wrong, tolerant=True)
    with pytest.raises(ValidationError):
        GeoLocation.read(b'{"latitude":"somewhere","longitude":"3.729944"}', tolerant=True)
    with pytest.raises(ValidationError):
        CredentialsRole.model_validate({"role": 7} | PARTY, context={"tolerant": True})


@pytest.mark.holds("AM-21", by=("hub", "cpo", "emsp"))
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T03:04:05+02:00", datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.123456+00:00", datetime(2026, 1, 2, 3, 4, 5, 123_456, tzinfo=UTC)),
        ("2026-01-02T03:04:05.123456", datetime(2026, 1, 2, 3, 4, 5, 123_456, tzinfo=UTC)),
    ],
)
def test_tolerant_reading_converts_offsets(text: str, expected: datetime) -> None:
    """AM-21."""
    value = {"period_begin": text, "status": "PLANNED"}
    read = StatusSchedule.model_validate(value, context={"tolerant": True})
    assert read.period_begin == expected
    assert read.period_begin.tzinfo is UTC


@pytest.mark.parametrize("wrong", ["2026-01-02", "tomorrow", "0001-01-01T00:00:00+14:00", 7])
def test_tolerant_reading_still_wants_a_moment(wrong: Any) -> None:
    value = {"period_begin": wrong, "status": "PLANNED"}
    with pytest.raises(ValidationError):
        StatusSchedule.model_validate(value, context={"tolerant": True})


@pytest.mark.holds("AM-23", by=("cpo", "emsp"))
def test_tolerant_reading_knows_what_the_prose_calls_a_reservation() -> None:
    """AM-23."""
    assert SessionStatus.tolerated("RESERVED") is SessionStatus.RESERVATION
    assert TokenType.tolerated("EMAID") == "EMAID"


def test_the_pointer_of_a_finding_escapes_what_json_pointers_need_escaped() -> None:
    """RFC 6901."""
    error = ValidationError.from_exception_data(
        "x", [{"type": "missing", "loc": ("a/b", "~c", 0), "input": {}}]
    )
    assert findings(error) == (("/a~1b/~0c/0", "expected this field: it is required", None),)
