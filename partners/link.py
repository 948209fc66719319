"""The node's link to its partner platform, as a rule a hub: pushes and pulls, each addressed to a party."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from hub.ocpi.client import Answer, PeerOffers, PeerRefused, PlatformClient
from hub.ocpi.headers import NO_ROUTING, TOTAL_COUNT, Routing
from hub.ocpi.modules import MODULES
from hub.ocpi.paging import read_total
from hub.ocpi.party import Party
from hub.ocpi.timestamps import format_timestamp
from hub.ocpi.transport import CallFailed, Transport, joined_url
from partners.hub_clients import HubClients
from partners.peers import NotSent, Peer, Peers
from schemas import exact_json
from schemas.v2_2_1 import ConnectionStatus, InterfaceRole, Role
from schemas.wire_object import WireObject

HTTP_NOT_FOUND = 404


class PartyNotConnected(NotSent):
    """The hub said that the party cannot be reached, so nothing is sent to it (HCI-12 to HCI-14)."""


class NotOffered(PeerOffers):
    """The platform does not offer the interface."""


class NoHub(PeerOffers):
    """The request is meant for a hub and the platform is none."""


#: Every way in which a request ends without success.
NO_SUCCESS: Final = (NotSent, CallFailed, PeerRefused, PeerOffers)


def in_words(error: Exception) -> str:
    """Why a request ended without success, for whoever asked for it."""
    match error:
        case CallFailed():
            return f"the platform: {error.happened} ({error})"
        case PeerRefused():
            return f"the platform refused: {error}"
    return str(error)


@dataclass(frozen=True, slots=True)
class Link:
    """Calls to the platform that the node is registered with, in the name of the node's party."""

    party: Party
    peers: Peers
    clients: HubClients
    transport: Transport
    new_id: Callable[[], str]
    timeout: timedelta

    @property
    def hub(self) -> Party:
        """The hub itself as addressee: of broadcasts and of lists of everybody's objects.

        Raises:
            NotRegistered: there is no platform.
            NoHub: the platform is not a hub.
        """
        party = self.peers.partner().hub_party
        if party is None:
            raise NoHub("the platform that we are registered with is not a hub")
        return party

    @property
    def is_up(self) -> bool:
        """Whether there is a platform to talk to."""
        return bool(self.peers.all())

    def offers(self, module: str, interface: InterfaceRole) -> bool:
        """Whether the platform has this interface.

        Raises:
            NotRegistered: there is no platform.
        """
        return (module, interface) in self.peers.partner().endpoints

    def everybody(self, role: Role) -> tuple[Party, ...]:
        """Whom to address for all parties in this role: the hub, or the parties of a platform that is none.

        Raises:
            NotRegistered: there is no platform.
        """
        peer = self.peers.partner()
        if peer.hub_party is not None:
            return (peer.hub_party,)
        return tuple(each.party for each in peer.roles if each.role is role)

    async def send(
        self,
        method: str,
        module: str,
        interface: InterfaceRole,
        tail: str,
        value: WireObject | Mapping[str, Any] | None = None,
        *,
        to: Party | None,
        query: str = "",
        correlation_id: str | None = None,
    ) -> Answer:
        """One request of a functional module and its answer, whatever it says.

        Args:
            method: The HTTP method.
            module: The module's identifier.
            interface: The interface of the far end.
            tail: The path below the module's URL, percent-encoded (see `path`).
            value: The body.
            to: The party it is for, `Link.hub` for a broadcast, None to let the hub find out (RT-44).
            query: The query string, percent-encoded.
            correlation_id: That of the message which led to this one (AM-46).

        Raises:
            NotRegistered, NotOffered: there is nobody to send it to.
            PartyNotConnected: the hub said so; nothing was sent.
            CallFailed: no answer can be had.
        """
        peer = self.peers.partner()
        self._check_connected(peer, to, MODULES[module].roles(interface))
        return await self._client(peer).call(
            method,
            joined_url(_endpoint(peer, module, interface), tail, query),
            body=b"" if value is None else _body(value),
            routing=Routing(to=to, sender=self.party),
            correlation_id=correlation_id,
        )

    async def post_to(
        self, url: str, value: WireObject, *, to: Party | None, correlation_id: str | None = None
    ) -> Answer:
        """A POST to a URL that the far end gave us, such as a response_url (CMD-05).

        Raises:
            NotRegistered, CallFailed: it could not be sent, or there is no answer.
        """
        return await self._client(self.peers.partner()).push(
            "POST", url, value, routing=Routing(to=to, sender=self.party), correlation_id=correlation_id
        )

    async def patch(
        self,
        module: str,
        tail: str,
        changed: Mapping[str, Any],
        whole: WireObject,
        *,
        to: Party,
        query: str = "",
        correlation_id: str | None = None,
    ) -> Answer:
        """A PATCH of an object of ours; where the far end lacks the object it gets all of it (TR-23).

        Args:
            module: The module's identifier.
            tail: Where the object is, below the module's Receiver interface.
            changed: The fields that changed, with `last_updated`.
            whole: The object as it is now.
            to: The party it is for, `Link.hub` for a broadcast.
            query: The query string, percent-encoded.
            correlation_id: That of the message which led to this one.

        Raises:
            NotRegistered, NotOffered, PartyNotConnected, CallFailed: as for `send`.
        """

        async def sent(method: str, value: WireObject | Mapping[str, Any] | None = None) -> Answer:
            return await self.send(
                method,
                module,
                InterfaceRole.RECEIVER,
                tail,
                value,
                to=to,
                query=query,
                correlation_id=correlation_id,
            )

        answer = await sent("PATCH", changed)
        if answer.is_success:
            return answer
        # A hub that broadcasts is asked no GET (RT-38): its own 404 says that it has no such object.
        there = answer if to == self.peers.partner().hub_party else await sent("GET")
        return await sent("PUT", whole) if there.reply.status == HTTP_NOT_FOUND else answer

    async def pages(
        self, module: str, *, to: Party, since: datetime | None = None, limit: int | None = None
    ) -> AsyncIterator["Page"]:
        """The pages of a Sender interface's list (PG-13).

        Raises:
            NotRegistered, NotOffered, PartyNotConnected: as for `send`.
            CallFailed, PeerRefused, PeerOffers: a page cannot be had; those before it were given out.
        """
        peer = self.peers.partner()
        self._check_connected(peer, to, MODULES[module].sender_roles)
        query = _query(since, limit)
        url = joined_url(_endpoint(peer, module, InterfaceRole.SENDER), "", query)
        host = urlsplit(url).netloc
        pages = self._client(peer).listed(
            url,
            lambda following: urlsplit(following).netloc == host,
            routing=Routing(to=to, sender=self.party),
        )
        async for answer in pages:
            yield Page(answer.data(), read_total(answer.reply.header(TOTAL_COUNT)))

    async def client_infos(self) -> AsyncIterator[list[Any]]:
        """The pages of the hub's list of connected parties, which is addressed to nobody (HCI-07)."""
        peer = self.peers.partner()
        url = _endpoint(peer, "hubclientinfo", InterfaceRole.SENDER)
        async for page in self._client(peer).pages(url, routing=NO_ROUTING):
            yield page

    async def ask_hub(self, tail: str) -> Any:
        """What the hub answers to a GET below its version 2.2.1 that is no module of OCPI.

        Args:
            tail: The path below the version, percent-encoded (see `path`).

        Raises:
            NotRegistered, NoHub: there is nobody to ask.
            CallFailed, PeerRefused: it does not tell.
        """
        peer = self.peers.partner()
        base = peer.versions_url.rstrip("/").removesuffix("/versions")
        url = joined_url(f"{base}/2.2.1", tail, "")
        answer = await self._client(peer).call("GET", url, routing=Routing(to=self.hub, sender=self.party))
        return answer.data()

    def _client(self, peer: Peer) -> PlatformClient:
        return PlatformClient(
            self.transport,
            peer.outbound_token,
            new_id=self.new_id,
            encoding=peer.encoding,
            timeout=self.timeout,
        )

    def _check_connected(self, peer: Peer, to: Party | None, roles: frozenset[Role]) -> None:
        if to is None or to == peer.hub_party or not peer.is_hub:
            return
        said = [status for role in roles if (status := self.clients.status(to, role)) is not None]
        if said and ConnectionStatus.CONNECTED not in said:
            raise PartyNotConnected(f"{to} is {said[0]} at the hub")


class Page(NamedTuple):
    """One page of a list."""

    #: Decoded.
    objects: list[Any]
    #: How many the list has on all its pages, None where the platform does not say.
    total: int | None


def path(*segments: str) -> str:
    """The path of these segments, each percent-encoded (AM-35)."""
    return "".join("/" + quote(segment, safe="") for segment in segments)


def _endpoint(peer: Peer, module: str, interface: InterfaceRole) -> str:
    try:
        return peer.endpoints[module, interface]
    except KeyError:
        raise NotOffered(f"{peer.versions_url} does not offer {module} {interface}") from None


def _body(value: WireObject | Mapping[str, Any]) -> bytes:
    return value.to_json() if isinstance(value, WireObject) else exact_json.encode(dict(value))


def _query(since: datetime | None, limit: int | None) -> str:
    given = {
        "date_from": None if since is None else format_timestamp(since),
        "limit": None if limit is None else str(limit),
    }
    return urlencode({name: value for name, value in given.items() if value is not None})
