"""One puller for each platform: one list after the other, each when it is due.

A platform that fails is left in peace for a while, longer after each failure. Others do not notice: each has
a puller of its own, and a place among the pages under way is held for one page only.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from hub.calling.calls import said_of
from hub.directory.directory import Platform
from hub.directory.quirks import NO, Pushes, Quirk, Seen
from hub.ocpi.client import PeerOffers, PeerRefused
from hub.ocpi.retry_after import peace_wanted
from hub.ocpi.transport import CallFailed
from hub.ocpi.waiting import Wait
from hub.pulling.lists import List, lists
from hub.pulling.progress import Progress, ProgressRecords
from hub.pulling.reading import NotStored, Reading, ReadingParts
from hub.pulling.schedule import (
    is_confirmed,
    is_full_due,
    is_pulled,
    is_pulled_in_between,
    pause,
    settling,
    since,
)
from schemas.v2_2_1 import InterfaceRole

#: A puller looks around at least so often.
LONGEST_WAIT = timedelta(minutes=10)
#: And no more often, unless there is news.
LEAST_WAIT = timedelta(milliseconds=1)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PullerParts:
    """What all pullers stand on."""

    reading: ReadingParts
    records: ProgressRecords
    #: A random number from 0 to 1.
    chance: Callable[[], float]
    #: Waits for news, at most so long.
    wait: Wait


class PullStatus(StrEnum):
    """What is happening to a list."""

    #: It is being read.
    PULLING = "pulling"
    #: It is read again at a time that is known.
    WAITING = "waiting"
    #: The last pull failed, and it is tried again.
    BACKING_OFF = "backing off"
    #: The platform pushes, is not connected, or its setting says so.
    AT_REST = "at rest"
    #: Another process looks after the platform, and knows.
    ELSEWHERE = "in another process"


@dataclass(frozen=True, slots=True)
class Appointment:
    """When a list is pulled next."""

    at: datetime
    #: From its beginning, whatever the last pull was.
    is_full: bool = False
    #: By an operator, so that no setting stands against it.
    is_asked: bool = False
    #: The platform was connected since the pull before: what it changed, it could have pushed.
    is_in_between: bool = False


class Puller:
    """Pulls the lists of one platform."""

    def __init__(self, platform_id: int, parts: PullerParts) -> None:
        self._platform_id = platform_id
        self._parts = parts
        self._rules = parts.reading.rules
        self._clock = parts.reading.calls.clock
        self._news = asyncio.Event()
        self._appointments: dict[List, Appointment] = {}
        self._failures: dict[List, int] = {}
        self._current: List | None = None
        #: What the appointments were made for.
        self._seen: tuple[object, ...] = ()

    def renewed(self) -> None:
        """The platform has other endpoints or parties, another status or setting."""
        self._news.set()

    def ask(self, which: List, *, is_full: bool) -> None:
        """Pull the list now."""
        self._appointments[which] = Appointment(self._clock(), is_full=is_full, is_asked=True)
        self._news.set()

    def status(self, which: List) -> PullStatus:
        """What is happening to the list."""
        if which == self._current:
            return PullStatus.PULLING
        if which not in self._appointments:
            return PullStatus.AT_REST
        return PullStatus.BACKING_OFF if self._failures.get(which) else PullStatus.WAITING

    def next_at(self, which: List) -> datetime | None:
        """When the list is pulled next, None where that is not planned."""
        found = self._appointments.get(which)
        return None if found is None or which == self._current else found.at

    async def run(self) -> None:
        """Pull until cancelled."""
        while True:
            self._news.clear()
            platform = self._platform()
            self._follow(platform)
            due = min(self._appointments.items(), key=lambda each: each[1].at, default=None)
            now = self._clock()
            if due is None or platform is None or due[1].at > now:
                until_due = LONGEST_WAIT if due is None else due[1].at - now
                await self._parts.wait(self._news, min(max(until_due, LEAST_WAIT), LONGEST_WAIT))
                continue
            await self._pull(platform, *due)

    def _platform(self) -> Platform | None:
        return self._parts.reading.directory().platforms.get(self._platform_id)

    def _follow(self, platform: Platform | None) -> None:
        """Make the appointments that the state of the platform asks for, and cancel what it does not."""
        if platform is None:
            return
        urls = {which: _registered_url(platform, which) for which in lists(platform)}
        is_on = is_pulled(platform, self._rules)
        before, self._seen = self._seen, (is_on, urls, is_pulled_in_between(platform))
        if before == self._seen:
            return
        asked = {which: made for which, made in self._appointments.items() if made.is_asked}
        at = self._clock() + settling(self._rules, self._parts.chance())
        planned = {which: Appointment(at) for which in urls} if is_on else {}
        self._appointments = {which: made for which, made in (planned | asked).items() if which in urls}
        self._failures.clear()

    async def _pull(self, platform: Platform, which: List, made: Appointment) -> None:
        self._current = which
        try:
            ended = await self._read(platform, which, made)
            await self._parts.records.keep(which, ended.progress)
            self._notice(platform, made, ended)
            failure = ended.failure
        except Exception as error:  # a puller must not die; whatever it was, it is tried again later
            log.exception("pulling %s from %s failed", which, platform.name)
            failure = error
        finally:
            self._current = None
        if self._appointments.get(which) is made:
            self._plan_next(platform, which, made, failure)

    def _notice(self, platform: Platform, made: Appointment, ended: "_Ended") -> None:
        """A platform that changes its objects while it is connected, and never pushed one, does not push."""
        could_have_pushed = ended.is_by_date and (made.is_in_between or made.is_asked)
        has_changed = ended.progress.tally.stored > 0
        if could_have_pushed and has_changed and platform.quirks.pushes is Pushes.UNKNOWN:
            seen = Seen(Quirk.PUSH, NO, ended.progress.correlation_id)
            self._parts.reading.calls.observe(platform.id, seen)

    async def _read(self, platform: Platform, which: List, made: Appointment) -> "_Ended":
        """How far the list has come now, and why it did not come to its end."""
        url = _registered_url(platform, which)
        before = self._parts.records.of(which) or Progress(url)
        found_at = platform.endpoint(which.module, InterfaceRole.SENDER) or ""
        reading = Reading(self._parts.reading, platform, which, found_at)
        is_due = made.is_full or is_full_due(before, url, reading.began, self._rules)
        start = None if is_due else since(before, self._rules)
        failure: Exception | None = None
        try:
            if start is None:
                is_twice = made.is_asked and before.doubted_at is not None
                confirmed = is_twice or is_confirmed(platform, which, before, reading.began, self._rules)
                await reading.full(is_confirmed=confirmed)
            else:
                await reading.by_date(start)
        except (CallFailed, PeerRefused, PeerOffers, NotStored) as error:
            failure = error
        progress = replace(
            before,
            url=url,
            ended_at=self._clock(),
            error=reading.remark if failure is None else _said(failure),
            tally=reading.tally,
            correlation_id=reading.correlation_id,
        )
        if failure is not None:
            # A list that moved is read anew from there, until that has gone well.
            return _Ended(progress if before.url == url else replace(progress, full_at=None), failure)
        if start is None:
            doubted_at = (before.doubted_at or reading.began) if reading.is_doubted else None
            return _Ended(replace(progress, full_at=reading.began, doubted_at=doubted_at))
        return _Ended(replace(progress, partial_at=reading.began), is_by_date=True)

    def _plan_next(
        self, platform: Platform, which: List, made: Appointment, failure: Exception | None
    ) -> None:
        now, chance = self._clock(), self._parts.chance()
        if failure is not None:
            self._failures[which] = self._failures.get(which, 0) + 1
            wait = max(self._rules.backoff.delay(self._failures[which], chance), _peace_wanted(failure, now))
            self._appointments[which] = replace(made, at=now + wait)
            return
        del self._appointments[which]
        self._failures.pop(which, None)
        progress = self._parts.records.of(which)
        is_doubted = progress is not None and progress.doubted_at is not None
        if is_pulled(platform, self._rules) and (is_pulled_in_between(platform) or is_doubted):
            at = now + pause(which.module, self._rules, chance)
            self._appointments[which] = Appointment(at, is_in_between=True)


class _Ended(NamedTuple):
    """How a pull ended."""

    progress: Progress
    failure: Exception | None = None
    #: Only what was updated since the last time was read.
    is_by_date: bool = False


def _peace_wanted(failure: Exception, now: datetime) -> timedelta:
    """For how long the platform asks to be left in peace."""
    if not isinstance(failure, PeerRefused):
        return timedelta()
    return peace_wanted(failure.status, failure.headers, now)


def _registered_url(platform: Platform, which: List) -> str:
    """Where the platform says that the list is: where a redirect leads is learnt, and no other list."""
    return platform.endpoints.get((which.module, InterfaceRole.SENDER), "")


def _said(failure: Exception) -> str:
    """Why a list did not come to its end, in words for operators."""
    return said_of(failure) if isinstance(failure, CallFailed) else str(failure) or "it could not be read"
