"""The credentials handshake, both ways: we register at a platform, or a platform registers with us.

Whatever step fails, nothing is kept and the token that was valid before stays valid (CR-28): what a handshake
learns is a value until `Peers` stores it in one transaction.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import timedelta

from hub.ocpi.client import NoMutualVersion, PeerOffers, PeerRefused, PlatformClient, endpoint_urls
from hub.ocpi.errors import (
    InvalidParameters,
    MethodNotAllowed,
    MissingEndpoints,
    NotAuthenticated,
    UnsupportedVersion,
    UnusableClientApi,
)
from hub.ocpi.headers import TokenEncoding
from hub.ocpi.party import NotAParty
from hub.ocpi.transport import BrokenAnswer, CallFailed, NoAnswerInTime, Transport
from partners.peers import Caller, Endpoints, InvitationSpent, Peer, Peers, business_names, party_roles
from schemas.v2_2_1 import Credentials, InterfaceRole

CREDENTIALS = ("credentials", InterfaceRole.SENDER)

#: What a node cannot do without at the far end, by module and interface.
Needs = Collection[tuple[str, InterfaceRole]]


class EndpointsMissing(PeerOffers):
    """The platform lacks interfaces that this node needs (CR-16)."""


class UnusableRoles(PeerOffers):
    """A role of the platform does not name a party."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """Both sides of the credentials module, CR-01 to CR-30."""

    peers: Peers
    transport: Transport
    #: Our credentials with the token that the other side is to show us.
    ours: Callable[[str], Credentials]
    needs: Needs
    new_id: Callable[[], str]
    timeout: timedelta
    #: Makes credentials tokens; unguessable, at most 64 characters of printable ASCII (CR-23).
    new_token: Callable[[], str]

    # We are the sender.

    async def register(
        self, versions_url: str, token_a: str, encoding: TokenEncoding = TokenEncoding.BASE64
    ) -> Peer:
        """Register at a platform that gave us token A (CR-03).

        Raises:
            CallFailed, PeerRefused, PeerOffers: it failed, nothing is kept.
        """
        client = self._client(token_a, encoding)
        endpoints = await self._endpoints(client, versions_url)
        token_b = self.new_token()
        with self.peers.awaited(token_b):
            theirs = await client.exchange_credentials("POST", endpoints[CREDENTIALS], self.ours(token_b))
            return self.peers.adopt(_peer(theirs, endpoints, encoding), token_b)

    async def update(self, peer: Peer) -> Peer:
        """New tokens for both directions, and the platform's endpoints read anew (CR-10, CR-18).

        Raises:
            CallFailed, PeerRefused, PeerOffers: it failed, the tokens that were valid stay so.
        """
        client = self._client(peer.outbound_token, peer.encoding)
        endpoints = await self._endpoints(client, peer.versions_url)
        token_b = self.new_token()
        with self.peers.awaited(token_b):
            try:
                theirs = await client.exchange_credentials("PUT", endpoints[CREDENTIALS], self.ours(token_b))
                renewed = replace(_peer(theirs, endpoints, peer.encoding), id=peer.id)
            except (NoAnswerInTime, BrokenAnswer, PeerOffers):
                # The platform may use the new token from now on, although we could not read its answer.
                self.peers.admit(peer, token_b)
                raise
            self.peers.renew(renewed, token_b)
            return renewed

    async def unregister(self, peer: Peer) -> None:
        """End the registration, at the platform and here (CR-13).

        Raises:
            CallFailed, PeerRefused: the platform did not agree; the registration stands.
        """
        client = self._client(peer.outbound_token, peer.encoding)
        await client.delete_credentials(peer.endpoints[CREDENTIALS])
        self.peers.forget(peer)

    # We are the receiver.

    def shown(self, caller: Caller) -> Credentials:
        """The credentials with which the caller accesses us (CR-12)."""
        return self.ours(caller.token)

    async def accept(self, caller: Caller, theirs: Credentials) -> Credentials:
        """A platform registers with token A (CR-04, CR-05).

        Raises:
            MethodNotAllowed: it is registered already (CR-07).
            UnusableClientApi, UnsupportedVersion, MissingEndpoints: its own interfaces do not do
                (CR-15 to CR-17).
        """
        if caller.peer is not None:
            raise MethodNotAllowed("already registered: PUT updates the credentials, DELETE ends them")
        peer = await self._called_back(theirs, caller.encoding)
        token_c = self.new_token()
        try:
            self.peers.adopt(peer, token_c, invitation=caller.token)
        except InvitationSpent:
            raise NotAuthenticated("this token has been used for a registration already") from None
        return self.ours(token_c)

    async def renew(self, caller: Caller, theirs: Credentials) -> Credentials:
        """A platform changes its credentials and gets a new token from us (CR-10, CR-11).

        Raises:
            MethodNotAllowed: it is not registered (CR-08).
            UnusableClientApi, UnsupportedVersion, MissingEndpoints: its own interfaces do not do.
        """
        known = _registered(caller)
        peer = await self._called_back(theirs, caller.encoding)
        token_c = self.new_token()
        self.peers.renew(replace(peer, id=known.id), token_c)
        return self.ours(token_c)

    def end(self, caller: Caller) -> None:
        """A platform ends its registration (CR-13).

        Raises:
            MethodNotAllowed: it is not registered (CR-09).
        """
        self.peers.forget(_registered(caller))

    async def _called_back(self, theirs: Credentials, encoding: TokenEncoding) -> Peer:
        client = self._client(theirs.token, encoding)
        try:
            endpoints = await self._endpoints(client, str(theirs.url))
        except NoMutualVersion as error:
            raise UnsupportedVersion(str(error)) from error
        except EndpointsMissing as error:
            raise MissingEndpoints(str(error)) from error
        except (CallFailed, PeerRefused, PeerOffers) as error:
            raise UnusableClientApi(f"calling back {theirs.url} failed: {error}") from error
        try:
            return _peer(theirs, endpoints, encoding)
        except UnusableRoles as error:
            raise InvalidParameters(f"/roles: {error}") from error

    # Both.

    async def _endpoints(self, client: PlatformClient, versions_url: str) -> Endpoints:
        endpoints = endpoint_urls(await client.negotiated(versions_url))
        missing = [" ".join(each) for each in (CREDENTIALS, *self.needs) if each not in endpoints]
        if missing:
            raise EndpointsMissing(f"the version details lack {', '.join(missing)}")
        return endpoints

    def _client(self, token: str, encoding: TokenEncoding) -> PlatformClient:
        return PlatformClient(
            self.transport, token, new_id=self.new_id, encoding=encoding, timeout=self.timeout
        )


def _registered(caller: Caller) -> Peer:
    if caller.peer is None:
        raise MethodNotAllowed("not registered: POST registers")
    return caller.peer


def _peer(theirs: Credentials, endpoints: Endpoints, encoding: TokenEncoding) -> Peer:
    try:
        roles, names = party_roles(theirs), business_names(theirs)
    except NotAParty as error:
        raise UnusableRoles(str(error)) from error
    return Peer(
        versions_url=str(theirs.url),
        outbound_token=theirs.token,
        roles=roles,
        endpoints=endpoints,
        encoding=encoding,
        names=names,
    )
