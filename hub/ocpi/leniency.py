"""Reading what the hub needs although it is not quite as OCPI writes it.

| what came | is read as |
|---|---|
| `null` where a list is due, or as an item of one | nothing |
| a single object where a list is due | a list of one |
| a list of one where an object is due | the object |
| a value of an enumeration in other letters, such as `cpo` | that value, `CPO` |

It is for what a node itself acts upon: versions, endpoints, credentials, pages. What passes through is not
touched (design D1). A value that is as it should be comes back as it is, and nothing is noticed.
"""

from collections.abc import Callable
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from schemas.enumeration import OcpiEnum
from schemas.wire_object import WireObject


class Oddity(StrEnum):
    """What was forgiven."""

    LOWER_CASE = "lower-case"
    NULLS = "nulls"
    SINGLE_OBJECT = "single-object"
    EMPTY_LINK = "empty-link"


#: Told of each oddity, as often as it is found.
Notice = Callable[[Oddity], None]


def listed(data: Any, notice: Notice) -> list[Any] | None:
    """The data of an answer that should hold a list; None where it cannot be read as one."""
    match data:
        case None:
            notice(Oddity.NULLS)
            return []
        case dict():
            notice(Oddity.SINGLE_OBJECT)
            return [data]
        case list():
            if None not in data:
                return data
            notice(Oddity.NULLS)
            return [item for item in data if item is not None]
    return None


def forgiven(model: type[WireObject], value: Any, notice: Notice) -> Any:
    """The value of an object, with its oddities smoothed so that the model can read it."""
    match value:
        case [dict() as only]:
            notice(Oddity.SINGLE_OBJECT)
            return forgiven(model, only, notice)
        case dict():
            return {name: _member(model, name, item, notice) for name, item in value.items()}
    return value


def _member(model: type[WireObject], name: str, value: Any, notice: Notice) -> Any:
    field = model.model_fields.get(name)
    return value if field is None else _typed(field.annotation, value, notice)


def _typed(annotation: Any, value: Any, notice: Notice) -> Any:
    """The value of a field or item of this type."""
    kind = _plain(annotation)
    if value is None:
        return None  # where an object may lack it, null says so (TR-38)
    if get_origin(kind) is tuple:
        items = listed(value, notice) if isinstance(value, (dict, list)) else None
        return value if items is None else [_typed(get_args(kind)[0], item, notice) for item in items]
    if isinstance(kind, type) and issubclass(kind, WireObject):
        return forgiven(kind, value, notice)
    if isinstance(kind, type) and issubclass(kind, OcpiEnum) and isinstance(value, str):
        return _enumerated(kind, value, notice)
    return value


def _plain(annotation: Any) -> Any:
    """The type without what is annotated to it, and without `| None`."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in {Union, UnionType}:
        others = [each for each in get_args(annotation) if each is not NoneType]
        return _plain(others[0]) if len(others) == 1 else annotation
    return annotation


def _enumerated(kind: type[OcpiEnum], value: str, notice: Notice) -> str:
    members = [member.value for member in kind]
    if value in members:
        return value
    meant = next((member for member in members if member.lower() == value.lower()), None)
    if meant is None:
        return value
    notice(Oddity.LOWER_CASE)
    return meant
