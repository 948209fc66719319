"""The journal: which message went where, and how it ended.

Whoever handles a message records its legs here and goes on at once; `journal_writer` stores and logs them,
`journal_search` finds them again.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

#: Entries that wait for the writer at most; beyond that they are dropped and counted.
CAPACITY = 50_000
#: Bytes of bodies that wait for the writer at most.
MEMORY = 64 * 1024 * 1024
NO_ROOM = "bodies left out: the journal is behind"
#: So many waiting entries are stored without waiting for more.
BATCH = 1_000


class Direction(StrEnum):
    """Which way a leg's request went."""

    #: Legs are counted by it; Enum's own is written in Python.
    __hash__ = str.__hash__

    IN = "in"
    OUT = "out"


class Purpose(StrEnum):
    """What a leg was for."""

    RELAY = "relay"
    DELIVERY = "delivery"
    HANDSHAKE = "handshake"
    PROBE = "probe"
    #: The hub's own word that no result came in time.
    TIMEOUT = "timeout"
    #: Answered by the hub itself.
    HUB = "hub"
    #: A page of a platform's list; or an object in it that was left out, which is no leg.
    PULL = "pull"
    #: No leg: what the hub finds wrong with a CDR that came.
    VERDICT = "verdict"
    #: No leg: what the journal says about itself.
    JOURNAL = "journal"


class JournalEntry(NamedTuple):
    """One leg of an exchange; a tuple, because each request makes two."""

    at: datetime
    took: timedelta
    direction: Direction
    purpose: Purpose
    correlation_id: str
    request_id: str
    method: str
    url: str
    platform_id: int | None = None
    #: The platform's name, so that the journal can still be read when the platform is gone.
    platform: str | None = None
    module: str | None = None
    to_party: str | None = None
    from_party: str | None = None
    #: None where no answer came.
    http_status: int | None = None
    status_code: int | None = None
    #: What went wrong or was found, empty if nothing.
    note: str = ""
    request_body: bytes = b""
    reply_body: bytes = b""
    #: Of a leg out: it has the moment and the bodies of the leg in of its exchange, which keeps them for both
    #: (decision 0068). Only `Journal.record_both` takes such an entry.
    bodies_elsewhere: bool = False


class Journal:
    """Takes entries without waiting; a writer stores them in batches."""

    def __init__(
        self,
        capacity: int = CAPACITY,
        observe: Callable[[JournalEntry], None] = lambda _entry: None,
        *,
        memory: int = MEMORY,
    ) -> None:
        """Wire up.

        Args:
            capacity: Entries that wait at most.
            observe: Sees each entry, also those that are dropped; must be quick.
            memory: Bytes of bodies that wait at most; entries beyond that wait without their bodies.
        """
        self._observe = observe
        self._waiting: deque[JournalEntry] = deque()
        self._capacity = capacity
        self._memory = memory
        #: Bytes of bodies that wait.
        self._held = 0
        #: Set when there is a full batch to store.
        self.has_batch = asyncio.Event()
        #: Entries that were dropped because the writer did not keep up.
        self.dropped = 0

    def record(self, entry: JournalEntry) -> None:
        """Keep the entry; never waits, never fails."""
        self._observe(entry)
        waiting = self._waiting
        if len(waiting) >= self._capacity:
            self.dropped += 1
            return
        size = _size(entry)
        if self._held + size > self._memory:
            entry, size = _without_bodies(entry), 0
        self._held += size
        waiting.append(entry)
        if len(waiting) >= BATCH:
            self.has_batch.set()

    def record_both(self, out: JournalEntry, own: JournalEntry) -> None:
        """Keep the two legs of an exchange whose bodies are the same; both, or neither.

        Args:
            out: The leg out, whose bodies are elsewhere.
            own: The leg in, of the same moment and with the same bodies.
        """
        self._observe(out)
        self._observe(own)
        waiting = self._waiting
        if len(waiting) + 2 > self._capacity:
            self.dropped += 2
            return
        size = _size(own)
        if self._held + size > self._memory:
            out, own, size = _without_bodies(out), _without_bodies(own), 0
        self._held += size
        waiting.append(out)
        waiting.append(own)
        if len(waiting) >= BATCH:
            self.has_batch.set()

    @property
    def waiting(self) -> int:
        """How many entries are not stored yet."""
        return len(self._waiting)

    def batch(self) -> tuple[JournalEntry, ...]:
        """The oldest waiting entries, a batch at most; they keep waiting until they are `done`.

        What has its bodies elsewhere is never the last of them: it is stored with those bodies or not at all.
        """
        oldest = tuple(islice(self._waiting, BATCH))
        return oldest[:-1] if oldest and oldest[-1].bodies_elsewhere else oldest

    def done(self, count: int) -> None:
        """Let go of the oldest entries: they are stored."""
        for _ in range(count):
            self._held -= _size(self._waiting.popleft())
        if len(self._waiting) < BATCH:
            self.has_batch.clear()


def _size(entry: JournalEntry) -> int:
    """Bytes that are held for an entry: bodies that are elsewhere are held there."""
    return 0 if entry.bodies_elsewhere else len(entry.request_body) + len(entry.reply_body)


def _without_bodies(entry: JournalEntry) -> JournalEntry:
    note = "; ".join(part for part in (entry.note, NO_ROOM) if part)
    return entry._replace(request_body=b"", reply_body=b"", bodies_elsewhere=False, note=note)
