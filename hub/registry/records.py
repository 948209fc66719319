"""The records of who is connected, and the one way to change them.

A change is one transaction: the rows, and what it means for ClientInfo (HCI-01, HCI-03). After it the
Directory is loaded anew, so that what was committed is in force before anybody is told that it was done.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager

from sqlmodel import col, update
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.directory.current import CurrentDirectory
from hub.ocpi.timestamps import Clock
from hub.registry.hubclientinfo import changed_infos, connections, newcomers
from hub.store.announcements import Topic
from hub.store.database import Database
from hub.store.object_rows import last_change
from hub.store.objects import append_client_infos
from hub.store.tables import PlatformRow


class Records:
    """The tables of platforms, their parties, endpoints and tokens."""

    def __init__(
        self,
        database: Database,
        directory: CurrentDirectory,
        clock: Clock,
        new_id: Callable[[], str],
        changed: Callable[[], None],
    ) -> None:
        """Wire up.

        Args:
            database: Where the tables are.
            directory: Loaded anew after each change.
            clock: Gives `last_updated` of changed ClientInfo objects.
            new_id: Makes the correlation id of a change that nobody's request has caused.
            changed: Called when a change is in force: there may be ClientInfo to deliver now.
        """
        self._database = database
        self._directory = directory
        self._clock = clock
        self._new_id = new_id
        self._changed = changed

    def reading(self) -> AbstractAsyncContextManager[AsyncSession]:
        """The tables as they are at one moment."""
        return self._database.reading_session()

    @asynccontextmanager
    async def changing(self, correlation_id: str | None = None) -> AsyncIterator[AsyncSession]:
        """A transaction: in force at the end of the block, or undone by an exception."""
        # Whoever reads what was committed waits until it is in force.
        overtaken = ExitStack()
        try:
            async with self._database.session() as session:
                before = await connections(session)
                yield session
                await session.flush()
                now = self._clock()
                after = await connections(session)
                is_new = before != after
                await _begin_to_hear(session, newcomers(before, after) if is_new else frozenset())
                infos_of = changed_infos(before, after, now) if is_new else {}
                for told, infos in infos_of.items():
                    await append_client_infos(
                        await session.connection(),
                        infos,
                        platform_id=told.platform_id,
                        is_distant=told.is_distant,
                        correlation_id=correlation_id or self._new_id(),
                        accepted_at=now,
                    )
                await self._database.announcements.announce(await session.connection(), Topic.DIRECTORY)
                overtaken.enter_context(self._directory.overtaken())
        finally:
            with overtaken:
                await self._come_into_force()

    async def _come_into_force(self) -> None:
        try:
            await self._directory.reload()
        except asyncio.CancelledError:
            # The commit may be done: a token that died must not live on in memory.
            await self._directory.reload()
            raise
        finally:
            self._changed()


async def _begin_to_hear(session: AsyncSession, platform_ids: frozenset[int]) -> None:
    """These platforms are told what comes after the log's end as it is now, whoever looks at it late."""
    if platform_ids:
        last = await last_change(await session.connection())
        platforms = update(PlatformRow).where(col(PlatformRow.id).in_(platform_ids))
        await session.exec(platforms.values(since_change=last))
