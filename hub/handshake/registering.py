"""The handshake, as the hub begins it: it registers at a platform, renews both tokens, or leaves.

    hub                                             platform
    GET versions, GET details (token A)        ->
    a planned platform and token B are stored;
    token B opens versions and details (CR-27)
    POST (token A; token B in the body)        ->
                                                    GET versions, GET details (token B)  ->  hub
                                              <-    token C, its parties
    one transaction: parties, endpoints,
    token C; token B opens everything

Whatever fails, nothing of it stays (CR-28): the planned platform goes, and token B with it.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NamedTuple

from sqlmodel import col, delete
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.directory.directory import Caller, HubRole, Platform
from hub.directory.quirks import Quirk
from hub.directory.tokens import TokenPurpose, token_hash
from hub.handshake.connections import (
    CREDENTIALS,
    Connection,
    check_unclaimed,
    connect,
    connection,
    disconnect,
    known_endpoints,
    missing_modules,
    party_roles,
)
from hub.handshake.credentials import HandshakeParts
from hub.handshake.impressions import Impressions
from hub.handshake.rotation import keep_overlapping_token, retire_tokens, revoke_retired
from hub.ocpi.client import PeerOffers, PeerRefused, PlatformClient
from hub.ocpi.errors import InvalidParameters, OcpiError
from hub.ocpi.headers import TokenEncoding
from hub.ocpi.transport import CallFailed, NotReached, UrlNotAllowed
from hub.registry.platforms import (
    HandshakeFailed,
    NameTaken,
    NotConnectedYet,
    UnknownPlatform,
    check_name,
    named,
    planned,
)
from hub.registry.token_rows import forget_token, give_token, open_token
from hub.store.tables import PlatformRow
from schemas.v2_2_1 import ConnectionStatus, Credentials, VersionDetails

#: How a step of a handshake may fail.
FAILURES = (CallFailed, PeerRefused, PeerOffers, OcpiError)
#: A platform that knows no registration of ours says so with one of these (CR-09, AM-47).
NOT_REGISTERED_THERE = (401, 405)
CLIENT_ERRORS = range(400, 500)
#: A platform that calls before we have stored its answer waits so long for that.
SETTLING = timedelta(seconds=2)
#: How often it is looked whether it has been stored by another process, in seconds.
_LOOK_EVERY = 0.02


class Registering:
    """The hub as sender of the handshake."""

    def __init__(self, parts: HandshakeParts) -> None:
        self._on = parts
        self._underway: dict[int, asyncio.Event] = {}

    async def register_at(
        self,
        name: str,
        versions_url: str,
        token_a: str,
        encoding: TokenEncoding = TokenEncoding.BASE64,
        hub_role: HubRole = HubRole.REFUSED,
    ) -> Platform:
        """Register the hub at a platform that gave us token A, under a name of our choice (CR-03).

        Raises:
            NotAName, NameTaken: the name cannot be used.
            HandshakeFailed: the platform did not do its part; nothing stays.
        """
        check_name(name)
        if self._on.directory.value.named(name) is not None:
            raise NameTaken(f"a partner has the name {name!r} already")
        stranger = Platform(0, name, ConnectionStatus.PLANNED, versions_url=versions_url)
        talk = self._talk(stranger, token_a, encoding, platform_id=None)
        endpoint = await talk.read(versions_url)
        async with self._planned(name, versions_url, hub_role) as (platform_id, token_b):
            theirs = await talk.exchange("POST", endpoint.url, self._on.identity.credentials(token_b))
            try:
                with talk.step("its answer"):
                    made = connection(theirs, endpoint.details, versions_url, talk.client.encoding)
                    async with self._on.records.changing(talk.correlation_id) as session:
                        row = await session.get_one(PlatformRow, platform_id)
                        await check_unclaimed(session, self._on.identity.party, row, made)
                        await self._connect(session, row, made, token_b)
            except Exception:
                # The platform has registered us and we cannot keep it: undone as well as it goes.
                undo = self._talk(
                    stranger, theirs.token, talk.client.encoding, talk.correlation_id, platform_id=platform_id
                )
                with suppress(*FAILURES):
                    await undo.client.delete_credentials(endpoint.url)
                raise
        self._on.learn(platform_id, talk.impressions, made)
        return self._on.directory.value.platforms[platform_id]

    async def update_at(self, name: str, *, revoke_old: bool = False) -> Platform:
        """Exchange new tokens with a registered platform, and read its endpoints anew (CR-10, CR-18, VE-09).

        The tokens before the new ones work on until it is sure that the platform has the new ones (AM-15).

        Args:
            name: The platform.
            revoke_old: The tokens before die with the exchange: they may have leaked.

        Raises:
            UnknownPlatform, NotConnectedYet: there is nothing to update.
            HandshakeFailed: the platform did not do its part: the tokens are as they were. Or its new parties
                cannot be taken over: tokens and endpoints are new, the parties are as they were.
        """
        platform, token = self._registered(name)
        while (underway := self._underway.get(platform.id)) is not None:
            # Of two exchanges at once nobody would know which one the platform goes by.
            await underway.wait()
            platform, token = self._registered(name)
        with self._marked_underway(platform.id):
            talk = self._talk(platform, token, platform.token_encoding, platform_id=platform.id)
            endpoint = await talk.read(platform.versions_at or "")
            async with self._offered(platform, talk.correlation_id) as token_b:
                theirs = await talk.exchange("PUT", endpoint.url, self._on.identity.credentials(token_b))
                refusal = await self._renew(
                    platform, theirs, endpoint.details, token_b, talk, revoke_old=revoke_old
                )
        if refusal is not None:
            raise HandshakeFailed("its parties", refusal, talk.correlation_id) from refusal
        return self._on.directory.value.platforms[platform.id]

    async def unregister_at(self, name: str) -> None:
        """Leave a platform: the registration ends there and here (CR-13).

        Raises:
            UnknownPlatform, NotConnectedYet: there is nothing to end.
            HandshakeFailed: the platform did not agree, and the registration stands.
        """
        platform, token = self._registered(name)
        talk = self._talk(platform, token, platform.token_encoding, platform_id=platform.id)
        with talk.step("DELETE of the credentials"):
            try:
                await talk.client.delete_credentials(platform.endpoint(*CREDENTIALS) or "")
            except PeerRefused as refusal:
                if refusal.status not in NOT_REGISTERED_THERE:
                    raise
        async with self._on.records.changing(talk.correlation_id) as session:
            await disconnect(session, await named(session, name))

    async def settled(self, caller: Caller) -> None:
        """Wait for the end of the handshake that a caller's token is pending in.

        As soon as a platform has answered our POST it may use token B, and may be faster than our commit. And
        one that updates its credentials while we update ours at it is heard when ours is done.
        """
        underway = self._underway.get(caller.platform.id)
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLING.total_seconds()):
                if underway is not None:
                    await underway.wait()
                elif self._on.is_shared:
                    await self._settled_elsewhere(caller)

    async def _settled_elsewhere(self, caller: Caller) -> None:
        """Wait until the process that began the handshake has ended it."""
        hashed = token_hash(caller.token)
        while True:
            found = self._on.directory.value.inbound_tokens.get(hashed)
            if found is None or found.purpose is not TokenPurpose.PENDING:
                return
            await asyncio.sleep(_LOOK_EVERY)

    def _registered(self, name: str) -> tuple[Platform, str]:
        platform = self._on.directory.value.named(name)
        if platform is None:
            raise UnknownPlatform(f"no partner has the name {name!r}")
        if platform.outbound_token is None:
            raise NotConnectedYet(f"{name} is not registered")
        return platform, platform.outbound_token

    def _talk(
        self,
        platform: Platform,
        token: str,
        encoding: TokenEncoding,
        correlation_id: str | None = None,
        *,
        platform_id: int | None,
    ) -> "_Talk":
        impressions = Impressions(correlation_id or self._on.calls.new_id())
        client = self._on.client(platform, token, encoding, impressions, platform_id=platform_id)
        return _Talk(client, impressions, tries_encodings=platform.quirks.pinned(Quirk.TOKEN) is None)

    @asynccontextmanager
    async def _planned(
        self, name: str, versions_url: str, hub_role: HubRole
    ) -> AsyncIterator[tuple[int, str]]:
        """A planned platform with a pending token, forgotten when the block fails."""
        on = self._on
        token = on.new_token()
        async with on.records.changing() as session:
            row = await planned(session, name, on.clock, hub_role)
            row.versions_url = versions_url
            await give_token(session, row, on.sealer, token, TokenPurpose.PENDING, on.clock())
            platform_id = row.stored_id
        with self._marked_underway(platform_id):
            try:
                yield platform_id, token
            except BaseException:
                async with on.records.changing() as session:
                    await session.exec(delete(PlatformRow).where(col(PlatformRow.id) == platform_id))
                raise

    @asynccontextmanager
    async def _offered(self, platform: Platform, correlation_id: str) -> AsyncIterator[str]:
        """A pending token of a registered platform.

        When the block fails it is forgotten; but if the platform may have taken it, it works beside the one
        before until the platform has shown which one it has (AM-15).
        """
        on = self._on
        token = on.new_token()
        async with on.records.changing(correlation_id) as session:
            row = await named(session, platform.name)
            await give_token(session, row, on.sealer, token, TokenPurpose.PENDING, on.clock())
        try:
            yield token
        except BaseException as error:
            async with on.records.changing(correlation_id) as session:
                if _surely_not_done(error):
                    await forget_token(session, token)
                else:
                    await retire_tokens(session, await named(session, platform.name), on.clock())
                    await open_token(session, token)
            raise

    @contextmanager
    def _marked_underway(self, platform_id: int) -> Iterator[None]:
        ended = self._underway[platform_id] = asyncio.Event()
        try:
            yield
        finally:
            del self._underway[platform_id]
            ended.set()

    async def _renew(
        self,
        platform: Platform,
        theirs: Credentials,
        details: VersionDetails,
        token: str,
        talk: "_Talk",
        *,
        revoke_old: bool,
    ) -> InvalidParameters | None:
        """Put what an update gave in force; why its new parties are not taken over, if they are not.

        The tokens were exchanged: they are kept, whatever the parties are.
        """
        on = self._on
        roles_before = tuple((each.key, each.business_details) for each in platform.roles)
        made = Connection(
            versions_url=platform.versions_url or "",
            version=details.version,
            outbound_token=theirs.token,
            encoding=talk.client.encoding,
            roles=roles_before,
            endpoints=known_endpoints(details),
        )
        refusal = None
        async with on.records.changing(talk.correlation_id) as session:
            row = await named(session, platform.name)
            try:
                claimed = replace(made, roles=party_roles(theirs))
                await check_unclaimed(session, on.identity.party, row, claimed)
                made = claimed
            except InvalidParameters as error:
                refusal = error
            await retire_tokens(session, row, on.clock())
            keep_overlapping_token(row, on.sealer, platform.outbound_token)
            await self._connect(session, row, made, token)
            if revoke_old:
                await revoke_retired(session, row)
        on.learn(platform.id, talk.impressions, made)
        return refusal

    async def _connect(self, session: AsyncSession, row: PlatformRow, made: Connection, token: str) -> None:
        await connect(session, row, made, self._on.sealer, self._on.clock())
        row.seen_of_hub = self._on.identity.looks(HubRole(row.hub_role))
        await open_token(session, token)


@dataclass(frozen=True, slots=True)
class _Talk:
    """The calls of one handshake; its failures name the step, and where the journal has it."""

    client: PlatformClient
    impressions: Impressions
    #: Whether the token may be shown in the other encoding, too.
    tries_encodings: bool

    @property
    def correlation_id(self) -> str:
        return self.impressions.correlation_id

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        try:
            yield
        except FAILURES as error:
            raise HandshakeFailed(what, error, self.correlation_id) from error

    async def read(self, versions_url: str) -> "_CredentialsEndpoint":
        """Where the platform's credentials endpoint is; without one nothing is sent (CR-16)."""
        with self.step(f"GET of the versions at {versions_url} and of their details"):
            details = await self.client.negotiated(versions_url, any_encoding=self.tries_encodings)
            endpoints = known_endpoints(details)
            missing = missing_modules(endpoints)
            if missing:
                raise PeerOffers(f"the version details list no endpoint for {', '.join(missing)}")
        return _CredentialsEndpoint(endpoints[CREDENTIALS], details)

    async def exchange(self, method: str, url: str, ours: Credentials) -> Credentials:
        """POST or PUT of our credentials; the platform's come back."""
        with self.step(f"{method} of the credentials"):
            return await self.client.exchange_credentials(method, url, ours)


class _CredentialsEndpoint(NamedTuple):
    url: str
    details: VersionDetails


def _surely_not_done(error: BaseException) -> bool:
    """Whether it is certain that a platform did not do what it was asked when this went wrong."""
    match error.__cause__:
        case NotReached() | UrlNotAllowed():
            return True
        case PeerRefused(status_code=code, status=status):
            return code is not None or status in CLIENT_ERRORS
    return False
