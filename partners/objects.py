"""OCPI objects as JSON text and the few columns that find them: the node's own, and copies of others'."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.ocpi.description import ObjectKey
from hub.ocpi.paging import PageRequest
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock, parse_timestamp
from partners.database import Database
from schemas import exact_json

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: Told of the new state of an object, or with None that it is gone, in the transaction that keeps it.
Keeper = Callable[[ObjectKey, dict[str, Any] | None], None]

TABLES = """
CREATE TABLE IF NOT EXISTS object (
    -- The order of creation, which is the order of every list (PG-11).
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The party of ours that has it: what was sent to one is never shown to another.
    holder TEXT NOT NULL,
    module TEXT NOT NULL,
    country_code TEXT NOT NULL,
    party_id TEXT NOT NULL,
    object_id TEXT NOT NULL,
    variant TEXT NOT NULL,
    text TEXT NOT NULL,
    -- Microseconds since 1970.
    last_updated INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    -- Whether the hub holds the object, too, so that it must be in a full list of the hub.
    through_hub INTEGER NOT NULL,
    is_valid INTEGER NOT NULL DEFAULT 1,
    UNIQUE (holder, module, country_code, party_id, object_id, variant)
);
"""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object as it is kept."""

    key: ObjectKey
    #: JSON text.
    text: bytes
    last_updated: datetime
    received_at: datetime
    #: Not missing from the last full list (TR-39).
    is_valid: bool

    def value(self) -> dict[str, Any]:
        """The decoded object."""
        value: dict[str, Any] = exact_json.decode(self.text)
        return value


class Objects:
    """The objects that one party of the node has.

    Args:
        database: Where they are kept.
        clock: Tells the time.
        holder: The party; None where the node has only one.
    """

    def __init__(self, database: Database, clock: Clock, holder: Party | None = None) -> None:
        self._database = database
        self._clock = clock
        self._holder = "" if holder is None else str(holder)
        self._keepers: dict[str, Keeper] = {}
        database.define(TABLES)

    def held_by(self, holder: Party) -> "Objects":
        """The objects that another party of the node has."""
        return Objects(self._database, self._clock, holder)

    def tell(self, module: str, keeper: Keeper) -> None:
        """Let somebody keep what becomes of the objects of a module."""
        self._keepers[module] = keeper

    def get(self, key: ObjectKey) -> StoredObject | None:
        """The object with this key, None where there is none."""
        row = self._database.row(
            "SELECT * FROM object WHERE holder = ? AND module = ? AND country_code = ? AND party_id = ?"
            " AND object_id = ? AND variant = ?",
            (self._holder, *key),
        )
        return None if row is None else _read(row)

    def put(self, key: ObjectKey, value: dict[str, Any], *, through_hub: bool = False) -> bool:
        """Keep the object, a new one or in place of the one with this key; whether it is new."""
        is_new = self.get(key) is None
        with self._telling(key, value):
            self._database.execute(
                "INSERT INTO object (holder, module, country_code, party_id, object_id, variant, text,"
                " last_updated, received_at, through_hub) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (holder, module, country_code, party_id, object_id, variant) DO UPDATE"
                " SET text = excluded.text, last_updated = excluded.last_updated,"
                " received_at = excluded.received_at, through_hub = excluded.through_hub, is_valid = 1",
                (
                    self._holder,
                    *key,
                    exact_json.encode(value).decode(),
                    microseconds(last_updated(value)),
                    microseconds(self._clock()),
                    through_hub,
                ),
            )
        return is_new

    def delete(self, key: ObjectKey) -> bool:
        """Forget the object; whether there was one."""
        with self._telling(key, None):
            return bool(
                self._database.execute(
                    "DELETE FROM object WHERE holder = ? AND module = ? AND country_code = ?"
                    " AND party_id = ? AND object_id = ? AND variant = ?",
                    (self._holder, *key),
                )
            )

    def all(self, module: str, *, owner: Party | None = None) -> list[StoredObject]:
        """The valid objects of a module, oldest first; perhaps of one owner only."""
        condition, parameters = _of_owner(owner)
        rows = self._database.rows(
            f"SELECT * FROM object WHERE holder = ? AND module = ? AND is_valid{condition} ORDER BY id",  # noqa: S608 no input in it
            (self._holder, module, *parameters),
        )
        return [_read(row) for row in rows]

    def with_id(self, module: str, object_id: str) -> list[StoredObject]:
        """The objects with this id, of whichever owner: ids are unique for one owner only (AM-28)."""
        rows = self._database.rows(
            "SELECT * FROM object WHERE holder = ? AND module = ? AND object_id = ? ORDER BY id",
            (self._holder, module, object_id.upper()),
        )
        return [_read(row) for row in rows]

    def page(self, module: str, asked: PageRequest, *, owner: Party | None = None) -> tuple[list[bytes], int]:
        """One page of a list as JSON texts, and how many objects all its pages have (PG-02, PG-03, PG-08)."""
        condition, parameters = _of_owner(owner)
        if asked.date_from is not None:
            condition += " AND last_updated >= ?"
            parameters += (microseconds(asked.date_from),)
        if asked.date_to is not None:
            condition += " AND last_updated < ?"
            parameters += (microseconds(asked.date_to),)
        where = f"FROM object WHERE holder = ? AND module = ? AND is_valid{condition}"
        parameters = (self._holder, module, *parameters)
        total = self._database.rows(f"SELECT count(*) {where}", parameters)[0][0]
        rows = self._database.rows(
            f"SELECT text {where} ORDER BY id LIMIT ? OFFSET ?",
            (*parameters, asked.limit, asked.offset),
        )
        return [row["text"].encode() for row in rows], total

    def outdate(self, module: str, listed: Iterable[ObjectKey], since: datetime) -> int:
        """Mark what a full list of the hub lacked as no longer valid; how many (TR-39).

        What came from its owner directly, or while the list was being read, is not the hub's to list.

        Args:
            module: The module that was listed.
            listed: What was in the list.
            since: When the reading of the list began.
        """
        kept = set(listed)
        rows = self._database.rows(
            "SELECT * FROM object WHERE holder = ? AND module = ? AND is_valid AND through_hub"
            " AND received_at < ?",
            (self._holder, module, microseconds(since)),
        )
        gone = [(row["id"], key) for row in rows if (key := _read(row).key) not in kept]
        with self._database.transaction():
            for row_id, key in gone:
                self._database.execute("UPDATE object SET is_valid = 0 WHERE id = ?", (row_id,))
                self._told(key, None)
        return len(gone)

    @contextmanager
    def _telling(self, key: ObjectKey, value: dict[str, Any] | None) -> Iterator[None]:
        """What happens inside, and what a keeper makes of it: both or neither."""
        if key.module not in self._keepers:
            yield
            return
        with self._database.transaction():
            yield
            self._told(key, value)

    def _told(self, key: ObjectKey, value: dict[str, Any] | None) -> None:
        if (keeper := self._keepers.get(key.module)) is not None:
            keeper(key, value)


def last_updated(value: dict[str, Any]) -> datetime:
    """The `last_updated` of an object that its model found right."""
    return parse_timestamp(value["last_updated"])


def _of_owner(owner: Party | None) -> tuple[str, tuple[Any, ...]]:
    return ("", ()) if owner is None else (" AND country_code = ? AND party_id = ?", owner.folded)


def microseconds(instant: datetime) -> int:
    """An instant as the database keeps it: microseconds since 1970."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def moment(since_1970: int) -> datetime:
    """The instant that is kept as so many microseconds since 1970."""
    return EPOCH + timedelta(microseconds=since_1970)


def _read(row: Any) -> StoredObject:
    return StoredObject(
        key=ObjectKey(row["module"], row["country_code"], row["party_id"], row["object_id"], row["variant"]),
        text=row["text"].encode(),
        last_updated=moment(row["last_updated"]),
        received_at=moment(row["received_at"]),
        is_valid=bool(row["is_valid"]),
    )
