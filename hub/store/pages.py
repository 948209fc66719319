"""Pages of kept objects: oldest created first, counted exactly, joined as text (PG rows, design D8).

Counting and skipping run over an index that holds no bodies; what was counted, and where pages began, is
remembered as long as it is true, so that walking to the last page costs no more than the first.
"""

from bisect import bisect_right, insort
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy import TextClause, bindparam, text

from hub.ocpi.description import ObjectKey
from hub.ocpi.paging import PageRequest
from hub.ocpi.party import Party
from hub.store.acceptance import Outcome
from hub.store.database import Database, microseconds
from hub.store.kept import Between

CLIENT_INFO = "hubclientinfo"
#: Statements that are made ready once: filters differ in what they say, and hardly in their form.
STATEMENTS = 256
#: Filters whose walk is remembered.
WALKS = 256
#: Beginnings of pages that are remembered for each.
BEGINNINGS = 10_000


@dataclass(frozen=True, slots=True)
class Page:
    """Some objects, and how many there are in all."""

    #: JSON texts as they came.
    bodies: tuple[bytes, ...]
    total: int
    #: Whose they are, folded.
    owners: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class ObjectFilter:
    """Which objects of a module are asked for."""

    module: str
    #: Folded parties; None stands for all.
    owners: frozenset[tuple[str, str]] | None = None
    #: Microseconds since 1970: the first instant that counts, and the first that does not (PG-02, PG-03).
    date_from: int | None = None
    date_to: int | None = None
    #: The platform whose own objects do not count.
    except_platform: int | None = None
    #: Of what is between two parties, what somebody may see; None where that is not the question.
    between: Between | None = None

    @classmethod
    def of(
        cls,
        module: str,
        request: PageRequest,
        owners: Iterable[Party] | None,
        except_platform: int | None = None,
        between: Between | None = None,
    ) -> "ObjectFilter":
        """The filter of a request, by somebody who may see these owners' objects."""
        return cls(
            module,
            None if owners is None else frozenset(owner.folded for owner in owners),
            None if request.date_from is None else microseconds(request.date_from),
            None if request.date_to is None else microseconds(request.date_to),
            except_platform,
            between,
        )

    @property
    def has_dates(self) -> bool:
        """Whether an object's change may move it in or out."""
        return self.date_from is not None or self.date_to is not None

    def where(self) -> tuple[str, dict[str, Any]]:
        """The condition, and its parameters."""
        conditions = ["module = :module", "is_deleted = false"]
        parameters: dict[str, Any] = {"module": self.module}
        if self.owners is not None:
            conditions.append("(country_code, party_id) IN :owners")
            parameters["owners"] = sorted(self.owners)
        if self.date_from is not None:
            conditions.append("last_updated >= :date_from")
            parameters["date_from"] = self.date_from
        if self.date_to is not None:
            conditions.append("last_updated < :date_to")
            parameters["date_to"] = self.date_to
        if self.except_platform is not None:
            conditions.append("platform_id <> :except_platform")
            parameters["except_platform"] = self.except_platform
        if self.between is not None:
            condition, more = self.between.where()
            conditions.append(condition)
            parameters |= more
        return " AND ".join(conditions), parameters

    def statement(self, form: str) -> TextClause:
        """The statement with this filter's condition in place of `{where}`."""
        where, parameters = self.where()
        return _statement(form.format(where=where), frozenset(parameters.keys() & {"owners", "senders"}))

    def counts(self, key: ObjectKey, addressee: Party | None) -> bool:
        """Whether an object of the module with this key and addressee is among them, whatever its date."""
        owner = (key.country_code, key.party_id)
        if self.between is not None and not self.between.includes(owner, addressee):
            return False
        return self.owners is None or owner in self.owners


@lru_cache(STATEMENTS)
def _statement(said: str, expanding: frozenset[str]) -> TextClause:
    return text(said).bindparams(*(bindparam(name, expanding=True) for name in expanding))


_COUNT = "SELECT count(*) FROM object WHERE {where}"
_PAGE = (
    "SELECT seq, body, country_code, party_id FROM object WHERE seq IN"
    " (SELECT seq FROM object WHERE {where} AND seq > :after"
    " ORDER BY seq LIMIT :limit OFFSET :skip) ORDER BY seq"
)


@dataclass(slots=True)
class _Walk:
    """What is known of a filter's pages."""

    #: The count of the module's changes up to which it is true.
    version: int
    total: int
    #: Offsets, each with the number of the last object before it.
    beginnings: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])

    def nearest(self, offset: int) -> tuple[int, int]:
        """The last known beginning that is not beyond the offset."""
        return self.beginnings[bisect_right(self.beginnings, offset, key=lambda known: known[0]) - 1]

    def remember(self, offset: int, before: int) -> None:
        """The page at this offset begins after the object with this number."""
        if self.nearest(offset)[0] != offset and len(self.beginnings) < BEGINNINGS:
            insort(self.beginnings, (offset, before))

    def move_up(self, offset: int, before: int) -> None:
        """What stands before the page at this known beginning is no part of it, and skipped next time."""
        place = bisect_right(self.beginnings, offset, key=lambda known: known[0]) - 1
        if self.beginnings[place][0] == offset:
            self.beginnings[place] = (offset, max(before, self.beginnings[place][1]))


class Pages:
    """Reads pages, and remembers where they begin. Whoever changes objects must say so."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._changes: Counter[str] = Counter()
        self._memberships: Counter[str] = Counter()
        self._walks: OrderedDict[ObjectFilter, _Walk] = OrderedDict()
        #: Transactions that may be on disk before `changed` is told of what they did.
        self._under_way = 0

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Objects are being written; `changed` is told of them before the end of the block."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    def changed(
        self, key: ObjectKey, outcome: Outcome, addressee: Party | None = None, *, has_moved: bool = False
    ) -> None:
        """An object changed, and that is on disk.

        Args:
            key: Which one.
            outcome: What became of it.
            addressee: The only party, besides the owner, that may see it.
            has_moved: Whether that was another one before.
        """
        self._changes[key.module] += 1
        if outcome is Outcome.CREATED:
            self._count_new(key, addressee)
        elif outcome is Outcome.DELETED or has_moved:
            self._memberships[key.module] += 1

    def forgotten(self, module: str) -> None:
        """Objects of the module are gone."""
        self._changes[module] += 1
        self._memberships[module] += 1

    def _count_new(self, key: ObjectKey, addressee: Party | None) -> None:
        """A new object stands at the end: where pages begin stays true, and the count is known."""
        before = self._memberships[key.module]
        self._memberships[key.module] = before + 1
        for wanted, walk in self._walks.items():
            if wanted.module == key.module and not wanted.has_dates and walk.version == before:
                walk.version += 1
                walk.total += wanted.counts(key, addressee)

    async def page(self, wanted: ObjectFilter, offset: int, limit: int) -> Page:
        """The objects from the offset on."""
        if wanted.owners is not None and not wanted.owners:
            return Page((), 0)
        walk = await self._walk(wanted)
        if offset >= walk.total:
            return Page((), walk.total)
        begin, after = walk.nearest(offset)
        _, parameters = wanted.where()
        parameters |= {"after": after, "skip": offset - begin, "limit": limit}
        async with self._database.reading() as connection:
            rows = (await connection.execute(wanted.statement(_PAGE), parameters)).all()
        if not rows:
            return Page((), walk.total)
        numbers, bodies, countries, parties = zip(*rows, strict=True)
        walk.remember(offset, numbers[0] - 1)
        if wanted.has_dates:
            # Any change ends this walk: nothing before can come to belong to it.
            walk.move_up(offset, numbers[0] - 1)
        walk.remember(offset + len(rows), numbers[-1])
        owners = frozenset(zip(countries, parties, strict=True))
        return Page(tuple(map(str.encode, bodies)), walk.total, owners)

    async def _walk(self, wanted: ObjectFilter) -> _Walk:
        versions = self._changes if wanted.has_dates else self._memberships
        version = versions[wanted.module]
        walk = self._walks.get(wanted)
        # ClientInfo is few, and written by the registry in transactions of its own.
        if walk is None or walk.version != version or wanted.module == CLIENT_INFO:
            is_settled = self._under_way == 0
            _, parameters = wanted.where()
            async with self._database.reading() as connection:
                total = (await connection.execute(wanted.statement(_COUNT), parameters)).scalar_one()
            walk = _Walk(version, total)
            if not (wanted.has_dates or (is_settled and self._under_way == 0)):
                # What was just written may be counted already, and would be counted once more.
                return walk
            self._walks[wanted] = walk
        self._walks.move_to_end(wanted)
        if len(self._walks) > WALKS:
            self._walks.popitem(last=False)
        return walk
