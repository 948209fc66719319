"""Leases and processes as they stand in the database.

Each statement is a transaction of its own: a process that is paused between two of them keeps nobody from
anything. All moments are the database's, so that the clocks of machines need not agree.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_NOW = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"
_UNTIL = f"{_NOW} + CAST(:lasts AS BIGINT)"
_LIVE = text(
    f"INSERT INTO process (name, place, expires_at) VALUES (:name, :place, {_UNTIL})"  # noqa: S608 constants only
    " ON CONFLICT (name) DO UPDATE SET expires_at = excluded.expires_at"
)
_PROCESSES = text(f"SELECT name FROM process WHERE expires_at > {_NOW}")  # noqa: S608 constants only
_BURY = text("DELETE FROM process WHERE name = :name")
_BURY_OLD = text(f"DELETE FROM process WHERE expires_at < {_NOW} - CAST(:grace AS BIGINT)")  # noqa: S608 constants only
_RENEW = text(f"UPDATE lease SET expires_at = {_UNTIL} WHERE holder = :holder RETURNING platform_id, fence")  # noqa: S608 constants only
_HELD = text(f"SELECT platform_id, holder FROM lease WHERE expires_at > {_NOW}")  # noqa: S608 constants only
#: A number grows with each new holder: what was written with an older one is not taken.
_TAKE = text(
    f"INSERT INTO lease (platform_id, holder, fence, expires_at, report)"  # noqa: S608 constants only
    f" SELECT wanted, :holder, 1, {_UNTIL}, '' FROM unnest(CAST(:wanted AS INTEGER[])) AS wanted"
    " ON CONFLICT (platform_id) DO UPDATE SET holder = excluded.holder, fence = lease.fence + 1,"
    f" expires_at = excluded.expires_at, report = '' WHERE lease.expires_at <= {_NOW}"
    " RETURNING platform_id, fence"
)
_GIVE_BACK = text(
    "UPDATE lease SET expires_at = 0, holder = '' WHERE platform_id = :platform_id AND fence = :fence"
)
_GIVE_BACK_ALL = text("UPDATE lease SET expires_at = 0, holder = '' WHERE holder = :holder")
_STILL = text(
    "SELECT platform_id, fence FROM lease WHERE platform_id = ANY(CAST(:wanted AS INTEGER[])) FOR SHARE"
)
_REPORT = text("UPDATE lease SET report = :report WHERE platform_id = :platform_id AND fence = :fence")
_REPORTS = text("SELECT platform_id, report FROM lease")


@dataclass(frozen=True, slots=True)
class LeaseRows:
    """The statements, for one process."""

    #: Its name.
    holder: str
    #: Where it runs, for people.
    place: str
    lasts: timedelta

    async def live(self, connection: AsyncConnection) -> set[str]:
        """Say that this process lives; the names of all that do."""
        values = {"name": self.holder, "place": self.place, "lasts": _microseconds(self.lasts)}
        await connection.execute(_LIVE, values)
        return {row.name for row in await connection.execute(_PROCESSES)}

    async def others(self, connection: AsyncConnection) -> set[str]:
        """The names of all other processes that live."""
        return {row.name for row in await connection.execute(_PROCESSES)} - {self.holder}

    async def renew(self, connection: AsyncConnection) -> dict[int, int]:
        """Keep what is held; by what it is about, the fencing numbers."""
        values = {"holder": self.holder, "lasts": _microseconds(self.lasts)}
        return {row.platform_id: row.fence for row in await connection.execute(_RENEW, values)}

    async def held(self, connection: AsyncConnection) -> dict[int, str]:
        """Who holds what."""
        return {row.platform_id: row.holder for row in await connection.execute(_HELD)}

    async def take(self, connection: AsyncConnection, wanted: Collection[int]) -> dict[int, int]:
        """Take what nobody holds; what was taken, with its fencing number."""
        values = {"holder": self.holder, "wanted": sorted(wanted), "lasts": _microseconds(self.lasts)}
        return {row.platform_id: row.fence for row in await connection.execute(_TAKE, values)}

    async def give_back(self, connection: AsyncConnection, platform_id: int, fence: int) -> None:
        """Let somebody else have it."""
        await connection.execute(_GIVE_BACK, {"platform_id": platform_id, "fence": fence})

    async def bury(self, connection: AsyncConnection, process: str) -> None:
        """A process is not there any more, for certain: what it held is free."""
        await connection.execute(_BURY, {"name": process})
        await connection.execute(_GIVE_BACK_ALL, {"holder": process})
        await connection.execute(_BURY_OLD, {"grace": _microseconds(self.lasts)})

    async def report(self, connection: AsyncConnection, reports: Iterable[tuple[int, int, str]]) -> None:
        """Say how it goes with what is held: what it is about, its fencing number, and words."""
        rows = [{"platform_id": about, "fence": fence, "report": report} for about, fence, report in reports]
        if rows:
            await connection.execute(_REPORT, rows)


async def still_held(connection: AsyncConnection, platform_ids: Collection[int]) -> dict[int, int]:
    """The fencing numbers as they are, and stay until the transaction is over."""
    rows = await connection.execute(_STILL, {"wanted": sorted(platform_ids)})
    return {row.platform_id: row.fence for row in rows}


async def reports(connection: AsyncConnection) -> dict[int, str]:
    """What those who look after platforms said last."""
    return {row.platform_id: row.report for row in await connection.execute(_REPORTS)}


def _microseconds(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1)
