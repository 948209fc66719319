"""The journal's partitions on PostgreSQL: one a day (UTC), dropped whole when the day is too old.

Entries of a day that has none go into the rest, so that no entry is ever lost; a day that has entries there
stays there, and is swept row by row.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

#: Every other day's entries.
REST = "journal_rest"
#: How the names of partitions begin.
PARTITION = "journal_"
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_HAVE = text(
    "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid"
    " WHERE inhparent = 'journal'::regclass"
)
_IN_REST = text(f"SELECT EXISTS (SELECT 1 FROM {REST} WHERE at >= :first AND at < :next)")  # noqa: S608 constants only
_SWEEP_REST = text(
    f"DELETE FROM {REST} WHERE id IN (SELECT id FROM {REST} WHERE at < :before ORDER BY at LIMIT :most)"  # noqa: S608 constants only
)


async def make(connection: AsyncConnection, days: Sequence[date]) -> None:
    """Make the partitions of these days, as far as they are not there."""
    have = await _names(connection)
    for day in days:
        first, following = _starts(day), _starts(day + _DAY)
        bounds = {"first": first, "next": following}
        if _name(day) in have or (await connection.execute(_IN_REST, bounds)).scalar_one():
            continue
        await connection.exec_driver_sql(
            f"CREATE TABLE {_name(day)} PARTITION OF journal FOR VALUES FROM ({first}) TO ({following})"
        )


async def drop(connection: AsyncConnection, before: int) -> None:
    """Drop the partitions whose days ended before this instant, in microseconds since 1970."""
    for name in sorted(await _names(connection)):
        if name != REST and _starts(_day(name) + _DAY) <= before:
            await connection.exec_driver_sql(f"DROP TABLE {name}")


async def sweep_rest(connection: AsyncConnection, before: int, most: int) -> int:
    """Delete the oldest entries that have no partition of their own; how many there were."""
    return int((await connection.execute(_SWEEP_REST, {"before": before, "most": most})).rowcount)


async def _names(connection: AsyncConnection) -> frozenset[str]:
    return frozenset((await connection.execute(_HAVE)).scalars())


def _name(day: date) -> str:
    return f"{PARTITION}{day:%Y%m%d}"


def _day(name: str) -> date:
    return datetime.strptime(name.removeprefix(PARTITION), "%Y%m%d").replace(tzinfo=UTC).date()


def _starts(day: date) -> int:
    return (datetime.combine(day, time(), UTC) - _EPOCH) // timedelta(microseconds=1)
