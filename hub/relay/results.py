"""Results that are awaited: the callback after an ACCEPTED command or profile (CMD-03; decision 0024).

| the link is | and | then |
|---|---|---|
| asked: the request is under way | the CPO calls back already | nobody waits |
| asked | the CPO answers ACCEPTED, with a timeout | the result is awaited for so long, and a margin |
| asked | another answer, or none | nobody waits; a callback is handed on all the same (CMD-11) |
| awaited | the CPO calls back | nobody waits, whatever becomes of the callback on its way |
| awaited | the time is over | the hub tells the requester that there is no result, once |
| told | the CPO calls back | late: it is handed on after the hub's own word, and the journal says so |

Which came first is decided in memory, between two steps of one event loop. What is awaited stands in the
link's row, written behind; that it is over is written before the requester is told, so that it is never told
twice.
"""

import asyncio
import heapq
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from hub.ocpi.envelope import NotAnEnvelope, read_envelope
from hub.ocpi.errors import OcpiError
from hub.ocpi.message import Reply
from hub.ocpi.timestamps import Clock, format_timestamp
from hub.ocpi.waiting import Wait, wait_for
from hub.relay.links import Due, Link, Links
from hub.settings import Limits
from hub.store.write_behind import WriteBehind

ACCEPTED = "ACCEPTED"
#: Results that are awaited at most.
CAPACITY = 100_000
#: Requesters that are told at the same time.
TOLD_AT_ONCE = 32
#: What is not awaited any more, and still remembered, at most.
LEFTOVERS = 1_000
LONGEST_WAIT = timedelta(minutes=1)
#: How long it may take another process to tell a requester that there is no result.
TELLING = timedelta(seconds=1)
NO_TIMEOUT = "/data/timeout: expected seconds; no result is awaited"
NO_ROOM = "too many results are awaited already; this one is not"

#: Tells the requester that there is no result.
Tell = Callable[[Link], Awaitable[None]]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Awaited:
    """What becomes of one link."""

    #: None while the request is under way.
    due_at: datetime | None = None
    #: The CPO has called back.
    is_answered: bool = False
    #: The time is over: the requester is being told, or was.
    is_over: bool = False
    was_told: asyncio.Event = field(default_factory=asyncio.Event)


class Results:
    """The results that are awaited. Somebody must `run` it, while it is `writing`."""

    def __init__(self, links: Links, clock: Clock, limits: Limits, *, wait: Wait = wait_for) -> None:
        self._links = links
        self._clock = clock
        self._limits = limits
        self._wait = wait
        self._awaited: dict[str, _Awaited] = {}
        #: When which is due; what is not awaited any more is still in here.
        self._dues: list[tuple[datetime, str]] = []
        #: When it was looked last what is due.
        self._looked_at = clock()
        self._news = asyncio.Event()
        self._behind = WriteBehind("which results are awaited", links.write_dues)

    @property
    def awaited(self) -> int:
        """How many results are awaited, or asked for right now."""
        return len(self._awaited)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Write down what is awaited, until the end of the block; it begins with what was written before.

        Whoever called back in vain while the hub was away gets the margin once more.
        """
        await self.take_over()
        async with self._behind.running():
            yield

    async def asked(self, token: str, answer: Awaitable[Reply]) -> Reply:
        """The answer to a request whose result comes to this link; if it is promised, it is awaited."""
        if len(self._awaited) >= CAPACITY:
            return _with_note(await answer, NO_ROOM)
        awaited = self._awaited[token] = _Awaited()
        try:
            reply = await answer
        except BaseException:
            del self._awaited[token]
            raise
        patience, note = promised(reply)
        if patience is None or awaited.is_answered:
            del self._awaited[token]
        else:
            self._heed_clock()
            patience = min(patience, self._limits.reservation)
            due_at = self._clock() + patience + self._limits.result_margin
            self._expect(token, awaited, due_at)
            self._behind.offer(Due(token, due_at, due_at + self._limits.link))
        return _with_note(reply, note)

    async def called_back(self, link: Link) -> str:
        """The CPO calls back at a link; what the journal shall say about it.

        If the hub is telling the requester right now that there is no result, this waits until that has been
        said: the last word shall be the true one.
        """
        awaited = self._awaited.get(link.token)
        if awaited is not None and awaited.is_over:
            await awaited.was_told.wait()
            return await self._late(link)
        if awaited is not None:
            awaited.is_answered = True
            if awaited.due_at is not None:
                del self._awaited[link.token]
                self._behind.offer(Due(link.token, None))
            return ""
        if self._links.is_shared:
            return await self._called_back_elsewhere(link)
        return "" if link.timed_out_at is None else await self._late(link)

    async def _called_back_elsewhere(self, link: Link) -> str:
        """The CPO calls back, and another process may await that, or may tell the requester right now."""
        told_at = await self._links.answered(link.token)
        if told_at is None:
            return ""
        # The last word shall be the true one: the hub's own is on its way, if it was said just now.
        ago = self._clock() - told_at
        await asyncio.sleep(min(max(TELLING - ago, timedelta(0)), TELLING).total_seconds())
        return _said_late(told_at, link)

    async def take_over(self) -> None:
        """Await what another process has awaited, which may be gone; it is told once, whoever does so."""
        earliest = self._clock() + self._limits.result_margin
        for due in await self._links.dues():
            if due.token not in self._awaited:
                self._expect(due.token, _Awaited(), max(due.due_at or earliest, earliest))

    async def run(self, tell: Tell) -> None:
        """Tell requesters that there is no result when its time is over, until cancelled."""
        at_once = asyncio.Semaphore(TOLD_AT_ONCE)
        async with asyncio.TaskGroup() as telling:
            while True:
                self._news.clear()
                for token, awaited in self._over():
                    telling.create_task(self._tell(token, awaited, tell, at_once))
                await self._wait(self._news, self._pause())

    def _expect(self, token: str, awaited: _Awaited, due_at: datetime) -> None:
        awaited.due_at = due_at
        self._awaited[token] = awaited
        if len(self._dues) > 2 * len(self._awaited) + LEFTOVERS:
            self._dues = [each for each in self._dues if each[1] in self._awaited]
            heapq.heapify(self._dues)
        heapq.heappush(self._dues, (due_at, token))
        if self._dues[0][1] == token:
            self._news.set()

    def _over(self) -> list[tuple[str, _Awaited]]:
        """What was awaited until now."""
        self._heed_clock()
        found: list[tuple[str, _Awaited]] = []
        while self._dues and self._dues[0][0] <= self._clock():
            _, token = heapq.heappop(self._dues)
            if token in self._awaited:
                found.append((token, self._awaited[token]))
        return found

    def _heed_clock(self) -> None:
        """If the clock was set back, what is awaited is due so much earlier: nobody waits longer for that."""
        now = self._clock()
        back = self._looked_at - now
        self._looked_at = now
        if back <= timedelta(0):
            return
        self._dues = [(due_at - back, token) for due_at, token in self._dues]
        for awaited in self._awaited.values():
            if awaited.due_at is not None:
                awaited.due_at -= back

    def _pause(self) -> timedelta:
        if not self._dues:
            return LONGEST_WAIT
        return min(max(self._dues[0][0] - self._clock(), timedelta(0)), LONGEST_WAIT)

    async def _tell(self, token: str, awaited: _Awaited, tell: Tell, at_once: asyncio.Semaphore) -> None:
        try:
            async with at_once:
                if awaited.is_answered:
                    return
                awaited.is_over = True  # from this moment on the callback is late
                link = await self._links.time_out(token)
                if link is not None:
                    await tell(link)
        except OcpiError as error:
            # It is told once, as everything that is relayed; the requester has a clock of its own (CMD-06).
            log.warning("the requester could not be told that there is no result: %s", error.message)
        except Exception:  # the loop must not die: others wait, too
            log.exception("the requester could not be told that there is no result")
        finally:
            self._awaited.pop(token, None)
            awaited.was_told.set()

    async def _late(self, link: Link) -> str:
        """The first callback after the hub's own word is late; a next one may end a reservation (CMD-09)."""
        try:
            await self._links.write_dues([Due(link.token, None)])
        except SQLAlchemyError:
            log.exception("it could not be written down that a late result has come")
        return _said_late(link.timed_out_at or self._clock(), link)


def _said_late(told_at: datetime, link: Link) -> str:
    return f"late: at {format_timestamp(told_at)} the hub had told {link.routing.to} that there is no result"


def promised(reply: Reply) -> tuple[timedelta | None, str]:
    """For how long to wait for a result after this answer, None if none is promised; and what is odd."""
    try:
        envelope = read_envelope(reply.body)
    except NotAnEnvelope:
        return None, ""
    data: Any = envelope.data
    if not envelope.is_success or not isinstance(data, dict) or data.get("result") != ACCEPTED:
        return None, ""
    seconds = data.get("timeout")
    if not isinstance(seconds, int | Decimal) or isinstance(seconds, bool) or seconds < 0:
        return None, NO_TIMEOUT
    return timedelta(seconds=float(min(seconds, _MOST_SECONDS))), ""


#: More than anybody waits, and less than what a timedelta holds.
_MOST_SECONDS = 10**9


def _with_note(reply: Reply, note: str) -> Reply:
    return reply._replace(note="; ".join(part for part in (reply.note, note) if part))
