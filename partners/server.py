"""The OCPI server of a node: an aiohttp application made from the interfaces that the node offers.

Its URLs differ from the hub's on purpose: nobody may know them but by way of the version details (TR-35).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from hub.ocpi.description import Operation
from hub.ocpi.envelope import success, success_with_stored
from hub.ocpi.errors import InvalidParameters, MethodNotAllowed, NotAuthenticated, NotFound
from hub.ocpi.headers import NO_ROUTING, Routing, read_routing
from hub.ocpi.modules import MODULES, VERSION
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from hub.ocpi.validation import decoded, refusal
from partners.exchange import Answer, Offer, Request
from partners.handshake import Handshake
from partners.middlewares import CALLER, IDS, authentication, ids_and_envelope, json_response
from partners.peers import Caller, Peer, Peers
from schemas.findings import findings
from schemas.tolerance import TOLERANT
from schemas.v2_2_1 import Credentials, InterfaceRole

VERSIONS_PATH = "/ocpi/versions"
MODULES_PATH = f"/ocpi/{VERSION}"
DETAILS_PATH = f"{MODULES_PATH}/details"
CREDENTIALS_PATH = f"{MODULES_PATH}/credentials"
#: A slash too many at the end is forgiven.
SLASHES = "{tail:/*}"


def module_url(public_url: str, module_id: str, interface: InterfaceRole) -> str:
    """The public URL of one interface of a module."""
    return f"{public_url}{MODULES_PATH}/{module_id}/{interface.lower()}"


@dataclass(frozen=True, slots=True)
class Server:
    """What answering requests takes."""

    #: Ours; the first one answers where nobody is named.
    parties: Sequence[Party]
    offers: Sequence[Offer]
    peers: Peers
    handshake: Handshake
    clock: Clock
    new_id: Callable[[], str]
    max_body_bytes: int
    #: The URL by which others reach us, without a path.
    public_url: Callable[[], str]

    def application(self) -> web.Application:
        """The application with every route."""
        application = web.Application(
            middlewares=[
                ids_and_envelope(self.parties[0], self.clock, self.new_id),
                authentication(self.peers),
            ],
            client_max_size=self.max_body_bytes,
        )
        route = application.router.add_route
        route("*", VERSIONS_PATH + SLASHES, self._versions)
        route("*", DETAILS_PATH + SLASHES, self._details)
        route("*", CREDENTIALS_PATH + SLASHES, self._credentials)
        route("*", MODULES_PATH + "/{module}/{interface:sender|receiver}{tail:(?:/.*)?}", self._module)
        return application

    # Versions and credentials: open to callers whose registration is not complete, too (TR-04).

    async def _versions(self, request: web.Request) -> web.StreamResponse:
        _only_get(request)
        return self._success([{"version": VERSION, "url": self.public_url() + DETAILS_PATH}])

    async def _details(self, request: web.Request) -> web.StreamResponse:
        _only_get(request)
        credentials = _endpoint("credentials", InterfaceRole.SENDER, self.public_url() + CREDENTIALS_PATH)
        others = [
            _endpoint(offer.module.id, offer.interface, self._url(offer.module.id, offer.interface))
            for offer in self.offers
        ]
        return self._success({"version": VERSION, "endpoints": [credentials, *others]})

    async def _credentials(self, request: web.Request) -> web.StreamResponse:
        caller = request[CALLER]
        operation = MODULES["credentials"].match(InterfaceRole.SENDER, request.method, "").operation
        match operation.method:
            case "GET":
                return self._success(self.handshake.shown(caller).to_wire())
            case "DELETE":
                self.handshake.end(caller)
                return self._success()
            case "POST":
                exchange = self.handshake.accept
            case _:
                exchange = self.handshake.renew
        theirs = await _read_credentials(request)
        return self._success((await exchange(caller, theirs)).to_wire())

    # Everything else.

    async def _module(self, request: web.Request) -> web.StreamResponse:
        peer = await self._registered(request[CALLER])
        offer = self._offer(request.match_info["module"], request.match_info["interface"])
        # The path as it was written: an id may hold %2F.
        tail = request.rel_url.raw_path.removeprefix(
            module_url("", request.match_info["module"], offer.interface)
        )
        match = offer.module.match(offer.interface, request.method, tail)
        routing = read_routing(request.headers) if offer.module.is_routed else NO_ROUTING
        self._check_parties(routing, peer)
        asked = Request(
            module=offer.module,
            operation=match.operation,
            parameters=match.parameters,
            tail=tail,
            query=request.rel_url.raw_query_string,
            endpoint=self._url(offer.module.id, offer.interface),
            ids=request[IDS],
            routing=routing,
            peer=peer,
            value=await _checked_body(request, match.operation, offer.mended),
        )
        return self._answered(await offer.handlers[match.operation](asked))

    async def _registered(self, caller: Caller) -> Peer:
        if caller.peer is not None:
            return caller.peer
        settled = await self.peers.settled(caller)
        if settled is None or settled.peer is None:
            raise NotAuthenticated("register first: this token opens versions and credentials only")
        return settled.peer

    def _offer(self, module_id: str, interface: str) -> Offer:
        for offer in self.offers:
            if offer.module.id == module_id and offer.interface.lower() == interface:
                return offer
        raise NotFound(f"this platform does not offer the {interface} interface of {module_id}")

    def _check_parties(self, routing: Routing, peer: Peer) -> None:
        """Through a hub everybody may speak to us, otherwise only the parties that registered (AM-03)."""
        if routing.to is not None and routing.to not in self.parties:
            raise InvalidParameters(f"OCPI-to: {routing.to} is not a party of this platform")
        if routing.sender is not None and not peer.is_hub and not peer.has_party(routing.sender):
            raise InvalidParameters(f"OCPI-from: {routing.sender} is not a party that you registered")

    def _url(self, module_id: str, interface: InterfaceRole) -> str:
        return module_url(self.public_url(), module_id, interface)

    def _success(self, data: Any = None) -> web.Response:
        return json_response(success(self.clock(), data) if data is not None else success(self.clock()))

    def _answered(self, answer: Answer) -> web.Response:
        now = self.clock()
        body = success(now) if answer.data is None else success_with_stored(now, answer.data)
        return json_response(body, answer.status, answer.headers)


async def _read_credentials(request: web.Request) -> Credentials:
    """The credentials in the body, read strictly: what is kept of them is used for a long time (CR-23)."""
    value = decoded(await request.read())
    try:
        return Credentials.model_validate(value)
    except ValidationError as error:
        raise refusal(findings(error)) from error


async def _checked_body(request: web.Request, operation: Operation, mended: Callable[[Any], Any]) -> Any:
    """The decoded body after its model was asked, which is tolerant as a node has to be (TR-12, TR-13)."""
    body = await request.read()
    if not body and (operation.body is None or not operation.body_required):
        return None
    value = mended(decoded(body))
    if operation.body is None:
        return value
    try:
        if operation.partial:
            operation.body.check_patch(value, tolerant=True)
        else:
            operation.body.model_validate(value, context=TOLERANT)
    except ValidationError as error:
        raise refusal(findings(error)) from error
    return value


def _only_get(request: web.Request) -> None:
    if request.method != "GET":
        raise MethodNotAllowed(headers=(("Allow", "GET"),))


def _endpoint(identifier: str, role: InterfaceRole, url: str) -> dict[str, str]:
    return {"identifier": identifier, "role": role.value, "url": url}
