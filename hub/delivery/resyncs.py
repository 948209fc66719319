"""Resyncs: what receivers are owed beside the log, because an agreement began or ended (design D6).

The log tells what changed; when two parties begin to exchange messages, nothing did. So the receiver is owed
all objects that the other one has here: one row says that, whatever their number, and the pump walks over
them in the order of their creation, some in each round, beside what the log has. What it says of each is
decided when it says it: the newest state to whoever may see it; to whoever may no longer, that the object is
gone, if OCPI has a way to say so. A crash makes it say some of that again.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sqlalchemy import bindparam, text

from hub.delivery.audience import CLIENT_INFO, Receiver
from hub.delivery.changes import Change
from hub.delivery.cursors import receiver_in
from hub.directory.directory import Directory
from hub.ocpi.description import ObjectKey
from hub.ocpi.modules import MODULES
from hub.ocpi.party import Party
from hub.store.database import Database
from hub.store.leases import Leases
from hub.store.object_rows import DELETABLE
from schemas import exact_json
from schemas.v2_2_1 import Role

#: Owners whose objects are walked over together, at most.
MOST_OWNERS = 500
_READ = text(
    "SELECT id, platform_id, role, country_code, party_id, module, owner_country_code, owner_party_id,"
    " position, correlation_id FROM resync ORDER BY id"
)
_MOVE = text("UPDATE resync SET position = :position WHERE id = :id")
_FORGET = text("DELETE FROM resync WHERE id = :id")
_OBJECTS = text(
    "SELECT seq, module, country_code, party_id, object_id, variant, platform_id, body FROM object"
    " WHERE module = :module AND is_deleted = :is_deleted AND seq > :after"
    " AND (country_code, party_id) IN :owners ORDER BY seq LIMIT :limit"
).bindparams(bindparam("owners", expanding=True))


@dataclass(frozen=True, slots=True)
class Resync:
    """All objects of an owner in a module, of which a receiver is to be told."""

    id: int
    receiver: Receiver
    module: str
    owner: Party
    correlation_id: str


@dataclass(frozen=True, slots=True)
class Batch:
    """The next objects of resyncs that a receiver is told of together."""

    resyncs: tuple[Resync, ...]
    #: The objects by the order of creation, each as a change that has it whole.
    places: tuple[tuple[int, Change], ...]
    #: The places of which the receiver was told already.
    told: frozenset[int]
    #: Whether no more objects follow.
    is_last: bool


class Resyncs:
    """What is owed to receivers beside the log. Who owes them anew must have it `read`."""

    def __init__(self, database: Database, leases: Leases, directory: Callable[[], Directory]) -> None:
        self._database = database
        self._leases = leases
        self._directory = directory
        #: By the number of the resync, the first one first.
        self._owed: dict[Receiver, dict[int, Resync]] = {}
        self._positions: dict[int, int] = {}
        #: What receivers were told of beyond the position, in which resyncs.
        self._beyond: dict[Receiver, tuple[frozenset[int], frozenset[int]]] = {}
        #: Numbers of resyncs that are over here, and not in the table yet.
        self._dropped: set[int] = set()
        self._changing = asyncio.Lock()

    async def read(self) -> None:
        """Take in what is owed now, as far as the Directory in force knows of it.

        Whose agreement is not in it would be told of nothing, and that would be the end of it.
        """
        known = self._directory().last_resync
        async with self._changing:
            forgotten = frozenset(self._dropped)
            await self._forget(forgotten)
            self._dropped -= forgotten
            async with self._database.reading() as connection:
                rows = (await connection.execute(_READ)).all()
            owed: dict[Receiver, dict[int, Resync]] = {}
            for row in rows:
                if row.id in self._dropped or row.id > known:
                    continue
                each = _resync(row)
                owed.setdefault(each.receiver, {})[each.id] = each
            self._owed = owed
            self._positions = {row.id: max(row.position, self._positions.get(row.id, 0)) for row in rows}

    def count(self, receiver: Receiver) -> int:
        """How many resyncs the receiver is owed."""
        return len(self._owed.get(receiver, ()))

    def platforms(self) -> set[int]:
        """Those of which a receiver is owed a resync."""
        return {receiver.platform_id for receiver in self._owed}

    async def next(self, receiver: Receiver, limit: int) -> Batch | None:
        """The next objects that the receiver is to be told of; None where there is nothing to tell."""
        waiting = list(self._owed.get(receiver, {}).values())
        if not waiting:
            return None
        module, position = waiting[0].module, self._positions[waiting[0].id]
        together = tuple(
            each for each in waiting if each.module == module and self._positions[each.id] == position
        )[:MOST_OWNERS]
        rows = await self._objects(module, position, [each.owner for each in together], limit)
        correlations = {each.owner: each.correlation_id for each in together}
        directory = self._directory()
        ids, told = self._beyond.get(receiver, (frozenset(), frozenset()))
        return Batch(
            together,
            tuple((row.seq, _change(row, correlations, directory)) for row in rows[:limit]),
            told if ids == _ids(together) else frozenset(),
            is_last=len(rows) < limit,
        )

    async def told(self, batch: Batch, places: Collection[int]) -> None:
        """The receiver knows the objects at these places; on disk when this returns.

        Raises:
            LeaseLost: another process looks after the platform by now.
        """
        position, beyond = None, set(places)
        for place, _ in batch.places:
            if place not in beyond:
                break
            beyond.discard(place)
            position = place
        else:
            if batch.is_last:
                await self._finish(batch.resyncs)
                return
        if position is not None:
            await self._move(batch.resyncs, position)
        self._beyond[batch.resyncs[0].receiver] = (_ids(batch.resyncs), frozenset(beyond))

    def drop(self, receivers: Iterable[Receiver]) -> None:
        """These receivers are owed nothing any more: they pull, or are gone."""
        for receiver in receivers:
            self._dropped |= self._owed.pop(receiver, {}).keys()

    def drop_all_but(self, receivers: Collection[Receiver]) -> None:
        """Who is gone is owed nothing."""
        self.drop(self._owed.keys() - set(receivers))

    async def _objects(self, module: str, after: int, owners: list[Party], limit: int) -> list[Any]:
        """The next objects of these owners, deleted ones too where they can be."""
        wanted = {
            "module": module,
            "after": after,
            "owners": [each.folded for each in owners],
            "limit": limit,
        }
        found: list[Any] = []
        async with self._database.snapshot() as connection:
            for is_deleted in (False, True) if module in DELETABLE else (False,):
                found += (await connection.execute(_OBJECTS, wanted | {"is_deleted": is_deleted})).all()
        return sorted(found, key=lambda row: int(row.seq))

    async def _move(self, resyncs: Collection[Resync], position: int) -> None:
        ids = [each.id for each in resyncs]
        about = {each.receiver.platform_id for each in resyncs}
        async with self._changing, self._leases.writing(*about) as connection:
            await connection.execute(_MOVE, [{"id": each, "position": position} for each in ids])
        self._positions |= dict.fromkeys(ids, position)

    async def _finish(self, resyncs: Collection[Resync]) -> None:
        async with self._changing:
            await self._forget((each.id for each in resyncs), {each.receiver.platform_id for each in resyncs})
            for each in resyncs:
                self._owed.get(each.receiver, {}).pop(each.id, None)
                self._beyond.pop(each.receiver, None)

    async def _forget(self, ids: Iterable[int], about: Iterable[int] = ()) -> None:
        rows = [{"id": each} for each in ids]
        if rows:
            async with self._leases.writing(*about) as connection:
                await connection.execute(_FORGET, rows)


def _ids(resyncs: Iterable[Resync]) -> frozenset[int]:
    return frozenset(each.id for each in resyncs)


def _resync(row: Any) -> Resync:
    return Resync(
        id=row.id,
        receiver=receiver_in(row.platform_id, row.role, row.country_code, row.party_id),
        module=row.module,
        owner=Party(row.owner_country_code, row.owner_party_id),
        correlation_id=row.correlation_id,
    )


def _change(row: Any, correlations: dict[Party, str], directory: Directory) -> Change:
    """The object as if its owner had sent it whole; without a place in the log, which has its own letters."""
    key = ObjectKey(row.module, row.country_code, row.party_id, row.object_id, row.variant)
    owner = Party(row.country_code, row.party_id)
    return Change(
        seq=0,
        key=key,
        method="PUT",
        tail=_tail(key, row.body),
        query=_query(key),
        body=b"",
        sender_role=_owning_role(key, owner, row.platform_id, directory),
        sender_platform_id=row.platform_id,
        correlation_id=correlations[owner],
        newest=0,
    )


def _tail(key: ObjectKey, body: str) -> str:
    """The object's path, spelled as its owner spells it; of what was deleted nobody knows that."""
    kind = MODULES[key.module].kind
    spelled = exact_json.members(body.encode()) if body else {}
    names = ("country_code", "party_id") if kind is None else ("country_code", "party_id", kind.id_field)
    return "".join(
        "/" + quote(exact_json.decode(bytes(spelled[name])) if name in spelled else folded, safe="")
        for name, folded in zip(names, (key.country_code, key.party_id, key.object_id), strict=False)
    )


def _query(key: ObjectKey) -> str:
    """What tells objects with the same path apart, where it is not the default (AM-52)."""
    kind = MODULES[key.module].kind
    if kind is None or kind.variant is None or key.variant == kind.variant[1]:
        return ""
    return f"{kind.variant[0]}={quote(key.variant)}"


def _owning_role(key: ObjectKey, owner: Party, platform_id: int | None, directory: Directory) -> Role:
    """The role in which the owner has such objects; if it is gone, the one that it must have had."""
    owning = MODULES[key.module].sender_roles
    if key.module == CLIENT_INFO:
        # Whose word it is: ours, or that of another hub (AM-56).
        is_distant = bool(directory.reaching(owner)) and not directory.holders(owner)
        return Role(key.variant) if is_distant else Role.HUB
    platform = None if platform_id is None else directory.platforms.get(platform_id)
    registered = () if platform is None else platform.roles_of(owner)
    return next((role for role in registered if role in owning), min(owning))
