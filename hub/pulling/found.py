"""An object in a list: taken, or left out with the reason: pure (TR-28, TR-29).

| the object | becomes |
|---|---|
| right, or wrong in ways that others can live with (AM-31 to AM-33) | a change, as if its owner had PUT it |
| not an object, without required fields, with values that cannot be read | left out |
| of an owner who is no party of the platform in a role that has such objects | left out |
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError

from hub.directory.directory import Platform
from hub.ocpi.description import Module, ObjectKey, ObjectKind
from hub.ocpi.party import NotAParty, Party
from hub.ocpi.validation import in_words
from hub.store.acceptance import AcceptedChange
from schemas import exact_json
from schemas.findings import findings
from schemas.tolerance import TOLERANT
from schemas.v2_2_1 import Role

#: Characters of an id or a party that are named.
_LONGEST_NAME = 100
#: Ids that a URL cannot carry.
_NO_SEGMENTS = frozenset({"", ".", ".."})


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An object that was not taken."""

    #: As it is written in the object, as far as there is one.
    id: str
    #: `NL/TNM`, as it is written in the object.
    owner: str
    #: JSON pointers and what was expected there, or what else is wrong.
    reason: str
    text: bytes
    #: What it would have been, None where it does not say.
    key: ObjectKey | None = None


def judged(
    text: bytes, module: Module, platform: Platform, found_after: int, correlation_id: str
) -> AcceptedChange | LeftOut:
    """The change that an object in a list is, or why it is left out.

    Args:
        text: The object as it is written in the answer.
        module: Whose list it is.
        platform: Who gave the list.
        found_after: The newest change in the log when the page was asked for.
        correlation_id: Of the pull.
    """
    value: Any = None
    try:
        value = _decoded(text)
        owner, role, key = _checked(value, module, platform)
    except _NotTaken as reason:
        kind = _kind(module)
        given = value if isinstance(value, dict) else {}
        key_given = _key(given, module.id, kind)
        return LeftOut(_named(given, kind.id_field), _owner_named(given), str(reason), text, key_given)
    kind = _kind(module)
    return AcceptedChange(
        key=key,
        method="PUT",
        tail=_path(owner.country_code, owner.party_id, value[kind.id_field]),
        query=variant_query(kind, key.variant),
        body=text,
        value=value,
        parameters={},
        sender_role=role,
        sender_platform_id=platform.id,
        correlation_id=correlation_id,
        found_after=found_after,
    )


class _NotTaken(Exception):
    """The object is left out; the message says why."""


def _decoded(text: bytes) -> Any:
    try:
        return exact_json.decode(text)
    except exact_json.NotJson as error:
        raise _NotTaken(str(error)) from error


def _checked(value: Any, module: Module, platform: Platform) -> tuple[Party, Role, ObjectKey]:
    """The owner of an object, the role in which it owns it, and the object's key.

    Raises:
        _NotTaken: it is wrong, or not the platform's.
    """
    kind = _kind(module)
    try:
        kind.model.model_validate(value, context=TOLERANT)
        owner = Party(value["country_code"], value["party_id"])
    except ValidationError as error:
        raise _NotTaken(in_words(findings(error))) from error
    except NotAParty as error:
        raise _NotTaken(str(error)) from error
    role = _owning_role(owner, module, platform)
    if role is None:
        raise _NotTaken(f"{owner} is no party of {platform.name} that owns {module.id}")
    key = _key(value, module.id, kind)
    if key is None or value[kind.id_field] in _NO_SEGMENTS:
        raise _NotTaken(f"/{kind.id_field}: expected an id that can stand in a URL")
    return owner, role, key


def no_longer_valid(
    key: ObjectKey, role: Role, platform: Platform, found_after: int, correlation_id: str
) -> AcceptedChange:
    """The end of an object that its owner's full list does not have any more."""
    return AcceptedChange(
        key=key,
        method="DELETE",
        tail=_path(key.country_code, key.party_id, key.object_id),
        query="",
        body=b"",
        value=None,
        parameters={},
        sender_role=role,
        sender_platform_id=platform.id,
        correlation_id=correlation_id,
        found_after=found_after,
    )


def variant_query(kind: ObjectKind, variant: str) -> str:
    """The query that a push of the object has: the type of a token that is not the usual one (TOK-03)."""
    if kind.variant is None or variant == kind.variant[1]:
        return ""
    return f"{kind.variant[0]}={quote(variant, safe='')}"


def _key(value: dict[str, Any], module: str, kind: ObjectKind) -> ObjectKey | None:
    """What the object calls itself, None where it does not say."""
    variant = "" if kind.variant is None else value.get(kind.variant[0])
    names = [value.get("country_code"), value.get("party_id"), value.get(kind.id_field)]
    folded = [name.upper() for name in names if isinstance(name, str)]
    if not isinstance(variant, str) or len(folded) < len(names):
        return None
    country_code, party_id, object_id = folded
    return ObjectKey(module, country_code, party_id, object_id, variant)


def _owning_role(owner: Party, module: Module, platform: Platform) -> Role | None:
    """The role in which the platform's party owns such objects (TR-28)."""
    return next((role for role in platform.roles_of(owner) if role in module.sender_roles), None)


def _named(value: dict[str, Any], field: str) -> str:
    found = value.get(field)
    return "" if found is None else str(found)[:_LONGEST_NAME]


def _owner_named(value: dict[str, Any]) -> str:
    return f"{_named(value, 'country_code') or '?'}/{_named(value, 'party_id') or '?'}"


def _path(*segments: str) -> str:
    return "".join("/" + quote(segment, safe="") for segment in segments)


def _kind(module: Module) -> ObjectKind:
    if module.kind is None:
        raise ValueError(f"{module.id} has no objects to list")
    return module.kind
