"""OCPI objects that an operator writes as TOML tables, held against their models."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from partners.configuration_file import Wrong
from schemas.findings import findings
from schemas.wire_object import WireObject


def wrong_with(value: Mapping[str, Any], model: type[WireObject], key: str) -> Iterator[Wrong]:
    """What the OCPI model says of a value; a key that OCPI does not know is a slip of the pen."""
    try:
        read = model.model_validate(value)
    except ValidationError as error:
        for finding in findings(error):
            yield Wrong(key + toml_key(finding.pointer), finding.message)
    else:
        for pointer in _unknown(read):
            yield Wrong(key + pointer, "unknown; OCPI has no such field")


def toml_key(pointer: str) -> str:
    """A JSON pointer as a TOML reader would write it."""
    return "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in pointer.split("/")[1:])


def _unknown(value: Any) -> Iterator[str]:
    match value:
        case WireObject():
            yield from (f".{name}" for name in value.model_extra or ())
            for name in value.model_fields_set & type(value).model_fields.keys():
                yield from (f".{name}{inner}" for inner in _unknown(getattr(value, name)))
        case list() | tuple():
            for number, each in enumerate(value):
                yield from (f"[{number}]{inner}" for inner in _unknown(each))
