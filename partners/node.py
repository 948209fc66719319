"""What every node has: versions, the handshake, a server made from its offers, and a link to its hub."""

import secrets
import uuid
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, TypeVar

from hub.ocpi.headers import TokenEncoding
from hub.ocpi.timestamps import Clock, utc_now
from partners.administration import AdminHandlers, AdminRequest, administration
from partners.changes import DEFAULT_PATIENCE, Changes
from partners.database import Database
from partners.exchange import Offer, offer
from partners.handshake import Handshake, Needs
from partners.hub_clients import HubClients
from partners.link import Link
from partners.listening import LOOPBACK, listen
from partners.objects import Objects
from partners.peers import Peer, Peers
from partners.pull import Pull
from partners.server import VERSIONS_PATH, Server, module_url
from partners.settings import NodeSettings
from partners.transport import AiohttpTransport
from schemas import exact_json
from schemas.v2_2_1 import Credentials, InterfaceRole, Role

TOKEN_BYTES = 32

Found = TypeVar("Found")


def new_id() -> str:
    """A message id or another name for a thing (TR-19)."""
    return str(uuid.uuid4())


def new_token() -> str:
    """A credentials token: 43 characters of printable ASCII (CR-23)."""
    return secrets.token_urlsafe(TOKEN_BYTES)


class Node:
    """One platform: the parts that the CPO and the eMSP share.

    Construct it, build handlers over its parts, `start` it with what they offer, `stop` it.

    Args:
        settings: Who it is and where it listens.
        role: The role of its parties.
        needs: The interfaces without which it does not register (CR-16).
        clock: Tells the time.
        new_id: Makes ids.
        new_token: Makes credentials tokens.
    """

    def __init__(
        self,
        settings: NodeSettings,
        role: Role,
        *,
        needs: Needs = (),
        clock: Clock = utc_now,
        new_id: Callable[[], str] = new_id,
        new_token: Callable[[], str] = new_token,
    ) -> None:
        self.settings = settings
        self.role = role
        self.clock = clock
        self.new_id = new_id
        self._new_token = new_token
        self.admin_key = settings.admin_key or new_token()
        self.changes = Changes()
        self.database = Database(settings.database)
        self.peers = Peers(self.database, self.changes, clock, self._ourselves)
        self.objects = Objects(self.database, clock, settings.party)
        self.clients = HubClients(self.database, self.changes)
        self.transport = AiohttpTransport()
        self.link = Link(
            settings.party, self.peers, self.clients, self.transport, new_id, settings.call_timeout
        )
        self.pull = Pull(self.link, self.objects, self.clients, self.changes, clock)
        self.handshake = Handshake(
            peers=self.peers,
            transport=self.transport,
            ours=self._credentials,
            needs=needs,
            new_id=new_id,
            timeout=settings.call_timeout,
            new_token=new_token,
        )
        self._running = AsyncExitStack()
        self._urls: dict[str, str] = {}
        self._offered: list[list[str]] = []

    async def start(self, offers: Sequence[Offer], admin: AdminHandlers | None = None) -> None:
        """Listen on both ports.

        Args:
            offers: The interfaces that this node offers, hubclientinfo and credentials apart.
            admin: Handlers of the node's own API besides those that every node has.

        Raises:
            CannotListen: a port is taken.
        """
        receiver = InterfaceRole.RECEIVER
        info = offer("hubclientinfo", receiver, self.clients.handlers())
        self._offered = [[each.module.id, each.interface.value] for each in offers]
        server = Server(
            parties=tuple(each.party for each in self.settings.parties),
            offers=(*offers, info),
            peers=self.peers,
            handshake=self.handshake,
            clock=self.clock,
            new_id=self.new_id,
            max_body_bytes=self.settings.max_body_bytes,
            public_url=lambda: self.url,
        )
        try:
            await self._running.enter_async_context(self.transport)
            ocpi, settings = server.application(), self.settings
            place = await listen(ocpi, settings.host, settings.port, "node.port", self._running)
            self._urls["ocpi"] = f"http://{place}"
            own = administration(self.admin_key, {**self._admin_handlers(), **(admin or {})})
            place = await listen(own, LOOPBACK, settings.admin_port, "node.admin_port", self._running)
            self._urls["admin"] = f"http://{place}"
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop listening, let requests end, close what is open."""
        await self._running.aclose()
        self.database.close()

    @property
    def url(self) -> str:
        """Where others reach us, without a path."""
        return (self.settings.public_url or self._urls["ocpi"]).rstrip("/")

    @property
    def versions_url(self) -> str:
        """Our versions URL, for those who register with us."""
        return self.url + VERSIONS_PATH

    @property
    def admin_url(self) -> str:
        """Where the node's own API listens."""
        return self._urls["admin"]

    def module_url(self, module_id: str, interface: InterfaceRole) -> str:
        """The public URL of one of our interfaces, without what follows it."""
        return module_url(self.url, module_id, interface)

    async def until(
        self, predicate: Callable[[], Found | None], patience: timedelta | None = DEFAULT_PATIENCE
    ) -> Found:
        """Wait until something is true of this node: the predicate's first true value.

        Raises:
            TimeoutError: it did not become true in time.
        """
        return await self.changes.until(predicate, patience)

    def issue_token_a(self) -> str:
        """A token with which a platform may register with us, once; hand it over safely (CR-02)."""
        token = self._new_token()
        self.peers.invite(token)
        return token

    async def register(
        self, versions_url: str, token_a: str, encoding: TokenEncoding = TokenEncoding.BASE64
    ) -> Peer:
        """Register at a platform that gave us its versions URL and a token A.

        Raises:
            CallFailed, PeerRefused, PeerOffers: it failed; nothing is kept.
        """
        return await self.handshake.register(versions_url, token_a, encoding)

    async def update_credentials(self) -> Peer:
        """Change the tokens of both directions, at least monthly and when one may have leaked (CR-18).

        Raises:
            NotRegistered: there is no registration.
            CallFailed, PeerRefused, PeerOffers: it failed; the tokens that were valid stay so.
        """
        return await self.handshake.update(self.peers.partner())

    async def unregister(self) -> None:
        """End the registration at our partner platform (CR-13).

        Raises:
            NotRegistered: there is no registration.
            CallFailed, PeerRefused: the platform did not agree; the registration stands.
        """
        await self.handshake.unregister(self.peers.partner())

    @property
    def is_registered(self) -> bool:
        """Whether there is a platform to work with."""
        return self.link.is_up

    def _ourselves(self) -> str:
        """What others see of us, to find out whether it has changed (VE-09)."""
        parties = [[str(party), name] for party, name in self.settings.parties]
        return exact_json.encode([self.versions_url, parties, self._offered]).decode()

    def _credentials(self, token: str) -> Credentials:
        return Credentials.model_validate(
            {
                "token": token,
                "url": self.versions_url,
                "roles": [
                    {
                        "role": self.role.value,
                        "business_details": {"name": name},
                        "party_id": party.party_id,
                        "country_code": party.country_code,
                    }
                    for party, name in self.settings.parties
                ],
            }
        )

    def _admin_handlers(self) -> AdminHandlers:
        return {
            "GET /state": self._admin_state,
            "POST /register": self._admin_register,
            "POST /invitation": self._admin_invite,
            "POST /credentials": self._admin_update,
            "DELETE /credentials": self._admin_unregister,
            "GET /hub-clients": self._admin_hub_clients,
        }

    async def _admin_state(self, _request: AdminRequest) -> Any:
        return {
            "parties": [str(each.party) for each in self.settings.parties],
            "role": self.role.value,
            "versions_url": self.versions_url,
            "peers": [_shown(peer) for peer in self.peers.all()],
        }

    async def _admin_register(self, request: AdminRequest) -> Any:
        return _shown(await self.register(request.text("versions_url"), request.text("token")))

    async def _admin_invite(self, _request: AdminRequest) -> Any:
        return {"versions_url": self.versions_url, "token": self.issue_token_a()}

    async def _admin_update(self, _request: AdminRequest) -> Any:
        return _shown(await self.update_credentials())

    async def _admin_unregister(self, _request: AdminRequest) -> Any:
        await self.unregister()
        return {}

    async def _admin_hub_clients(self, _request: AdminRequest) -> Any:
        return [info.to_wire() for info in self.clients.all()]


def _shown(peer: Peer) -> dict[str, Any]:
    """A peer without its tokens."""
    return {
        "versions_url": peer.versions_url,
        "roles": [str(each) for each in peer.roles],
        "endpoints": [
            {"module": module, "interface": side.value, "url": url}
            for (module, side), url in peer.endpoints.items()
        ],
    }
