"""Looking at bodies beside their messages: what is wrong with one is for the journal, not for who asked.

The addressee judges (decision 0005), so an answer need not wait for the hub's own opinion. It is found out a
turn of the event loop later, one body a turn, and the entry of the request is recorded with it. That may cost
a share of the time and no more: what does not fit is recorded without an opinion, and is counted
(decision 0053).
"""

import asyncio
import logging
import time
from collections import deque
from typing import Final

from hub.ocpi.message import Look
from hub.store.journal import Journal, JournalEntry

#: Processor time that bodies may cost at once, in seconds: so long nobody is answered.
BURST: Final = 0.05
#: Requests whose bodies wait at most.
CAPACITY: Final = 1_000

log = logging.getLogger(__name__)


class Looking:
    """Records requests that were answered, with what their bodies show."""

    def __init__(self, journal: Journal, loop: asyncio.AbstractEventLoop, share: float) -> None:
        """Wire up.

        Args:
            journal: Where they are recorded.
            loop: The event loop.
            share: Of the time, for looking; 1 is no limit.
        """
        self._journal: Final = journal
        self._loop = loop
        self._share = share
        self._waiting: deque[tuple[JournalEntry, Look, JournalEntry | None]] = deque()
        #: Processor time that looking may cost now, as of a moment, in seconds.
        self._left = BURST
        self._as_of = loop.time()
        #: Bodies that nobody looked at, because there was no time.
        self.missed = 0

    def record(self, entry: JournalEntry, look: Look | None, out: JournalEntry | None = None) -> None:
        """Record a request that was answered, once somebody has looked; never waits, never fails.

        Args:
            entry: Of the request.
            look: Finds out what is wrong with its body, if somebody shall.
            out: How it went on, if that has its bodies with the entry of the request: recorded together.
        """
        if look is None:
            self._record(entry, out)
            return
        if not self._has_time() or len(self._waiting) >= CAPACITY:
            self.missed += 1
            self._record(entry, out)
            return
        if not self._waiting:
            self._loop.call_soon(self._go_on)
        self._waiting.append((entry, look, out))

    def finish(self) -> None:
        """Record what still waits."""
        while self._waiting:
            self._look_at_one()

    def _go_on(self) -> None:
        if self._waiting:
            self._look_at_one()
        if self._waiting:
            self._loop.call_soon(self._go_on)

    def _look_at_one(self) -> None:
        entry, look, out = self._waiting.popleft()
        if not self._has_time():
            self.missed += 1
            self._record(entry, out)
            return
        begun = time.thread_time()
        try:
            found = look()
        except Exception:  # the message has gone through; its entry shall not be lost
            log.exception("correlation id %s: its body could not be looked at", entry.correlation_id)
            found = ""
        self._left -= time.thread_time() - begun
        if found:
            entry = entry._replace(note=f"{entry.note}; {found}" if entry.note else found)
        self._record(entry, out)

    def _record(self, entry: JournalEntry, out: JournalEntry | None) -> None:
        if out is None:
            self._journal.record(entry)
        else:
            self._journal.record_both(out, entry)

    def _has_time(self) -> bool:
        now = self._loop.time()
        self._left = min(BURST, self._left + (now - self._as_of) * self._share)
        self._as_of = now
        return self._left > 0 or self._share >= 1
