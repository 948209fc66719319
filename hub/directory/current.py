"""The Directory in force: loaded from the tables, swapped whole after every change."""

import asyncio

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.directory.agreement_rows import read_agreements
from hub.directory.directory import (
    BadBodies,
    Directory,
    DistantParty,
    Endpoint,
    HubRole,
    InboundToken,
    Platform,
    Pull,
    RegisteredRole,
    WhenUnreachable,
)
from hub.directory.quirks import Known, Place, Quirk, Quirks, Source
from hub.directory.tokens import Sealer, TokenPurpose
from hub.ocpi.headers import TokenEncoding
from hub.ocpi.party import Party
from hub.store.database import Database
from hub.store.tables import (
    DistantPartyRow,
    EndpointRow,
    InboundTokenRow,
    PlatformRoleRow,
    PlatformRow,
    QuirkRow,
)
from schemas.v2_2_1 import ConnectionStatus, InterfaceRole, Role


class CurrentDirectory:
    """Where the Directory in force is found. Readers take `.value` once a request and keep that."""

    def __init__(self, database: Database, sealer: Sealer, hub: Party) -> None:
        self._database = database
        self._sealer = sealer
        self._loading = asyncio.Lock()
        self.value = Directory.of(hub, (), {})

    async def reload(self) -> Directory:
        """Read the tables and put the new Directory in force."""
        # One after the other: what was read first must not replace what was read last.
        async with self._loading, self._database.reading_session() as session:
            self.value = await self._loaded(session)
        return self.value

    async def _loaded(self, session: AsyncSession) -> Directory:
        roles: dict[int, list[RegisteredRole]] = {}
        for role in await session.exec(select(PlatformRoleRow).order_by(PlatformRoleRow.id)):  # type: ignore[arg-type]  # SQLModel types columns as values
            registered = RegisteredRole(
                Party(role.country_code, role.party_id), Role(role.role), role.business_details
            )
            roles.setdefault(role.platform_id, []).append(registered)
        endpoints: dict[int, dict[Endpoint, str]] = {}
        for row in await session.exec(select(EndpointRow)):
            endpoints.setdefault(row.platform_id, {})[(row.module, InterfaceRole(row.interface))] = row.url
        quirks: dict[int, dict[Place, Known]] = {}
        for quirk in await session.exec(select(QuirkRow)):
            known = Known(quirk.value, Source(quirk.source))
            quirks.setdefault(quirk.platform_id, {})[(Quirk(quirk.name), quirk.about)] = known
        here = {each.party for registered in roles.values() for each in registered}
        distant: dict[int, list[DistantParty]] = {}
        for told in await session.exec(select(DistantPartyRow)):
            party = Party(told.country_code, told.party_id)
            if party in here:
                continue  # Who is registered here is reached here, and no other hub stands in for it.
            seen = DistantParty(party, Role(told.role), ConnectionStatus(told.status), told.last_updated)
            distant.setdefault(told.platform_id, []).append(seen)
        platforms = [
            self._platform(
                platform,
                tuple(roles.get(platform.stored_id, ())),
                endpoints.get(platform.stored_id, {}),
                Quirks(quirks.get(platform.stored_id, {})),
                tuple(distant.get(platform.stored_id, ())),
            )
            for platform in await session.exec(select(PlatformRow))
        ]
        tokens = {
            token.token_hash: InboundToken(token.platform_id, TokenPurpose(token.purpose), token.retires_at)
            for token in await session.exec(select(InboundTokenRow))
        }
        return Directory.of(self.value.hub, platforms, tokens, await read_agreements(session))

    def _platform(
        self,
        row: PlatformRow,
        roles: tuple[RegisteredRole, ...],
        endpoints: dict[Endpoint, str],
        quirks: Quirks,
        distant: tuple[DistantParty, ...],
    ) -> Platform:
        return Platform(
            id=row.stored_id,
            name=row.name,
            status=ConnectionStatus(row.status),
            is_blocked=row.is_blocked,
            versions_url=row.versions_url,
            version=row.version,
            outbound_token=self.opened(row.outbound_token),
            previous_outbound_token=self.opened(row.previous_outbound_token),
            token_encoding=TokenEncoding(row.token_encoding),
            when_unreachable=WhenUnreachable(row.when_unreachable),
            bad_bodies=BadBodies(row.bad_bodies),
            rate_limit=row.rate_limit,
            pull=Pull(row.pull),
            hub_role=HubRole(row.hub_role),
            seen_of_hub=row.seen_of_hub,
            since_change=row.since_change,
            roles=roles,
            endpoints=endpoints,
            quirks=quirks,
            distant=distant,
        )

    def opened(self, sealed: bytes | None) -> str | None:
        """A token as it is shown; None where there is none."""
        return None if sealed is None else self._sealer.opened(sealed)
