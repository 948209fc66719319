"""No statement over objects and change log reads a table from one end to the other."""

import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import event, make_url

from hub.delivery.changes import ChangeLog
from hub.ocpi.modules import MODULES
from hub.ocpi.paging import PageRequest
from hub.ocpi.party import Party
from hub.store.database import Database
from hub.store.dialects.postgresql import connected
from hub.store.objects import Between, ObjectStore, Unlisted
from tests.fixtures.changes import LATER, change, evse, location, patch, put
from tests.fixtures.databases import database_in, is_postgresql

WHEN = datetime(2026, 5, 1, tzinfo=UTC)
#: From the oldest row on, until the first one that is new enough.
MAY_SCAN = "SELECT seq FROM change WHERE accepted_at"
#: As SQLite says it, and as PostgreSQL does.
SCAN = re.compile(r"SCAN (object|change)|\W*Seq Scan on (object|change)")


async def _everything(database: Database, objects: ObjectStore) -> None:
    """Use every statement at least once."""
    log = ChangeLog(database, tail=1)
    session = {"id": "S1", "last_updated": LATER}
    await log.open()
    await objects.accept(location(evses=[evse("1")]))
    await objects.accept(patch("locations", "/NL/TNM/LOC1/1", LATER, status="CHARGING"))
    for owner in ("TNM", "ABC"):
        await objects.accept(put("tariffs", f"/NL/{owner}/T1", id="T1"))
    await objects.accept(change("DELETE", "tariffs", "/NL/TNM/T1"))
    await objects.accept(put("tariffs", "/NL/TNM/T1", LATER, id="T1"))
    await objects.get(location().key)
    await objects.with_id(MODULES["locations"], {"location_id": "LOC1"})
    await objects.accept(put("tariffs", "/NL/XYZ/T1", id="T1"))
    for owners in (None, {Party("NL", "TNM")}, {Party("NL", "TNM"), Party("NL", "ABC")}):
        for start, end in ((None, None), (WHEN, None), (None, WHEN), (WHEN, WHEN)):
            await objects.page("tariffs", PageRequest(0, 1, start, end), owners)
            await objects.page("locations", PageRequest(0, 1, start, end), owners)
    bec, tnm = ("BE", "BEC"), ("NL", "TNM")
    for between in (Between(bec), Between(None, tnm, frozenset({bec})), Between(bec, bec, frozenset({tnm}))):
        for start in (None, WHEN):
            await objects.remember(change("PUT", "sessions", "/BE/BEC/S1", session, addressee=Party(*tnm)))
            await objects.page("sessions", PageRequest(0, 1, start), between=between)
    await objects.sessions_of(Party(*tnm), "S1")
    await objects.forget_kept(WHEN)
    wanted = Unlisted("tariffs", Party("NL", "TNM"), WHEN, 0)
    await objects.mark_listed([location().key], WHEN)
    for unlisted in (wanted, replace(wanted, platform_id=1)):
        await objects.count_unlisted(unlisted)
        await objects.unlisted(unlisted, 10)
    await objects.last_change()
    await log.read_on()
    await log.after(0, 10)
    await log.trim(WHEN)


async def test_every_statement_finds_its_rows_by_an_index(
    stored: tuple[Database, ObjectStore], tmp_path: Path
) -> None:
    database, objects = stored
    statements: dict[str, Any] = {}

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        first = parameters[0] if isinstance(parameters, list) else parameters
        statements[statement] = first

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    await _everything(database, objects)
    explain = _plans_of_postgresql if is_postgresql() else _plans_of_sqlite
    plans = await explain(
        tmp_path,
        {
            statement: parameters
            for statement, parameters in statements.items()
            if statement.startswith(("SELECT", "WITH", "DELETE", "UPDATE"))
        },
    )
    assert len(plans) > 15
    scanned = {statement: plan for statement, plan in plans.items() if any(SCAN.match(step) for step in plan)}
    assert [statement for statement in scanned if not statement.startswith(MAY_SCAN)] == []


async def _plans_of_sqlite(data: Path, statements: dict[str, Any]) -> dict[str, list[str]]:
    with closing(sqlite3.connect(data / "hub.sqlite3")) as connection:
        return {
            statement: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            for statement, parameters in statements.items()
        }


async def _plans_of_postgresql(data: Path, statements: dict[str, Any]) -> dict[str, list[str]]:
    """Where tables are small a scan is cheapest: only what cannot do without one is found."""
    connection = await connected(make_url(database_in(data)))
    try:
        await connection.execute("SET enable_seqscan = off")
        return {
            statement: [row[0] for row in await connection.fetch(f"EXPLAIN {statement}", *parameters)]
            for statement, parameters in statements.items()
        }
    finally:
        await connection.close()
