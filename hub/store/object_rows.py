"""The statements over objects and change log: plain SQL, many rows at a time (design D8)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.ocpi.description import ObjectKey
from hub.ocpi.modules import MODULES
from hub.ocpi.party import Party
from hub.store.acceptance import State
from hub.store.database import microseconds
from hub.store.dialects import dialect_of
from hub.store.dialects.rows import KeptRow, LogRow
from schemas.v2_2_1 import Role

#: Keys in one statement: five parameters each, far below what a database takes.
KEYS_AT_ONCE = 500

#: Modules whose objects can be deleted at all.
DELETABLE = tuple(
    module.id
    for module in MODULES.values()
    if module.kind is not None and any(each.method == "DELETE" for each in module.operations)
)
_STATE_WITHOUT_BODY = (
    "object.last_updated, object.is_deleted, object.change_seq, object.addressee_country_code,"
    " object.addressee_party_id, '' AS body"
)
_STATE = _STATE_WITHOUT_BODY.replace("'' AS body", "object.body")
_FORGET_OBJECT = text(
    "DELETE FROM object WHERE module = :module AND object_id = :object_id"
    " AND country_code = :country_code AND party_id = :party_id AND variant = :variant"
)
_FORGET_DELETED = text(
    "DELETE FROM object WHERE module = :module AND is_deleted = true AND change_seq < :before"
)
_LAST_CHANGE = text("SELECT coalesce(max(seq), 0) FROM change")


@dataclass(frozen=True, slots=True)
class KeptState:
    """An object as it is kept, and the newest change of it in the log."""

    state: State
    change_seq: int | None


@dataclass(frozen=True, slots=True)
class ObjectWrite:
    """A row of the object table as it shall be."""

    key: ObjectKey
    state: State
    platform_id: int | None
    #: Of its newest change among those that are written with it, from 1 on; None if there is none.
    place: int | None = None
    #: When something between two parties is kept, in microseconds since 1970; None for everything else.
    kept_at: int | None = None


async def read_states(
    connection: AsyncConnection, keys: Sequence[ObjectKey], *, with_bodies: bool = True
) -> dict[ObjectKey, KeptState]:
    """The objects with these keys, as far as they are known; deleted ones, too."""
    found: dict[ObjectKey, KeptState] = {}
    dialect, columns = dialect_of(connection), _STATE if with_bodies else _STATE_WITHOUT_BODY
    for start in range(0, len(keys), KEYS_AT_ONCE):
        wanted = keys[start : start + KEYS_AT_ONCE]
        for place, updated, is_deleted, change_seq, *to, body in await dialect.states(
            connection, wanted, columns
        ):
            addressee = None if to[1] is None else Party(*to)
            state = State(body, updated, bool(is_deleted), addressee)
            found[wanted[place]] = KeptState(state, change_seq)
    return found


async def log_and_keep(
    connection: AsyncConnection, changes: Sequence[LogRow], writes: Iterable[ObjectWrite]
) -> list[int]:
    """Append to the change log, and create or replace rows of objects; the numbers of the changes, in order.

    The transaction holds `Alone.LOG`, so that the numbers follow each other without a gap.
    """
    rows = [_kept_row(write) for write in writes]
    if not (changes or rows):
        return []
    before = await dialect_of(connection).keep(connection, changes, rows)
    return list(range(before + 1, before + 1 + len(changes)))


async def forget_objects(connection: AsyncConnection, keys: Iterable[ObjectKey]) -> None:
    """Take the rows away, so that objects created anew stand at the end of the pages (PG-11)."""
    rows = [key._asdict() for key in keys]
    if rows:
        await connection.execute(_FORGET_OBJECT, rows)


async def forget_deleted(connection: AsyncConnection, before: int) -> None:
    """Take away the rows of objects that were deleted by a change before this one."""
    rows = [{"module": module, "before": before} for module in DELETABLE]
    await connection.execute(_FORGET_DELETED, rows)


async def last_change(connection: AsyncConnection) -> int:
    """The number of the newest change in the log."""
    last: int = (await connection.execute(_LAST_CHANGE)).scalar_one()
    return last


def change_row(
    key: ObjectKey,
    *,
    method: str,
    tail: str,
    query: str,
    body: str,
    sender_role: Role,
    sender_platform_id: int | None,
    correlation_id: str,
    accepted_at: datetime,
) -> LogRow:
    """A row of the change log."""
    return LogRow(
        *key,
        method,
        tail,
        query,
        body,
        str(sender_role),
        sender_platform_id,
        correlation_id,
        microseconds(accepted_at),
    )


def _kept_row(write: ObjectWrite) -> KeptRow:
    state = write.state
    country_code, party_id = (None, None) if state.addressee is None else state.addressee.folded
    return KeptRow(
        *write.key,
        write.platform_id,
        state.last_updated,
        state.is_deleted,
        write.place,
        country_code,
        party_id,
        write.kept_at,
        state.body,
    )
