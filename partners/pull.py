"""Copies of others' objects by reading their lists, page by page."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import ValidationError

from hub.ocpi.description import ObjectKey, ObjectKind
from hub.ocpi.modules import MODULES
from hub.ocpi.party import NotAParty, Party
from hub.ocpi.timestamps import Clock
from partners.changes import Changes
from partners.hub_clients import HubClients
from partners.link import Link
from partners.objects import Objects, last_updated
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

    async def owned(self, module_id: str, *, to: Party, since: datetime | None = None) -> Pulled:
        """The list of a client-owned module; without `since` it is the full truth (TR-39).

        Args:
            module_id: The module.
            to: Whose list: a party's, or `Link.hub` for everybody's.
            since: Only what was updated at or after this instant.

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
        refused = 0
        async for page in self.link.pages(module_id, to=to, since=since):
            for value in page:
                key = self._key(module_id, kind, value)
                if key is None:
                    refused += 1
                    continue
                listed.add(key)
                self._keep(key, value, through_hub=through_hub)
        whole = since is None and through_hub
        outdated = self.objects.outdate(module_id, listed, began) if whole else 0
        self.changes.announce()
        return Pulled(len(listed), refused, outdated)

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

    def _keep(self, key: ObjectKey, value: dict[str, Any], *, through_hub: bool) -> None:
        stored = self.objects.get(key)
        if stored is None or not stored.is_valid or stored.last_updated <= last_updated(value):
            self.objects.put(key, value, through_hub=through_hub)

    def _key(self, module_id: str, kind: ObjectKind, value: Any) -> ObjectKey | None:
        """The key of a listed object, None where it cannot be kept; the log says why."""
        try:
            kind.model.model_validate(value, context=TOLERANT)
            owner = Party(value["country_code"], value["party_id"])
        except ValidationError as error:
            found = "; ".join(f"{each.pointer or '/'}: {each.message}" for each in findings(error))
            log.warning("an object in a list of %s was left out: %s", module_id, found)
            return None
        except NotAParty as error:
            log.warning("an object in a list of %s was left out: %s", module_id, error)
            return None
        peer = self.link.peers.partner()
        if not peer.is_hub and not peer.has_party(owner):
            log.warning("an object in a list of %s was left out: %s is a foreign owner", module_id, owner)
            return None
        variant = "" if kind.variant is None else value[kind.variant[0]]
        return ObjectKey(module_id, *owner.folded, value[kind.id_field].upper(), variant)
