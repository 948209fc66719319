"""PostgreSQL: many processes and machines, a server that may restart (design D8; decision 0039)."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import date, timedelta
from functools import cache
from types import MappingProxyType
from typing import Any

import asyncpg
from sqlalchemy import URL, PoolProxiedConnection, TextClause, event, text
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from hub.ocpi.description import ObjectKey
from hub.store.dialects import journal_days
from hub.store.dialects.dialect import Alone, DatabaseAway, DatabaseRefused
from hub.store.dialects.rows import LOG_COLUMNS, OBJECT_COLUMNS, OR_REPLACED, KeptRow, LogRow

#: Connections of one process at most, beside the one that listens.
CONNECTIONS = 10
#: For a connection, and for a place among them.
CONNECT = timedelta(seconds=5)
#: For one statement; the server gives up a little earlier, so that the hub hears why.
STATEMENT = timedelta(seconds=30)
#: For a lock that another transaction holds.
LOCK = timedelta(seconds=10)
#: How often a connection that only listens is tried.
STILL_THERE = timedelta(seconds=15)
#: A transaction of a process that hangs is ended by the server, and what it holds is free: sooner than those
#: who wait for it lose patience.
IDLE = timedelta(seconds=5)

#: Names the hub's locks among all advisory locks of the database.
_LOCKS = 0x0C91
_HOLD = "SELECT pg_advisory_xact_lock($1, $2)"
_TAKE_TIME = text("SELECT set_config('statement_timeout', '0', true), set_config('lock_timeout', '0', true)")
_OF_EXCHANGE = text("journal.correlation_id = :story")
#: Every sequence that numbers the rows of a table.
_LAST_NUMBERS = text(
    "SELECT owner.relname, quote_ident(sequence.relname), pg_sequence_last_value(sequence.oid)"
    " FROM pg_class sequence JOIN pg_depend ON pg_depend.objid = sequence.oid AND deptype IN ('a', 'i')"
    " JOIN pg_class owner ON owner.oid = refobjid"
    " WHERE sequence.relkind = 'S' AND owner.relnamespace = current_schema()::regnamespace"
)
_MOVE = text(
    "UPDATE cursor SET seq = moved.seq FROM unnest(CAST(:seqs AS BIGINT[]), CAST(:platforms AS INTEGER[]),"
    " CAST(:roles AS TEXT[]), CAST(:country_codes AS TEXT[]), CAST(:party_ids AS TEXT[]))"
    " AS moved (seq, platform_id, role, country_code, party_id)"
    " WHERE cursor.platform_id = moved.platform_id AND cursor.role = moved.role"
    " AND cursor.country_code = moved.country_code AND cursor.party_id = moved.party_id"
    " AND cursor.seq < moved.seq"
)
#: The columns of rows that are no text.
_TYPES = {
    "sender_platform_id": "INTEGER",
    "accepted_at": "BIGINT",
    "platform_id": "INTEGER",
    "last_updated": "BIGINT",
    "is_deleted": "BOOLEAN",
    "place": "BIGINT",
    "kept_at": "BIGINT",
}
_NUMBER_ON = text("SELECT setval(CAST(:sequence AS regclass), :last)")
_ANNOUNCE = "SELECT pg_notify($1, $2)"
#: Trying again will not help: the password, the user or the database is wrong.
_REFUSALS = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
)


class PostgreSql:
    """The dialect of PostgreSQL."""

    driver = "postgresql+asyncpg"
    form = "postgresql+asyncpg://USER:PASSWORD@HOST/DATABASE"
    is_shared = True
    #: One statement needs no transaction around it.
    reading: Mapping[str, Any] = MappingProxyType({"isolation_level": "AUTOCOMMIT"})
    snapshot: Mapping[str, Any] = MappingProxyType({"isolation_level": "REPEATABLE READ"})

    def is_whole(self, url: URL) -> bool:
        """Whether the URL names a database."""
        return bool(url.database)

    def is_there(self, url: URL) -> bool:  # noqa: ARG002 the server knows
        """The server says so."""
        return True

    def engine(self, url: URL) -> AsyncEngine:
        """An engine with a bounded pool; a connection that was lost is left out when it is next taken."""

        async def connect() -> Any:
            return await connected(url)

        engine = create_async_engine(
            url,
            async_creator=connect,
            hide_parameters=True,
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=CONNECT.total_seconds(),
        )
        event.listen(engine.sync_engine, "checkout", _refuse_lost)
        return engine

    def turns(self) -> AbstractAsyncContextManager[Any]:
        """Nothing to hold: transactions go side by side, and rows keep them apart."""
        return nullcontext()

    async def hold(self, connection: AsyncConnection, what: Alone) -> None:
        """Take the advisory lock, which the server lets go once the commit is in sight of everybody."""
        await connection.exec_driver_sql(_HOLD, (_LOCKS, int(what)))

    async def settle(self, connection: AsyncConnection) -> None:
        """Two hubs that start at the same time change the tables one after the other."""
        await connection.execute(_TAKE_TIME)
        await self.hold(connection, Alone.SCHEMA)

    async def states(
        self, connection: AsyncConnection, keys: Sequence[ObjectKey], columns: str
    ) -> Sequence[Sequence[Any]]:
        """Five arrays, however many keys: one statement that is prepared once."""
        arrays = tuple(map(list, zip(*keys, strict=True)))
        return (await connection.exec_driver_sql(_states(columns), arrays)).all()

    async def keep(
        self, connection: AsyncConnection, changes: Sequence[LogRow], objects: Sequence[KeptRow]
    ) -> int:
        """One statement, however many rows; an array a column."""
        if not changes:
            columns = _columns(objects, len(KeptRow._fields))
            await connection.exec_driver_sql(_KEEP, columns)
            return 0
        columns = _columns(changes, len(LogRow._fields)) + _columns(objects, len(KeptRow._fields))
        return int((await connection.exec_driver_sql(_LOG_AND_KEEP, columns)).scalar_one())

    async def move_cursors(
        self, connection: AsyncConnection, rows: Sequence[tuple[int, int, str, str, str]]
    ) -> None:
        """One statement, in an order in which two processes do not wait for each other."""
        columns = zip(*sorted(rows, key=lambda row: row[1:]), strict=True)
        names = ("seqs", "platforms", "roles", "country_codes", "party_ids")
        await connection.execute(_MOVE, dict(zip(names, map(list, columns), strict=True)))

    async def write_journal(
        self, connection: AsyncConnection, columns: Sequence[str], rows: Sequence[tuple[object, ...]]
    ) -> None:
        """COPY, by far the cheapest way in."""
        raw = (await connection.get_raw_connection()).driver_connection
        assert isinstance(raw, asyncpg.Connection)  # noqa: S101 this dialect has no other driver
        await raw.copy_records_to_table("journal", records=rows, columns=list(columns))

    def of_exchange(self, correlation_id: str) -> TextClause:
        """By the index of each partition."""
        return _OF_EXCHANGE.bindparams(story=correlation_id)

    async def make_room(self, connection: AsyncConnection, days: Sequence[date]) -> None:
        """A partition for each day."""
        await self.hold(connection, Alone.SCHEMA)
        await journal_days.make(connection, days)

    async def sweep_journal(self, connection: AsyncConnection, before: int, most: int) -> int:
        """Drop the partitions of whole days; entries that found none of theirs are deleted."""
        await self.hold(connection, Alone.SCHEMA)
        await journal_days.drop(connection, before)
        return await journal_days.sweep_rest(connection, before, most)

    async def listen(
        self, url: URL, channel: str, hear: Callable[[str], None], begun: Callable[[], None]
    ) -> None:
        """LISTEN, on a connection of its own; whether it still stands is asked now and then."""
        connection = await connected(url)
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _connection: lost.set())
            await connection.add_listener(channel, lambda *heard: hear(str(heard[-1])))
            begun()
            while not lost.is_set():
                try:
                    async with asyncio.timeout(STILL_THERE.total_seconds()):
                        await lost.wait()
                except TimeoutError:
                    await connection.execute("SELECT 1")
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise DatabaseAway(f"{_shown(url)} has gone: {error}") from error
        finally:
            connection.terminate()

    async def announce(self, connection: AsyncConnection, channel: str, payload: str) -> None:
        """NOTIFY, which the server sends with the commit, and not without it."""
        await connection.exec_driver_sql(_ANNOUNCE, (channel, payload))

    async def last_numbers(self, connection: AsyncConnection) -> dict[str, int]:
        """As the sequences have them, which belong to no transaction: they may be ahead of the rows."""
        found = await connection.execute(_LAST_NUMBERS)
        return {str(table): int(last) for table, _, last in found if last is not None}

    async def number_on(self, connection: AsyncConnection, last: Mapping[str, int]) -> None:
        """Set the sequences."""
        for table, sequence, _ in (await connection.execute(_LAST_NUMBERS)).all():
            if table in last:
                await connection.execute(_NUMBER_ON, {"sequence": sequence, "last": last[table]})


async def connected(url: URL) -> "asyncpg.Connection[asyncpg.Record]":
    """A connection with the hub's time-outs.

    Raises:
        DatabaseAway: there is none to be had now.
        DatabaseRefused: there is none to be had with this URL.
    """
    try:
        return await asyncpg.connect(
            dsn=url.set(drivername="postgresql").render_as_string(hide_password=False),
            timeout=CONNECT.total_seconds(),
            command_timeout=(STATEMENT + CONNECT).total_seconds(),
            server_settings={
                "application_name": "ocpi-hub",
                "statement_timeout": _milliseconds(STATEMENT),
                "lock_timeout": _milliseconds(LOCK),
                "idle_in_transaction_session_timeout": _milliseconds(IDLE),
                "timezone": "UTC",
                # Statements are short: what compiling them costs is more than what it saves.
                "jit": "off",
                # A plan that was made while a table was empty is kept, and would read it all when it no
                # longer is; whatever the hub asks for often stands in an index.
                "enable_seqscan": "off",
            },
        )
    except _REFUSALS as error:
        raise DatabaseRefused(f"{_shown(url)} refuses the hub: {error}") from error
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DatabaseAway(
            f"{_shown(url)} cannot be reached: {str(error) or type(error).__name__}"
        ) from error


def _shown(url: URL) -> str:
    return f"the database {url.database!r} at {url.host or url.query.get('host', 'this machine')}"


def _refuse_lost(connection: Any, _record: Any, _proxy: PoolProxiedConnection) -> None:
    """A restart of the server closes what it was connected to: known here without asking."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError("the connection was lost")


@cache
def _states(columns: str) -> str:
    """The limit keeps the planner from reading the whole table to join it with a few keys."""
    fields = ObjectKey._fields
    arrays = ", ".join(f"${number}::TEXT[]" for number, _ in enumerate(fields, 1))
    on = " AND ".join(f"object.{column} = wanted.{column}" for column in fields)
    return (
        f"SELECT wanted.place - 1, state.* FROM unnest({arrays}) WITH ORDINALITY"  # noqa: S608 constants only
        f" AS wanted ({', '.join(fields)}, place)"
        f" JOIN LATERAL (SELECT {columns} FROM object WHERE {on} LIMIT 1) AS state ON true"
    )


def _arrays(row: type[tuple[Any, ...]], first: int) -> str:
    """The arrays of such rows in a statement whose parameters for them begin with this one."""
    fields: tuple[str, ...] = row._fields  # type: ignore[attr-defined]  # a NamedTuple
    return ", ".join(f"${first + at}::{_TYPES.get(name, 'TEXT')}[]" for at, name in enumerate(fields))


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> tuple[list[Any], ...]:
    return tuple(map(list, zip(*rows, strict=True))) if rows else ([],) * width


_KEEP_AFTER = (
    f"INSERT INTO object ({OBJECT_COLUMNS}) SELECT {OBJECT_COLUMNS.replace('change_seq', '{number}')}"  # noqa: S608 constants only
    f" FROM unnest({{arrays}}) AS new ({', '.join(KeptRow._fields)}){{beside}} {OR_REPLACED}"
)
_KEEP = _KEEP_AFTER.format(number="place", arrays=_arrays(KeptRow, 1), beside="")
#: The numbers are given in the order of the rows.
_LOG_AND_KEEP = (
    f"WITH logged AS (INSERT INTO change ({LOG_COLUMNS}) SELECT {LOG_COLUMNS}"  # noqa: S608 constants only
    f" FROM unnest({_arrays(LogRow, 1)}) WITH ORDINALITY AS new ({LOG_COLUMNS}, place) ORDER BY place"
    " RETURNING seq), before AS (SELECT min(seq) - 1 AS seq FROM logged), kept AS ("
    + _KEEP_AFTER.format(
        number="before.seq + place", arrays=_arrays(KeptRow, 1 + len(LogRow._fields)), beside=", before"
    )
    + ") SELECT seq FROM before"
)


def _milliseconds(duration: timedelta) -> str:
    return str(duration // timedelta(milliseconds=1))
