"""From what the hub keeps: many owners' objects as one list, or one object (RT-52 to RT-57, PG-18)."""

from dataclasses import dataclass

from hub.directory.directory import Platform
from hub.ocpi.envelope import success_with_list, success_with_stored
from hub.ocpi.errors import InvalidParameters, LocationNotFound, NotFound
from hub.ocpi.headers import JSON_CONTENT_TYPE, Routing
from hub.ocpi.message import Message, Reply
from hub.ocpi.paging import PageRequest, page_headers
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from hub.routing.policy import MayExchange
from hub.store.objects import Between, ObjectStore


@dataclass(frozen=True, slots=True)
class Collecting:
    """What answering from the store stands on."""

    objects: ObjectStore
    may_exchange: MayExchange
    clock: Clock
    public_url: str
    max_limit: int

    async def page(self, message: Message, asker: Party, caller: Platform, routing: Routing) -> Reply:
        """A page of everything that the asker may see (RT-54)."""
        request = PageRequest.parse(message.query, self.max_limit)
        module = message.module.id
        if message.module.is_kept:
            page = await self.objects.page(
                module, request, between=await self._between(message, asker, caller)
            )
        else:
            owners = await self._visible_owners(message, asker, caller)
            page = await self.objects.page(module, request, owners=owners)
        url = f"{self.public_url}/ocpi/2.2.1/{message.interface.lower()}/{module}"
        headers = page_headers(url, request, page.total, self.max_limit)
        body = success_with_list(self.clock(), page.bodies)
        return Reply(200, body, routing, (JSON_CONTENT_TYPE, *headers))

    async def one(self, message: Message, asker: Party, caller: Platform, routing: Routing) -> Reply:
        """The object with this id, if only one owner has one (RT-50, RT-56)."""
        owners = await self._visible_owners(message, asker, caller)
        found = await self.objects.with_id(message.module, message.parameters, owners=owners)
        if not found:
            raise LocationNotFound if message.module.id == "locations" else NotFound
        if len(found) > 1:
            raise InvalidParameters("more than one owner has an object with this id: address one of them")
        return Reply(200, success_with_stored(self.clock(), found[0]), routing, (JSON_CONTENT_TYPE,))

    async def _between(self, message: Message, asker: Party, caller: Platform) -> Between:
        """A party's own Sessions and CDRs, and those of its tokens, in its roles there (RT-12, RT-54)."""
        module, roles = message.module, frozenset(caller.roles_of(asker))
        is_owner, is_addressee = roles & module.sender_roles, roles & module.receiver_roles
        owners = await self.objects.owners(module.id) if is_addressee else ()
        return Between(
            owner=asker.folded if is_owner else None,
            addressee=asker.folded if is_addressee else None,
            senders=frozenset(owner.folded for owner in owners if self.may_exchange(owner, asker, module.id)),
        )

    async def _visible_owners(self, message: Message, asker: Party, caller: Platform) -> frozenset[Party]:
        """The owners whose objects the asker may see: those of the other side, and its own."""
        owners = await self.objects.owners(message.module.id)
        reads = any(role in message.module.receiver_roles for role in caller.roles_of(asker))
        return frozenset(
            owner
            for owner in owners
            if owner == asker or (reads and self.may_exchange(owner, asker, message.module.id))
        )
