"""What becomes of an object when a change of it is accepted: pure, one change at a time.

| change | object not known | known | known, and newer than the change |
|---|---|---|---|
| PUT of the whole | created | replaced | ignored (LOC-23) |
| PATCH of the whole | 404 | patched | ignored |
| PUT of an EVSE or Connector | 404 | patched | ignored |
| PATCH of an EVSE or Connector | 404 | patched, or 404 where it is not in there | ignored |
| DELETE | 404 | deleted | deleted |

What the hub finds by pulling is treated like a PUT of the whole, and is no change where the hub has the same.
It is ignored where its owner has sent something since the list was asked for.

What is final (a CDR) stays as it came first (CDR-01). An object for one party is not known to a change for
another.

Older and newer are told by `last_updated` of what changes: the EVSE's own for an EVSE, since another one may
have moved the Location's on (LOC-06). A date that lies far ahead is of a clock that was wrong: what carries
it is no newer than anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from hub.ocpi.description import NestedKind, ObjectKey
from hub.ocpi.errors import InvalidParameters, LocationNotFound, NotFound
from hub.ocpi.modules import MODULES
from hub.ocpi.party import Party
from hub.ocpi.patching import patched
from hub.ocpi.timestamps import parse_timestamp
from hub.store.database import microseconds
from schemas import exact_json
from schemas.v2_2_1 import Role

LAST_UPDATED = "last_updated"
#: Later than any moment.
FOREVER = 2**63


class Outcome(StrEnum):
    """What became of the object."""

    CREATED = "created"
    REPLACED = "replaced"
    PATCHED = "patched"
    DELETED = "deleted"
    #: The hub has a newer state; the sender gets its success, and nobody else anything.
    IGNORED_OLDER = "ignored_older"
    #: It was found by pulling, and is what the hub has already.
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class AcceptedChange:
    """A change of one object, checked, and about to be kept."""

    key: ObjectKey
    #: PUT, PATCH or DELETE.
    method: str
    #: The raw path below the module's URL, and the raw query.
    tail: str
    query: str
    body: bytes
    #: The body, decoded.
    value: Any
    #: The decoded path parameters; those of objects inside (an EVSE, a Connector) are looked at.
    parameters: Mapping[str, str]
    sender_role: Role
    #: None where the hub itself is the sender.
    sender_platform_id: int | None
    correlation_id: str
    #: The only party, besides the owner, that may see the object; None where everybody concerned may.
    addressee: Party | None = None
    #: For what was found by pulling: the newest change in the log when its owner was asked. Whatever has
    #: come since is newer. None where the owner sent it.
    found_after: int | None = None

    @property
    def inner(self) -> tuple[tuple[NestedKind, str], ...]:
        """The way from the object to what changes inside it; empty where the object itself changes."""
        kind = MODULES[self.key.module].kind
        return () if kind is None else kind.inner(self.parameters)

    @property
    def is_partial(self) -> bool:
        """Whether the body says only what changes, not what the object is."""
        return self.method == "PATCH" or bool(self.inner)


class State(NamedTuple):
    """An object as it is kept."""

    body: str
    #: Microseconds since 1970.
    last_updated: int
    is_deleted: bool = False
    #: The only party, besides the owner, that may see it; None where everybody concerned may.
    addressee: Party | None = None


def state_after(
    stored: State | None, change: AcceptedChange, credible: int = FOREVER
) -> tuple[State, Outcome]:
    """The object's state after the change, and what that made of it.

    Args:
        stored: What is kept of the object.
        change: The change.
        credible: Up to when a `last_updated` is believed, in microseconds since 1970. What is kept from after
            that is from a clock that was wrong, and no newer than what its owner says now.

    Raises:
        NotFound: the change needs an object, or something inside it, that is not known (LOC-22, AM-18).
        InvalidParameters: the body does not say when it was last updated.
    """
    known = None if stored is None or stored.is_deleted else stored
    if change.method == "PUT" and not change.is_partial:
        return _whole(stored, known, change, credible)
    if known is None or known.addressee != change.addressee:
        raise _unknown(change)
    if change.method == "DELETE":
        return known._replace(is_deleted=True), Outcome.DELETED
    return _part(known, change, credible)


def _whole(
    stored: State | None, known: State | None, change: AcceptedChange, credible: int
) -> tuple[State, Outcome]:
    updated = _last_updated(change.value)
    if stored is not None and (updated < stored.last_updated <= credible or _is_final(change)):
        return stored, Outcome.IGNORED_OLDER
    if known is not None and change.found_after is not None and _is_same(known, updated, change):
        return known, Outcome.UNCHANGED
    outcome = Outcome.CREATED if known is None else Outcome.REPLACED
    return State(change.body.decode(), updated, addressee=change.addressee), outcome


def _is_same(known: State, updated: int, change: AcceptedChange) -> bool:
    """Whether the hub has exactly this; how the JSON text is laid out does not matter."""
    return updated == known.last_updated and exact_json.decode(known.body) == change.value


def _is_final(change: AcceptedChange) -> bool:
    kind = MODULES[change.key.module].kind
    return kind is not None and kind.is_final


def _part(known: State, change: AcceptedChange, credible: int) -> tuple[State, Outcome]:
    whole = exact_json.decode(known.body)
    after = _changed(whole, change.inner, change, credible)
    if after is None:
        return known, Outcome.IGNORED_OLDER
    body = exact_json.encode(after).decode()
    return known._replace(body=body, last_updated=_last_updated(after)), Outcome.PATCHED


def _changed(
    thing: dict[str, Any], inner: tuple[tuple[NestedKind, str], ...], change: AcceptedChange, credible: int
) -> dict[str, Any] | None:
    """The thing after the change, with what lies inside it; None where it is newer than the change."""
    if not inner:
        if _last_updated(change.value) < _last_updated(thing) <= credible:
            return None
        return patched(thing, change.value) if change.method == "PATCH" else change.value
    (kind, wanted), *deeper = inner
    elements = list(thing.get(kind.list_field) or ())
    place = kind.place(elements, wanted)
    if place is not None:
        element = _changed(elements[place], tuple(deeper), change, credible)
        if element is None:
            return None
        elements[place] = element
    elif deeper or change.method == "PATCH":
        raise _unknown(change)
    else:
        element = change.value
        elements.append(element)
    return thing | {kind.list_field: elements, LAST_UPDATED: _later(thing, element)}


def _later(parent: Mapping[str, Any], child: Mapping[str, Any]) -> Any:
    """The later `last_updated` of the two, as it is written: parents move on, never back (LOC-06)."""
    return max(parent, child, key=_last_updated)[LAST_UPDATED]


def _last_updated(value: Any) -> int:
    try:
        return microseconds(parse_timestamp(value[LAST_UPDATED]))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InvalidParameters(
            f"/{LAST_UPDATED}: expected a DateTime such as 2026-01-31T12:00:00Z"
        ) from error


def _unknown(change: AcceptedChange) -> NotFound:
    key = change.key
    owner = f"{key.country_code}/{key.party_id}"
    inside = "".join(f", {kind.list_field} {given!r}" for kind, given in change.inner)
    error = LocationNotFound if key.module == "locations" else NotFound
    return error(
        f"{key.module}: {owner} has no {key.object_id!r}{inside} here; send the whole object with PUT"
    )
