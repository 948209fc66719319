"""How PostgreSQL finds its rows when there are many: `python -m tests.measuring.plans`.

It fills a database with a million objects and ten million legs of the journal, asks for the plan of every hot
statement, and runs it. It ends with 1 where one reads a large table from one end to the other.
"""

import argparse
import asyncio
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import asyncpg
from sqlalchemy import event

from hub.delivery.changes import ChangeLog
from hub.ocpi.description import ObjectKey
from hub.ocpi.paging import PageRequest
from hub.ocpi.party import Party
from hub.store.database import Database, microseconds, opened
from hub.store.journal_search import JournalFilter, legs_of, newest_id, search
from hub.store.kept import Between
from hub.store.listing import Unlisted
from hub.store.object_rows import read_states
from hub.store.objects import ObjectStore
from tests.fixtures.changes import put
from tests.fixtures.postgresql import Server

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
DAYS = 30
OWNERS = 100
#: Tables that must not be read whole.
LARGE = re.compile(r"Seq Scan on (object|change|journal_\d+)")
#: Statements that may: the first one stops at the first row that is new enough.
MAY_SCAN = ("SELECT seq FROM change WHERE accepted_at",)

_OBJECTS = """
INSERT INTO object (module, country_code, party_id, object_id, variant, platform_id, last_updated, is_deleted,
    change_seq, addressee_country_code, addressee_party_id, kept_at, body)
SELECT module, 'BE', to_char(n % {owners}, 'FM000'), 'O' || n, '', 1 + n % {owners},
    {now} - n * 1000000::bigint, false, n,
    CASE module WHEN 'sessions' THEN 'NL' END, CASE module WHEN 'sessions' THEN 'TNM' END,
    CASE module WHEN 'sessions' THEN {now} - n * 1000000::bigint END, repeat('{{"id": "O"}}', 40)
FROM (SELECT n, (ARRAY['locations', 'locations', 'tariffs', 'tokens', 'sessions'])[1 + n % 5] AS module
    FROM generate_series(1, {count}) n) made
"""
_CHANGES = """
INSERT INTO change (module, country_code, party_id, object_id, variant, method, tail, query, body,
    sender_role, sender_platform_id, correlation_id, accepted_at)
SELECT module, country_code, party_id, object_id, variant, 'PUT', '', '', '', 'CPO', platform_id, 'c' || seq,
    last_updated FROM object ORDER BY seq
"""
_LEGS = """
INSERT INTO journal (at, correlation_id, request_id, direction, purpose, platform_id, platform, method, url,
    module, to_party, from_party, http_status, status_code, milliseconds, note, request_body,
    bodies_elsewhere)
SELECT {first} + n / 2 * 2 * ({length} / {count}), 'c' || n / 2, 'r' || n,
    CASE n % 2 WHEN 0 THEN 'out' ELSE 'in' END,
    'relay', 1 + n % {owners}, 'platform-' || n % {owners}, 'GET', '/ocpi/2.2.1/sender/locations/O' || n,
    'locations', 'BE/BEC', 'NL/TNM', 200, 1000, 12, '',
    CASE n % 2 WHEN 0 THEN NULL ELSE 'body ' || n END, n % 2 = 0 FROM generate_series(1, {count}::bigint) n
"""


@dataclass(frozen=True, slots=True)
class Planned:
    """A statement, how its rows are found, and how long that takes."""

    statement: str
    plan: tuple[str, ...]
    milliseconds: float

    @property
    def scans(self) -> bool:
        """Whether it reads a large table from one end to the other."""
        return not self.statement.startswith(MAY_SCAN) and any(LARGE.search(line) for line in self.plan)


async def fill(dsn: str, database: Database, objects: int, legs: int) -> None:
    """So many objects, each with a change, and so many legs over the days that the journal keeps."""
    now, day = microseconds(NOW), timedelta(days=1)
    async with database.writing() as connection:
        days = [(NOW - each * day).date() for each in range(DAYS + 1)]
        await database.dialect.make_room(connection, days)
    raw = await asyncpg.connect(dsn, server_settings={"synchronous_commit": "off", "work_mem": "256MB"})
    try:
        await raw.execute(_OBJECTS.format(owners=OWNERS, now=now, count=objects))
        await raw.execute(_CHANGES)
        first, length = microseconds(NOW - DAYS * day), DAYS * day // timedelta(microseconds=1)
        await raw.execute(_LEGS.format(owners=OWNERS, first=first, length=length, count=legs))
        await raw.execute("VACUUM ANALYZE")
    finally:
        await raw.close()


async def use(database: Database, objects: ObjectStore, count: int) -> None:
    """Every statement that a busy hub sends, by those who send it."""
    middle = NOW - timedelta(seconds=count // 2)
    owner, others = Party("BE", "001"), {Party("BE", f"{each:03d}") for each in range(5)}
    key = put("locations", "/BE/001/O5001", id="O5001").key
    async with database.reading() as connection:
        await read_states(connection, [_key(key, number) for number in range(1, 64)])
    for where in (1, count // 4):
        await objects.page("locations", PageRequest(where, 50, None, None))
        await objects.page("locations", PageRequest(where, 50, None, None), others)
        await objects.page("locations", PageRequest(0, 50, middle, None), others)
        await objects.page("locations", PageRequest(0, 50, middle, middle + timedelta(hours=1)))
    between = Between(None, ("NL", "TNM"), frozenset(each.folded for each in others))
    await objects.page("sessions", PageRequest(0, 50, None, None), between=between)
    await objects.sessions_of(owner, "O5004")
    await objects.owners_of("locations", "O5001")
    unlisted = Unlisted("locations", owner, NOW, 0)
    await objects.count_unlisted(unlisted)
    await objects.unlisted(unlisted, 100)
    for number in range(3):
        await objects.accept(put("tariffs", f"/BE/001/N{number}", id=f"N{number}"))
    await objects.forget_kept(NOW - timedelta(days=400))
    log = ChangeLog(database, tail=1)
    await log.open()
    log.end -= 1_000
    await log.read_on()
    await log.after(log.end - 500, 200)
    await legs_of(database, "c77")
    await newest_id(database)
    for wanted in (
        JournalFilter(),
        JournalFilter(platform="platform-7"),
        JournalFilter(after=count),
        JournalFilter(correlation_id="c77"),
        JournalFilter(since=NOW - timedelta(hours=1), until=NOW),
        JournalFilter(text="body", since=NOW - timedelta(hours=1), until=NOW),
        JournalFilter(text="nothing", since=NOW - timedelta(hours=1), until=NOW),
    ):
        await search(database, wanted)


def _key(like: ObjectKey, number: int) -> ObjectKey:
    return like._replace(party_id=f"{number % OWNERS:03d}", object_id=f"O{number}")


async def planned(database: Database, dsn: str, count: int) -> list[Planned]:
    """The statements, each once, with their plans and times; nothing that they change stays changed."""
    statements: dict[str, Any] = {}

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")):
            statements[statement] = parameters[0] if isinstance(parameters, list) else parameters

    objects = ObjectStore(database, lambda: NOW)
    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(objects.run())
        await use(database, objects, count)
        running.cancel()
    raw = await asyncpg.connect(dsn)
    try:
        return [await _planned(raw, statement, parameters) for statement, parameters in statements.items()]
    finally:
        await raw.close()


async def _planned(raw: Any, statement: str, parameters: Sequence[Any]) -> Planned:
    transaction = raw.transaction()
    await transaction.start()
    try:
        # What does not stay belongs to no object that is there.
        rows = await raw.fetch(f"EXPLAIN {statement}", *parameters)
        began = perf_counter()
        if not statement.startswith("INSERT"):
            await raw.fetch(statement, *parameters)
        milliseconds = (perf_counter() - began) * 1000
    finally:
        await transaction.rollback()
    return Planned(statement, tuple(row[0] for row in rows), milliseconds)


async def main(objects: int, legs: int, *, verbose: bool) -> int:
    """Fill, plan, tell."""
    with tempfile.TemporaryDirectory(prefix="ocpi-hub-plans-", ignore_cleanup_errors=True) as folder:
        server = Server(Path(folder) / "pg")
        try:
            async with opened(server.url()) as database:
                began = perf_counter()
                await fill(server.dsn(), database, objects, legs)
                sys.stdout.write(
                    f"{objects} objects, {legs} legs: filled in {perf_counter() - began:.0f} s\n"
                )
                found = await planned(database, server.dsn(), objects)
        finally:
            server.close()
    for each in sorted(found, key=lambda each: -each.milliseconds):
        mark = "SCAN " if each.scans else "     "
        sys.stdout.write(f"{mark}{each.milliseconds:8.1f} ms  {' '.join(each.statement.split())[:150]}\n")
        if each.scans or verbose:
            sys.stdout.write("".join(f"        {line}\n" for line in each.plan))
    return int(any(each.scans for each in found))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--legs", type=int, default=10_000_000)
    parser.add_argument("--verbose", action="store_true", help="show every plan")
    chosen = parser.parse_args()
    sys.exit(asyncio.run(main(chosen.objects, chosen.legs, verbose=chosen.verbose)))
