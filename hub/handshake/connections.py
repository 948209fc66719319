"""What a handshake leaves in the tables: a platform's parties and endpoints, and the token that it gave."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.directory.directory import Endpoint, HubRole
from hub.directory.tokens import Sealer
from hub.handshake.rotation import keep_outbound_token
from hub.ocpi.client import endpoint_urls
from hub.ocpi.errors import InvalidParameters
from hub.ocpi.headers import TokenEncoding
from hub.ocpi.modules import MODULES
from hub.ocpi.party import NotAParty, Party, PartyRole
from hub.registry.token_rows import forget_tokens
from hub.store.tables import EndpointRow, PlatformRoleRow, PlatformRow, QuirkRow
from schemas.v2_2_1 import ConnectionStatus, Credentials, InterfaceRole, Role, VersionDetails

CREDENTIALS: Endpoint = ("credentials", InterfaceRole.SENDER)


@dataclass(frozen=True, slots=True)
class Connection:
    """What the other side gave in a handshake."""

    versions_url: str
    version: str
    outbound_token: str = field(repr=False)
    encoding: TokenEncoding
    #: Parties and roles with their BusinessDetails as JSON.
    roles: tuple[tuple[PartyRole, str], ...]
    endpoints: dict[Endpoint, str]


def connection(
    credentials: Credentials, details: VersionDetails, versions_url: str, encoding: TokenEncoding
) -> Connection:
    """What these two objects of a platform say.

    Raises:
        InvalidParameters: a role that cannot be a party's.
    """
    return Connection(
        versions_url=versions_url,
        version=details.version,
        outbound_token=credentials.token,
        encoding=encoding,
        roles=party_roles(credentials),
        endpoints=known_endpoints(details),
    )


def party_roles(credentials: Credentials) -> tuple[tuple[PartyRole, str], ...]:
    """The parties and roles in a Credentials object, each with its BusinessDetails as JSON.

    Raises:
        InvalidParameters: one that OCPI 2.2.1 does not know, or that cannot be a party.
    """
    found: list[tuple[PartyRole, str]] = []
    for place, each in enumerate(credentials.roles):
        try:
            party = Party(each.country_code, each.party_id)
            found.append((PartyRole(party, Role(each.role)), each.business_details.to_json().decode()))
        except (NotAParty, ValueError) as error:
            raise InvalidParameters(f"/roles/{place}: {error}") from error
    return tuple(found)


def known_endpoints(details: VersionDetails) -> dict[Endpoint, str]:
    """The endpoints of modules and interfaces that OCPI 2.2.1 knows; others are passed over (VE-08)."""
    return {
        (module, InterfaceRole(interface)): url
        for (module, interface), url in endpoint_urls(details).items()
        if module in MODULES and interface in tuple(InterfaceRole)
    }


def missing_modules(endpoints: Iterable[Endpoint]) -> tuple[str, ...]:
    """The modules without which no registration makes sense (CR-16, VE-06)."""
    return () if CREDENTIALS in endpoints else ("credentials",)


async def check_unclaimed(session: AsyncSession, hub: Party, row: PlatformRow, made: Connection) -> None:
    """Refuse parties that belong to somebody else (CR-26, AM-12), and a hub that nobody allowed (RT-10).

    Raises:
        InvalidParameters: names the first of them.
    """
    check_hub_role(HubRole(row.hub_role), (each for each, _ in made.roles))
    rows = await session.exec(select(PlatformRoleRow).where(PlatformRoleRow.platform_id != row.id))
    taken = {PartyRole(Party(each.country_code, each.party_id), Role(each.role)) for each in rows}
    check_claims(hub, (each for each, _ in made.roles), taken)


def check_claims(hub: Party, claimed: Iterable[PartyRole], taken: Iterable[PartyRole]) -> None:
    """Refuse a claim to a party in a role that another platform has, or to the hub's own party.

    Raises:
        InvalidParameters: names the first of them.
    """
    taken = frozenset(taken)
    for each in claimed:
        if each in taken:
            raise InvalidParameters(f"{each} is registered by another platform")
        if each.party == hub:
            raise InvalidParameters(f"{each.party} is the party of this hub")


def check_hub_role(hub_role: HubRole, claimed: Iterable[PartyRole]) -> None:
    """Refuse the role HUB to a platform that an operator has not allowed it (RT-10, AM-12).

    Raises:
        InvalidParameters: it claims the role.
    """
    for place, each in enumerate(claimed):
        if each.role is Role.HUB and hub_role is not HubRole.ALLOWED:
            raise InvalidParameters(
                f"/roles/{place}/role: a platform in the role HUB speaks for parties that are not registered"
                " here; the operator of this hub must allow it first"
            )


async def connect(
    session: AsyncSession, row: PlatformRow, made: Connection, sealer: Sealer, now: datetime
) -> None:
    """Put what the other side gave in the place of what it gave before."""
    await session.exec(delete(PlatformRoleRow).where(col(PlatformRoleRow.platform_id) == row.id))
    await session.exec(delete(EndpointRow).where(col(EndpointRow.platform_id) == row.id))
    # What was learnt of its URLs was said of those that it gave before.
    await session.exec(delete(QuirkRow).where(col(QuirkRow.platform_id) == row.id, col(QuirkRow.about) != ""))
    session.add_all(_role_row(row, each, details) for each, details in made.roles)
    session.add_all(
        EndpointRow(platform_id=row.stored_id, module=module, interface=interface, url=url)
        for (module, interface), url in made.endpoints.items()
    )
    row.versions_url = made.versions_url
    row.version = made.version
    keep_outbound_token(row)
    row.outbound_token = sealer.sealed(made.outbound_token)
    row.token_encoding = made.encoding
    row.connected_at = now
    row.status = ConnectionStatus.SUSPENDED if row.is_blocked else ConnectionStatus.CONNECTED
    await session.flush()


async def disconnect(session: AsyncSession, row: PlatformRow) -> None:
    """End a registration: both tokens die; the parties stay with the platform, SUSPENDED (CR-13, HCI-15)."""
    await forget_tokens(session, row)
    await session.exec(delete(EndpointRow).where(col(EndpointRow.platform_id) == row.id))
    row.status = ConnectionStatus.SUSPENDED


def _role_row(row: PlatformRow, each: PartyRole, business_details: str) -> PlatformRoleRow:
    country_code, party_id = each.party.folded
    return PlatformRoleRow(
        platform_id=row.stored_id,
        role=each.role,
        country_code=each.party.country_code,
        party_id=each.party.party_id,
        country_code_folded=country_code,
        party_id_folded=party_id,
        business_details=business_details,
    )
