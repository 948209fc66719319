"""OCPI objects as they came: accepted many in one transaction, read one by one and in pages (D3, D4, D8).

Accepting a change is one transaction: the object's new state and one row in the change log. Who gets it is
not asked here, so that the cost does not grow with the number of partners.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.ocpi.description import Module, NestedKind, ObjectKey
from hub.ocpi.errors import OcpiError
from hub.ocpi.modules import MODULES
from hub.ocpi.paging import PageRequest
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from hub.store.acceptance import AcceptedChange, Outcome, State, state_after
from hub.store.announcements import Topic
from hub.store.applying import Applied, Submitted, applied
from hub.store.database import Database, microseconds
from hub.store.dialects import Alone, dialect_of
from hub.store.dialects.rows import LogRow
from hub.store.group_commit import GroupCommit
from hub.store.kept import Between, KeptSession, forget_kept, sessions_of
from hub.store.listing import Counts, Unlisted, count_unlisted, mark_listed, unlisted
from hub.store.object_rows import (
    KeptState,
    ObjectWrite,
    change_row,
    forget_objects,
    last_change,
    log_and_keep,
    read_states,
)
from hub.store.pages import CLIENT_INFO, ObjectFilter, Page, Pages
from hub.store.tariff_versions import StoredVersion, forget_versions, keep_versions, read_versions
from schemas import exact_json
from schemas.v2_2_1 import ClientInfo, Role

__all__ = [
    "Acceptance",
    "AcceptedChange",
    "Between",
    "Counts",
    "KeptSession",
    "ObjectStore",
    "Outcome",
    "Page",
    "Unlisted",
    "append_client_infos",
]

#: Marks, in an announcement, a module with new objects.
NEW = "+"
#: So far ahead may a partner's clock be, or its idea of the time zone.
AHEAD = timedelta(days=1)
_OWNERS = text("SELECT DISTINCT country_code, party_id FROM object WHERE module = :module")
_OWNERS_OF = text(
    "SELECT country_code, party_id FROM object WHERE module = :module AND object_id = :object_id"
    " AND is_deleted = false AND (CAST(:variant AS TEXT) IS NULL OR variant = :variant)"
)
_WITH_ID = text(
    "SELECT country_code, party_id, body FROM object"
    " WHERE module = :module AND object_id = :object_id AND is_deleted = false ORDER BY seq"
)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What became of a change."""

    outcome: Outcome
    #: Its number in the change log, None where nobody needs to hear of it.
    seq: int | None


class ObjectStore:
    """The objects that the hub keeps. Somebody must `run` it for changes to be accepted."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._writer = GroupCommit(self._write)
        self._pages = Pages(database)
        self._owners: dict[str, set[Party]] = {}
        #: Modules whose owners were read from the database.
        self._modules_read: set[str] = set()
        #: Modules to which somebody brings a first object right now, and how often that has begun.
        self._arriving: Counter[str] = Counter()
        self._arrivals: Counter[str] = Counter()

    async def run(self) -> None:
        """Write what is accepted, until cancelled."""
        await self._writer.run()

    async def accept(self, change: AcceptedChange) -> Acceptance:
        """Keep the change and owe it to others; it is on disk when this returns.

        Raises:
            NotFound: it changes an object, or a part of one, that is not known.
            OcpiError: it cannot be kept.
        """
        return await self._writer.submit(Submitted(change, is_logged=True))

    async def accept_found(
        self, changes: Iterable[AcceptedChange], *, is_logged: bool = True
    ) -> list[Acceptance | OcpiError]:
        """Keep what was found by pulling, and owe to others what really changed; for each, what became of it.

        Args:
            changes: As an owner's PUT or DELETE would be.
            is_logged: Whether others are owed it.
        """
        async with asyncio.TaskGroup() as tasks:
            submitted = [
                tasks.create_task(self._settled(Submitted(change, is_logged=is_logged))) for change in changes
            ]
        return [each.result() for each in submitted]

    async def _settled(self, submitted: Submitted) -> Acceptance | OcpiError:
        try:
            return await self._writer.submit(submitted)
        except OcpiError as error:
            return error

    async def last_change(self) -> int:
        """The number of the newest change in the log."""
        async with self._database.reading() as connection:
            return await last_change(connection)

    async def mark_listed(self, keys: Iterable[ObjectKey], at: datetime) -> None:
        """Remember of these objects that they stood in the full list which was begun then (TR-39)."""
        async with self._database.writing(Alone.LOG) as connection:
            await mark_listed(connection, keys, microseconds(at))

    async def unlisted(self, wanted: Unlisted, limit: int) -> tuple[ObjectKey, ...]:
        """Some objects that a full list does not have any more."""
        async with self._database.reading() as connection:
            return await unlisted(connection, wanted, limit)

    async def count_unlisted(self, wanted: Unlisted) -> Counts:
        """How many objects a full list does not have any more, and of how many."""
        async with self._database.reading() as connection:
            return await count_unlisted(connection, wanted)

    async def outcome(self, change: AcceptedChange) -> Outcome:
        """What would become of the object if the change were accepted now; it is not.

        Raises:
            NotFound: it changes an object, or a part of one, that is not known.
            OcpiError: it could not be kept.
        """
        async with self._database.reading() as connection:
            kept = (await _kept(connection, [change])).get(change.key)
        return state_after(None if kept is None else kept.state, change, self._credible())[1]

    async def remember(self, change: AcceptedChange) -> Acceptance:
        """Keep the newest state of an object that was for one party only: a Session, a CDR (design D4).

        Raises:
            NotFound: it changes an object that is not known.
            OcpiError: it cannot be kept.
        """
        return await self._writer.submit(Submitted(change, is_logged=False))

    async def remember_all(self, changes: Iterable[AcceptedChange]) -> list[Acceptance | OcpiError]:
        """Remember several, in order; what became of each, or why it could not be kept."""
        remembered = (self.remember(change) for change in changes)
        results: list[Acceptance | OcpiError] = []
        for result in await asyncio.gather(*remembered, return_exceptions=True):
            if not isinstance(result, Acceptance | OcpiError):
                raise result
            results.append(result)
        return results

    async def sessions_of(self, party: Party, session_id: str) -> tuple[KeptSession, ...]:
        """The sessions with this id that the party may see: one for each owner (RT-49, RT-50)."""
        async with self._database.reading() as connection:
            return await sessions_of(connection, session_id, party)

    async def forget_kept(self, before: datetime) -> int:
        """Delete what is between two parties and was last kept before; how many objects there were."""
        async with self._database.writing(Alone.LOG) as connection:
            count = await forget_kept(connection, microseconds(before))
            if count:
                await self._announce(connection, (each.id for each in MODULES.values() if each.is_kept))
        if count:
            for module in MODULES.values():
                if module.is_kept:
                    self._pages.forgotten(module.id)
        return count

    async def tariff_versions(self, owner: Party, tariff_ids: Iterable[str]) -> tuple[StoredVersion, ...]:
        """What these tariffs of an owner were, and since when, oldest first."""
        async with self._database.reading() as connection:
            return await read_versions(connection, owner, tariff_ids)

    async def forget_replaced_tariffs(self, before: datetime) -> int:
        """Delete versions of tariffs that were replaced before; how many there were."""
        async with self._database.writing() as connection:
            return await forget_versions(connection, microseconds(before))

    async def get(self, key: ObjectKey, inner: Sequence[tuple[NestedKind, str]] = ()) -> bytes | None:
        """The JSON text of an object, or of what lies inside it; None where it is not known."""
        async with self._database.reading() as connection:
            kept = (await read_states(connection, [key])).get(key)
        return None if kept is None or kept.state.is_deleted else _inside(kept.state.body, inner)

    async def with_id(
        self, module: Module, parameters: Mapping[str, str], owners: Iterable[Party] | None = None
    ) -> tuple[bytes, ...]:
        """The objects with the id in the path, or what lies inside them: one for each owner (RT-50)."""
        if module.kind is None:
            return ()
        inner = module.kind.inner(parameters)
        query = {"module": module.id, "object_id": parameters[module.kind.id_parameter].upper()}
        async with self._database.reading() as connection:
            rows = (await connection.execute(_WITH_ID, query)).all()
        visible = None if owners is None else frozenset(owners)
        found = (
            _inside(row.body, inner)
            for row in rows
            if visible is None or Party(row.country_code, row.party_id) in visible
        )
        return tuple(each for each in found if each is not None)

    async def owners_of(self, module: str, object_id: str, variant: str | None = None) -> frozenset[Party]:
        """Everybody who has an object with this id, and this variant if one is given (RT-49, RT-50)."""
        query = {"module": module, "object_id": object_id.upper(), "variant": variant}
        async with self._database.reading() as connection:
            rows = (await connection.execute(_OWNERS_OF, query)).all()
        return frozenset(Party(*row) for row in rows)

    async def page(
        self,
        module: str,
        request: PageRequest,
        owners: Iterable[Party] | None = None,
        except_platform: int | None = None,
        between: Between | None = None,
    ) -> Page:
        """A page of a module's objects, oldest created first (PG-02 to PG-11).

        Args:
            module: Whose objects.
            request: Which of them.
            owners: The objects of these only, None for all.
            except_platform: A platform whose objects are left out.
            between: Of what is between two parties, what somebody may see.
        """
        visible = None if owners is None else frozenset(owners)
        wanted = ObjectFilter.of(module, request, visible, except_platform, between)
        if visible is not None and visible >= await self.owners(module) and not self._arriving[module]:
            arrivals = self._arrivals[module]
            page = await self._pages.page(replace(wanted, owners=None), request.offset, request.limit)
            if arrivals == self._arrivals[module] and page.owners <= {each.folded for each in visible}:
                return page
            # Somebody else has come meanwhile, here or in another process, and may be among them.
        return await self._pages.page(wanted, request.offset, request.limit)

    async def owners(self, module: str) -> frozenset[Party]:
        """Everybody who owns, or owned, an object of the module."""
        known = self._owners.setdefault(module, set())  # from now on, new ones are added to it
        if module not in self._modules_read or module == CLIENT_INFO:
            async with self._database.reading() as connection:
                rows = (await connection.execute(_OWNERS, {"module": module})).all()
            known.update(Party(*row) for row in rows)
            self._modules_read.add(module)
        return frozenset(known)

    def changed_elsewhere(self, parts: Iterable[str] | None) -> None:
        """Another process has changed objects of these modules, or of any: what is remembered is old."""
        for part in (f"{each}{NEW}" for each in MODULES) if parts is None else parts:
            module = part.removesuffix(NEW)
            self._pages.forgotten(module)
            if part != module:
                self._modules_read.discard(module)
                self._arrivals[module] += 1

    async def _write(self, group: Sequence[Submitted]) -> list[Acceptance | OcpiError]:
        with self._pages.changing(), self._arrival(group):
            return await self._write_and_notice(group)

    @contextmanager
    def _arrival(self, group: Sequence[Submitted]) -> Iterator[None]:
        """In the block an owner may come of whom `owners` does not tell yet."""
        new = {
            change.key.module
            for change, _ in group
            if change.key.module not in self._modules_read
            or Party(change.key.country_code, change.key.party_id) not in self._owners[change.key.module]
        }
        self._arrivals.update(new)
        self._arriving.update(new)
        try:
            yield
        finally:
            self._arriving.subtract(new)

    async def _write_and_notice(self, group: Sequence[Submitted]) -> list[Acceptance | OcpiError]:
        async with self._database.writing(Alone.LOG) as connection:
            kept = await _kept(connection, [change for change, _ in group])
            results = applied(
                group,
                {key: found.state for key, found in kept.items()},
                {key: found.change_seq for key, found in kept.items()},
                self._credible(),
            )
            done = [each for each in results if isinstance(each, Applied) and each.is_written]
            owed = [each for each in done if each.is_owed]
            places = {id(each): place for place, each in enumerate(owed, 1)}
            created = {each.change.key for each in done if each.outcome is Outcome.CREATED}
            await forget_objects(connection, created & kept.keys())
            writes = {each.change.key: self._object_write(each, places.get(id(each))) for each in done}
            changes = [self._log_row(each.change) for each in owed]
            numbers = await log_and_keep(connection, changes, writes.values())
            seqs = dict(zip(places, numbers, strict=True))
            states = ((each.change.key, each.state) for each in done)
            await keep_versions(connection, states, microseconds(self._clock()))
            if done:
                await self._announce(connection, _changed_parts(done))
        self._notice(done, kept)
        return [
            each if isinstance(each, OcpiError) else Acceptance(each.outcome, seqs.get(id(each)))
            for each in results
        ]

    async def _announce(self, connection: AsyncConnection, parts: Iterable[str]) -> None:
        await self._database.announcements.announce(connection, Topic.OBJECTS, *sorted(set(parts)))

    def _credible(self) -> int:
        return microseconds(self._clock() + AHEAD)

    def _log_row(self, change: AcceptedChange) -> LogRow:
        return change_row(
            change.key,
            method=change.method,
            tail=change.tail,
            query=change.query,
            # What replaces the whole object stands in the object's row: it is kept once.
            body=change.body.decode() if change.is_partial else "",
            sender_role=change.sender_role,
            sender_platform_id=change.sender_platform_id,
            correlation_id=change.correlation_id,
            accepted_at=self._clock(),
        )

    def _object_write(self, applied: Applied, place: int | None) -> ObjectWrite:
        state, change = applied.state, applied.change
        kept_at = None if state.addressee is None else microseconds(self._clock())
        return ObjectWrite(change.key, state, change.sender_platform_id, place, kept_at)

    def _notice(self, done: Iterable[Applied], kept: Mapping[ObjectKey, KeptState]) -> None:
        """Tell the readers what is on disk now."""
        addressees = {key: found.state.addressee for key, found in kept.items()}
        for each in done:
            key, addressee = each.change.key, each.state.addressee
            has_moved = addressees.get(key, addressee) != addressee
            self._pages.changed(key, each.outcome, addressee, has_moved=has_moved)
            addressees[key] = addressee
            if key.module in self._owners:
                self._owners[key.module].add(Party(key.country_code, key.party_id))


async def append_client_infos(
    connection: AsyncConnection,
    infos: Iterable[ClientInfo],
    *,
    platform_id: int,
    is_distant: bool = False,
    correlation_id: str,
    accepted_at: datetime,
) -> None:
    """Keep the state of a platform's parties and owe it to the others, in an open transaction (HCI-03).

    The platform itself is not told; of distant parties no other hub is (AM-56). Wake the pumps when the
    transaction is committed.
    """
    owed = [(_client_info_key(info), info) for info in infos]
    await dialect_of(connection).hold(connection, Alone.LOG)
    rows = [
        change_row(
            key,
            method="PUT",
            tail=f"/{info.country_code}/{info.party_id}",
            query="",
            body="",
            # Whose word it is: ours, or that of the party's own side, which another hub has passed on.
            sender_role=info.role if is_distant else Role.HUB,
            sender_platform_id=platform_id,
            correlation_id=correlation_id,
            accepted_at=accepted_at,
        )
        for key, info in owed
    ]
    # Where an object stands there twice, it is kept as it is said last.
    writes = {
        key: ObjectWrite(
            key, State(info.to_json().decode(), microseconds(info.last_updated)), platform_id, place
        )
        for place, (key, info) in enumerate(owed, 1)
    }
    await log_and_keep(connection, rows, writes.values())


def _changed_parts(done: Iterable[Applied]) -> Iterator[str]:
    """The modules that changed, each marked where it has a new object, and so perhaps a new owner."""
    for each in done:
        yield f"{each.change.key.module}{NEW if each.outcome is Outcome.CREATED else ''}"


def _client_info_key(info: ClientInfo) -> ObjectKey:
    """One object for each party in a role; the role is no part of its URL (HCI-06, HCI-09)."""
    return ObjectKey(
        CLIENT_INFO, info.country_code.upper(), info.party_id.upper(), object_id="", variant=str(info.role)
    )


async def _kept(connection: AsyncConnection, changes: Sequence[AcceptedChange]) -> dict[ObjectKey, KeptState]:
    """What is kept of the objects that change; bodies only where they are looked at."""
    in_part = {change.key for change in changes if change.is_partial or change.found_after is not None}
    as_a_whole = {change.key for change in changes} - in_part
    kept = await read_states(connection, list(in_part))
    return kept | await read_states(connection, list(as_a_whole), with_bodies=False)


def _inside(body: str, inner: Sequence[tuple[NestedKind, str]]) -> bytes | None:
    """The JSON text of an object, or of what lies inside it; None where nothing of that id does."""
    if not inner:
        return body.encode()
    found = exact_json.decode(body)
    for kind, wanted in inner:
        elements = found.get(kind.list_field) or []
        place = kind.place(elements, wanted)
        if place is None:
            return None
        found = elements[place]
    return exact_json.encode(found)
