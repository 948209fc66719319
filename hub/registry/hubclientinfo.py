"""Who is connected, as those may know it who are connected too: the ClientInfo of each party in each role.

The state of a party is that of its platform (HCI-15). A change of the registry's tables is turned into the
ClientInfo objects that it changes, and no others: `last_updated` moves only with the status (HCI-03, HCI-16).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.directory.agreements import BEGINNING, END, Acquaintance, Agreements
from hub.directory.directory import HubRole, Platform
from hub.ocpi.paging import PageRequest
from hub.ocpi.party import Party, PartyRole
from hub.store.pages import Page
from hub.store.tables import DistantPartyRow, PlatformRoleRow, PlatformRow
from schemas.v2_2_1 import ClientInfo, ConnectionStatus, Role

#: Parties of which the values are kept.
MOST_REMEMBERED = 50_000


class Told(NamedTuple):
    """Of whom ClientInfo is."""

    platform_id: int
    #: Whether the party is that of another hub, which no third hub is told of (AM-56).
    is_distant: bool = False


class Connected(NamedTuple):
    """The platform of a party, and whether it can be reached."""

    told: Told
    status: ConnectionStatus


async def connections(session: AsyncSession) -> dict[PartyRole, Connected]:
    """How each party is connected in each role, as the tables say it now."""
    rows = await (await session.connection()).execute(_REGISTERED)
    registered = {
        _party_role(country_code, party_id, role): _connected(platform_id, status)
        for country_code, party_id, role, platform_id, status in rows
    }
    return {**await _distant(session), **registered}


# There are thousands of them, looked through before and after each change: columns, not instances, and one
# value for each, so that two looks are compared in no time.
_REGISTERED = (
    select(  # type: ignore[call-overload]  # no overload for so many columns
        PlatformRoleRow.country_code,
        PlatformRoleRow.party_id,
        PlatformRoleRow.role,
        PlatformRoleRow.platform_id,
        PlatformRow.status,
    )
    .join(PlatformRow, col(PlatformRow.id) == PlatformRoleRow.platform_id)
    .order_by(col(PlatformRoleRow.id))
)


@lru_cache(maxsize=MOST_REMEMBERED)
def _party_role(country_code: str, party_id: str, role: str) -> PartyRole:
    return PartyRole(Party(country_code, party_id), Role(role))


@lru_cache(maxsize=MOST_REMEMBERED)
def _connected(platform_id: int, status: str) -> Connected:
    return Connected(Told(platform_id), ConnectionStatus(status))


def newcomers(before: Mapping[PartyRole, Connected], after: Mapping[PartyRole, Connected]) -> frozenset[int]:
    """The platforms that have a party now which they did not have before, or have registered again."""

    def registered(parties: Mapping[PartyRole, Connected]) -> set[tuple[PartyRole, int]]:
        there = {each: one for each, one in parties.items() if one.status is not ConnectionStatus.PLANNED}
        return {(each, one.told.platform_id) for each, one in there.items()}

    return frozenset(platform_id for _, platform_id in registered(after) - registered(before))


async def _distant(session: AsyncSession) -> dict[PartyRole, Connected]:
    """How the parties of other hubs are connected: no better than the hub that reaches them."""
    rows = await session.exec(
        select(DistantPartyRow, PlatformRow.status)
        .join(PlatformRow, col(PlatformRow.id) == DistantPartyRow.platform_id)
        .where(PlatformRow.hub_role == HubRole.ALLOWED)
        # Of several hubs that reach a party the first one counts, unless only another one does so now.
        .order_by(col(DistantPartyRow.platform_id).desc())
    )
    found: dict[PartyRole, Connected] = {}
    for row, status in rows:
        of_hub = ConnectionStatus(status)
        of_party = ConnectionStatus(row.status) if of_hub is ConnectionStatus.CONNECTED else of_hub
        each = PartyRole(Party(row.country_code, row.party_id), Role(row.role))
        known = found.get(each)
        if (
            known is None
            or of_party is ConnectionStatus.CONNECTED
            or known.status is not ConnectionStatus.CONNECTED
        ):
            found[each] = Connected(Told(row.platform_id, is_distant=True), of_party)
    return found


def changed_infos(
    before: Mapping[PartyRole, Connected], after: Mapping[PartyRole, Connected], now: datetime
) -> dict[Told, list[ClientInfo]]:
    """The objects that a change makes new, by whom they are of.

    Who is gone is SUSPENDED: objects are never deleted (HCI-04).
    """
    gone = {
        each: Connected(was.told, ConnectionStatus.SUSPENDED)
        for each, was in before.items()
        if each not in after
    }
    infos: dict[Told, list[ClientInfo]] = {}
    for each, (told, status) in {**after, **gone}.items():
        if each not in before or before[each].status is not status:
            infos.setdefault(told, []).append(client_info(each, status, now))
    return infos


def listed(
    bodies: Iterable[bytes], reader: Platform, agreements: Agreements, request: PageRequest, now: datetime
) -> Page:
    """A page of those whom a platform may know, as it may know them (HCI-05, HCI-06).

    Args:
        bodies: The ClientInfo of everybody else, in the order of pages.
        reader: Who asks.
        agreements: Whom it may know.
        request: Which of them are wanted.
        now: The present moment.
    """
    known = []
    for body in bodies:
        info = ClientInfo.read(body)
        found = acquaintance(Party(info.country_code, info.party_id), reader, agreements, now)
        if not found.is_known:
            continue
        shown = as_known(info, found)
        if (request.date_from or BEGINNING) <= shown.last_updated < (request.date_to or END):
            known.append(shown.to_json())
    return Page(tuple(known[request.offset :][: request.limit]), len(known))


def acquaintance(party: Party, reader: Platform, agreements: Agreements, now: datetime) -> Acquaintance:
    """Whether a platform may know a party: if one of its own may, or one that it reaches."""
    return agreements.acquaintance(party, reader.all_parties, now)


def as_known(info: ClientInfo, acquaintance: Acquaintance) -> ClientInfo:
    """The object for somebody who may, or may no longer, know the party (HCI-06, HCI-13).

    Without an agreement a party is PLANNED, whatever it does; one that has left for good stays SUSPENDED. For
    a reader the object changes also when an agreement begins or ends, and `last_updated` says so.
    """
    if not acquaintance.is_known and info.status is not ConnectionStatus.SUSPENDED:
        info = info.model_copy(update={"status": ConnectionStatus.PLANNED})
    if info.last_updated < acquaintance.since:
        info = info.model_copy(update={"last_updated": acquaintance.since})
    return info


def client_info(each: PartyRole, status: ConnectionStatus, last_updated: datetime) -> ClientInfo:
    """The ClientInfo object of a party in a role (HCI-02)."""
    return ClientInfo(
        party_id=each.party.party_id,
        country_code=each.party.country_code,
        role=each.role,
        status=status,
        last_updated=last_updated,
    )
