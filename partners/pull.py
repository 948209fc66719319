"""Copies of others' objects by reading their lists, page by page."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import ValidationError

from hub.ocpi.description import ObjectKey, ObjectKind
from hub.ocpi.errors import OcpiError
from hub.ocpi.modules import MODULES
from hub.ocpi.party import NotAParty, Party
from hub.ocpi.timestamps import Clock
from hub.ocpi.validation import in_words
from partners.changes import Changes
from partners.hub_clients import HubClients
from partners.link import Link
from partners.objects import Objects, last_updated
from partners.owned_objects import Guard, no_guard
from schemas.findings import findings
from schemas.tolerance import TOLERANT

log = logging.getLogger(__name__)


class Pulled(NamedTuple):
    """How a list was read."""

    kept: int
    #: Not what they should be, logged and left out (TR-29), or not the platform's to list (TR-28).
    refused: int
    #: No longer listed, so no longer valid (TR-39).
    outdated: int


@dataclass(frozen=True, slots=True)
class Pull:
    """Reads lists of the partner platform into the tables of the node."""

    link: Link
    objects: Objects
    clients: HubClients
    changes: Changes
    clock: Clock

    async def owned(
        self, module_id: str, *, to: Party, since: datetime | None = None, guard: Guard = no_guard
    ) -> Pulled:
        """The list of a client-owned module; without `since` it is the full truth (TR-39).

        Args:
            module_id: The module.
            to: Whose list: a party's, or `Link.hub` for everybody's.
            since: Only what was updated at or after this instant.
            guard: Says no to an object that a push would not be taken from either.

        Raises:
            NotRegistered, NotOffered, PartyNotConnected, CallFailed, PeerRefused, PeerOffers: a page cannot
                be had; the objects of earlier pages are kept and nothing is outdated.
        """
        kind = MODULES[module_id].kind
        if kind is None:
            raise ValueError(f"{module_id} has no objects to list")
        began = self.clock()
        through_hub = to == self.link.peers.partner().hub_party
        listed: set[ObjectKey] = set()
        kept = refused = 0
        total: int | None = None
        async for page in self.link.pages(module_id, to=to, since=since):
            total = page.total
            for value in page.objects:
                key = _key(module_id, kind, value)
                # What is broken is in the list all the same: what we have of it stays valid.
                listed.update(() if key is None else (key,))
                problem = self._problem(kind, value, key)
                if key is not None and problem is None:
                    problem = self._kept(key, value, guard, through_hub=through_hub)
                if problem:
                    refused += 1
                    log.warning("%s in a list of %s was left out: %s", _shown(key), module_id, problem)
                else:
                    kept += 1
        whole = since is None and through_hub
        if whole and total is not None and kept + refused < total:
            log.warning("a list of %s has %d objects of %d: cut short", module_id, kept + refused, total)
            whole = False
        outdated = self.objects.outdate(module_id, listed, began) if whole else 0
        self.changes.announce()
        return Pulled(kept, refused, outdated)

    async def client_infos(self) -> int:
        """The hub's list of connected parties; how many were understood."""
        kept = 0
        async for page in self.link.client_infos():
            for value in page:
                try:
                    self.clients.keep(value)
                except ValueError as error:
                    log.warning("a ClientInfo of the hub was left out: %s", error)
                    continue
                kept += 1
        return kept

    def _kept(self, key: ObjectKey, value: dict[str, Any], guard: Guard, *, through_hub: bool) -> str | None:
        """Keep the object, unless we have a newer state of it; why not, where it is not to be kept."""
        stored = self.objects.get(key)
        if stored is not None and stored.is_valid and stored.last_updated > last_updated(value):
            return None
        try:
            guard(None if stored is None else stored.value(), value)
        except OcpiError as error:
            return error.message
        self.objects.put(key, value, through_hub=through_hub)
        return None

    def _problem(self, kind: ObjectKind, value: Any, key: ObjectKey | None) -> str | None:
        """What is wrong with a listed object, None where nothing is (TR-28, TR-29)."""
        try:
            kind.model.model_validate(value, context=TOLERANT)
        except ValidationError as error:
            return in_words(findings(error))
        if key is None:
            return "no party can have this country code and party id"
        owner, peer = Party(key.country_code, key.party_id), self.link.peers.partner()
        is_known = self.clients.knows(owner) if peer.is_hub else peer.has_party(owner)
        return None if is_known else f"{owner} is a foreign owner"


def _key(module_id: str, kind: ObjectKind, value: Any) -> ObjectKey | None:
    """The key that a listed object gives itself, None where it does not."""
    try:
        owner = Party(value["country_code"], value["party_id"])
        variant = "" if kind.variant is None else str(value[kind.variant[0]])
        return ObjectKey(module_id, *owner.folded, str(value[kind.id_field]).upper(), variant)
    except (TypeError, KeyError, AttributeError, NotAParty):
        return None


def _shown(key: ObjectKey | None) -> str:
    return "an object" if key is None else f"{key.country_code}/{key.party_id} {key.object_id}"
