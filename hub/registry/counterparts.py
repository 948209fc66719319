"""What it means for the partners that agreements begin or end (design D6; HCI-06, HCI-13).

Whoever may exchange a module's messages from now on is told of what there is already; whoever may not any
more is told of that, where OCPI has words for it. Both is a resync: what is said is decided when it is said,
so that the last word is always that of the agreements in force.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.directory.agreements import CLIENT_INFO, Agreements
from hub.directory.directory import HubRole
from hub.ocpi.modules import MODULES
from hub.ocpi.party import Party, PartyRole
from hub.store.object_rows import DELETABLE
from hub.store.resyncs import OwedResync, owners_of
from hub.store.tables import DistantPartyRow, PlatformRoleRow, PlatformRow
from schemas.v2_2_1 import Role

#: What is kept for those who may see it.
BROADCAST = tuple(module.id for module in MODULES.values() if module.is_broadcast)


@dataclass(frozen=True, slots=True)
class Standing:
    """The agreements as they stand at a moment."""

    agreements: Agreements
    at: datetime

    def allows(self, one: Party, other: Party, module: str) -> bool:
        """Whether the two may exchange the module's messages."""
        return self.agreements.allow(one, other, module, self.at)


class Registered(NamedTuple):
    """A party in a role, on a platform that is registered."""

    platform_id: int
    party_role: PartyRole


async def registered(session: AsyncSession) -> list[Registered]:
    """Everybody who can be told anything."""
    rows = await session.exec(
        select(PlatformRoleRow)
        .join(PlatformRow, col(PlatformRow.id) == PlatformRoleRow.platform_id)
        .where(col(PlatformRow.outbound_token).is_not(None))
    )
    return [
        Registered(row.platform_id, PartyRole(Party(row.country_code, row.party_id), Role(row.role)))
        for row in rows
    ]


async def distant(session: AsyncSession) -> list[tuple[int, Party]]:
    """The parties that other hubs reach, each with the hub."""
    rows = await session.exec(
        select(DistantPartyRow)
        .join(PlatformRow, col(PlatformRow.id) == DistantPartyRow.platform_id)
        .where(PlatformRow.hub_role == HubRole.ALLOWED)
    )
    return [(row.platform_id, Party(row.country_code, row.party_id)) for row in rows]


def parties_of(
    everybody: Iterable[Registered], others: Iterable[tuple[int, Party]]
) -> Mapping[int, Collection[Party]]:
    """The parties of each registered platform, with those that it reaches if it is another hub (RT-10)."""
    parties: dict[int, set[Party]] = {}
    for platform_id, party_role in everybody:
        parties.setdefault(platform_id, set()).add(party_role.party)
    for platform_id, party in others:
        if platform_id in parties:
            parties[platform_id].add(party)
    return parties


async def resyncs(session: AsyncSession, before: Standing, after: Standing) -> list[OwedResync]:
    """Who is to be told anew of whose objects."""
    if not is_other(before, after):
        return []
    everybody = await registered(session)
    # Also who has nothing yet: its first object may be on its way to whoever looks at the agreements before.
    owners = {
        *await owners_of(await session.connection(), (*BROADCAST, CLIENT_INFO)),
        *may_own(everybody),
    }
    readers = parties_of(everybody, await distant(session))
    in_order = sorted(owners, key=str)
    return [*_of_objects(in_order, everybody, before, after), *_of_parties(in_order, readers, before, after)]


def may_own(everybody: Iterable[Registered]) -> Iterator[tuple[str, Party]]:
    """Who may have objects that are kept for those who may see them, each with the module."""
    for _, (party, role) in everybody:
        for module in BROADCAST:
            if role in MODULES[module].sender_roles:
                yield module, party


def is_other(before: Standing, after: Standing) -> bool:
    """Whether anybody may do anything else than before."""
    if before.agreements.is_open or after.agreements.is_open:
        return before.agreements.is_open != after.agreements.is_open
    return _in_force(before) != _in_force(after)


def _in_force(standing: Standing) -> set[int]:
    return {each.id for each in standing.agreements.all if each.is_in_force(standing.at)}


def _of_objects(
    owners: Iterable[tuple[str, Party]], everybody: Iterable[Registered], before: Standing, after: Standing
) -> Iterator[OwedResync]:
    everybody = list(everybody)
    for module, owner in owners:
        for platform_id, party_role in everybody if module != CLIENT_INFO else ():
            party, role = party_role
            if role not in MODULES[module].receiver_roles:
                continue
            was, is_now = before.allows(owner, party, module), after.allows(owner, party, module)
            if was != is_now and (is_now or module in DELETABLE):
                yield OwedResync(platform_id, party_role, module, owner)


def _of_parties(
    owners: Iterable[tuple[str, Party]],
    readers: Mapping[int, Collection[Party]],
    before: Standing,
    after: Standing,
) -> Iterator[OwedResync]:
    """ClientInfo goes to a platform, which may know whom any of its parties may know."""
    for module, known in owners:
        for platform_id, own in readers.items() if module == CLIENT_INFO else ():
            was, is_now = (
                any(standing.allows(known, each, CLIENT_INFO) for each in own) for standing in (before, after)
            )
            if was != is_now:
                yield OwedResync(platform_id, None, CLIENT_INFO, known)
