"""Whatever a partner sends: right objects come through unharmed, wrong ones are findings, nothing else.

The objects are made from the tables of the specification, not from the models: a second opinion.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas import exact_json
from schemas.exact_json import NotJson
from schemas.findings import Finding, findings
from schemas.generate import json_schema
from schemas.v2_2_1 import OBJECTS

TABLES: Any = exact_json.decode(
    (Path(__file__).parent.parent / "fixtures" / "ocpi-2.2.1-tables.json").read_bytes()
)
SESSION_ONLY = {"CURRENT", "ENERGY_EXPORT", "ENERGY_IMPORT", "POWER", "STATE_OF_CHARGE"}

ascii_text = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
printable = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])
word = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12)


def date_time(moment: datetime, fraction: str, zone: str) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}{zone}"


def decimals(low: int, high: int, places: int = 4) -> st.SearchStrategy[int | Decimal]:
    return st.integers(low, high) | st.decimals(low, high, places=places)


BASIC: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "DateTime": st.builds(
        date_time,
        st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - hypothesis wants it naive
        st.sampled_from(["", ".5", ".25", ".125"]),
        st.sampled_from(["Z", ""]),
    ),
    "URL": st.builds("https://{}.example/{}".format, word, word),
    "number": decimals(-(10**6), 10**6),
    "Array or Object or String": st.lists(st.integers()) | st.dictionaries(word, st.booleans()) | word,
}
time_of_day = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
money = decimals(0, 10**6)
#: Fields that may hold less than their type says.
NARROWER: dict[str, st.SearchStrategy[Any]] = {
    "latitude": st.decimals(-89, 89, places=5).map(lambda value: f"{value:.5f}"),
    "longitude": st.decimals(-179, 179, places=6).map(lambda value: f"{value:.5f}"),
    "RegularHours.period_begin": time_of_day.filter(lambda text: text < "23:59"),
    "RegularHours.period_end": st.just("23:59"),
    "weekday": st.integers(1, 7),
    "width": st.integers(0, 99999),
    "height": st.integers(0, 99999),
    "percentage": decimals(0, 100),
    "excl_vat": money,
    "incl_vat": money,
    "volume": decimals(0, 100),
    "start_time": time_of_day,
    "end_time": time_of_day,
    "start_date": st.dates().filter(lambda day: day.year > 999).map(str).filter(lambda text: text < "3"),
    "end_date": st.just("2026-12-31"),
    "limit": decimals(0, 10**5, places=1),
    "min_charging_rate": decimals(0, 10**5, places=1),
    "step_size": st.integers(1, 10**5),
    "status_code": st.integers(1000, 9999),
    "Credentials.token": word,
}


def without(value: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: inner for name, inner in value.items() if name not in names}


def different(values: list[Any] | None, key: Callable[[Any], Any]) -> list[Any]:
    return list({key(value): value for value in values or ()}.values())


def plain_cdr(cdr: dict[str, Any]) -> dict[str, Any]:
    dimensions = [dimension for period in cdr["charging_periods"] for dimension in period["dimensions"]]
    for dimension in dimensions:
        if dimension["type"] in SESSION_ONLY:
            dimension["type"] = "TIME"
    return without(cdr, "credit", "credit_reference_id") | {"id": cdr["id"][:36]}


def open_hours(hours: dict[str, Any]) -> dict[str, Any]:
    is_regular = bool(hours.get("regular_hours"))
    return hours | {"twentyfourseven": not is_regular}


def shown_location(location: dict[str, Any]) -> dict[str, Any]:
    evses = different(location.get("evses"), lambda evse: evse["uid"].lower())
    return location | {"publish": not location.get("publish_allowed_to"), "evses": evses}


def reservation(element: dict[str, Any]) -> dict[str, Any]:
    if (element.get("restrictions") or {}).get("reservation"):
        for component in element["price_components"]:
            component["type"] = "FLAT"
    return element


#: What the fields of an object mean together, put right.
PUT_RIGHT: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "CDR": plain_cdr,
    "Hours": open_hours,
    "Location": shown_location,
    "TariffElement": reservation,
    "EVSE": lambda evse: (
        evse | {"connectors": different(evse["connectors"], lambda connector: connector["id"].lower())}
    ),
    "PublishTokenType": lambda token: token | {"uid": "1", "type": "RFID", "issuer": "x"},
    "StartSession": lambda command: command | {"evse_uid": "1"},
    "AuthorizationInfo": lambda info: info | {"allowed": "ALLOWED"},
    "ActiveChargingProfileResult": lambda result: result | {"result": "ACCEPTED"},
    "VersionDetails": lambda details: (
        details | {"endpoints": different(details["endpoints"], lambda end: (end["identifier"], end["role"]))}
    ),
    "Credentials": lambda credentials: (
        credentials
        | {
            "roles": different(
                credentials["roles"],
                lambda role: (role["role"], role["country_code"].lower(), role["party_id"].lower()),
            )
        }
    ),
}


@cache
def wire(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """Objects as they may come over the wire, with unknown fields and nulls."""
    rows = TABLES["objects"][name]
    required = {field: strategy(name, field) for field, row in rows.items() if row[2] in {"1", "+"}}
    optional = {field: strategy(name, field) for field, row in rows.items() if row[2] not in {"1", "+"}}
    unknown = {"x_new": st.none() | st.decimals(-9, 9, places=3) | word}
    objects = st.fixed_dictionaries(required, optional=optional | unknown)
    return objects.map(PUT_RIGHT.get(name, lambda value: value))


def strategy(name: str, field: str) -> st.SearchStrategy[Any]:
    kind, length, cardinality = TABLES["objects"][name][field]
    one = NARROWER.get(f"{name}.{field}", NARROWER.get(field, element(kind, length)))
    match cardinality:
        case "1":
            return one
        case "+":
            return st.lists(one, min_size=1, max_size=2)
        case "*":
            return st.none() | st.lists(one, max_size=2)
        case _:
            return st.none() | one


def element(kind: str, length: int | None) -> st.SearchStrategy[Any]:
    if kind in TABLES["enumerations"]:
        return st.sampled_from(TABLES["enumerations"][kind])
    if kind in TABLES["objects"]:
        return st.deferred(lambda: wire(kind))
    match kind:
        case "CiString":
            return st.text(ascii_text, max_size=length)
        case "string":
            return st.text(printable, max_size=min(length or 20, 20))
        case "int":
            return st.integers(0, 10 ** (length or 6) - 1)
        case _:
            return BASIC[kind]


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=60) | st.decimals(allow_nan=False, places=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def paths(value: Any, so_far: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The way to every place in a JSON value."""
    steps: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [so_far, *(path for step, inner in steps for path in paths(inner, (*so_far, step)))]


def replaced(value: Any, path: tuple[str | int, ...], by: Any) -> Any:
    """The value with something else at a place."""
    if not path:
        return by
    step, *rest = path
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[step] = replaced(copy[step], tuple(rest), by)
    return copy


def exists(value: Any, pointer: str) -> bool:
    """Whether the place that a JSON pointer names, or the object that lacks it, is in the value."""
    for token in pointer.split("/")[1:-1]:
        step = token.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def found_by(reading: Callable[[], object]) -> tuple[Finding, ...]:
    """What a reading finds wrong; nothing, if it accepts. Any other exception is a failed test."""
    try:
        reading()
    except NotJson as refused:
        return (Finding("", f"expected JSON: {refused}", None),)
    except ValidationError as refused:
        return findings(refused)
    return ()


def hold_to_their_promise(found: tuple[Finding, ...], value: Any) -> None:
    for finding in found:
        assert re.fullmatch("(/.*)?", finding.pointer, re.DOTALL)
        assert exists(value, finding.pointer)
        assert finding.message.startswith("expected ")


LEISURELY = settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("name", OBJECTS)
@LEISURELY
@given(data=st.data())
def test_an_object_that_keeps_to_the_tables_is_read_and_written_back_equal(
    name: str, meaning: Callable[[Any], Any], data: st.DataObject
) -> None:
    value = data.draw(wire(name))
    model = OBJECTS[name]
    read = model.read(exact_json.encode(value))
    assert meaning(exact_json.decode(read.to_json())) == meaning(value)
    assert model.read(read.to_json()) == model.read(exact_json.encode(read.to_wire()))


@pytest.mark.parametrize("name", OBJECTS)
@LEISURELY
@given(data=st.data())
def test_an_object_with_something_else_somewhere_is_accepted_or_gives_findings(
    name: str, data: st.DataObject
) -> None:
    value = data.draw(wire(name))
    path = data.draw(st.sampled_from(paths(value)))
    broken = replaced(value, path, data.draw(junk))
    tolerant = data.draw(st.booleans())
    found = found_by(lambda: OBJECTS[name].read(exact_json.encode(broken), tolerant=tolerant))
    hold_to_their_promise(found, broken)


@pytest.mark.parametrize("name", OBJECTS)
@LEISURELY
@given(data=st.data())
def test_a_patch_with_something_else_somewhere_is_accepted_or_gives_findings(
    name: str, data: st.DataObject
) -> None:
    value = data.draw(wire(name))
    path = data.draw(st.sampled_from(paths(value)))
    patch = replaced(value, path, data.draw(junk))
    hold_to_their_promise(found_by(lambda: OBJECTS[name].check_patch(patch)), patch)


@LEISURELY
@given(
    text=st.binary() | st.text() | junk.map(exact_json.encode),
    name=st.sampled_from(sorted(OBJECTS.keys() - {"TariffRestrictions"})),
)
def test_any_text_at_all_gives_findings(text: bytes | str, name: str) -> None:
    # TariffRestrictions is left out: all of its fields are optional, so any object is one.
    assert found_by(lambda: OBJECTS[name].read(text))


@given(st.datetimes(timezones=st.timezones()))
def test_any_moment_of_ours_is_written_as_a_date_time_and_read_as_the_same_millisecond(
    moment: datetime,
) -> None:
    envelope = OBJECTS["Response"].model_validate({"status_code": 1000, "timestamp": moment})
    read = OBJECTS["Response"].read(envelope.to_json())
    milliseconds = moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)
    assert read.to_wire()["timestamp"].endswith("Z")
    assert read.model_dump()["timestamp"] == milliseconds


@cache
def published(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json_schema(OBJECTS[name]))


@pytest.mark.parametrize("name", OBJECTS)
@LEISURELY
@given(data=st.data())
def test_what_the_published_json_schema_says_of_an_object_the_model_says_too(
    name: str, data: st.DataObject
) -> None:
    value = data.draw(wire(name))
    assert published(name).is_valid(value)
    broken = replaced(value, data.draw(st.sampled_from(paths(value))), data.draw(junk))
    if not published(name).is_valid(broken):
        assert found_by(lambda: OBJECTS[name].model_validate(broken))
