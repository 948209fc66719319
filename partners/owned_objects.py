"""Copies of objects that others own: they PUT, PATCH, DELETE and GET them at the owner's address.

One Receiver interface for every client-owned module, read from the module's description (2.2.1, Client Owned
Objects). What a request makes of the stored object is decided by pure functions of values.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from hub.ocpi.description import Module, NestedKind, ObjectKey, ObjectKind
from hub.ocpi.errors import InvalidParameters, LocationNotFound, NotFound
from hub.ocpi.party import NotAParty, Party
from hub.ocpi.patching import patched
from hub.ocpi.timestamps import parse_timestamp
from hub.ocpi.validation import refusal
from partners.changes import Changes
from partners.exchange import CREATED, DONE, Answer, Handler, Request, operation_name
from partners.objects import Objects, last_updated
from schemas.findings import findings
from schemas.tolerance import TOLERANT
from schemas.v2_2_1 import InterfaceRole

Value = dict[str, Any]

#: Says no to a new state of an object by raising an `OcpiError`; takes the stored one, if any, and the new.
Guard = Callable[[Value | None, Value], None]


#: Whether a party is one whose objects a hub may bring (RT-37).
Acquaintance = Callable[[Party], Awaitable[bool]]


async def _everybody(_owner: Party) -> bool:
    """Whoever the hub names."""
    return True


def no_guard(_stored: Value | None, _new: Value) -> None:
    """Whatever its model finds right."""


@dataclass(frozen=True, slots=True)
class OwnedObjects:
    """The Receiver interface of one module, over the table of objects."""

    module: Module
    kind: ObjectKind
    objects: Objects
    changes: Changes
    guard: Guard = no_guard
    is_known: Acquaintance = _everybody

    def handlers(self) -> Mapping[str, Handler]:
        """A handler for every operation that the description names."""
        by_method = {"GET": self._get, "PUT": self._put, "PATCH": self._patch, "DELETE": self._delete}
        return {
            operation_name(each): by_method[each.method]
            for each in self.module.by_interface[InterfaceRole.RECEIVER]
        }

    async def _get(self, request: Request) -> Answer:
        key = await self._key(request)
        stored = self.objects.get(key)
        if stored is None:
            raise self._unknown()
        path = self._path(request)
        if not path:
            return Answer(stored.text)
        inner = nested(stored.value(), path)
        if inner is None:
            raise self._unknown()
        return Answer.of(inner)

    async def _put(self, request: Request) -> Answer:
        key, given, path = await self._key(request), request.value, self._path(request)
        check_ids(self.kind, request.parameters, key.variant, given, path)
        stored = self._stored(key)
        if not path:
            if stored is not None and last_updated(given) < last_updated(stored):
                return DONE  # an older state came late: what we have is newer (LOC-23)
            return self._keep(request, key, stored, given)
        if stored is None:
            raise self._unknown()
        is_new = nested(stored, path) is None
        whole = with_nested(stored, path, given)
        if whole is None:
            raise self._unknown()
        self._keep(request, key, stored, whole)
        return CREATED if is_new else DONE

    async def _patch(self, request: Request) -> Answer:
        key, path = await self._key(request), self._path(request)
        stored = self._stored(key)
        if stored is None:
            raise self._unknown()
        current = nested(stored, path) if path else stored
        if current is None:
            raise self._unknown()
        if last_updated(request.value) < last_updated(current):
            return DONE
        new = patched(current, request.value)
        check_ids(self.kind, request.parameters, key.variant, new, path)
        whole = with_nested(stored, path, new) if path else new
        if whole is None:
            raise self._unknown()
        return self._keep(request, key, stored, whole)

    async def _delete(self, request: Request) -> Answer:
        if not self.objects.delete(await self._key(request)):
            raise self._unknown()
        self.changes.announce()
        return DONE

    def _keep(self, request: Request, key: ObjectKey, stored: Value | None, new: Value) -> Answer:
        try:
            self.kind.model.model_validate(new, context=TOLERANT)
        except ValidationError as error:
            raise refusal(findings(error)) from error
        self.guard(stored, new)
        is_new = self.objects.put(key, new, through_hub=comes_from_hub(request))
        self.changes.announce()
        return CREATED if is_new else DONE

    def _stored(self, key: ObjectKey) -> Value | None:
        found = self.objects.get(key)
        return None if found is None else found.value()

    async def _key(self, request: Request) -> ObjectKey:
        """The key in the address.

        Raises:
            NotFound: the owner cannot be one, is no party of the platform that calls (TR-26), or the hub that
                calls has never told us of it (RT-37).
            InvalidParameters: on a direct link somebody pushes what somebody else owns (AM-07).
        """
        parameters = request.parameters
        try:
            owner = Party(parameters["country_code"], parameters["party_id"])
        except NotAParty as error:
            raise NotFound(str(error)) from error
        if not request.peer.is_hub and not request.peer.has_party(owner):
            raise NotFound(f"{owner} is not a party that you registered")
        sender = request.routing.sender
        if sender is not None and sender not in (owner, request.peer.hub_party):
            raise InvalidParameters(f"{sender} cannot speak about what {owner} owns")
        if request.peer.is_hub and not await self.is_known(owner):
            raise NotFound(f"{owner} is not a party at the hub")
        name, default = self.kind.variant or ("", "")
        variant = request.argument(name, default) if name else ""
        return ObjectKey(self.module.id, *owner.folded, parameters[self.kind.id_parameter].upper(), variant)

    def _path(self, request: Request) -> "Path":
        return tuple(
            (inner, request.parameters[inner.id_parameter])
            for inner in self.kind.nested
            if inner.id_parameter in request.parameters
        )

    def _unknown(self) -> NotFound:
        """LOC-22 and AM-18: locations have a status code of their own."""
        if self.module.id == "locations":
            return LocationNotFound()
        return NotFound(f"{self.module.id}: no such object")


#: The way into an object: an EVSE's uid, then perhaps a Connector's id.
Path = tuple[tuple[NestedKind, str], ...]


def comes_from_hub(request: Request) -> bool:
    """Whether the hub itself sent it, so that it is part of what the hub lists (RT-35, RT-55)."""
    return request.peer.hub_party is not None and request.routing.sender == request.peer.hub_party


def check_ids(
    kind: ObjectKind, parameters: Mapping[str, str], variant: str, given: Value, path: Path
) -> None:
    """What a body says of its own identity must be what the address says (TR-27, LOC-05, TOK-02, TOK-03).

    Raises:
        InvalidParameters: it is something else.
    """
    if path:
        inner, wanted = path[-1]
        _check_same(inner.id_field, given.get(inner.id_field), wanted)
        return
    _check_same("country_code", given.get("country_code"), parameters["country_code"])
    _check_same("party_id", given.get("party_id"), parameters["party_id"])
    _check_same(kind.id_field, given.get(kind.id_field), parameters[kind.id_parameter])
    if kind.variant is not None:
        _check_same(kind.variant[0], given.get(kind.variant[0]), variant)


def nested(whole: Value, path: Path) -> Value | None:
    """What lies at the end of the path, None where the object has nothing there."""
    found: Value | None = whole
    for inner, wanted in path:
        elements = [] if found is None else found.get(inner.list_field) or []
        found = next((each for each in elements if _same(each.get(inner.id_field), wanted)), None)
    return found


def with_nested(whole: Value, path: Path, given: Value) -> Value | None:
    """The object with another value at the end of the path; None where the way to it does not exist.

    Those around it take over its `last_updated` if that is newer (LOC-02, LOC-06).
    """
    (inner, wanted), *rest = path
    elements = list(whole.get(inner.list_field) or [])
    place = next((i for i, each in enumerate(elements) if _same(each.get(inner.id_field), wanted)), None)
    if rest:
        changed = None if place is None else with_nested(elements[place], tuple(rest), given)
        if changed is None:
            return None
        given = changed
    if place is None:
        elements.append(given)
    else:
        elements[place] = given
    newest = max(whole["last_updated"], given["last_updated"], key=_moment)
    return whole | {inner.list_field: elements, "last_updated": newest}


def _moment(text: str) -> datetime:
    return parse_timestamp(text)


def _check_same(field: str, given: Any, wanted: str) -> None:
    if not _same(given, wanted):
        raise InvalidParameters(f"/{field}: expected {wanted!r} as in the URL, got {given!r}")


def _same(given: Any, wanted: str) -> bool:
    return isinstance(given, str) and given.upper() == wanted.upper()
