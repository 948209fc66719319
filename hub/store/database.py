"""The engine, and the one way to write: a transaction at a time (design D8)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from alembic.util import CommandError
from sqlalchemy import Connection, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.store.migrations.fingerprint import OtherTables
from hub.store.migrations.upgrade import upgrade
from hub.store.sqlite import BUSY_SECONDS, LettingGo

SQLITE_DRIVER = "sqlite+aiosqlite"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UnsupportedDatabase(ValueError):
    """The database URL names a database that this version does not run on."""


class Database:
    """One database. Reads go side by side; writes wait for each other, so that SQLite is never busy."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._writing = asyncio.Lock()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection for plain SELECTs."""
        async with self.engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction: committed at the end of the block, rolled back by an exception."""
        async with self._writing, self.engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """A session over the administered tables, in a transaction like `writing`."""
        async with self.writing() as connection, AsyncSession(connection, expire_on_commit=False) as session:
            yield session
            await session.flush()

    @asynccontextmanager
    async def reading_session(self) -> AsyncIterator[AsyncSession]:
        """A session for reading the administered tables."""
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            yield session


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """The database at a URL, with its tables brought up to date; closed at the end of the block.

    Raises:
        UnsupportedDatabase: the URL names another kind of database, or it is none, or its tables are others.
    """
    if make_url(url).drivername != SQLITE_DRIVER or not make_url(url).database:
        raise UnsupportedDatabase(f"expected a database URL of the form {SQLITE_DRIVER}:///FILE")
    engine = create_async_engine(url, connect_args={"timeout": BUSY_SECONDS, "factory": LettingGo})
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin)
    try:
        await _bring_up_to_date(engine)
        yield Database(engine)
    finally:
        await engine.dispose()


async def _bring_up_to_date(engine: AsyncEngine) -> None:
    try:
        async with engine.begin() as connection:
            await connection.run_sync(upgrade)
    except OtherTables as error:
        raise UnsupportedDatabase(f"the database cannot be used: {error}") from error
    except DBAPIError as error:
        raise UnsupportedDatabase(f"the database cannot be used: {error.orig}") from error
    except CommandError as error:
        raise UnsupportedDatabase(f"was it made by a newer version of the hub? {error}") from error


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Python's own transactions leave out what is read: half a change could be seen, and acted upon.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def microseconds(moment: datetime) -> int:
    """The instant as it stands in the hot tables."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment(value: int) -> datetime:
    """The instant that a number of the hot tables means."""
    return EPOCH + timedelta(microseconds=value)
