"""The OCPI interfaces of the CPO, besides commands and charging profiles: objects to read, tokens to receive.

Sources: 2.2.1; LOC-01, LOC-03, SES-02, CDR-17, TAR-04, TOK-18, PG rows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from hub.ocpi.errors import LocationNotFound
from hub.ocpi.modules import MODULES
from hub.ocpi.paging import PageRequest
from hub.ocpi.party import Party
from partners.changes import Changes
from partners.cpo.billing.outbox import Outbox
from partners.cpo.locations import Locations
from partners.cpo.publication import connector_in, evse_in
from partners.exchange import Answer, Handler, Offer, Request, offer
from partners.objects import Objects
from partners.owned_objects import OwnedObjects
from schemas.v2_2_1 import InterfaceRole


@dataclass(frozen=True, slots=True)
class Interfaces:
    """What the CPO offers."""

    owner: Party
    objects: Objects
    locations: Locations
    outbox: Outbox
    changes: Changes
    page_limit: int
    #: Told of the sender of every request.
    seen: Callable[[Party | None], None]

    def offers(
        self,
        *,
        commands: Mapping[str, Handler],
        charging_profiles: Mapping[str, Handler],
        charging_preferences: Handler,
    ) -> Sequence[Offer]:
        """Every interface, with the handlers of what is asked of charge points."""
        sender, receiver = InterfaceRole.SENDER, InterfaceRole.RECEIVER
        return [
            self._offer("locations", sender, self._location_handlers()),
            self._offer("tariffs", sender, {"GET": partial(self._own, "tariffs")}),
            self._offer("sessions", sender, self._session_handlers(charging_preferences)),
            self._offer("cdrs", sender, {"GET": partial(self._theirs, "cdr")}),
            self._offer("tokens", receiver, self._token_handlers()),
            self._offer("commands", receiver, commands),
            self._offer("chargingprofiles", receiver, charging_profiles),
        ]

    def _offer(self, module: str, interface: InterfaceRole, handlers: Mapping[str, Handler]) -> Offer:
        return offer(module, interface, {name: self._noticed(each) for name, each in handlers.items()})

    def _noticed(self, handler: Handler) -> Handler:
        async def noticed(request: Request) -> Answer:
            self.seen(request.routing.sender)
            return await handler(request)

        return noticed

    def _location_handlers(self) -> Mapping[str, Handler]:
        return {
            "GET": partial(self._own, "locations"),
            "GET /{location_id}": self._location,
            "GET /{location_id}/{evse_uid}": self._location,
            "GET /{location_id}/{evse_uid}/{connector_id}": self._location,
        }

    def _session_handlers(self, charging_preferences: Handler) -> Mapping[str, Handler]:
        return {
            "GET": partial(self._theirs, "session"),
            "PUT /{session_id}/charging_preferences": charging_preferences,
        }

    def _token_handlers(self) -> Mapping[str, Handler]:
        module = MODULES["tokens"]
        if module.kind is None:
            raise LookupError("tokens are objects")
        return OwnedObjects(module, module.kind, self.objects, self.changes).handlers()

    # Lists.

    async def _own(self, module: str, request: Request) -> Answer:
        """What everybody may see."""
        asked = PageRequest.parse(request.query, self.page_limit)
        items, total = self.objects.page(module, asked, owner=self.owner)
        return Answer.page(items, request, asked, total=total, max_limit=self.page_limit)

    async def _theirs(self, table: str, request: Request) -> Answer:
        """What concerns the asking party, and nothing else (CDR-17)."""
        asked = PageRequest.parse(request.query, self.page_limit)
        items, total = self.outbox.page(table, asked, _asking(request))
        return Answer.page(items, request, asked, total=total, max_limit=self.page_limit)

    # One object.

    async def _location(self, request: Request) -> Answer:
        location = self.locations.published_location(request.parameters["location_id"])
        if location is None:
            raise LocationNotFound
        found = location
        if (uid := request.parameters.get("evse_uid")) is not None:
            found = evse_in(found, uid) or _missing("EVSE")
        if (connector_id := request.parameters.get("connector_id")) is not None:
            found = connector_in(found, connector_id) or _missing("connector")
        return Answer.of(found)


def _missing(what: str) -> dict[str, object]:
    raise LocationNotFound(f"the location has no such {what}")


def _asking(request: Request) -> frozenset[Party]:
    """The party that asks; a platform that does not say asks for all of its own."""
    if request.routing.sender is not None:
        return frozenset({request.routing.sender})
    return frozenset(each.party for each in request.peer.roles)
