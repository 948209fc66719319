"""What is written down: exchanges in the journal, objects as they came; and what is counted."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TextIO

from hub.store.journal import Journal, JournalEntry
from hub.store.journal_writer import JournalWriter
from hub.store.leg_counts import LegCounts
from hub.store.objects import ObjectStore
from hub.web.background import beside
from hub.web.composition.ground import Ground
from hub.web.looking import Looking


@dataclass(frozen=True, slots=True)
class Written:
    """Where things are written down."""

    counts: LegCounts
    journal: Journal
    looking: Looking
    objects: ObjectStore


@asynccontextmanager
async def written_down(
    ground: Ground, log: TextIO | None, observe: Callable[[JournalEntry], None] | None
) -> AsyncIterator[Written]:
    """The journal, written until the end of the block, and the store of objects.

    Args:
        ground: What it stands on.
        log: Where the lines of the journal are printed, None for nowhere.
        observe: Sees each leg of each exchange when it has ended; None where nobody looks.
    """
    limits = ground.settings.limits
    counts = LegCounts()

    def ended(entry: JournalEntry) -> None:
        counts.count(entry)
        if observe is not None:
            observe(entry)

    journal = Journal(observe=counts.count if observe is None else ended)
    writer = JournalWriter(
        journal,
        ground.database,
        log,
        clock=ground.clock,
        body_bytes=limits.journal_body,
        keep=limits.journal,
    )
    looking = Looking(journal, asyncio.get_running_loop(), limits.looking)
    async with beside(writer.run()):
        try:
            yield Written(counts, journal, looking, ObjectStore(ground.database, ground.clock))
        finally:
            looking.finish()
