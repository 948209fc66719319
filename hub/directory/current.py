"""The Directory in force: loaded from the tables, swapped whole after every change."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sqlalchemy import select, text
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.directory.agreement_rows import read_agreements
from hub.directory.directory import Directory
from hub.directory.platform_rows import PlatformRows
from hub.directory.tokens import Sealer, token_hash
from hub.ocpi.headers import TokenEncoding
from hub.ocpi.party import Party
from hub.store.database import Database
from hub.store.tables import InboundTokenRow

_LAST_RESYNC = text("SELECT coalesce(max(id), 0) FROM resync")


class CurrentDirectory:
    """Where the Directory in force is found. Readers take `.value` once a request and keep that."""

    def __init__(self, database: Database, sealer: Sealer, hub: Party) -> None:
        self._database = database
        self._sealer = sealer
        self._loading = asyncio.Lock()
        self._rows = PlatformRows(self.opened)
        self.value = Directory.of(hub, (), {})
        #: Changes that may be committed, and are not in force here.
        self._overtaken_by = 0
        self._caught_up = asyncio.Event()
        self._caught_up.set()

    @contextmanager
    def overtaken(self) -> Iterator[None]:
        """From before a change is committed until what was committed is in force."""
        self._overtaken_by += 1
        self._caught_up.clear()
        try:
            yield
        finally:
            self._overtaken_by -= 1
            if self._overtaken_by == 0:
                self._caught_up.set()

    async def in_force(self) -> None:
        """Return when all that this process has committed until now is in force."""
        await self._caught_up.wait()

    async def reload(self) -> Directory:
        """Read the tables and put the new Directory in force."""
        # One after the other: what was read first must not replace what was read last.
        async with self._loading, self._database.reading_session() as session:
            self.value = await self._loaded(session)
        return self.value

    async def knows_by_now(self, shown: Iterable[tuple[str, TokenEncoding]]) -> bool:
        """Whether another process has given one of these tokens just now; it is in force then.

        A platform may show its token sooner than what was announced is loaded here.
        """
        if not self._database.dialect.is_shared:
            return False
        hashes = [token_hash(token) for token, _ in shown]
        query = select(col(InboundTokenRow.id)).where(col(InboundTokenRow.token_hash).in_(hashes))
        async with self._database.reading() as connection:
            if (await connection.execute(query)).first() is None:
                return False
        await self.reload()
        return True

    async def _loaded(self, session: AsyncSession) -> Directory:
        platforms = await self._rows.read(session)
        tokens = await self._rows.tokens(session)
        agreements = await read_agreements(session)
        last_resync = (await (await session.connection()).execute(_LAST_RESYNC)).scalar_one()
        return Directory.of(self.value.hub, platforms, tokens, agreements, last_resync=last_resync)

    def opened(self, sealed: bytes | None) -> str | None:
        """A token as it is shown; None where there is none."""
        return None if sealed is None else self._sealer.opened(sealed)
