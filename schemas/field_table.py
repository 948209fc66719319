"""The field table of a model, as the specification would print it: read off the model, told nowhere else."""

from collections.abc import Iterator
from types import NoneType
from typing import Annotated, Any, NamedTuple, get_args, get_origin

from annotated_types import MinLen
from pydantic.fields import FieldInfo

from schemas.cardinality import NullIsEmpty
from schemas.wire_object import WireObject


class FieldRow(NamedTuple):
    """One row of a field table.

    Attributes:
        type: The name of the type, in the specification's words.
        length: The number in brackets behind the type, or the one that the type always has (URL, DateTime).
        cardinality: `1`, `?`, `*` or `+`.
        ignores_case: Whether values that differ only in case are equal.
    """

    type: str
    length: int | None
    cardinality: str
    ignores_case: bool


def field_table(model: type[WireObject]) -> dict[str, FieldRow]:
    """The rows of a model's table, by the name of the field, in the specification's order."""
    return {name: _row(field) for name, field in model.model_fields.items()}


def _row(field: FieldInfo) -> FieldRow:
    kind, marks = _element(field.annotation, tuple(field.metadata))
    for mark in marks:
        if hasattr(mark, "ocpi_type"):
            ignores_case = getattr(mark, "ignores_case", False)
            return FieldRow(mark.ocpi_type, mark.length, _cardinality(field), ignores_case)
    return FieldRow(
        "boolean" if kind is bool else kind.__name__, None, _cardinality(field), ignores_case=False
    )


def _cardinality(field: FieldInfo) -> str:
    for mark in field.metadata:
        if isinstance(mark, NullIsEmpty):
            return "*"
        if isinstance(mark, MinLen):
            return "+"
    return "1" if field.is_required() else "?"


def _element(annotation: Any, marks: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """The type of one value of the field, without list and optionality, and what is annotated about it."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return _element(inner, (*marks, *more))
    for inner in _inner_types(annotation):
        return _element(inner, marks)
    return annotation, marks


def _inner_types(annotation: Any) -> Iterator[Any]:
    return (inner for inner in get_args(annotation) if inner not in (NoneType, Ellipsis))
