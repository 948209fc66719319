"""One pull of one list: page by page, each object stored or named (TR-29, TR-39).

No more than a page is in memory. What a full list has is marked in the database as it is read; what has no
mark at its end is no longer valid. A pull that breaks off keeps what it took, and makes nothing invalid.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlencode

from hub.calling.calls import Calls
from hub.calling.hosts import belongs_to
from hub.directory.directory import Directory, Platform
from hub.ocpi.client import Answer, listed_texts
from hub.ocpi.description import Module, ObjectKey
from hub.ocpi.errors import OcpiError, ServerError
from hub.ocpi.headers import TOTAL_COUNT, Routing
from hub.ocpi.modules import MODULES
from hub.ocpi.paging import read_total
from hub.ocpi.timestamps import format_timestamp
from hub.ocpi.transport import joined_url
from hub.pulling.found import LeftOut, judged, no_longer_valid
from hub.pulling.lists import List
from hub.pulling.progress import NAMED, Tally, named
from hub.pulling.schedule import is_likely
from hub.settings import Pulling
from hub.store.acceptance import AcceptedChange, Outcome
from hub.store.journal import Direction, JournalEntry, Purpose
from hub.store.object_rows import DELETABLE
from hub.store.objects import Acceptance, ObjectStore, Unlisted
from schemas.v2_2_1 import Role

#: Objects that are made invalid in one go.
AT_ONCE = 500
OK = 200
INVALID_PARAMETERS = 2001
#: What does not count as stored: the hub has the same, or a newer one.
_NOTHING_NEW = frozenset({Outcome.UNCHANGED, Outcome.IGNORED_OLDER})


@dataclass(frozen=True, slots=True)
class ReadingParts:
    """What all pulls stand on."""

    calls: Calls
    objects: ObjectStore
    directory: Callable[[], Directory]
    rules: Pulling
    #: Tells the pumps that there is something to deliver.
    wake: Callable[[], None]
    #: Pages under way at the same time, of all platforms together.
    slots: asyncio.Semaphore


class NotStored(Exception):
    """The hub could not keep what it found."""


class Reading:
    """One pull. Its tally is true at any moment, also when the pull breaks off."""

    def __init__(self, parts: ReadingParts, platform: Platform, which: List, url: str) -> None:
        self._parts = parts
        self._platform = platform
        self._which = which
        self._url = url
        self._module: Module = MODULES[which.module]
        self.correlation_id = parts.calls.new_id()
        self.began = parts.calls.clock()
        self.tally = Tally()
        #: The list was so short that nothing was made invalid.
        self.is_doubted = False
        #: What was odd, although the pull ended well; empty if nothing was.
        self.remark = ""
        self._announced: int | None = None

    async def by_date(self, since: datetime) -> None:
        """Read what was updated since.

        Raises:
            CallFailed, PeerRefused, PeerOffers: a page cannot be had.
            NotStored: what was found cannot be kept.
        """
        await self._take_all({"date_from": format_timestamp(since)}, is_full=False)

    async def full(self, *, is_confirmed: bool) -> None:
        """Read the whole list; what it does not have any more is no longer valid (TR-39).

        Args:
            is_confirmed: Whether it is believed however short it is.

        Raises:
            CallFailed, PeerRefused, PeerOffers: a page cannot be had; nothing is made invalid.
            NotStored: what was found cannot be kept.
        """
        end_of_log = await self._parts.objects.last_change()
        await self._take_all({}, is_full=True)
        if self._announced is not None and self.tally.listed < self._announced:
            self.remark = f"{self.tally.listed} objects came, and X-Total-Count says {self._announced}"
            return
        await self._end_unlisted(end_of_log, is_confirmed=is_confirmed)

    async def _take_all(self, filters: dict[str, str], *, is_full: bool) -> None:
        """Keep what is right on each page, and name what is not."""
        objects, rules = self._parts.objects, self._parts.rules
        async with aclosing(self._answers(filters | {"limit": str(rules.page)})) as answers:
            while True:
                async with self._parts.slots:
                    # What comes later than this is newer than what the page will say.
                    last_change = await objects.last_change()
                    answer = await anext(answers, None)
                    if answer is None:
                        return
                    self._announced = read_total(answer.reply.header(TOTAL_COUNT))
                    judgements = [
                        judged(text, self._module, self._platform, last_change, self.correlation_id)
                        for text in listed_texts(answer)
                    ]
                    await self._take(judgements)
                    if is_full:
                        await objects.mark_listed(self._listed(judgements), self.began)

    def _answers(self, query: dict[str, str]) -> AsyncGenerator[Answer, None]:
        calls, platform = self._parts.calls, self._platform
        client = calls.client(platform, Purpose.PULL, self._parts.rules.patience, self._which.module)
        return client.listed(
            joined_url(self._url, "", urlencode(query)),
            lambda url: belongs_to(platform, url),
            routing=Routing(to=self._which.party, sender=self._parts.directory().hub),
            correlation_id=self.correlation_id,
        )

    async def _take(self, judgements: Iterable[AcceptedChange | LeftOut]) -> None:
        changes = [each for each in judgements if isinstance(each, AcceptedChange)]
        self._leave_out(each for each in judgements if isinstance(each, LeftOut))
        for change, accepted in zip(changes, await self._parts.objects.accept_found(changes), strict=True):
            self._count(change, accepted)
        self._parts.wake()

    def _listed(self, judgements: Iterable[AcceptedChange | LeftOut]) -> set[ObjectKey]:
        """The party's own objects on a page, also those that are left out in their newest state."""
        owner = self._which.party.folded
        keys = (each.key for each in judgements)
        return {key for key in keys if key is not None and (key.country_code, key.party_id) == owner}

    def _count(self, change: AcceptedChange, accepted: Acceptance | OcpiError) -> None:
        if isinstance(accepted, ServerError):
            raise NotStored(accepted.message)
        if isinstance(accepted, OcpiError):
            owner = f"{change.key.country_code}/{change.key.party_id}"
            self._leave_out([LeftOut(change.key.object_id, owner, accepted.message, change.body, change.key)])
        elif accepted.outcome in _NOTHING_NEW:
            self.tally = replace(self.tally, unchanged=self.tally.unchanged + 1)
        else:
            self.tally = replace(self.tally, stored=self.tally.stored + 1)

    def _leave_out(self, left_out: Iterable[LeftOut]) -> None:
        """Name each of them in the journal, and the first ones where an operator looks."""
        for each in left_out:
            self._note(each)
            tally = self.tally
            self.tally = replace(
                tally, broken=tally.broken + 1, left_out=(*tally.left_out, *named([each]))[:NAMED]
            )

    def _note(self, left_out: LeftOut) -> None:
        self._parts.calls.journal.record(
            JournalEntry(
                at=self._parts.calls.clock(),
                took=timedelta(0),
                direction=Direction.IN,
                purpose=Purpose.PULL,
                correlation_id=self.correlation_id,
                request_id="",
                method="GET",
                url=self._url,
                platform_id=self._platform.id,
                platform=self._platform.name,
                module=self._which.module,
                from_party=left_out.owner or None,
                http_status=OK,
                status_code=INVALID_PARAMETERS,
                note=f"left out {left_out.id!r}: {left_out.reason}",
                reply_body=left_out.text,
            )
        )

    async def _end_unlisted(self, end_of_log: int, *, is_confirmed: bool) -> None:
        """Withdraw what the full list does not have, if that can be believed."""
        wanted = Unlisted(
            self._which.module, self._which.party, self.began, end_of_log, self._only_of_this_platform()
        )
        known, missing = await self._parts.objects.count_unlisted(wanted)
        if not missing:
            return
        if not (is_confirmed or is_likely(known, missing)):
            self.is_doubted = True
            self.remark = f"{missing} of {known} objects are not in the full list: not believed yet"
            return
        while keys := await self._parts.objects.unlisted(wanted, AT_ONCE):
            changes = [
                no_longer_valid(key, self._role(), self._platform, end_of_log, self.correlation_id)
                for key in keys
            ]
            is_told = self._which.module in DELETABLE
            ended = await self._parts.objects.accept_found(changes, is_logged=is_told)
            if failed := next((each for each in ended if isinstance(each, ServerError)), None):
                raise NotStored(failed.message)
            gone = sum(isinstance(each, Acceptance) and each.outcome is Outcome.DELETED for each in ended)
            self.tally = replace(self.tally, invalid=self.tally.invalid + gone)
            self._parts.wake()
            if not gone:
                return  # all of them were pushed just now

    def _only_of_this_platform(self) -> int | None:
        """The platform, if another one has the party, too, in a role that owns such objects."""
        holders = {
            holder.id
            for holder, role in self._parts.directory().holders(self._which.party)
            if role in self._module.sender_roles
        }
        return self._platform.id if holders - {self._platform.id} else None

    def _role(self) -> Role:
        """The role in which the party owns such objects."""
        return next(
            role for role in self._platform.roles_of(self._which.party) if role in self._module.sender_roles
        )
