"""The change log: what the hub accepted on behalf of others, in order (design D3).

All pumps read the same log, most of them at its end. So its last changes are kept in memory, read once for
all; who is further behind reads from the database.
"""

from bisect import bisect_right
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import count
from typing import Any

from sqlalchemy import TextClause, text

from hub.delivery.newest_states import NewestStates
from hub.ocpi.description import ObjectKey
from hub.ocpi.party import Party
from hub.store.acceptance import State
from hub.store.database import Database, microseconds
from hub.store.dialects import Alone
from hub.store.object_rows import KeptState, forget_deleted
from schemas.v2_2_1 import Role

#: Changes kept in memory, at least.
TAIL = 10_000
#: Beyond every change.
LAST = 2**62
#: Changes read from the database at once.
CHUNK = 1_000
#: Owners, and sorts of changes, that are remembered.
MOST_OWNERS = MOST_SORTS = 50_000


@dataclass(frozen=True, slots=True)
class Change:
    """One row of the log."""

    seq: int
    key: ObjectKey
    #: PUT, PATCH or DELETE.
    method: str
    #: The raw path below the module's URL, and the raw query.
    tail: str
    query: str
    #: What changed, as it came; empty where the whole object was replaced or deleted.
    body: bytes
    sender_role: Role
    sender_platform_id: int | None
    correlation_id: str
    #: The newest change of the same object when this one was read.
    newest: int
    #: The party that sent it: only its owner changes an object.
    owner: Party = field(init=False, compare=False)
    #: Of one sort are changes of one module, by one owner, sent in one role by one platform.
    sort: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        owner = _owner(self.key.country_code, self.key.party_id)
        object.__setattr__(self, "owner", owner)
        sort = _sort(self.key.module, owner, self.sender_role, self.sender_platform_id)
        object.__setattr__(self, "sort", sort)

    @property
    def is_partial(self) -> bool:
        """Whether it says only what changed."""
        return bool(self.body)


@lru_cache(maxsize=MOST_OWNERS)
def _owner(country_code: str, party_id: str) -> Party:
    return Party(country_code, party_id)


_sorts = count()


@lru_cache(maxsize=MOST_SORTS)
def _sort(_module: str, _owner: Party, _role: Role, _platform_id: int | None) -> int:
    """A number, the same for the same; one that was forgotten is never used for another sort."""
    return next(_sorts)


_COLUMNS = (
    "change.seq, change.module, change.country_code, change.party_id, change.object_id, change.variant,"
    " change.method, change.tail, change.query, change.body, change.sender_role, change.sender_platform_id,"
    " change.correlation_id, object.change_seq AS newest"
)
#: The state of objects that were replaced whole, and not changed since, comes along.
_STATE = (
    ", object.last_updated, object.is_deleted,"
    " CASE WHEN change.body = '' AND object.change_seq = change.seq THEN object.body END AS state_body"
)


def _select(columns: str) -> TextClause:
    return text(
        f"SELECT {columns} FROM change LEFT JOIN object ON object.module = change.module"  # noqa: S608 constants only
        " AND object.object_id = change.object_id AND object.country_code = change.country_code"
        " AND object.party_id = change.party_id AND object.variant = change.variant"
        " WHERE change.seq > :after AND change.seq <= :end ORDER BY change.seq LIMIT :limit"
    )


_READ = _select(_COLUMNS)
_READ_WITH_STATE = _select(_COLUMNS + _STATE)
_END = text("SELECT coalesce(max(seq), 0) FROM change")
_FIRST_KEPT = text("SELECT seq FROM change WHERE accepted_at >= :since ORDER BY seq LIMIT 1")
_TRIM = text("DELETE FROM change WHERE seq < :first")


class ChangeLog:
    """The log, for reading. One task calls `read_on`; everybody may read."""

    def __init__(
        self, database: Database, in_force: Callable[[], Awaitable[None]] | None = None, *, tail: int = TAIL
    ) -> None:
        """Wire up.

        Args:
            database: Where it is.
            in_force: Waits until what was committed is in force: nobody is told of a party before that can
                be reached.
            tail: How many changes are kept at hand.
        """
        self._database = database
        self._in_force = in_force
        self._keep = tail
        self._tail: list[Change] = []
        #: The tail holds all changes after this one.
        self._start = 0
        self._newest: dict[ObjectKey, int] = {}
        self._states = NewestStates()
        #: The last change that is known.
        self.end = 0

    async def open(self) -> None:
        """Begin at the end of the log."""
        async with self._database.reading() as connection:
            self._start = self.end = (await connection.execute(_END)).scalar_one()

    async def read_on(self) -> None:
        """Take in what was accepted since."""
        while True:
            async with self._database.reading() as connection:
                bounds = {"after": self.end, "end": LAST, "limit": CHUNK}
                rows = (await connection.execute(_READ_WITH_STATE, bounds)).all()
            if self._in_force is not None:
                await self._in_force()
            for row in rows:
                self._take(row)
            if len(rows) < CHUNK:
                return

    async def after(self, seq: int, limit: int) -> list[Change]:
        """The changes that follow, in order, as far as the log was read on: states are known up to there."""
        at_hand = self.at_hand(seq, limit)
        if at_hand is not None:
            return list(at_hand)
        async with self._database.reading() as connection:
            rows = await connection.execute(_READ, {"after": seq, "end": self.end, "limit": limit})
            return [_change(row) for row in rows]

    def at_hand(self, seq: int, limit: int) -> Sequence[Change] | None:
        """The same, without waiting; None where they are not in memory."""
        if seq >= self.end:
            return ()
        if seq < self._start:
            return None
        tail = self._tail
        # Numbers mostly follow each other without a gap: then it is known where a place is.
        place = len(tail) - (self.end - seq)
        if place < 0 or (tail[place - 1].seq if place else self._start) != seq:
            place = bisect_right(tail, seq, key=_number)
        return tail[place : place + limit]

    def newest(self, change: Change) -> int:
        """The number of the newest known change of the same object."""
        return max(change.seq, change.newest, self._newest.get(change.key, 0))

    async def states(self, keys: Iterable[ObjectKey]) -> dict[ObjectKey, KeptState]:
        """The newest states of these objects; what was never known, or is long deleted, is missing."""
        return await self._states.read(self._database, keys, self._newest)

    def states_at_hand(self, keys: Collection[ObjectKey]) -> dict[ObjectKey, KeptState] | None:
        """The same, without waiting; None where one is not in memory."""
        return self._states.at_hand(keys)

    async def trim(self, since: datetime) -> None:
        """Forget what was accepted before, and the deleted objects of which no change is left.

        The last change stays, whatever its age: it is the end of the log.
        """
        async with self._database.writing() as connection:
            first = (await connection.execute(_FIRST_KEPT, {"since": microseconds(since)})).scalar()
            if first is None:
                first = (await connection.execute(_END)).scalar_one()
            await connection.execute(_TRIM, {"first": first})
        async with self._database.writing(Alone.LOG) as connection:
            await forget_deleted(connection, before=first)

    def _take(self, row: Any) -> None:
        change = _change(row)
        self._tail.append(change)
        self._newest[change.key] = self.end = change.seq
        state = None
        if row.state_body is not None:
            state = KeptState(State(row.state_body, row.last_updated, bool(row.is_deleted)), change.seq)
        self._states.changed(change.key, state)
        if len(self._tail) >= 2 * self._keep:
            self._drop(len(self._tail) - self._keep)

    def _drop(self, count: int) -> None:
        for change in self._tail[:count]:
            if self._newest.get(change.key) == change.seq:
                del self._newest[change.key]
        self._start = self._tail[count - 1].seq
        del self._tail[:count]


def _number(change: Change) -> int:
    return change.seq


def _change(row: Any) -> Change:
    return Change(
        seq=row.seq,
        key=ObjectKey(row.module, row.country_code, row.party_id, row.object_id, row.variant),
        method=row.method,
        tail=row.tail,
        query=row.query,
        body=row.body.encode(),
        sender_role=Role(row.sender_role),
        sender_platform_id=row.sender_platform_id,
        correlation_id=row.correlation_id,
        newest=row.newest or 0,
    )
