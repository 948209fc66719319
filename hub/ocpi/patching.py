"""The PATCH rule: only the fields that are given change (TR-22, SES-04, AM-17, AM-19)."""

from collections.abc import Mapping
from typing import Any

#: Arrays of objects that are merged by this key of their elements; other arrays are replaced whole.
MERGED_BY = {"evses": "uid", "connectors": "id"}
#: Arrays to which a PATCH appends.
APPENDED = frozenset({"charging_periods"})


def patched(stored: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """The object after the patch; `null` takes an optional field away."""
    result = dict(stored)
    for field, value in patch.items():
        if value is None:
            result.pop(field, None)
        elif field in APPENDED:
            result[field] = [*_elements(stored.get(field)), *_elements(value)]
        elif field in MERGED_BY:
            result[field] = _merged(_elements(stored.get(field)), _elements(value), MERGED_BY[field])
        else:
            result[field] = value
    return result


def _merged(stored: list[Any], given: list[Any], key: str) -> list[Any]:
    """The stored elements, those that were given patched in place, new ones at the end."""
    result = list(stored)
    places = {_folded(element, key): place for place, element in enumerate(result)}
    for element in given:
        place = places.get(_folded(element, key))
        if place is None:
            places[_folded(element, key)] = len(result)
            result.append(element)
        else:
            result[place] = patched(result[place], element)
    return result


def _folded(element: Any, key: str) -> str:
    return str(element.get(key) if isinstance(element, Mapping) else element).upper()


def _elements(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
