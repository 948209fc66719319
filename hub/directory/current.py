"""The Directory in force: loaded from the tables, swapped whole after every change."""

import asyncio
from collections.abc import Iterable
from typing import Any

from sqlalchemy import inspect, select
from sqlmodel import SQLModel, col
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
from hub.directory.quirks import NO_QUIRKS, Known, Place, Quirk, Quirks, Source
from hub.directory.tokens import Sealer, TokenPurpose, token_hash
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

    async def knows_by_now(self, shown: Iterable[tuple[str, TokenEncoding]]) -> bool:
        """Whether another process has given one of these tokens just now; it is in force then.

        A platform may show its token sooner than what was announced is loaded here.
        """
        if not self._database.dialect.is_shared:
            return False
        hashes = [token_hash(token) for token, _ in shown]
        query = select(col(InboundTokenRow.id)).where(col(InboundTokenRow.token_hash).in_(hashes))
        async with self._database.reading() as connection:
            if (await connection.execute(query)).first() is None:
                return False
        await self.reload()
        return True

    async def _loaded(self, session: AsyncSession) -> Directory:
        roles: dict[int, list[RegisteredRole]] = {}
        for role in await _rows(session, PlatformRoleRow, "id"):
            registered = RegisteredRole(
                Party(role.country_code, role.party_id), Role(role.role), role.business_details
            )
            roles.setdefault(role.platform_id, []).append(registered)
        endpoints: dict[int, dict[Endpoint, str]] = {}
        for row in await _rows(session, EndpointRow):
            endpoints.setdefault(row.platform_id, {})[(row.module, InterfaceRole(row.interface))] = row.url
        quirks: dict[int, dict[Place, Known]] = {}
        for quirk in await _rows(session, QuirkRow):
            known = Known(quirk.value, Source(quirk.source))
            quirks.setdefault(quirk.platform_id, {})[(Quirk(quirk.name), quirk.about)] = known
        here = {each.party for registered in roles.values() for each in registered}
        distant: dict[int, list[DistantParty]] = {}
        for told in await _rows(session, DistantPartyRow):
            party = Party(told.country_code, told.party_id)
            if party in here:
                continue  # Who is registered here is reached here, and no other hub stands in for it.
            seen = DistantParty(party, Role(told.role), ConnectionStatus(told.status), told.last_updated)
            distant.setdefault(told.platform_id, []).append(seen)
        platforms = [
            self._platform(
                platform,
                tuple(roles.get(platform.id, ())),
                endpoints.get(platform.id, {}),
                Quirks(quirks[platform.id]) if platform.id in quirks else NO_QUIRKS,
                tuple(distant.get(platform.id, ())),
            )
            for platform in await _rows(session, PlatformRow)
        ]
        tokens = {
            token.token_hash: InboundToken(token.platform_id, TokenPurpose(token.purpose), token.retires_at)
            for token in await _rows(session, InboundTokenRow)
        }
        return Directory.of(self.value.hub, platforms, tokens, await read_agreements(session))

    def _platform(
        self,
        row: Any,
        roles: tuple[RegisteredRole, ...],
        endpoints: dict[Endpoint, str],
        quirks: Quirks,
        distant: tuple[DistantParty, ...],
    ) -> Platform:
        platform = Platform(
            id=row.id,
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
        # Who is as before is the same value: whoever compares Directories sees that at once.
        before = self.value.platforms.get(platform.id)
        return before if before is not None and before == platform else platform

    def opened(self, sealed: bytes | None) -> str | None:
        """A token as it is shown; None where there is none."""
        return None if sealed is None else self._sealer.opened(sealed)


async def _rows(session: AsyncSession, table: type[SQLModel], order: str | None = None) -> Iterable[Any]:
    """All rows of a table as plain tuples: instances cost much more, and a Directory is of thousands."""
    columns = inspect(table).local_table
    statement = select(columns)
    if order is not None:
        statement = statement.order_by(columns.c[order])
    return (await (await session.connection()).execute(statement)).all()
