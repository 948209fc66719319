"""Who is connected, as those may know it who are connected too: the ClientInfo of each party in each role.

The state of a party is that of its platform (HCI-15). A change of the registry's tables is turned into the
ClientInfo objects that it changes, and no others: `last_updated` moves only with the status (HCI-03, HCI-16).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.ocpi.party import Party, PartyRole
from hub.store.tables import PlatformRoleRow, PlatformRow
from schemas.v2_2_1 import ClientInfo, ConnectionStatus, Role


class Connected(NamedTuple):
    """The platform of a party, and whether it can be reached."""

    platform_id: int
    status: ConnectionStatus


async def connections(session: AsyncSession) -> dict[PartyRole, Connected]:
    """How each party is connected in each role, as the tables say it now."""
    rows = await session.exec(
        select(PlatformRoleRow, PlatformRow.status).join(
            PlatformRow, col(PlatformRow.id) == PlatformRoleRow.platform_id
        )
    )
    return {
        PartyRole(Party(row.country_code, row.party_id), Role(row.role)): Connected(
            row.platform_id, ConnectionStatus(status)
        )
        for row, status in rows
    }


def changed_infos(
    before: Mapping[PartyRole, Connected], after: Mapping[PartyRole, Connected], now: datetime
) -> dict[int, list[ClientInfo]]:
    """The objects that a change makes new, by platform.

    Who is gone is SUSPENDED: objects are never deleted (HCI-04).
    """
    gone = {
        each: Connected(was.platform_id, ConnectionStatus.SUSPENDED)
        for each, was in before.items()
        if each not in after
    }
    infos: dict[int, list[ClientInfo]] = {}
    for each, (platform_id, status) in {**after, **gone}.items():
        if each not in before or before[each].status is not status:
            infos.setdefault(platform_id, []).append(client_info(each, status, now))
    return infos


def client_info(each: PartyRole, status: ConnectionStatus, last_updated: datetime) -> ClientInfo:
    """The ClientInfo object of a party in a role (HCI-02)."""
    return ClientInfo(
        party_id=each.party.party_id,
        country_code=each.party.country_code,
        role=each.role,
        status=status,
        last_updated=last_updated,
    )
