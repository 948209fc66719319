"""Other hubs, and whom they reach: what they tell in their ClientInfo (RT-10; decision 0030).

A hub is asked for its list when it connects, and again from time to time; in between it pushes what changes,
as we do. Its clients become known to our own partners like clients of this hub; no third hub is told of them.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.calling.calls import Calls
from hub.directory.current import CurrentDirectory
from hub.directory.directory import DistantParty, Endpoint, Platform
from hub.ocpi.backoff import Backoff
from hub.ocpi.client import PeerOffers, PeerRefused
from hub.ocpi.errors import InvalidParameters, NotFound
from hub.ocpi.headers import MessageIds
from hub.ocpi.party import NotAParty, Party
from hub.ocpi.transport import CallFailed
from hub.ocpi.validation import refusal
from hub.ocpi.waiting import Wait, wait_for
from hub.registry.records import Records
from hub.store.journal import Purpose
from hub.store.tables import DistantPartyRow
from schemas.findings import findings
from schemas.v2_2_1 import ClientInfo, InterfaceRole, Role

CLIENTS: Endpoint = ("hubclientinfo", InterfaceRole.SENDER)
#: How often a list is read anew, in case a push was lost.
READ_EVERY = timedelta(hours=1)
#: How long at most nobody looks whether there is something to read.
LONGEST_WAIT = timedelta(seconds=30)
BACKOFF = Backoff(timedelta(seconds=5), timedelta(minutes=10))
#: How reading a list may fail.
FAILURES = (CallFailed, PeerRefused, PeerOffers)

#: Role and folded party.
_Place = tuple[str, str, str]

log = logging.getLogger(__name__)


class Neighbours:
    """The hubs that are connected to this one. Somebody must `watch` them."""

    def __init__(
        self,
        directory: CurrentDirectory,
        records: Records,
        calls: Calls,
        *,
        patience: timedelta,
        chance: Callable[[], float],
        is_ours: Callable[[int], bool] = lambda _platform_id: True,
        wait: Wait = wait_for,
    ) -> None:
        """Wire up.

        Args:
            directory: Says which hubs there are.
            records: Where what they tell is kept.
            calls: Asks them.
            patience: For a page of a list.
            chance: A random number from 0 to 1.
            is_ours: Whether this process looks after a platform.
            wait: Waits for news.
        """
        self._directory = directory
        self._records = records
        self._calls = calls
        self._patience = patience
        self._chance = chance
        self._is_ours = is_ours
        self._wait = wait
        self._news = asyncio.Event()
        #: When a hub is to be read; those that are not here are to be read now.
        self._due: dict[int, datetime] = {}
        self._failures: dict[int, int] = {}

    def look(self) -> None:
        """The Directory is another one: somebody may be new, or back."""
        self._news.set()

    def told_of(self, party: Party, hub: Platform) -> ClientInfo:
        """What a hub told of a party; of one in several roles, the first.

        Raises:
            NotFound: nothing.
        """
        for each in hub.distant:
            if each.party == party:
                return _client_info(each)
        raise NotFound

    async def told(self, value: Any, party: Party, hub: Platform, ids: MessageIds) -> bool:
        """Keep what a hub says of a party; whether it says it for the first time.

        Raises:
            InvalidParameters: it is no ClientInfo, or of another party than that of the URL.
        """
        try:
            told = _distant(ClientInfo.model_validate(value))
        except ValidationError as error:
            raise refusal(findings(error)) from error
        if told.party != party:
            raise InvalidParameters(f"URL: the object is of {told.party}, not of {party}")
        if told in hub.distant:
            return False
        is_new = not any((each.party, each.role) == (told.party, told.role) for each in hub.distant)
        async with self._records.changing(ids.correlation_id) as session:
            await session.merge(_row(hub.id, told))
        return is_new

    async def watch(self) -> None:
        """Read the lists of the hubs that are connected, until cancelled."""
        while True:
            self._news.clear()
            platforms = self._directory.value.platforms.values()
            hubs = {each.id: each for each in platforms if _can_be_read(each) and self._is_ours(each.id)}
            # Who was away is read when it is back, however recently it was read before.
            self._due = {platform_id: at for platform_id, at in self._due.items() if platform_id in hubs}
            now = self._calls.clock()
            for platform_id, hub in hubs.items():
                if self._due.get(platform_id, now) <= now:
                    self._due[platform_id] = now + await self._read(hub)
            await self._wait(self._news, LONGEST_WAIT)

    async def _read(self, hub: Platform) -> timedelta:
        """Read a hub's list and keep it; when to do so again."""
        try:
            async with self._records.reading() as session:
                before = {place: _word(row) for place, row in (await _known(session, hub.id)).items()}
            clients = [each async for each in self._clients(hub)]
            async with self._records.changing() as session:
                await _replace(session, hub.id, clients, before)
        except FAILURES as failure:
            log.warning("the clients of the hub %s could not be read: %s", hub.name, failure)
        except Exception:
            # A loop that must not die: the database may fail for a moment, or the hub be removed meanwhile.
            log.exception("the clients of the hub %s could not be kept", hub.name)
        else:
            self._failures.pop(hub.id, None)
            return READ_EVERY
        self._failures[hub.id] = self._failures.get(hub.id, 0) + 1
        return BACKOFF.delay(self._failures[hub.id], self._chance())

    async def _clients(self, hub: Platform) -> AsyncIterator[DistantParty]:
        client = self._calls.client(hub, Purpose.PULL, self._patience)
        async for page in client.pages(hub.endpoint(*CLIENTS) or ""):
            for item in page:
                try:
                    yield _distant(ClientInfo.model_validate(item))
                except (ValidationError, InvalidParameters) as error:
                    # The others are good all the same (TR-29).
                    log.warning("a client of the hub %s cannot be taken over: %s", hub.name, error)


def distant_party(parameters: Mapping[str, str]) -> Party:
    """The party in a URL.

    Raises:
        InvalidParameters: it cannot be one.
    """
    try:
        return Party(parameters["country_code"], parameters["party_id"])
    except NotAParty as error:
        raise InvalidParameters(f"URL: {error}") from error


def _can_be_read(platform: Platform) -> bool:
    return platform.is_hub and platform.is_connected and platform.endpoint(*CLIENTS) is not None


def _distant(info: ClientInfo) -> DistantParty:
    try:
        party = Party(info.country_code, info.party_id)
    except NotAParty as error:
        raise InvalidParameters(f"/party_id: {error}") from error
    if info.role == Role.HUB:
        raise InvalidParameters("/role: hubs beyond another hub cannot be reached")
    return DistantParty(party, Role(info.role), info.status, info.last_updated)


def _client_info(each: DistantParty) -> ClientInfo:
    return ClientInfo(
        country_code=each.party.country_code,
        party_id=each.party.party_id,
        role=each.role,
        status=each.status,
        last_updated=each.last_updated,
    )


def _row(platform_id: int, each: DistantParty) -> DistantPartyRow:
    country_code, party_id = each.party.folded
    return DistantPartyRow(
        platform_id=platform_id,
        role=each.role,
        country_code=country_code,
        party_id=party_id,
        status=each.status,
        last_updated=each.last_updated,
    )


async def _known(session: AsyncSession, platform_id: int) -> dict[_Place, DistantPartyRow]:
    """Whom a hub reaches, as the tables say it now."""
    rows = await session.exec(select(DistantPartyRow).where(DistantPartyRow.platform_id == platform_id))
    return {(row.role, row.country_code, row.party_id): row for row in rows}


def _word(row: DistantPartyRow) -> tuple[str, datetime]:
    """What a hub has said of a party."""
    return row.status, row.last_updated


async def _replace(
    session: AsyncSession,
    platform_id: int,
    clients: Iterable[DistantParty],
    before: Mapping[_Place, tuple[str, datetime]],
) -> None:
    """Let a hub reach these and nobody else: all pages together are the truth (TR-39).

    But what it has told of a party since its list was asked for is newer than the list.
    """
    now = await _known(session, platform_id)
    newer = {place for place, row in now.items() if _word(row) != before.get(place)}
    for place in now.keys() - newer:
        await session.delete(now[place])
    await session.flush()
    rows = (_row(platform_id, each) for each in clients)
    listed = {(row.role, row.country_code, row.party_id): row for row in rows}
    session.add_all(row for place, row in listed.items() if place not in newer)
