"""How far each receiver has come in the change log.

Positions are read once, moved in memory, and written in batches. After a crash some are a little behind: then
something is sent twice, and nothing is lost.
"""

import asyncio
from collections.abc import Collection, Mapping
from datetime import timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from sqlalchemy import text

from hub.delivery.audience import MOST_REMEMBERED, Receiver, party_on, platform_as_such
from hub.store.database import Database
from hub.store.dialects import dialect_of
from hub.store.leases import THE_HUB, Leases
from schemas.v2_2_1 import Role

#: Positions written in one transaction at most: whoever accepts something does not wait for thousands.
WRITTEN_AT_ONCE = 500
_READ = text("SELECT platform_id, role, country_code, party_id, seq FROM cursor")
_READ_OF = text(
    "SELECT platform_id, role, country_code, party_id, seq FROM cursor WHERE platform_id = :platform_id"
)
_KEY = "platform_id = :platform_id AND role = :role AND country_code = :country_code AND party_id = :party_id"
_CREATE = text(
    "INSERT INTO cursor (platform_id, role, country_code, party_id, seq)"
    " SELECT :platform_id, :role, :country_code, :party_id, coalesce(CAST(:since AS BIGINT), max(seq), 0)"
    " FROM change"
    # Another process may know of the receiver already.
    " WHERE true ON CONFLICT (platform_id, role, country_code, party_id) DO NOTHING"
)
_FORGET = text(f"DELETE FROM cursor WHERE {_KEY}")  # noqa: S608 constants only


class Cursors:
    """The positions of all receivers."""

    def __init__(self, database: Database, leases: Leases) -> None:
        self._database = database
        self._leases = leases
        self._positions: dict[Receiver, int] = {}
        self._moved: set[Receiver] = set()
        self._news = asyncio.Event()

    async def open(self) -> None:
        """Read where everybody is."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(_READ)).all()
        self._positions = {_receiver(row): row.seq for row in rows}

    async def stored(self) -> dict[Receiver, int]:
        """Where everybody is, as it was written last, by whichever process."""
        async with self._database.reading() as connection:
            return {_receiver(row): row.seq for row in await connection.execute(_READ)}

    async def take_up(self, platform_id: int) -> None:
        """Read where the receivers of a platform are that another process has looked after."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(_READ_OF, {"platform_id": platform_id})).all()
        found = {_receiver(row): row.seq for row in rows}
        self._moved -= found.keys()
        self._positions |= found

    async def adopt(
        self,
        receivers: Collection[Receiver],
        *,
        since: Mapping[int, int | None] = MappingProxyType({}),
        anew: bool = False,
    ) -> None:
        """These are the receivers now: new ones begin at their place in the log, others are forgotten.

        Whichever process hears of a receiver first gives it its place; to forget it is one process's chore,
        so that nobody who heard of it late takes away the place of one that has come back.

        Args:
            receivers: All of them.
            since: Where new ones begin, by their platforms; at the end of the log, where it does not say.
            anew: Look, although they are the same as before: the chore is this process's from now on.
        """
        wanted = set(receivers)
        new, gone = wanted - self._positions.keys(), self._positions.keys() - wanted
        if not new and not gone and not anew:
            return
        async with self._database.writing() as connection:
            if new:
                await connection.execute(
                    _CREATE, [receiver_columns(each) | {"since": since.get(each.platform_id)} for each in new]
                )
            created = {_receiver(row): row.seq for row in (await connection.execute(_READ)).all()}
            if self._leases.has(THE_HUB) and (strangers := created.keys() - wanted):
                await connection.execute(_FORGET, [receiver_columns(each) for each in strangers])
        self._moved -= gone
        self._positions = {each: self._positions.get(each, created[each]) for each in wanted}

    def position(self, receiver: Receiver) -> int | None:
        """The last change that the receiver needs not be told any more; None for somebody unknown."""
        return self._positions.get(receiver)

    def move(self, receiver: Receiver, seq: int) -> None:
        """The receiver has come so far; it is written soon."""
        if receiver in self._positions and self._positions[receiver] < seq:
            self._positions[receiver] = seq
            self._moved.add(receiver)
            self._news.set()

    async def flush(self) -> None:
        """Write what was moved; of a platform that another process looks after by now, nothing."""
        moved, self._moved = list(self._moved), set()
        for start in range(0, len(moved), WRITTEN_AT_ONCE):
            try:
                await self._write(moved[start : start + WRITTEN_AT_ONCE])
            except BaseException:
                self._moved |= set(moved[start:]) & self._positions.keys()
                self._news.set()
                raise

    async def _write(self, moved: Collection[Receiver]) -> None:
        async with self._database.writing() as connection:
            ours = await self._leases.kept(connection, {each.platform_id for each in moved})
            # Who is gone meanwhile has no place any more.
            rows = [
                (self._positions[each], *_columns(each))
                for each in moved
                if each.platform_id in ours and each in self._positions
            ]
            if rows:
                await dialect_of(connection).move_cursors(connection, rows)

    async def run(self, pause: timedelta) -> None:
        """Write what was moved, with a pause in between, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            await self.flush()
            await asyncio.sleep(pause.total_seconds())


def receiver_columns(receiver: Receiver) -> dict[str, Any]:
    """The receiver as it stands in the tables: folded, empty where it is a platform as such."""
    return dict(zip(_NAMES, _columns(receiver), strict=True))


_NAMES = ("platform_id", "role", "country_code", "party_id")


@lru_cache(maxsize=MOST_REMEMBERED)
def _columns(receiver: Receiver) -> tuple[int, str, str, str]:
    if receiver.party_role is None:
        return receiver.platform_id, "", "", ""
    party, role = receiver.party_role
    return receiver.platform_id, str(role), *party.folded


def _receiver(row: Any) -> Receiver:
    return receiver_in(row.platform_id, row.role, row.country_code, row.party_id)


def receiver_in(platform_id: int, role: str, country_code: str, party_id: str) -> Receiver:
    """The receiver that stands so in the tables."""
    if not role:
        return platform_as_such(platform_id)
    return party_on(platform_id, country_code, party_id, Role(role))
