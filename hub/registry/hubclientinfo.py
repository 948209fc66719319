"""Who is connected, as those may know it who are connected too: the ClientInfo of each party in each role.

The state of a party is that of its platform (HCI-15). A change of the registry's tables is turned into the
ClientInfo objects that it changes, and no others: `last_updated` moves only with the status (HCI-03, HCI-16).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.ocpi.party import Party, PartyRole
from hub.store.tables import PlatformRoleRow, PlatformRow
from schemas.v2_2_1 import ClientInfo, ConnectionStatus, Role

#: Writes changed ClientInfo objects in the transaction that changed them, for those who may know.
Announce = Callable[[AsyncConnection, Sequence[ClientInfo]], Awaitable[None]]


async def connections(session: AsyncSession) -> dict[PartyRole, ConnectionStatus]:
    """The status of each party in each role, as the tables say it now."""
    rows = await session.exec(
        select(
            PlatformRoleRow.country_code, PlatformRoleRow.party_id, PlatformRoleRow.role, PlatformRow.status
        ).join(PlatformRow, col(PlatformRow.id) == PlatformRoleRow.platform_id)
    )
    return {
        PartyRole(Party(country_code, party_id), Role(role)): ConnectionStatus(status)
        for country_code, party_id, role, status in rows
    }


def changed_infos(
    before: Mapping[PartyRole, ConnectionStatus], after: Mapping[PartyRole, ConnectionStatus], now: datetime
) -> tuple[ClientInfo, ...]:
    """The objects that a change makes new. Who is gone is SUSPENDED: objects are never deleted (HCI-04)."""
    gone = {each: ConnectionStatus.SUSPENDED for each in before if each not in after}
    return tuple(
        client_info(each, status, now)
        for each, status in {**after, **gone}.items()
        if before.get(each) is not status
    )


def client_info(each: PartyRole, status: ConnectionStatus, last_updated: datetime) -> ClientInfo:
    """The ClientInfo object of a party in a role (HCI-02)."""
    return ClientInfo(
        party_id=each.party.party_id,
        country_code=each.party.country_code,
        role=each.role,
        status=status,
        last_updated=last_updated,
    )
