"""What the hub keeps of what its partners sent, object by object."""

from dataclasses import dataclass
from typing import Annotated, Any

from aiohttp import web
from pydantic import Field

from hub.admin.moments import instant_of
from hub.admin.parties import PartyText
from hub.admin.problems import Unknown
from hub.admin.wire import Input, Output, Route, query_of
from hub.ocpi.description import Module, ObjectKey
from hub.ocpi.modules import MODULES
from hub.ocpi.paging import MAX_OFFSET, PageRequest
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from hub.store.objects import ObjectStore
from schemas import exact_json

#: Objects in one answer at most.
MOST = 1_000
#: Kept by the hub, and not client-owned.
CLIENT_INFO = MODULES["hubclientinfo"]


class ObjectsQuery(Input):
    """Which objects of a module are wanted."""

    party: PartyText | None = None
    #: Last updated then or later, and before.
    since: str | None = None
    until: str | None = None
    offset: Annotated[int, Field(ge=0, le=MAX_OFFSET)] = 0
    limit: Annotated[int, Field(ge=1, le=MOST)] = 50


class ObjectQuery(Input):
    """Which one object is wanted."""

    party: PartyText
    id: str
    #: The type of a token.
    variant: str | None = None


class Objects(Output):
    """Some objects of a module, oldest created first."""

    module: str
    #: How many there are in all.
    total: int
    #: As their owners sent them.
    objects: list[Any]


class OneObject(Output):
    """An object."""

    module: str
    party: str
    #: As its owner sent it.
    object: Any


@dataclass(frozen=True, slots=True)
class ObjectPages:
    """Answers from the objects that are kept."""

    objects: ObjectStore
    clock: Clock

    def routes(self) -> list[Route]:
        """What can be asked."""
        return [("GET", "/objects/{module}", self.some), ("GET", "/objects/{module}/one", self.one)]

    async def some(self, request: web.Request) -> Objects:
        """A page of a module's objects."""
        module = _kept_module(request)
        query = query_of(request, ObjectsQuery)
        wanted = PageRequest(
            query.offset,
            query.limit,
            instant_of("since", query.since, self.clock()),
            instant_of("until", query.until, self.clock()),
        )
        owners = None if query.party is None else [Party.parse(query.party)]
        page = await self.objects.page(module.id, wanted, owners)
        return Objects(
            module=module.id, total=page.total, objects=[exact_json.decode(body) for body in page.bodies]
        )

    async def one(self, request: web.Request) -> OneObject:
        """One object, whole."""
        module = _kept_module(request)
        query = query_of(request, ObjectQuery)
        key = _key(module, query)
        body = await self.objects.get(key)
        if body is None:
            of_kind = f" {key.variant}" if module.kind is not None and module.kind.variant else ""
            raise Unknown(f"{module.id}: {query.party} has no{of_kind} {query.id!r} here")
        return OneObject(module=module.id, party=query.party, object=exact_json.decode(body))


def _kept_module(request: web.Request) -> Module:
    name = request.match_info["module"]
    kept = [module.id for module in MODULES.values() if module.kind is not None or module is CLIENT_INFO]
    if name not in kept:
        raise Unknown(f"the hub keeps no {name!r}: expected one of {', '.join(kept)}")
    return MODULES[name]


def _key(module: Module, query: ObjectQuery) -> ObjectKey:
    country_code, party_id = Party.parse(query.party).folded
    if module.kind is None:
        # The objects of HubClientInfo have no id but their party and role.
        return ObjectKey(module.id, country_code, party_id, object_id="", variant=query.id.upper())
    default = "" if module.kind.variant is None else module.kind.variant[1]
    return ObjectKey(module.id, country_code, party_id, query.id.upper(), query.variant or default)
