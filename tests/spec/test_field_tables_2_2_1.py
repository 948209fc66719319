"""The models have exactly the objects, fields, types, lengths and values of the specification."""

from pathlib import Path
from typing import Any

import pytest

from schemas import exact_json
from schemas.field_table import field_table
from schemas.v2_2_1 import ENUMS, OBJECTS

TABLES: Any = exact_json.decode(
    (Path(__file__).parent.parent / "fixtures" / "ocpi-2.2.1-tables.json").read_bytes()
)
LENGTH_OF_TYPE = {name: length for name, (_, length) in TABLES["types"].items()}


def test_there_are_56_objects_and_34_enumerations() -> None:
    assert (len(OBJECTS), len(ENUMS)) == (56, 34)


def test_the_models_are_the_objects_of_the_specification() -> None:
    assert OBJECTS.keys() == TABLES["objects"].keys()


def test_the_enumerations_are_those_of_the_specification() -> None:
    assert ENUMS.keys() == TABLES["enumerations"].keys()


@pytest.mark.holds("TR-36", by=("hub", "cpo", "emsp"))
@pytest.mark.parametrize("name", TABLES["objects"])
def test_a_model_has_the_fields_of_its_table_in_their_order(name: str) -> None:
    assert list(field_table(OBJECTS[name])) == list(TABLES["objects"][name])


@pytest.mark.holds("TR-38", by=("hub", "cpo", "emsp"))
@pytest.mark.parametrize(
    ("name", "field", "expected"),
    [
        pytest.param(name, field, expected, id=f"{name}.{field}")
        for name, fields in TABLES["objects"].items()
        for field, expected in fields.items()
    ],
)
def test_a_field_has_the_type_length_and_cardinality_of_its_table(
    name: str, field: str, expected: tuple[str, int | None, str]
) -> None:
    kind, length, cardinality = expected
    row = field_table(OBJECTS[name])[field]
    assert row.type == kind
    assert row.length == (length or LENGTH_OF_TYPE.get(kind))
    assert row.cardinality in cardinality.split(" or ")  # the envelope's data is "* or ?"
    assert row.ignores_case == (kind == "CiString")


@pytest.mark.parametrize("name", TABLES["enumerations"])
def test_an_enumeration_has_the_values_of_its_table_in_their_order(name: str) -> None:
    assert [member.value for member in ENUMS[name]] == TABLES["enumerations"][name]
