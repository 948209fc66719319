"""The engine, and the one way to write: a transaction at a time (design D8)."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from alembic.util import CommandError
from sqlalchemy import URL, Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.ocpi.backoff import Backoff
from hub.store.announcements import Announcements
from hub.store.dialects import DIALECTS, Alone, Dialect
from hub.store.dialects.dialect import DatabaseAway, DatabaseRefused
from hub.store.migrations.fingerprint import OtherTables
from hub.store.migrations.upgrade import look, upgrade

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: How long a database that cannot be reached is waited for at the start.
PATIENCE = timedelta(seconds=30)
#: For an answer to the question whether it is there.
ANSWER = timedelta(seconds=2)
ASKED_EVERY = timedelta(seconds=1)
_AGAIN = Backoff(timedelta(seconds=0.2), timedelta(seconds=5))
_ANYTHING = text("SELECT 1")
#: The first two digits of the codes of PostgreSQL for a full disk, no memory, too many connections.
_INSUFFICIENT_RESOURCES = "53"
#: … and the one for bytes that are no text: `character_not_in_repertoire`.
_NOT_A_CHARACTER = "22021"

log = logging.getLogger(__name__)


class UnsupportedDatabase(ValueError):
    """The database URL names a database that this version does not run on."""


class DatabaseNotThere(OSError):
    """The database cannot be reached, or does not let the hub in; the message says why."""


class Database:
    """One database, which may be shared by many processes if it is not SQLite.

    Reads go side by side. Writes are transactions; of those that must be alone, the caller says so.
    """

    def __init__(self, engine: AsyncEngine, dialect: Dialect) -> None:
        self.engine = engine
        self.dialect = dialect
        self._reader = engine.execution_options(**dialect.reading)
        self._snapshots = engine.execution_options(**dialect.snapshot)
        self._turns = dialect.turns()
        self._asking = asyncio.Lock()
        self._asked_at = float("-inf")
        self._has_answered = True
        #: What other processes are told, and tell.
        self.announcements = Announcements(engine.url, dialect)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection for a plain SELECT; of several, each may see what was committed meanwhile."""
        async with self._reader.connect() as connection:
            yield connection

    @asynccontextmanager
    async def at_once(self) -> AsyncIterator[AsyncConnection]:
        """A connection on which each statement is a transaction of its own; for shared databases."""
        async with self._reader.connect() as connection:
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """A connection for SELECTs that all see the same state."""
        async with self._snapshots.connect() as connection:
            yield connection

    @asynccontextmanager
    async def writing(self, *alone: Alone) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction: committed at the end of the block, rolled back by an exception.

        Args:
            alone: What nobody else may change meanwhile, in any process.
        """
        async with self._turns, self.engine.begin() as connection:
            for each in sorted(alone):
                await self.dialect.hold(connection, each)
            yield connection

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """A session over the administered tables, in a transaction that changes them alone."""
        async with (
            self.writing(Alone.REGISTRY) as connection,
            AsyncSession(connection, expire_on_commit=False) as session,
        ):
            yield session
            await session.flush()

    @asynccontextmanager
    async def reading_session(self) -> AsyncIterator[AsyncSession]:
        """A session for reading the administered tables, as they were at one moment."""
        async with AsyncSession(self._snapshots, expire_on_commit=False) as session:
            yield session

    async def answers(self) -> bool:
        """Whether the database is there; it is asked once a second at most, whoever wants to know."""
        async with self._asking:
            now = asyncio.get_running_loop().time()
            if now >= self._asked_at + ASKED_EVERY.total_seconds():
                self._has_answered = await self._ask()
                self._asked_at = now
        return self._has_answered

    async def _ask(self) -> bool:
        try:
            async with asyncio.timeout(ANSWER.total_seconds()), self.reading() as connection:
                await connection.execute(_ANYTHING)
        except (SQLAlchemyError, OSError):
            return False
        return True


def is_away(error: BaseException) -> bool:
    """Whether a statement failed because the database cannot be reached, or has gone."""
    return isinstance(error, DatabaseAway) or (isinstance(error, DBAPIError) and error.connection_invalidated)


def is_without_means(error: BaseException) -> bool:
    """Whether a statement failed because the database has no room on its disk, no memory, or cannot write."""
    if not isinstance(error, DBAPIError):
        return False
    # SQLite says so by the kind of its error, PostgreSQL by a class of codes.
    is_said_by_code = str(getattr(error.orig, "sqlstate", "")).startswith(_INSUFFICIENT_RESOURCES)
    return isinstance(error, OperationalError) or is_said_by_code


def is_not_text(error: BaseException) -> bool:
    """Whether a statement failed because a text holds what no text of PostgreSQL can: U+0000."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == _NOT_A_CHARACTER


@asynccontextmanager
async def opened(
    url: str, patience: timedelta = PATIENCE, *, as_it_is: bool = False
) -> AsyncIterator[Database]:
    """The database at a URL, with its tables brought up to date; closed at the end of the block.

    Args:
        url: Where it is.
        patience: How long a server that cannot be reached is waited for.
        as_it_is: Make and change no tables: a hub may be running on them.

    Raises:
        UnsupportedDatabase: the URL names another kind of database, or it is none, or its tables are others.
        DatabaseNotThere: it cannot be reached, or does not let the hub in.
    """
    dialect, parsed = _understood(url)
    if as_it_is and not dialect.is_there(parsed):
        raise DatabaseNotThere(f"there is no database {parsed.database}")
    engine = dialect.engine(parsed)
    try:
        await _up_to_date(engine, dialect, patience, look if as_it_is else upgrade)
        yield Database(engine, dialect)
    finally:
        await engine.dispose()


def may_be_shared(url: str) -> bool:
    """Whether several processes may use the database at a URL.

    Raises:
        UnsupportedDatabase: the URL names another kind of database, or it is none.
    """
    return _understood(url)[0].is_shared


def _understood(url: str) -> tuple[Dialect, URL]:
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None  # the error repeats the URL, which may hold a password
    dialect = None if parsed is None else DIALECTS.get(parsed.drivername)
    if parsed is None or dialect is None or not dialect.is_whole(parsed):
        forms = " or ".join(each.form for each in DIALECTS.values())
        raise UnsupportedDatabase(f"expected a database URL of the form {forms}")
    return dialect, parsed


async def _up_to_date(
    engine: AsyncEngine, dialect: Dialect, patience: timedelta, tables: Callable[[Connection], None]
) -> None:
    attempts = 0
    until = asyncio.get_running_loop().time() + patience.total_seconds()
    while True:
        try:
            return await _settled(engine, dialect, tables)
        except DatabaseRefused as error:
            raise DatabaseNotThere(str(error)) from error
        except DatabaseAway as error:
            # Only what is away is waited for so long: tables that change may take their time.
            attempts += 1
            pause = _AGAIN.delay(attempts, 1.0).total_seconds()
            if asyncio.get_running_loop().time() + pause > until:
                raise DatabaseNotThere(str(error)) from error
            log.warning("%s; the hub waits for it", error)
            await asyncio.sleep(pause)


async def _settled(engine: AsyncEngine, dialect: Dialect, tables: Callable[[Connection], None]) -> None:
    try:
        async with engine.begin() as connection:
            await dialect.settle(connection)
            await connection.run_sync(tables)
    except OtherTables as error:
        raise UnsupportedDatabase(f"the database cannot be used: {error}") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise DatabaseAway(f"the database has gone: {error.orig}") from error
        raise UnsupportedDatabase(f"the database cannot be used: {error.orig}") from error
    except CommandError as error:
        raise UnsupportedDatabase(f"was it made by a newer version of the hub? {error}") from error


def microseconds(moment: datetime) -> int:
    """The instant as it stands in the hot tables."""
    return (moment - EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """The instant that a number of the hot tables means."""
    return EPOCH + timedelta(microseconds=value)
