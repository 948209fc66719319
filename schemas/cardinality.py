"""Cardinality of lists: `*` (any number, may be absent or null) and `+` (at least one).

A field of cardinality `1` is plain; one of `?` is `T | None = None`.

Of a list only the first element that is wrong is told, with all that is wrong with it: telling of each of a
million would keep everybody waiting for minutes.
"""

from typing import Annotated, Any, TypeVar

from pydantic import FailFast, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

T = TypeVar("T")


class NullIsEmpty:
    """Annotates a list field: `null` means the empty list (TR-38)."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_empty_for_null, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        array = handler(schema)
        return {**array, "type": ["array", "null"]}


def _empty_for_null(value: Any) -> Any:
    return () if value is None else value


#: Cardinality `*`; give the field the default `()`.
Many = Annotated[tuple[T, ...], FailFast(), NullIsEmpty()]
#: Cardinality `+`.
AtLeastOne = Annotated[tuple[T, ...], FailFast(), Field(min_length=1)]
