"""Every route that partners can reach. The functional ones are made from MODULES (design D11, D13)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta

from aiohttp import web
from pydantic import ValidationError

from hub.calling.noticing import in_functional_request, pushed
from hub.calling.rate_limits import RateLimits
from hub.directory.current import CurrentDirectory
from hub.directory.directory import HubRole, Platform
from hub.directory.quirks import Seen
from hub.handshake.credentials import Handshakes
from hub.handshake.impressions import Impressions
from hub.handshake.versions import endpoint_url, version_details, versions
from hub.ocpi.description import Module
from hub.ocpi.envelope import ABSENT, success, success_with_list
from hub.ocpi.errors import MethodNotAllowed, NotFound
from hub.ocpi.headers import Routing, claimed_sender
from hub.ocpi.leniency import forgiven
from hub.ocpi.message import Message
from hub.ocpi.modules import MODULES, VERSION
from hub.ocpi.paging import MAX_OFFSET, PageRequest, page_headers
from hub.ocpi.party import NotAParty, Party
from hub.ocpi.timestamps import Clock
from hub.ocpi.validation import decoded, refusal
from hub.registry.hubclientinfo import listed
from hub.registry.neighbours import Neighbours, distant_party
from hub.relay.exchange import Exchange
from hub.relay.forward import Forwarding
from hub.relay.links import Links
from hub.relay.offering import offered, parties_by_side, sides_of
from hub.store.journal import Purpose
from hub.store.judged_cdrs import JudgedCdrs, Wanted
from hub.store.objects import ObjectStore
from hub.web.authentication import Authentication
from hub.web.conversion import json_response, message, raw_target, response, tail_below, whole_body
from hub.web.edge import PASSAGE, Handler, Passage
from schemas.findings import findings
from schemas.v2_2_1 import Credentials, InterfaceRole

#: Segments above the tail of `/ocpi/2.2.1/sender/locations/…`.
ABOVE_TAIL = 4
#: Slashes at the end of a URL are put up with (AM-35).
SLASHES = "{slashes:/*}"
#: What a platform sends when something of its own has changed.
CHANGES = frozenset({"PUT", "PATCH", "DELETE"})
CREDENTIALS = MODULES["credentials"]
CDRS = MODULES["cdrs"]
HUBCLIENTINFO = MODULES["hubclientinfo"]
#: A page that holds it all.
EVERYTHING = PageRequest(offset=0, limit=MAX_OFFSET)


@dataclass(frozen=True, slots=True)
class PartnerRoutes:
    """What the routes stand on."""

    public_url: str
    clock: Clock
    authentication: Authentication
    directory: CurrentDirectory
    handshakes: Handshakes
    exchange: Exchange
    forwarding: Forwarding
    links: Links
    objects: ObjectStore
    rates: RateLimits
    neighbours: Neighbours
    judged: JudgedCdrs
    page_limit: int
    #: For a request body to arrive whole.
    patience: timedelta

    def table(self) -> list[web.RouteDef]:
        """The routes, for the application."""
        base = f"/ocpi/{VERSION}"
        return [
            web.get(f"/ocpi/versions{SLASHES}", self.versions, allow_head=False),
            web.get(f"{base}{SLASHES}", self.version_details, allow_head=False),
            web.route("*", f"{base}/credentials{SLASHES}", self.credentials),
            web.route("*", f"{base}/sender/hubclientinfo{SLASHES}", self.client_infos),
            web.route("*", f"{base}/receiver/hubclientinfo{{tail:/.+}}", self.client_info_of_another_hub),
            web.route("*", f"{base}/via/{{token}}", self.via),
            web.get(f"{base}/verdicts", self.verdicts, allow_head=False),
            web.get(
                f"{base}/verdicts/{{country_code}}/{{party_id}}/{{cdr_id}}", self.verdict, allow_head=False
            ),
            *(
                web.route("*", f"{base}/{path}{{tail:(?:/.*)?}}", handler)
                for path, handler in self.by_interface().items()
            ),
        ]

    def by_interface(self) -> dict[str, Handler]:
        """The handlers of the functional modules, by interface and module as they stand in a path."""
        return {
            f"{interface.lower()}/{module.id}": self.functional(module, interface)
            for module in MODULES.values()
            if module.is_routed
            for interface in module.by_interface
        }

    async def versions(self, request: web.Request) -> web.Response:
        """The versions that the hub speaks; token A will do (VE-01, TR-04)."""
        await self.authentication.caller(request)
        data = [version.to_wire() for version in versions(self.public_url)]
        return json_response(200, success(self.clock(), data))

    async def version_details(self, request: web.Request) -> web.Response:
        """The hub's endpoints; token A will do (VE-03, TR-04)."""
        caller = await self.authentication.caller(request)
        is_hub = caller.platform.hub_role is HubRole.ALLOWED
        details = version_details(self.public_url, for_a_hub=is_hub)
        return json_response(200, success(self.clock(), details.to_wire()))

    async def credentials(self, request: web.Request) -> web.Response:
        """The handshake (CR rows)."""
        passage = _passage(request, Purpose.HANDSHAKE, CREDENTIALS)
        caller = await self.authentication.caller(request)
        if request.method == "PUT":
            # Both sides have begun at the same time: one exchange after the other.
            await self.authentication.settled(caller)
        operation = CREDENTIALS.match(InterfaceRole.SENDER, request.method, "").operation
        impressions = Impressions(passage.ids.correlation_id)
        theirs = None if operation.body is None else await self._credentials(request, impressions)
        ours = await self.handshakes.answer(request.method, caller, theirs, passage.ids, impressions)
        return json_response(200, success(self.clock(), ABSENT if ours is None else ours.to_wire()))

    async def client_infos(self, request: web.Request) -> web.Response:
        """Who is connected (HCI-05, HCI-06)."""
        _passage(request, Purpose.HUB, HUBCLIENTINFO)
        caller = await self.authentication.registered(request)
        self.rates.take(caller, HUBCLIENTINFO.id)
        if request.method != "GET":
            raise MethodNotAllowed(headers=(("Allow", "GET"),))
        page_request = PageRequest.parse(raw_target(request).query, self.page_limit)
        # Another hub is told of our own parties only: what third hubs told us is not ours to tell (AM-56).
        directory = self.directory.value
        owners = frozenset(directory.by_party) if caller.is_hub else None
        everybody = await self.objects.page(
            HUBCLIENTINFO.id, EVERYTHING, owners=owners, except_platform=caller.id
        )
        page = listed(everybody.bodies, caller, directory.agreements, page_request, self.clock())
        url = endpoint_url(self.public_url, HUBCLIENTINFO, InterfaceRole.SENDER)
        headers = page_headers(url, page_request, page.total, self.page_limit)
        return json_response(200, success_with_list(self.clock(), page.bodies), headers)

    async def client_info_of_another_hub(self, request: web.Request) -> web.Response:
        """What another hub tells of its clients (RT-10; HCI-08)."""
        passage = _passage(request, Purpose.HUB, HUBCLIENTINFO)
        caller = await self.authentication.registered(request)
        self.rates.take(caller, HUBCLIENTINFO.id)
        if not caller.is_hub:
            raise NotFound("clients of another hub are told by another hub")
        tail = tail_below(raw_target(request).path, ABOVE_TAIL)
        match = HUBCLIENTINFO.match(InterfaceRole.RECEIVER, request.method, tail)
        party = distant_party(match.parameters)
        if match.operation.method == "GET":
            info = self.neighbours.told_of(party, caller)
            return json_response(200, success(self.clock(), info.to_wire()))
        passage.body = await whole_body(request, self.patience)
        is_new = await self.neighbours.told(decoded(passage.body), party, caller, passage.ids)
        return json_response(201 if is_new else 200, success(self.clock()))

    def functional(self, module: Module, interface: InterfaceRole) -> Handler:
        """The handler of a functional module's interface."""

        async def handler(request: web.Request) -> web.Response:
            passage = _passage(request, Purpose.RELAY, module)
            caller = await self._asking(request, passage)
            self.rates.take(caller, module.id)
            tail = tail_below(raw_target(request).path, ABOVE_TAIL)
            asked = await message(request, module, interface, tail, passage.ids, self.patience)
            passage.body = asked.body
            passage.asked = asked.routing
            self._observe(in_functional_request(request.headers, caller, asked.ids.correlation_id), caller)
            reply = await self.exchange.answer(asked, caller)
            passage.note, passage.look = reply.note, reply.look
            if is_push(asked):
                self._observe(pushed(caller, asked.ids.correlation_id), caller)
            return response(reply)

        return handler

    async def via(self, request: web.Request) -> web.Response:
        """What a link of the hub stands for (CMD-08, PG-15, CDR-04)."""
        passage = _passage(request, Purpose.RELAY, None)
        caller = await self._asking(request, passage)
        link = await self.links.find(request.match_info["token"], caller)
        if link is None:
            raise NotFound("this URL is not, or no longer, known here")
        passage.module = link.module
        self.rates.take(caller, link.module)
        passage.asked = link.routing
        passage.routing = Routing(link.routing.sender, self.directory.value.hub)
        passage.body = await whole_body(request, self.patience)
        headers = tuple(request.headers.items())
        reply = await self.forwarding.follow(
            link,
            request.method,
            passage.ids,
            headers,
            passage.body,
            caller,
            self.directory.value,
            say=passage.say,
        )
        return response(reply)

    async def verdicts(self, request: web.Request) -> web.Response:
        """The verdicts on CDRs that the caller sent or was sent, the newest first (decision 0033)."""
        return await self._verdicts(request, Wanted())

    async def verdict(self, request: web.Request) -> web.Response:
        """The verdicts on one CDR, for its two parties (decision 0033)."""
        given = request.match_info
        try:
            owner = Party(given["country_code"], given["party_id"])
        except NotAParty as error:
            raise NotFound("no such path") from error
        return await self._verdicts(request, Wanted(owner=owner, cdr_id=given["cdr_id"]))

    async def _verdicts(self, request: web.Request, wanted: Wanted) -> web.Response:
        passage = _passage(request, Purpose.HUB, CDRS)
        caller = await self._asking(request, passage)
        self.rates.take(caller, CDRS.id)
        page = PageRequest.parse(raw_target(request).query, self.page_limit)
        wanted = replace(wanted, between=parties_by_side(caller))
        found = await self.judged.some(wanted, page.offset, min(page.limit, self.page_limit))
        if wanted.cdr_id is not None and not found:
            raise NotFound("there is no verdict on such a CDR of yours")
        data = [offered(each, sides_of(each, caller)) for each in found]
        return json_response(200, success(self.clock(), data), routing=passage.routing)

    def _observe(self, seen: Iterable[Seen], caller: Platform) -> None:
        for each in seen:
            self.authentication.observe(caller.id, each)

    async def _asking(self, request: web.Request, passage: Passage) -> Platform:
        """The platform that makes a functional request.

        Whatever goes wrong from here on, the answer is from the hub to the asker (RT-01, RT-07).
        """
        hub = self.directory.value.hub
        passage.routing = Routing(claimed_sender(request.headers), hub)
        caller = await self.authentication.registered(request)
        passage.routing = Routing(passage.routing.to or caller.only_party, hub)
        return caller

    async def _credentials(self, request: web.Request, impressions: Impressions) -> Credentials:
        """The Credentials object in a request, as far as it can be read.

        Raises:
            OcpiError: there is none.
        """
        try:
            value = decoded(await whole_body(request, self.patience))
            return Credentials.model_validate(forgiven(Credentials, value, impressions.notice))
        except ValidationError as error:
            raise refusal(findings(error)) from error


def is_push(message: Message) -> bool:
    """Whether a platform sends by itself what has changed."""
    module, interface = message.module, message.interface
    return module.is_broadcast and interface is InterfaceRole.RECEIVER and message.method in CHANGES


def _passage(request: web.Request, purpose: Purpose, module: Module | None) -> Passage:
    passage = request[PASSAGE]
    passage.purpose = purpose
    passage.module = None if module is None else module.id
    return passage
