"""Quirks are learnt beside the traffic: observed without waiting, written in batches (design D7).

| seen | then |
|---|---|
| a quirk, or another value of it | known at once, and in force |
| the same again | counted |
| OCPI's own, so often in a row as `QUIRKS` says | the quirk has ended |
| a quirk that hides its own end, not seen for a day | forgotten: it is tried again |
| anything, where an operator has pinned a value | nothing |
| a quirk with another value again and again, such as redirects that lead elsewhere each time | nothing |

The Directory is loaded anew only when a value changes. Counts that are not written when the hub dies
are lost.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.directory.current import CurrentDirectory
from hub.directory.quirks import QUIRKS, Quirk, Seen, Source
from hub.ocpi.headers import TokenEncoding
from hub.ocpi.timestamps import Clock
from hub.registry.observations import Observation, Observations, Spot
from hub.store.announcements import Topic
from hub.store.database import Database
from hub.store.tables import PlatformRow, QuirkRow

#: What changes nothing waits so long.
COUNT_EVERY = timedelta(seconds=5)
#: So often a value may change within `RESTLESS_FOR`; after that it says nothing until that time is over.
MOST_CHANGES = 10
RESTLESS_FOR = timedelta(minutes=10)
#: After this a quirk that hides its own end is forgotten.
TRY_AGAIN_AFTER = timedelta(days=1)

_TRIED_AGAIN = tuple(quirk for quirk, each in QUIRKS.items() if each.is_tried_again)

_SEEN_AGAIN = (
    update(QuirkRow)
    .where(
        col(QuirkRow.platform_id) == bindparam("of_platform"),
        col(QuirkRow.name) == bindparam("named"),
        col(QuirkRow.about) == bindparam("of_what"),
        col(QuirkRow.value) == bindparam("valued"),
        col(QuirkRow.source) == Source.OBSERVED,
    )
    .values(
        count=col(QuirkRow.count) + bindparam("times"),
        last_seen=bindparam("now"),
        correlation_id=func.coalesce(func.nullif(bindparam("exchange"), ""), col(QuirkRow.correlation_id)),
    )
)

log = logging.getLogger(__name__)


class QuirkWatch:
    """Learns the quirks of platforms. Somebody must `run` it."""

    def __init__(
        self,
        database: Database,
        directory: CurrentDirectory,
        clock: Clock,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """Wire up.

        Args:
            database: Where the quirks are.
            directory: Loaded anew when one has changed.
            clock: Tells when.
            changed: Called when a change is in force.
        """
        self._database = database
        self._directory = directory
        self._clock = clock
        self._changed = changed
        self._observations = Observations(directory)
        #: Told of what a platform was seen to do.
        self.observe = self._observations.observe
        #: Tells of what it does with each message.
        self.sights = self._observations.sights
        #: How often OCPI's own was seen since the quirk was, by platform, quirk and what it is about.
        self._usual: dict[Spot, int] = {}
        #: Since when values have changed, and how often.
        self._restless: dict[Spot, tuple[datetime, int]] = {}

    async def run(self) -> None:
        """Write until cancelled, and then what is left."""
        try:
            while True:
                await self._write_safely()
                with suppress(TimeoutError):
                    async with asyncio.timeout(COUNT_EVERY.total_seconds()):
                        await self._observations.news.wait()
                self._observations.news.clear()
        finally:
            await self._write_safely()

    async def write_waiting(self) -> None:
        """Write what was observed, and put in force what has changed."""
        (seen, again), now = self._observations.taken(), self._clock()
        if not seen and not again and not self._may_try():
            return
        async with self._database.session() as session:
            await self._count(session, again, now)
            has_changed = await self._forget_for_a_try(session, now)
            if seen:
                has_changed |= await self._learn(session, seen, now)
            if has_changed:
                await self._database.announcements.announce(await session.connection(), Topic.DIRECTORY)
        if has_changed:
            await self._directory.reload()
            self._changed()

    async def _count(
        self, session: AsyncSession, again: Mapping[tuple[Spot, str], tuple[int, str]], now: datetime
    ) -> None:
        """Write down what was seen again: none of it in a row is OCPI's own."""
        rows = []
        for (place, value), (count, correlation_id) in again.items():
            self._usual.pop(place, None)
            platform_id, quirk, about = place
            rows.append(
                {
                    "of_platform": platform_id,
                    "named": str(quirk),
                    "of_what": about,
                    "valued": value,
                    "times": count,
                    "now": now,
                    "exchange": correlation_id,
                }
            )
        if rows:
            await (await session.connection()).execute(_SEEN_AGAIN, rows)

    def _may_try(self) -> bool:
        """Whether there may be a quirk that is to be forgotten for a try."""
        platforms = self._directory.value.platforms.values()
        return any(platform.quirks.has(quirk) for platform in platforms for quirk in _TRIED_AGAIN)

    async def _write_safely(self) -> None:
        try:
            await self.write_waiting()
        except Exception:
            # A loop that must not die: what was lost here will be seen again.
            log.exception("quirks could not be written down")

    async def _learn(self, session: AsyncSession, seen: Iterable[Observation], now: datetime) -> bool:
        platforms = set((await session.exec(select(PlatformRow.id))).all())
        rows = {
            (row.platform_id, Quirk(row.name), row.about): row for row in await session.exec(select(QuirkRow))
        }
        pinned = {
            (platform_id, quirk)
            for (platform_id, quirk, _), row in rows.items()
            if row.source == Source.PINNED
        }
        has_changed = False
        for platform_id, each in seen:
            if platform_id not in platforms or (platform_id, each.quirk) in pinned:
                continue
            place = (platform_id, each.quirk, each.about)
            if not each.is_usual and self._is_restless(place, now):
                continue
            if each.is_usual and each.quirk is not Quirk.PUSH:
                ended = self._has_ended(place, rows.get(place))
                if ended is not None:
                    del rows[place]
                    await session.delete(ended)
                elif not self._is_shown_otherwise(platform_id, each):
                    continue
            elif not self._is_new(session, place, each, rows, now):
                continue
            has_changed = True
            self._count_change(place, now)
            if each.quirk is Quirk.TOKEN:
                await set_encoding(session, platform_id, TokenEncoding(each.value))
        return has_changed

    def _is_restless(self, place: Spot, now: datetime) -> bool:
        """Whether the value has changed so often that it says nothing; how to show a token always matters."""
        since, changes = self._restless.get(place, (now, 0))
        is_recent = timedelta(0) <= now - since < RESTLESS_FOR
        return changes >= MOST_CHANGES and is_recent and place[1] is not Quirk.TOKEN

    def _is_shown_otherwise(self, platform_id: int, seen: Seen) -> bool:
        """Whether the platform takes its token in OCPI's way, and is shown it otherwise: a pin is gone."""
        platform = self._directory.value.platforms.get(platform_id)
        return seen.quirk is Quirk.TOKEN and platform is not None and platform.token_encoding != seen.value

    def _count_change(self, place: Spot, now: datetime) -> None:
        since, changes = self._restless.get(place, (now, 0))
        is_long_ago = not timedelta(0) <= now - since < RESTLESS_FOR
        self._restless[place] = (now, 1) if is_long_ago else (since, changes + 1)

    def _has_ended(self, place: Spot, row: QuirkRow | None) -> QuirkRow | None:
        """The row of a quirk that has ended now."""
        if row is None:
            return None
        self._usual[place] = self._usual.get(place, 0) + 1
        if self._usual[place] < QUIRKS[place[1]].ends_after:
            return None
        del self._usual[place]
        return row

    def _is_new(
        self,
        session: AsyncSession,
        place: Spot,
        seen: Seen,
        rows: dict[Spot, QuirkRow],
        now: datetime,
    ) -> bool:
        """Write down a quirk; whether its value is another one than before."""
        self._usual.pop(place, None)
        platform_id, quirk, about = place
        row = rows.get(place)
        if row is None or row.value != seen.value:
            is_new = True
            if row is None:
                row = rows[place] = QuirkRow(
                    platform_id=platform_id,
                    name=quirk,
                    about=about,
                    value=seen.value,
                    source=Source.OBSERVED,
                    first_seen=now,
                    last_seen=now,
                )
            row.value, row.first_seen, row.count = seen.value, now, 0
        else:
            is_new = False
        row.last_seen, row.count = now, row.count + 1
        row.correlation_id = seen.correlation_id or row.correlation_id
        session.add(row)
        return is_new

    async def _forget_for_a_try(self, session: AsyncSession, now: datetime) -> bool:
        found = await session.exec(
            delete(QuirkRow).where(
                col(QuirkRow.name).in_(_TRIED_AGAIN),
                col(QuirkRow.source) == Source.OBSERVED,
                col(QuirkRow.last_seen) < now - TRY_AGAIN_AFTER,
            )
        )
        return bool(found.rowcount)


async def pin(
    session: AsyncSession, platform_id: int, quirk: Quirk, value: str | None, now: datetime
) -> None:
    """Let a value hold for a platform whatever is observed; None lets it be found out again."""
    await session.exec(
        delete(QuirkRow).where(col(QuirkRow.platform_id) == platform_id, col(QuirkRow.name) == quirk)
    )
    if value is None:
        return
    session.add(
        QuirkRow(
            platform_id=platform_id,
            name=quirk,
            value=value,
            source=Source.PINNED,
            first_seen=now,
            last_seen=now,
        )
    )
    if quirk is Quirk.TOKEN:
        await set_encoding(session, platform_id, TokenEncoding(value))


async def known_quirks(database: Database, platform_id: int | None = None) -> dict[int, list[QuirkRow]]:
    """What is known of the quirks of all platforms, or of one, with how and since when, by its id."""
    found: dict[int, list[QuirkRow]] = {}
    wanted = select(QuirkRow).order_by(QuirkRow.name, QuirkRow.about)
    if platform_id is not None:
        wanted = wanted.where(QuirkRow.platform_id == platform_id)
    async with database.reading_session() as session:
        for row in await session.exec(wanted):
            found.setdefault(row.platform_id, []).append(row)
    return found


async def set_encoding(session: AsyncSession, platform_id: int, encoding: TokenEncoding) -> None:
    """Let a platform be shown its token so from now on."""
    await session.exec(
        update(PlatformRow).where(col(PlatformRow.id) == platform_id).values(token_encoding=encoding)
    )
