"""The handshake, as partners begin it: what they ask of the hub's credentials endpoint (2.2.1, Credentials).

    partner                                   hub
    POST (token A; token B in the body)  ->   GET versions (token B)       ->  partner
                                              GET details (token B)        ->  partner
                                              one transaction: parties, endpoints, token B;
                                              token A dies, token C works
                                         <-   token C, role HUB

Until that transaction nothing has happened: token A still works, and nobody is registered (CR-28). An update
by PUT has the same shape; there the token before the new one works on, as `rotation` says (AM-15).
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.calling.calls import Calls, PatientTransport
from hub.directory.current import CurrentDirectory
from hub.directory.directory import Caller, HubRole, Platform
from hub.directory.quirks import Quirk, Quirks
from hub.directory.tokens import Sealer, TokenPurpose, new_token
from hub.handshake.connections import (
    Connection,
    check_claims,
    check_hub_role,
    check_unclaimed,
    connect,
    connection,
    disconnect,
    missing_modules,
    party_roles,
)
from hub.handshake.identity import HubIdentity
from hub.handshake.impressions import Impressions
from hub.handshake.rotation import keep_overlapping_token, retire_tokens, settle
from hub.ocpi.client import NoMutualVersion, PeerOffers, PeerRefused, PlatformClient
from hub.ocpi.errors import (
    MethodNotAllowed,
    MissingEndpoints,
    NotAuthenticated,
    UnsupportedVersion,
    UnusableClientApi,
)
from hub.ocpi.headers import MessageIds, TokenEncoding
from hub.ocpi.timestamps import Clock
from hub.ocpi.transport import CallFailed
from hub.registry.records import Records
from hub.registry.token_rows import find_token, forget_tokens, give_token
from hub.store.journal import Purpose
from hub.store.tables import PlatformRow
from schemas.v2_2_1 import Credentials

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HandshakeParts:
    """What handshakes stand on, whoever begins them."""

    identity: HubIdentity
    directory: CurrentDirectory
    records: Records
    calls: Calls
    sealer: Sealer
    clock: Clock
    #: For each call of a handshake.
    timeout: timedelta
    new_token: Callable[[], str] = new_token
    #: Whether other processes may have handshakes with the same platforms.
    is_shared: bool = False

    def client(
        self,
        platform: Platform,
        token: str,
        encoding: TokenEncoding,
        impressions: Impressions,
        *,
        platform_id: int | None,
    ) -> PlatformClient:
        """A client for a handshake, whose calls leave impressions of the platform.

        Args:
            platform: What is known of it; perhaps no more than its versions URL.
            token: What it is shown.
            encoding: How, as far as that is known.
            impressions: Where its quirks are collected.
            platform_id: Under which the journal has the calls, if it has one already.
        """
        leg = self.calls.leg(Purpose.HANDSHAKE, platform_id, platform.name, "credentials")
        return PlatformClient(
            PatientTransport(leg, platform, "credentials", impressions.observe),
            token,
            new_id=self.calls.new_id,
            encoding=encoding,
            timeout=self.timeout,
            correlation_id=impressions.correlation_id,
            noticed=impressions.notice,
        )

    def learn(self, platform_id: int, impressions: Impressions, made: Connection) -> None:
        """Learn what a handshake that succeeded has shown."""
        impressions.of_parties(party for (party, _), _ in made.roles)
        for seen in impressions.concluded(made.encoding):
            self.calls.observe(platform_id, seen)


class Handshakes:
    """The hub as receiver: what stands behind its credentials endpoint."""

    def __init__(self, parts: HandshakeParts) -> None:
        self._on = parts

    async def answer(
        self,
        method: str,
        caller: Caller,
        credentials: Credentials | None,
        ids: MessageIds,
        impressions: Impressions | None = None,
    ) -> Credentials | None:
        """What a request to the endpoint is answered with; DELETE has no data.

        Args:
            method: Of the request.
            caller: Who makes it.
            credentials: What it holds.
            ids: Of the request.
            impressions: What it showed of the caller's quirks.

        Raises:
            OcpiError: as the method's own function says.
        """
        impressions = impressions or Impressions(ids.correlation_id)
        match method, credentials:
            case "GET", _:
                return self.current(caller)
            case "DELETE", _:
                await self.unregister(caller, ids)
                return None
            case "POST", Credentials():
                return await self.register(caller, credentials, ids, impressions)
            case "PUT", Credentials():
                return await self.update(caller, credentials, ids, impressions)
        raise MethodNotAllowed(headers=(("Allow", "GET, POST, PUT, DELETE"),))

    def current(self, caller: Caller) -> Credentials:
        """GET: the credentials with which the caller accesses the hub (CR-12)."""
        return self._on.identity.credentials(caller.token)

    async def register(
        self, caller: Caller, credentials: Credentials, ids: MessageIds, impressions: Impressions
    ) -> Credentials:
        """POST: the caller registers, and gets the token that it shows from now on (CR-03 to CR-07).

        Raises:
            MethodNotAllowed: it is registered already (CR-07).
            InvalidParameters: a party that it claims belongs to another platform (CR-26).
            UnusableClientApi, UnsupportedVersion, MissingEndpoints: the call back showed it (CR-15 to CR-17).
        """
        if caller.purpose is not TokenPurpose.REGISTRATION:
            raise _registered_already()
        made = await self._called_back(caller, credentials, impressions)
        token = self._on.new_token()
        async with self._on.records.changing(ids.correlation_id) as session:
            row = await _row_of(session, caller)
            await check_unclaimed(session, self._on.identity.party, row, made)
            await forget_tokens(session, row)
            await self._connect(session, row, made, token)
            # It has read our details before it could POST; whoever PUTs need not read them again.
            row.seen_of_hub = self._on.identity.looks(HubRole(row.hub_role))
        self._on.learn(caller.platform.id, impressions, made)
        return self._on.identity.credentials(token)

    async def update(
        self, caller: Caller, credentials: Credentials, ids: MessageIds, impressions: Impressions
    ) -> Credentials:
        """PUT: new credentials of a registered caller; its endpoints are fetched anew (CR-10, CR-11, CR-29).

        Raises:
            MethodNotAllowed: it is not registered (CR-08).
            InvalidParameters, UnusableClientApi, UnsupportedVersion, MissingEndpoints: as in `register`.
        """
        if not caller.is_registered:
            raise _not_registered()
        made = await self._called_back(caller, credentials, impressions)
        token = self._on.new_token()
        async with self._on.records.changing(ids.correlation_id) as session:
            row = await _row_of(session, caller)
            await check_unclaimed(session, self._on.identity.party, row, made)
            await retire_tokens(session, row, self._on.clock())
            keep_overlapping_token(row, self._on.sealer, caller.platform.outbound_token)
            await self._connect(session, row, made, token)
        self._on.learn(caller.platform.id, impressions, made)
        return self._on.identity.credentials(token)

    async def unregister(self, caller: Caller, ids: MessageIds) -> None:
        """DELETE: both tokens die, and all automatic traffic ends (CR-13).

        Raises:
            MethodNotAllowed: it is not registered (CR-09).
        """
        if not caller.is_registered:
            raise _not_registered()
        async with self._on.records.changing(ids.correlation_id) as session:
            await disconnect(session, await _row_of(session, caller))

    async def end_rotation(self, caller: Caller) -> None:
        """The caller has shown the token by which a rotation is decided (AM-15).

        To be called for each request whose caller says `ends_rotation`, which is one in a rotation.
        """
        try:
            async with self._on.records.changing() as session:
                await settle(session, caller.platform.id, caller.token, self._on.clock())
        except SQLAlchemyError:
            # The token is good all the same; the next request with it decides the rotation.
            log.exception("a rotation of the tokens of %s could not be ended", caller.platform.name)

    async def _called_back(
        self, caller: Caller, credentials: Credentials, impressions: Impressions
    ) -> Connection:
        """What the caller offers, as its versions and details say with its new token (CR-04)."""
        self._check_claims(caller, credentials)
        pinned = caller.platform.quirks.pinned(Quirk.TOKEN)
        client = self._on.client(
            stranger(caller.platform, credentials.url),
            credentials.token,
            caller.encoding if pinned is None else TokenEncoding(pinned.value),
            impressions,
            platform_id=caller.platform.id,
        )
        try:
            details = await client.negotiated(credentials.url, any_encoding=pinned is None)
        except NoMutualVersion as error:
            raise UnsupportedVersion(str(error)) from error
        except (CallFailed, PeerRefused, PeerOffers) as error:
            raise UnusableClientApi(
                f"could not read your versions and details at {credentials.url}: {error}"
            ) from error
        made = connection(credentials, details, credentials.url, client.encoding)
        missing = missing_modules(made.endpoints)
        if missing:
            raise MissingEndpoints(f"your version details list no endpoint for {', '.join(missing)}")
        return made

    def _check_claims(self, caller: Caller, credentials: Credentials) -> None:
        """Refuse somebody else's party before anything is called; the transaction looks again."""
        taken = (
            registered.key
            for platform in self._on.directory.value.platforms.values()
            if platform.id != caller.platform.id
            for registered in platform.roles
        )
        claimed = [each for each, _ in party_roles(credentials)]
        check_hub_role(caller.platform.hub_role, claimed)
        check_claims(self._on.identity.party, claimed, taken)

    async def _connect(self, session: AsyncSession, row: PlatformRow, made: Connection, token: str) -> None:
        now = self._on.clock()
        await connect(session, row, made, self._on.sealer, now)
        await give_token(session, row, self._on.sealer, token, TokenPurpose.CREDENTIALS, now)


def stranger(platform: Platform, versions_url: str) -> Platform:
    """A platform of whose URLs nothing is known but where its versions are."""
    ways = Quirks({place: known for place, known in platform.quirks.known.items() if not place[1]})
    return replace(platform, versions_url=versions_url, endpoints={}, quirks=ways)


async def _row_of(session: AsyncSession, caller: Caller) -> PlatformRow:
    """The caller's row, if the token that it showed works still: another request may have been faster.

    Raises:
        MethodNotAllowed: with the same token A it has registered meanwhile.
        NotAuthenticated: its registration has ended meanwhile.
    """
    row = await session.get(PlatformRow, caller.platform.id)
    token = await find_token(session, caller.token)
    if row is not None and token is not None:
        return row
    if row is not None and row.outbound_token is not None and not caller.is_registered:
        raise _registered_already()
    raise NotAuthenticated


def _registered_already() -> MethodNotAllowed:
    return MethodNotAllowed(
        "this platform is registered: PUT changes its credentials, DELETE ends the registration",
        headers=(("Allow", "GET, PUT, DELETE"),),
    )


def _not_registered() -> MethodNotAllowed:
    return MethodNotAllowed(
        "this platform is not registered: POST registers it", headers=(("Allow", "GET, POST"),)
    )
