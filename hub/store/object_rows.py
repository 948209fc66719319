"""The statements over objects and change log: plain SQL, many rows at a time (design D8)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.ocpi.description import ObjectKey
from hub.ocpi.modules import MODULES
from hub.ocpi.party import Party
from hub.store.acceptance import State
from hub.store.database import microseconds
from hub.store.dialects import dialect_of
from schemas.v2_2_1 import Role

#: Keys in one statement: five parameters each, far below what a database takes.
KEYS_AT_ONCE = 500

KEY_LENGTH = len(ObjectKey._fields)
#: Modules whose objects can be deleted at all.
DELETABLE = tuple(
    module.id
    for module in MODULES.values()
    if module.kind is not None and any(each.method == "DELETE" for each in module.operations)
)
#: Columns in the order of the unique index.
KEY_COLUMNS = "module, object_id, country_code, party_id, variant"
_STATE_WITHOUT_BODY = (
    "object.last_updated, object.is_deleted, object.change_seq, object.addressee_country_code,"
    " object.addressee_party_id, '' AS body"
)
_STATE = _STATE_WITHOUT_BODY.replace("'' AS body", "object.body")
_UPSERT_OBJECT = text(
    "INSERT INTO object (module, country_code, party_id, object_id, variant, platform_id, last_updated,"  # noqa: S608 constants only
    " is_deleted, change_seq, addressee_country_code, addressee_party_id, kept_at, body)"
    " VALUES (:module, :country_code, :party_id, :object_id, :variant,"
    " :platform_id, :last_updated, :is_deleted, :change_seq, :addressee_country_code, :addressee_party_id,"
    " :kept_at, :body)"
    f" ON CONFLICT ({KEY_COLUMNS}) DO UPDATE SET platform_id = excluded.platform_id,"
    " last_updated = excluded.last_updated, is_deleted = excluded.is_deleted,"
    " change_seq = coalesce(excluded.change_seq, object.change_seq),"
    " addressee_country_code = excluded.addressee_country_code,"
    " addressee_party_id = excluded.addressee_party_id, kept_at = excluded.kept_at, body = excluded.body"
)
_FORGET_OBJECT = text(
    "DELETE FROM object WHERE module = :module AND object_id = :object_id"
    " AND country_code = :country_code AND party_id = :party_id AND variant = :variant"
)
_APPEND_CHANGE = text(
    "INSERT INTO change (module, country_code, party_id, object_id, variant, method, tail, query, body,"
    " sender_role, sender_platform_id, correlation_id, accepted_at) VALUES (:module, :country_code,"
    " :party_id, :object_id, :variant, :method, :tail, :query, :body, :sender_role, :sender_platform_id,"
    " :correlation_id, :accepted_at)"
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
    change_seq: int | None
    #: When something between two parties is kept, in microseconds since 1970; None for everything else.
    kept_at: int | None = None


async def read_states(
    connection: AsyncConnection, keys: Sequence[ObjectKey], *, with_bodies: bool = True
) -> dict[ObjectKey, KeptState]:
    """The objects with these keys, as far as they are known; deleted ones, too."""
    found: dict[ObjectKey, KeptState] = {}
    dialect = dialect_of(connection)
    for start in range(0, len(keys), KEYS_AT_ONCE):
        wanted = keys[start : start + KEYS_AT_ONCE]
        statement, parameters = dialect.states(wanted, _STATE if with_bodies else _STATE_WITHOUT_BODY)
        rows = await connection.execute(statement, parameters)
        for row in rows:
            if row.last_updated is not None:
                addressee = None
                if row.addressee_party_id is not None:
                    addressee = Party(row.addressee_country_code, row.addressee_party_id)
                state = State(row.body, row.last_updated, bool(row.is_deleted), addressee)
                found[ObjectKey(*row[:KEY_LENGTH])] = KeptState(state, row.change_seq)
    return found


async def write_objects(connection: AsyncConnection, writes: Iterable[ObjectWrite]) -> None:
    """Create or replace the rows."""
    rows = [_object_row(write) for write in writes]
    if rows:
        await connection.execute(_UPSERT_OBJECT, rows)


async def forget_objects(connection: AsyncConnection, keys: Iterable[ObjectKey]) -> None:
    """Take the rows away, so that objects created anew stand at the end of the pages (PG-11)."""
    rows = [key._asdict() for key in keys]
    if rows:
        await connection.execute(_FORGET_OBJECT, rows)


async def forget_deleted(connection: AsyncConnection, before: int) -> None:
    """Take away the rows of objects that were deleted by a change before this one."""
    rows = [{"module": module, "before": before} for module in DELETABLE]
    await connection.execute(_FORGET_DELETED, rows)


async def append_changes(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Append to the change log; the numbers that the changes got, in order.

    The transaction holds `Alone.LOG`, so that the numbers follow each other without a gap.
    """
    if not rows:
        return []
    await connection.execute(_APPEND_CHANGE, rows)
    last = await last_change(connection)
    return list(range(last - len(rows) + 1, last + 1))


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
) -> dict[str, Any]:
    """A row of the change log."""
    return {
        **key._asdict(),
        "method": method,
        "tail": tail,
        "query": query,
        "body": body,
        "sender_role": str(sender_role),
        "sender_platform_id": sender_platform_id,
        "correlation_id": correlation_id,
        "accepted_at": microseconds(accepted_at),
    }


def _object_row(write: ObjectWrite) -> dict[str, Any]:
    addressee = write.state.addressee
    country_code, party_id = (None, None) if addressee is None else addressee.folded
    return {
        **write.key._asdict(),
        "platform_id": write.platform_id,
        "last_updated": write.state.last_updated,
        "is_deleted": write.state.is_deleted,
        "change_seq": write.change_seq,
        "addressee_country_code": country_code,
        "addressee_party_id": party_id,
        "kept_at": write.kept_at,
        "body": write.state.body,
    }
