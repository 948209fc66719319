"""How far the hub has come with each list: kept, so that it goes on there after a restart."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text

from hub.ocpi.party import Party
from hub.pulling.lists import List
from hub.store.database import Database, microseconds, moment
from schemas import exact_json

#: Objects that were left out which are remembered by name; the journal has them all.
NAMED = 50

_COLUMNS = (
    "platform_id", "module", "country_code", "party_id", "url", "full_at", "partial_at", "ended_at", "error",
    "doubted_at", "stored", "unchanged", "broken", "invalid", "left_out", "correlation_id",
)  # fmt: skip
_KEY = _COLUMNS[:4]
_READ = text(f"SELECT {', '.join(_COLUMNS)} FROM pulled_list")  # noqa: S608 constants only
_READ_OF = text(f"SELECT {', '.join(_COLUMNS)} FROM pulled_list WHERE platform_id = :platform_id")  # noqa: S608 constants only
_WRITE = text(
    f"INSERT INTO pulled_list ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{each}' for each in _COLUMNS)})"  # noqa: S608 constants only
    f" ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET "
    + ", ".join(f"{each} = excluded.{each}" for each in _COLUMNS[4:])
)
_IS_KNOWN = text("SELECT count(*) FROM platform WHERE id = :platform_id")
_FORGET = text("DELETE FROM pulled_list WHERE platform_id = :platform_id")


class Named(NamedTuple):
    """An object that was left out of the last pull."""

    id: str
    owner: str
    reason: str


@dataclass(frozen=True, slots=True)
class Tally:
    """What a pull made of the objects that came: each is counted once."""

    #: New, or changed.
    stored: int = 0
    #: What the hub had already, or has newer.
    unchanged: int = 0
    #: Left out, each with its reason.
    broken: int = 0
    #: Not in the full list any more.
    invalid: int = 0
    #: The first of those that were left out.
    left_out: tuple[Named, ...] = ()

    @property
    def listed(self) -> int:
        """How many objects came."""
        return self.stored + self.unchanged + self.broken


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the hub has come with one list."""

    #: Where the list was.
    url: str
    #: When the last full pull that ended well was begun, and the last one by date.
    full_at: datetime | None = None
    partial_at: datetime | None = None
    #: When the last pull ended, well or not.
    ended_at: datetime | None = None
    #: Why it did not end well; empty if it did.
    error: str = ""
    #: Since when full lists have been so short that nothing was made invalid.
    doubted_at: datetime | None = None
    tally: Tally = field(default_factory=Tally)
    #: Of the last pull.
    correlation_id: str = ""

    @property
    def read_at(self) -> datetime | None:
        """Up to when the list was read to its end: objects updated since may be missing."""
        return max((each for each in (self.full_at, self.partial_at) if each is not None), default=None)


class ProgressRecords:
    """The progress of all lists: read once, then in memory and in the table."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[List, Progress] = {}

    async def open(self) -> None:
        """Read how far everything has come."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(_READ)).all()
        self._known = {_list(row): _progress(row) for row in rows}

    async def refresh(self, platform_id: int) -> None:
        """Read how far another process has come with a platform's lists."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(_READ_OF, {"platform_id": platform_id})).all()
        self._known |= {_list(row): _progress(row) for row in rows}

    def of(self, which: List) -> Progress | None:
        """How far the list has come, None where it was never read."""
        return self._known.get(which)

    async def keep(self, which: List, progress: Progress) -> None:
        """The list has come so far. A platform that was removed meanwhile is passed over."""
        async with self._database.writing() as connection:
            known = (await connection.execute(_IS_KNOWN, {"platform_id": which.platform_id})).scalar_one()
            if known:
                await connection.execute(_WRITE, _row(which, progress))
        if known:
            self._known[which] = progress

    async def forget_all_but(self, platform_ids: Collection[int]) -> None:
        """Forget the lists of platforms that are not registered any more: they begin anew (TR-32)."""
        gone = {which.platform_id for which in self._known} - set(platform_ids)
        if not gone:
            return
        async with self._database.writing() as connection:
            await connection.execute(_FORGET, [{"platform_id": each} for each in gone])
        self._known = {which: each for which, each in self._known.items() if which.platform_id not in gone}


def named(left_out: Iterable[Any]) -> tuple[Named, ...]:
    """The first of those that were left out, as they are remembered."""
    return tuple(Named(each.id, each.owner, each.reason) for each in left_out)[:NAMED]


def _list(row: Any) -> List:
    return List(row.platform_id, row.module, Party(row.country_code, row.party_id))


def _progress(row: Any) -> Progress:
    return Progress(
        url=row.url,
        full_at=_moment(row.full_at),
        partial_at=_moment(row.partial_at),
        ended_at=_moment(row.ended_at),
        error=row.error,
        doubted_at=_moment(row.doubted_at),
        tally=Tally(
            row.stored,
            row.unchanged,
            row.broken,
            row.invalid,
            tuple(Named(*each) for each in exact_json.decode(row.left_out)),
        ),
        correlation_id=row.correlation_id,
    )


def _row(which: List, progress: Progress) -> dict[str, Any]:
    country_code, party_id = which.party.folded
    tally = progress.tally
    return {
        "platform_id": which.platform_id,
        "module": which.module,
        "country_code": country_code,
        "party_id": party_id,
        "url": progress.url,
        "full_at": _number(progress.full_at),
        "partial_at": _number(progress.partial_at),
        "ended_at": _number(progress.ended_at),
        "error": progress.error,
        "doubted_at": _number(progress.doubted_at),
        "stored": tally.stored,
        "unchanged": tally.unchanged,
        "broken": tally.broken,
        "invalid": tally.invalid,
        "left_out": exact_json.encode([list(each) for each in tally.left_out]).decode(),
        "correlation_id": progress.correlation_id,
    }


def _moment(value: int | None) -> datetime | None:
    return None if value is None else moment(value)


def _number(value: datetime | None) -> int | None:
    return None if value is None else microseconds(value)
