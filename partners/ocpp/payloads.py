"""Whether a payload is what its version of OCPP says, by the JSON Schemas that the `ocpp` package carries.

Every payload is checked, in both directions, and there is no way to switch that off. What a model of
charger is known to do wrong can be let pass by name, for that charger alone (`Relaxation`).

The validators are compiled once a process, when they are first needed, and shared by all chargers. Instants
are not checked here but where they are read (`partners.cpo.charging.meter_values.instant`): OCPP's own
examples leave the zone out.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final, NamedTuple

import jsonschema_rs

from partners.ocpp.errors import CallRefused, ErrorCode
from partners.ocpp.versions import Version
from schemas import exact_json


class Relaxation(StrEnum):
    """A rule of the schemas that is not held against a charger; the value is for settings."""

    #: Fields that OCPP does not know.
    EXTRA_FIELDS = "extra-fields"
    #: Texts that are longer than OCPP allows.
    LONG_TEXTS = "long-texts"
    #: Words that OCPP does not have.
    NEW_WORDS = "new-words"
    #: Numbers that are finer, greater or smaller than OCPP allows.
    ANY_NUMBERS = "any-numbers"
    #: Fields left out that OCPP requires; what nobody can do without is still refused where it is read.
    MISSING_FIELDS = "missing-fields"


_LETS_PASS: Final[Mapping[Relaxation, frozenset[str]]] = {
    Relaxation.EXTRA_FIELDS: frozenset({"additionalProperties"}),
    Relaxation.LONG_TEXTS: frozenset({"maxLength", "maxItems"}),
    Relaxation.NEW_WORDS: frozenset({"enum"}),
    Relaxation.ANY_NUMBERS: frozenset({"multipleOf", "minimum", "maximum"}),
    Relaxation.MISSING_FIELDS: frozenset({"required"}),
}

_CODES: Final[Mapping[str, ErrorCode]] = {
    "type": ErrorCode.TYPE,
    "required": ErrorCode.OCCURRENCE,
    "minItems": ErrorCode.OCCURRENCE,
    "maxItems": ErrorCode.OCCURRENCE,
    "additionalProperties": ErrorCode.FORMAT,
}

#: Enough to tell an engineer what is wrong, if a charger sends ten thousand wrong elements.
_LONGEST_DESCRIPTION: Final = 255

#: No integer may be beyond this, whatever is let pass: it would come back from no JSON and no database as it
#: went, and to make one of 1e9999999, which is an integer to JSON Schema, takes for ever.
GREATEST_INTEGER: Final = 2**53 - 1
_BOUNDS: Final = frozenset({GREATEST_INTEGER, -GREATEST_INTEGER})

_FOLDERS: Final[Mapping[Version, str]] = {
    Version.V1_6: "v16",
    Version.V2_0_1: "v201",
    Version.V2_1: "v21",
}


class Schemas(NamedTuple):
    """What the two payloads of an action are checked by."""

    request: jsonschema_rs.Validator
    response: jsonschema_rs.Validator


def is_action(version: Version, name: str) -> bool:
    """Whether this version (1.6: with its security extension) knows this action."""
    return name in _actions(version)


def check_call(
    version: Version, action: str, payload: Mapping[str, Any], relaxed: Collection[Relaxation] = ()
) -> None:
    """Pass if the payload of a CALL or SEND of a known action is valid.

    Args:
        version: Of OCPP.
        action: One that the version knows.
        payload: As it came.
        relaxed: Rules that are not held against the sender.

    Raises:
        CallRefused: It is not; the description says where and by which keyword of the schema.
    """
    check(_validator(version, _actions(version)[action]), payload, relaxed)


def check_result(
    version: Version, action: str, payload: Mapping[str, Any], relaxed: Collection[Relaxation] = ()
) -> None:
    """Pass if the payload of a CALLRESULT is valid.

    Raises:
        CallRefused: As with `check_call`.
    """
    check(_validator(version, f"{action}Response.json"), payload, relaxed)


def schemas_of(version: Version, action: str) -> Schemas:
    """Those of a known action; they are compiled now, if they were not before (some 2 ms each)."""
    request = _validator(version, _actions(version)[action])
    return Schemas(request, _validator(version, f"{action}Response.json"))


def check(
    validator: jsonschema_rs.Validator, payload: Mapping[str, Any], relaxed: Collection[Relaxation] = ()
) -> None:
    """Pass if a payload is valid; for those who have the schemas of an action at hand.

    Raises:
        CallRefused: As with `check_call`.
    """
    try:
        if validator.is_valid(payload):
            return
        passes = frozenset[str]().union(*(_LETS_PASS[each] for each in relaxed))
        for error in validator.iter_errors(payload):
            keyword = error.kind.name
            if keyword not in passes or getattr(error.kind, "limit", None) in _BOUNDS:
                code = _CODES.get(keyword, ErrorCode.PROPERTY)
                raise CallRefused(code, _place(error.instance_path, keyword))
    except ValueError as error:
        if isinstance(error, jsonschema_rs.ValidationError):
            raise
        raise CallRefused(ErrorCode.FORMAT, "nested too deeply, or not JSON") from error


def _place(path: list[str | int], keyword: str) -> str:
    return f"/{'/'.join(map(str, path))}: {keyword}"[:_LONGEST_DESCRIPTION]


@cache
def _folder(version: Version) -> Traversable:
    return resources.files("ocpp") / _FOLDERS[version] / "schemas"


@cache
def _actions(version: Version) -> Mapping[str, str]:
    """The file of each action's request: `Action.json` in 1.6 and for SEND, else `ActionRequest.json`."""
    names = [each.name for each in _folder(version).iterdir() if each.name.endswith(".json")]
    requests = [name for name in names if not name.endswith("Response.json")]
    return {name.removesuffix(".json").removesuffix("Request"): name for name in requests}


@cache
def _validator(version: Version, file: str) -> jsonschema_rs.Validator:
    schema = exact_json.decode((_folder(version) / file).read_text(encoding="utf-8-sig"))
    return jsonschema_rs.validator_for(exact_json.encode(_bounded(schema)).decode(), validate_formats=False)


def _bounded(schema: Any) -> Any:
    """A schema whose integers have bounds, as far as it sets none itself."""
    if isinstance(schema, list):
        return [_bounded(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    bounds = {"minimum": -GREATEST_INTEGER, "maximum": GREATEST_INTEGER}
    own = {name: _bounded(each) for name, each in schema.items()}
    return bounds | own if schema.get("type") == "integer" else own
