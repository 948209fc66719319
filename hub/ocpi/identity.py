"""What an object says of its owner and id, against the URL that it was sent to (TR-27, LOC-05, TOK-03)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from hub.ocpi.description import ObjectKey
from hub.ocpi.errors import InvalidParameters
from hub.ocpi.message import Message
from hub.ocpi.party import Party, named_party

COUNTRY_CODE = "country_code"
PARTY_ID = "party_id"


def owner_in_path(message: Message) -> Party | None:
    """The owner named by the URL, None where the URL names none."""
    parameters = message.parameters
    if COUNTRY_CODE not in parameters or PARTY_ID not in parameters:
        return None
    try:
        return named_party(parameters[COUNTRY_CODE], parameters[PARTY_ID])
    except ValueError as error:
        raise InvalidParameters(f"URL: {error}") from error


def object_key(message: Message) -> ObjectKey:
    """The key of the object that a message to a client-owned module is about.

    Raises:
        InvalidParameters: the URL names no owner.
    """
    kind = message.module.kind
    owner = owner_in_path(message)
    if kind is None or owner is None:
        raise InvalidParameters("URL: expected /{country_code}/{party_id}/{id}")
    country_code, party_id = owner.folded
    object_id = message.parameters[kind.id_parameter].upper()
    return ObjectKey(message.module.id, country_code, party_id, object_id, variant(message))


def variant(message: Message) -> str:
    """What tells objects with one id apart: the type of a token, by default RFID (TOK-03).

    Raises:
        InvalidParameters: the parameter is given twice: others might take the other one.
    """
    kind = message.module.kind
    if kind is None or kind.variant is None:
        return ""
    name, default = kind.variant
    given = [value for key, value in parse_qsl(message.query) if key == name]
    if len(given) > 1:
        raise InvalidParameters(f"parameter {name}: expected it once, got it {len(given)} times")
    return given[0] if given else default


def check_identity(message: Message, value: Any) -> None:
    """Refuse a body whose ids differ from those in the URL.

    Raises:
        InvalidParameters: a field differs; the message names it.
    """
    kind = message.module.kind
    if kind is None or not isinstance(value, Mapping) or owner_in_path(message) is None:
        return
    parameters = message.parameters
    nested = [each for each in kind.nested if each.id_parameter in parameters]
    if nested:
        expected = {nested[-1].id_field: parameters[nested[-1].id_parameter]}
    else:
        expected = {name: parameters[name] for name in (COUNTRY_CODE, PARTY_ID)}
        expected[kind.id_field] = parameters[kind.id_parameter]
    for field, in_url in expected.items():
        _check_same(field, value.get(field), in_url, fold=True)
    if kind.variant is not None and not nested:
        _check_same(kind.variant[0], value.get(kind.variant[0]), variant(message), fold=False)


def _check_same(field: str, given: Any, in_url: str, *, fold: bool) -> None:
    if given is None or not isinstance(given, str):
        return
    same = given.upper() == in_url.upper() if fold else given == in_url
    if not same:
        raise InvalidParameters(
            f"/{field}: the URL says {in_url!r}, the body says {given!r}", rows=("TR-27", "AM-07")
        )
