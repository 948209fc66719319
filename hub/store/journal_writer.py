"""The journal's writer: logs and stores what waits, in batches, off the way of the messages (design D7)."""

import asyncio
import errno
import logging
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import TextIO

from hub.ocpi.timestamps import Clock
from hub.store.database import Database, microseconds
from hub.store.journal import Direction, Journal, JournalEntry, Purpose
from hub.store.leg import Leg, all_written, rows_of
from hub.store.log_lines import log_lines

#: No room on the disk, or none for this user, or in this file.
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
#: An entry waits so long at most before it is stored.
PAUSE = timedelta(milliseconds=200)
#: A database that fails is tried again after a pause that doubles, up to this.
LONGEST_PAUSE = timedelta(seconds=10)
MOST_DOUBLINGS = 10
#: How often entries that are too old are deleted.
SWEEP_EVERY = timedelta(minutes=10)
#: Deleted in one transaction at most, so that others can write in between.
SWEPT_AT_ONCE = 5_000
#: Days for which room is made before they come.
DAYS_AHEAD = 3
#: Entries made ready without letting others run.
_SLICE = 50
#: The columns that a row gives, in its order: a leg as it is, its id left to the database.
_COLUMNS = Leg._fields[:-1]

logger = logging.getLogger(__name__)


class JournalWriter:
    """Stores a journal's entries as they come, and deletes them when they are old.

    An entry is logged first, then stored, then let go: a database that fails for a while delays the journal
    and silences no log.
    """

    def __init__(
        self,
        journal: Journal,
        database: Database,
        log: TextIO | None,
        *,
        clock: Clock,
        body_bytes: int,
        keep: timedelta,
    ) -> None:
        self._journal = journal
        self._database = database
        self._log = log
        self._log_is_full = False
        self._clock = clock
        self._body_bytes = body_bytes
        self._keep = keep
        #: How many of the oldest waiting entries are logged already.
        self._logged = 0
        self._told_dropped = 0
        self._swept_at: datetime | None = None
        self._room_made_on: date | None = None
        self._stopping = False
        #: How often in a row it could not be written.
        self._failures = 0

    def stop(self) -> None:
        """Ask `run` to write what waits, and to end."""
        self._stopping = True
        self._journal.has_batch.set()

    async def run(self) -> None:
        """Write until stopped or cancelled, then write what still waits."""
        try:
            while not self._stopping:
                with suppress(TimeoutError):
                    async with asyncio.timeout(PAUSE.total_seconds()):
                        await self._journal.has_batch.wait()
                await self._write_or_wait()
        finally:
            await self._write_the_rest()

    async def write_waiting(self) -> None:
        """Log and store everything that waits now."""
        remaining = self._journal.waiting
        while remaining > 0:
            remaining -= await self._write_batch()
        self._tell_dropped()

    async def sweep(self) -> int:
        """Delete entries that are too old, one transaction's worth; how many there were."""
        before = microseconds(self._clock() - self._keep)
        async with self._database.writing() as connection:
            return await self._database.dialect.sweep_journal(connection, before, SWEPT_AT_ONCE)

    async def make_room(self) -> None:
        """Prepare the journal for the days to come."""
        today = self._clock().date()
        days = [today + timedelta(days=each) for each in range(-1, DAYS_AHEAD + 1)]
        async with self._database.writing() as connection:
            await self._database.dialect.make_room(connection, days)
        self._room_made_on = today

    async def _write_or_wait(self) -> None:
        try:
            if self._room_made_on != self._clock().date():
                await self.make_room()
            await self.write_waiting()
            await self._sweep_when_due()
        except Exception as error:  # the loop must not die; what could not be stored waits on
            # Why, once: a full disk lasts, and the log is there to be read.
            trace = error if self._failures == 0 else None
            logger.warning(
                "the journal cannot be written; %d entries wait", self._journal.waiting, exc_info=trace
            )
            self._failures += 1
            pause = min(PAUSE * 2 ** min(self._failures, MOST_DOUBLINGS), LONGEST_PAUSE)
            await asyncio.sleep(pause.total_seconds())
        else:
            self._failures = 0

    async def _write_the_rest(self) -> None:
        try:
            await self.write_waiting()
            await self.write_waiting()  # what the first one had to say about dropped entries
        except Exception:  # the hub must be able to stop
            logger.exception("the journal loses %d entries", self._journal.waiting)

    async def _write_batch(self) -> int:
        rows, lines = await self._rendered(self._journal.batch())
        await self._print(lines)
        self._logged = len(rows)
        async with self._database.writing() as connection:
            await self._database.dialect.write_journal(connection, _COLUMNS, rows)
        self._journal.done(len(rows))
        self._logged = 0
        return len(rows)

    async def _rendered(self, entries: Sequence[JournalEntry]) -> tuple[list[tuple[object, ...]], str]:
        """The rows of entries, and the lines of those that are not logged yet."""
        rows: list[tuple[object, ...]] = []
        lines: list[str] = []
        for start in range(0, len(entries), _SLICE):
            legs = all_written(entries[start : start + _SLICE], self._body_bytes)
            rows += rows_of(legs)
            lines.append(log_lines(legs[max(0, self._logged - start) :]))
            await asyncio.sleep(0)
        return rows, "".join(lines)

    async def _print(self, lines: str) -> None:
        if self._log is None or not lines:
            return
        try:
            await asyncio.to_thread(_print, self._log, lines)
        except OSError as error:
            if error.errno not in FULL:
                self._stop_printing()
            elif not self._log_is_full:
                logger.exception("there is no room for the log; lines are lost until there is")
            self._log_is_full = True
        except ValueError:
            self._stop_printing()
        else:
            self._log_is_full = False

    def _stop_printing(self) -> None:
        logger.error("nobody reads the log any more; the journal goes on without it", exc_info=sys.exc_info())
        self._log = None

    def _tell_dropped(self) -> None:
        count = self._journal.dropped - self._told_dropped
        if count == 0:
            return
        self._told_dropped = self._journal.dropped
        note = f"{count} entries were dropped: they came faster than they could be stored"
        self._journal.record(
            JournalEntry(
                at=self._clock(),
                took=timedelta(0),
                direction=Direction.IN,
                purpose=Purpose.JOURNAL,
                correlation_id="",
                request_id="",
                method="",
                url="",
                note=note,
            )
        )

    async def _sweep_when_due(self) -> None:
        now = self._clock()
        if self._swept_at is not None and now - self._swept_at < SWEEP_EVERY:
            return
        if await self.sweep() < SWEPT_AT_ONCE:
            self._swept_at = now


def _print(log: TextIO, lines: str) -> None:
    log.write(lines)
    log.flush()
