"""Every example of the specification is read and written back equal, but for two that break its tables."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from schemas import exact_json
from schemas.findings import findings
from schemas.generate import json_schema
from schemas.v2_2_1 import (
    CDR,
    EVSE,
    Connector,
    Credentials,
    DisplayText,
    EnergyMix,
    Hours,
    Location,
    Response,
    Session,
    Tariff,
    Token,
    Version,
    VersionDetails,
    WireObject,
)

FOLDER = Path(__file__).parent.parent / "fixtures" / "ocpi-2.2.1-examples"

#: Files that hold one object: a request body, or what would be `data` in a response.
OBJECTS: dict[str, type[WireObject]] = {
    "cdr_example": CDR,
    "credentials_example": Credentials,
    "credentials_example2": Credentials,
    "credentials_example3": Credentials,
    "credentials_example4": Credentials,
    "location_example": Location,
    "location_example_parking_garage_opening_hours": Location,
    "location_example_uc2_destination_charger": Location,
    "location_example_uc3_destination_charger_not_published": Location,
    "location_example_uc4_limited_visibility": Location,
    "location_example_uc5_home_charge_point": Location,
    "location_hours_247_open_exception_closing": Hours,
    "location_hours_opening_hours_with_exceptional_closing": Hours,
    "location_hours_opening_hours_with_exceptional_opening": Hours,
    "session_example_1_simple_start": Session,
    "session_example_2_short_finished": Session,
    "tariff_10_025kwh_parking_start": Tariff,
    "tariff_11_not_possible_alt_text": Tariff,
    "tariff_12_025kwh_min_price": Tariff,
    "tariff_13_simple_3hour_5parking": Tariff,
    "tariff_14_step_size": Tariff,
    "tariff_15_reservation_5_euro_per_hour": Tariff,
    "tariff_16_reservation_2_euro_fee_5_euro_per_hour": Tariff,
    "tariff_17_reservation_with_expire_fee": Tariff,
    "tariff_18_reservation_with_expire_time": Tariff,
    "tariff_1_simple_2hour": Tariff,
    "tariff_2_alt_text": Tariff,
    "tariff_3_alt_url": Tariff,
    "tariff_4_complex": Tariff,
    "tariff_5_free_of_charge": Tariff,
    "tariff_6_025kwh_start_max_price": Tariff,
    "tariff_8_simple_025kwh": Tariff,
    "tariff_9_025kwh_start": Tariff,
    "tariffrestriction_example_max_duration": Tariff,
    "tariffrestriction_example_max_power": Tariff,
    "token_example_1_app_user": Token,
    "token_example_2_full_rfid": Token,
    "token_put_example": Token,
    "type_displaytext_example": DisplayText,
    "version_details_example": VersionDetails,
    "version_details_example2": VersionDetails,
}
#: Files that hold an object under the name of the field it belongs to.
FRAGMENTS: dict[str, tuple[str, type[WireObject]]] = {
    "location_energymix_example_complete": ("energy_mix", EnergyMix),
    "location_energymix_example_energy_provider": ("energy_mix", EnergyMix),
    "location_energymix_example_simple": ("energy_mix", EnergyMix),
    "location_regularhours_example": ("opening_times", Hours),
}
#: Files that hold a list of objects.
LISTS: dict[str, type[WireObject]] = {"versions_info_example": Version}
#: Files that hold a whole response, and what its `data` is made of.
RESPONSES: dict[str, type[WireObject]] = {
    "transport_and_format_get_token_example": Token,
    "transport_and_format_get_token_list_example": Token,
    "transport_and_format_version_details_example": VersionDetails,
    "transport_and_format_version_info_example": Version,
}
#: Files that hold the body of a PATCH.
PATCHES: dict[str, type[WireObject]] = {
    "location_patch_example_location": Location,
    "location_patch_example_remove_evse": EVSE,
    "location_patch_example_status": EVSE,
    "location_patch_example_tariff": Connector,
    "session_patch_example_charging_period": Session,
    "session_patch_example_total_cost": Session,
    "token_patch_example": Token,
}
REQUIRED = "expected this field: it is required"
#: Files that the README beside them names wrong, and what is wrong with them.
WRONG: dict[str, tuple[type[WireObject], list[tuple[str, str, Any]]]] = {
    "location_put_example_add_evse": (
        EVSE,
        [
            ("/connectors/0/power_type", REQUIRED, None),
            ("/connectors/0/max_voltage", REQUIRED, None),
            ("/connectors/0/max_amperage", REQUIRED, None),
            ("/connectors/0/last_updated", REQUIRED, None),
            (
                "/physical_reference",
                "expected printable text without line breaks, at most 16 characters",
                3,
            ),
        ],
    ),
    "tariff_put_example": (Tariff, [("/last_updated", REQUIRED, None)]),
}


def example(name: str) -> Any:
    return exact_json.decode((FOLDER / f"{name}.json").read_bytes())


def read_and_written(model: type[WireObject], value: Any) -> Any:
    """What is on the wire after one of our programs read the value and wrote it again."""
    return exact_json.decode(model.read(exact_json.encode(value)).to_json())


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def objects_in_examples() -> Iterable[tuple[str, type[WireObject], Any]]:
    """Every object that the right examples hold, with the file it is in."""
    for name, model in OBJECTS.items():
        yield name, model, example(name)
    for name, (key, model) in FRAGMENTS.items():
        yield name, model, example(name)[key]
    for name, model in LISTS.items():
        yield from ((name, model, value) for value in example(name))
    for name, model in RESPONSES.items():
        yield name, Response, example(name)
        yield from ((name, model, value) for value in as_list(example(name)["data"]))


RIGHT = [
    pytest.param(model, value, id=f"{name}:{model.__name__}") for name, model, value in objects_in_examples()
]


def test_every_file_is_told_of_once() -> None:
    told = [*OBJECTS, *FRAGMENTS, *LISTS, *RESPONSES, *PATCHES, *WRONG]
    assert sorted(told) == sorted(path.stem for path in FOLDER.glob("*.json"))


@pytest.mark.parametrize(("model", "value"), RIGHT)
def test_an_example_is_read_and_written_back_equal(
    model: type[WireObject], value: Any, meaning: Callable[[Any], Any]
) -> None:
    assert meaning(read_and_written(model, value)) == meaning(value)


@pytest.mark.parametrize(("model", "value"), RIGHT)
def test_an_example_has_no_field_that_is_unknown(model: type[WireObject], value: Any) -> None:
    assert not model.model_validate(value).model_extra


@pytest.mark.parametrize(("model", "value"), RIGHT)
def test_the_generated_json_schema_accepts_an_example(model: type[WireObject], value: Any) -> None:
    jsonschema.validate(value, json_schema(model), cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize(("model", "value"), RIGHT)
def test_an_example_that_is_an_object_is_also_read_tolerantly(model: type[WireObject], value: Any) -> None:
    tolerant = model.read(exact_json.encode(value), tolerant=True)
    assert tolerant == model.model_validate(value)


@pytest.mark.parametrize("name", PATCHES)
def test_an_example_of_a_patch_is_accepted_as_a_patch_and_not_as_the_whole(name: str) -> None:
    PATCHES[name].check_patch(example(name))
    with pytest.raises(ValidationError):
        PATCHES[name].model_validate(example(name))


@pytest.mark.parametrize("name", WRONG)
def test_an_example_that_breaks_the_tables_is_refused_for_what_is_wrong_with_it(name: str) -> None:
    model, expected = WRONG[name]
    with pytest.raises(ValidationError) as refused:
        model.model_validate(example(name))
    assert [tuple(finding) for finding in findings(refused.value)] == expected


@pytest.mark.parametrize("name", WRONG)
def test_the_generated_json_schema_refuses_an_example_that_breaks_the_tables(name: str) -> None:
    model, _ = WRONG[name]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(example(name), json_schema(model), cls=jsonschema.Draft202012Validator)


def test_the_line_ends_of_the_files_are_those_of_their_authors() -> None:
    with_crlf = {path.stem for path in FOLDER.glob("*.json") if b"\r\n" in path.read_bytes()}
    assert with_crlf == {
        "location_example_parking_garage_opening_hours",
        "location_example_uc2_destination_charger",
        "location_example_uc3_destination_charger_not_published",
        "location_example_uc4_limited_visibility",
    }


def test_an_unknown_field_of_a_wrong_example_is_not_what_it_is_refused_for() -> None:
    assert "floor" in example("location_put_example_add_evse")
    pointers = [pointer for pointer, _, _ in WRONG["location_put_example_add_evse"][1]]
    assert "/floor" not in pointers
