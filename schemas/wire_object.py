"""The object on the wire: read from JSON, written to JSON, and what a PATCH of it may hold."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, create_model
from pydantic.fields import FieldInfo

from schemas import exact_json
from schemas.moment import moment_text
from schemas.tolerance import TOLERANT

#: Values that need no translation, seen at a glance: most of every object.
_AS_IT_IS: Final = frozenset({str, bool, int, Decimal})
_LISTS: Final = (tuple, list)


class WireObject(BaseModel):  # noqa: PLW1641 pydantic makes the hash, since it is frozen
    """The root of every model: an immutable value with the field names of the specification.

    Unknown fields survive reading and writing (AM-32). `null` in an optional field means that it is absent
    (TR-38).
    """

    model_config = ConfigDict(
        extra="allow",
        frozen=True,
        hide_input_in_errors=True,  # what a partner sent may hold tokens, and errors reach logs
        protected_namespaces=(),
    )

    def __eq__(self, other: object) -> bool:
        """Equal are two of one type that say the same; pydantic's own way to find out takes twice as long."""
        if type(self) is not type(other):
            return NotImplemented
        return self.__dict__ == other.__dict__ and self.__pydantic_extra__ == other.__pydantic_extra__

    @classmethod
    def read(cls, text: bytes | str, *, tolerant: bool = False) -> Self:
        """The object that a JSON text holds.

        Args:
            text: What came over the wire.
            tolerant: Whether to put up with what `schemas.tolerance` lists.

        Raises:
            NotJson: The text is not JSON.
            ValidationError: It is, but not this object; `schemas.findings` says where and why.
        """
        return cls.model_validate(exact_json.decode(text), context=TOLERANT if tolerant else None)

    @classmethod
    def check_patch(cls, value: Any, *, tolerant: bool = False) -> None:
        """Check the body of a PATCH: the fields given are right, and `last_updated` is one of them.

        Objects inside it must be whole: a PATCH does not reach into them (ST-03, LOC-07).

        Raises:
            ValidationError: A field is wrong, or `last_updated` is missing.
        """
        _patch_of(cls).model_validate(value, context=TOLERANT if tolerant else None)

    def to_wire(self) -> dict[str, Any]:
        """The object as JSON values: what was set, in the order of the tables, and unknown fields last."""
        given = self.model_fields_set
        known = {
            name: value if type(value) in _AS_IT_IS else _to_wire(value)
            for name, value in self.__dict__.items()
            if value is not None and name in given
        }
        return known | (self.__pydantic_extra__ or {})

    def to_json(self) -> bytes:
        """The object as JSON text; numbers are written as they were read."""
        return exact_json.encode(self.to_wire())


def _to_wire(value: Any) -> Any:
    if isinstance(value, _LISTS):
        return [_to_wire(item) for item in value]
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, datetime):
        return moment_text(value)
    return value.to_wire() if isinstance(value, WireObject) else value


@cache
def _patch_of(model: type[WireObject]) -> type[WireObject]:
    """A model like the given one, in which every field but `last_updated` may be missing."""
    fields: Mapping[str, Any] = {
        name: (_annotation(field), ... if name == "last_updated" else None)
        for name, field in model.model_fields.items()
    }
    return create_model(f"{model.__name__}Patch", __base__=WireObject, **fields)


def _annotation(field: FieldInfo) -> Any:
    """What stood behind the colon when the field was declared."""
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
