"""The JSON Schemas in the repository are those that the models make."""

from pathlib import Path

import jsonschema
import pytest

from schemas import exact_json
from schemas.generate import drift, file_name, generated, main, write
from schemas.v2_2_1 import OBJECTS


def test_the_committed_schemas_have_not_drifted_from_the_models() -> None:
    assert drift() == ()
    assert main(["--check"]) == 0


def test_drift_names_what_is_changed_missing_or_left_over(tmp_path: Path) -> None:
    write(tmp_path)
    assert drift(tmp_path) == ()
    (tmp_path / "cdr.schema.json").write_text("{}")
    (tmp_path / "evse.schema.json").unlink()
    (tmp_path / "horse.schema.json").write_text("{}")
    assert drift(tmp_path) == ("cdr.schema.json", "evse.schema.json", "horse.schema.json")
    write(tmp_path)
    assert drift(tmp_path) == ()


@pytest.mark.parametrize("name", OBJECTS)
def test_a_generated_schema_is_a_valid_schema_of_its_draft(name: str) -> None:
    schema = exact_json.decode(generated()[file_name(name)])
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["title"] == name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Location", "location.schema.json"),
        ("StartSession", "start_session.schema.json"),
        ("EVSE", "evse.schema.json"),
        ("CdrToken", "cdr_token.schema.json"),
    ],
)
def test_a_schema_file_is_named_for_its_object(name: str, expected: str) -> None:
    assert file_name(name) == expected
