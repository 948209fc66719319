import asyncio
import io
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy import text as sql

from hub.store.database import Database, opened
from hub.store.journal import BATCH, NO_ROOM, Direction, Journal, JournalEntry, Purpose
from hub.store.journal_search import JournalFilter, UnknownOutcome, legs_of, newest_id, search
from hub.store.journal_writer import JournalWriter
from hub.store.leg import written
from hub.store.log_lines import log_lines
from hub.store.redaction import shown_body, shown_url
from schemas import exact_json
from tests.fixtures.databases import database_in, is_postgresql
from tests.fixtures.waiting import soon

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SECRET = "Zx9_kQ-7ab0cdEFGHijklMNopqrstUVwxyz0123456"

ENTRY = JournalEntry(
    at=NOW,
    took=timedelta(milliseconds=12.4),
    direction=Direction.IN,
    purpose=Purpose.RELAY,
    correlation_id="corr-1",
    request_id="req-1",
    method="PUT",
    url="/ocpi/2.2.1/receiver/sessions/NL/TNM/7",
    platform_id=3,
    platform="tnm",
    module="sessions",
    to_party="DE/ABC",
    from_party="NL/TNM",
    http_status=200,
    status_code=1000,
    request_body=b'{"id": "7", "kwh": 1.50}',
    reply_body=b'{"status_code": 1000}',
)


class Hands:
    """A clock whose hands a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with opened(database_in(tmp_path)) as database:
        yield database


def writer_of(
    journal: Journal, database: Database, log: io.StringIO | None = None, clock: Hands | None = None
) -> JournalWriter:
    return JournalWriter(
        journal,
        database,
        log if log is not None else io.StringIO(),
        clock=clock or Hands(),
        body_bytes=64,
        keep=timedelta(days=30),
    )


def numbered(number: int) -> JournalEntry:
    return ENTRY._replace(request_id=f"req-{number}", at=NOW + timedelta(microseconds=number))


async def stored_ids(database: Database) -> list[str]:
    async with database.reading() as connection:
        rows = await connection.execute(sql("SELECT request_id FROM journal ORDER BY id"))
        return [row[0] for row in rows]


async def test_a_leg_is_found_again_as_it_was_recorded(database: Database) -> None:
    journal = Journal()
    journal.record(ENTRY)
    await writer_of(journal, database).write_waiting()

    [leg] = await legs_of(database, "corr-1")
    assert leg == written(ENTRY, 64)._replace(id=1)
    assert (leg.at, leg.milliseconds, leg.platform, leg.to_party) == (NOW, 12, "tnm", "DE/ABC")
    assert leg.request_body == '{"id": "7", "kwh": 1.50}'


async def test_entries_are_stored_in_the_order_in_which_they_were_recorded(database: Database) -> None:
    journal = Journal()
    for number in range(2 * BATCH + 5):
        journal.record(numbered(number))
    await writer_of(journal, database).write_waiting()
    assert await stored_ids(database) == [f"req-{number}" for number in range(2 * BATCH + 5)]
    assert journal.waiting == 0


async def test_a_running_writer_stores_within_a_moment_and_loses_nothing_when_stopped(
    database: Database,
) -> None:
    journal = Journal()
    writer = writer_of(journal, database)
    async with asyncio.TaskGroup() as group:
        group.create_task(writer.run())
        journal.record(numbered(0))

        async def first_is_stored() -> bool:
            return await newest_id(database) == 1

        await soon(first_is_stored)
        for number in range(1, 1500):
            journal.record(numbered(number))
        writer.stop()
    assert len(await stored_ids(database)) == 1500


async def test_a_cancelled_writer_still_stores_what_waits(database: Database) -> None:
    journal = Journal()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(writer_of(journal, database).run())
        await asyncio.sleep(0)
        journal.record(ENTRY)
        running.cancel()
    assert await stored_ids(database) == ["req-1"]


async def test_dropped_entries_are_counted_and_the_journal_says_so(database: Database) -> None:
    journal = Journal(capacity=3)
    for number in range(10):
        journal.record(numbered(number))
    writer = writer_of(journal, database)
    await writer.write_waiting()
    await writer.write_waiting()

    [said] = await search(database, JournalFilter(text="dropped"))
    assert (said.purpose, said.note) == (
        "journal",
        "7 entries were dropped: they came faster than they could be stored",
    )
    assert await stored_ids(database) == ["req-0", "req-1", "req-2", ""]
    await writer.write_waiting()
    assert len(await stored_ids(database)) == 4


def test_a_journal_that_is_behind_holds_no_more_than_its_share_of_memory() -> None:
    journal = Journal(memory=250)
    for number in range(4):
        journal.record(numbered(number)._replace(request_body=b"x" * 60, reply_body=b"y" * 40))
    held = journal.batch()
    assert [len(each.request_body) for each in held] == [60, 60, 0, 0]
    assert ["bodies left out" in each.note for each in held] == [False, False, True, True]
    journal.done(2)
    journal.record(numbered(4)._replace(request_body=b"x" * 60))
    assert journal.batch()[-1].request_body == b"x" * 60


async def test_what_a_failing_database_did_not_take_waits_and_is_logged_once(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal()
    log = io.StringIO()
    writer = writer_of(journal, database, log)
    journal.record(numbered(0))
    async with database.writing() as connection:
        await connection.execute(sql("ALTER TABLE journal RENAME TO elsewhere"))
    async with asyncio.TaskGroup() as group:
        group.create_task(writer.run())

        async def failed() -> bool:
            return "cannot be written" in caplog.text

        await soon(failed)
        journal.record(numbered(1))
        async with database.writing() as connection:
            await connection.execute(sql("ALTER TABLE elsewhere RENAME TO journal"))

        async def both_are_stored() -> bool:
            return await newest_id(database) == 2

        await soon(both_are_stored)
        writer.stop()
    assert await stored_ids(database) == ["req-0", "req-1"]
    assert len(log.getvalue().splitlines()) == 2


async def test_the_journal_goes_on_when_nobody_reads_the_log(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    log = io.StringIO()
    log.close()
    journal = Journal()
    journal.record(ENTRY)
    await writer_of(journal, database, log).write_waiting()
    assert await stored_ids(database) == ["req-1"]
    assert "nobody reads the log" in caplog.text


async def test_entries_older_than_the_limit_are_deleted(database: Database) -> None:
    clock = Hands()
    journal = Journal()
    writer = writer_of(journal, database, clock=clock)
    journal.record(ENTRY._replace(request_id="old", at=NOW - timedelta(days=29)))
    journal.record(ENTRY._replace(request_id="new", at=NOW))
    await writer.write_waiting()
    assert await writer.sweep() == 0
    clock.now = NOW + timedelta(days=2)
    assert await writer.sweep() == 1
    assert await stored_ids(database) == ["new"]


async def test_a_running_writer_sweeps(database: Database) -> None:
    journal = Journal()
    writer = writer_of(journal, database)
    journal.record(ENTRY._replace(at=NOW - timedelta(days=31)))
    async with asyncio.TaskGroup() as group:
        group.create_task(writer.run())

        async def nothing_is_left() -> bool:
            return journal.waiting == 0 and await newest_id(database) == 0

        await soon(nothing_is_left)
        writer.stop()


async def test_each_leg_is_one_json_line_in_the_log(database: Database) -> None:
    log = io.StringIO()
    journal = Journal()
    journal.record(ENTRY._replace(note="two\nlines"))
    journal.record(ENTRY._replace(http_status=None, status_code=None))
    await writer_of(journal, database, log).write_waiting()

    lines = [exact_json.decode(line) for line in log.getvalue().splitlines()]
    assert lines[0] == {
        "at": "2026-05-01T12:00:00Z",
        "correlation_id": "corr-1",
        "platform": "tnm",
        "purpose": "relay",
        "direction": "in",
        "method": "PUT",
        "url": "/ocpi/2.2.1/receiver/sessions/NL/TNM/7",
        "to": "DE/ABC",
        "from": "NL/TNM",
        "http": 200,
        "ocpi": 1000,
        "ms": 12,
        "note": "two\nlines",
    }
    assert lines[1]["http"] is None
    assert len(lines) == 2


def test_a_long_body_is_cut_and_says_how_long_it_was() -> None:
    leg = written(ENTRY._replace(request_body=b"x" * 100, reply_body="ü".encode() * 33), 65)
    assert leg.request_body == "x" * 65 + "... [100 bytes in all]"
    assert leg.reply_body == "ü" * 32 + "\ufffd... [66 bytes in all]"


@pytest.mark.parametrize(
    "entry",
    [
        ENTRY._replace(purpose=Purpose.HANDSHAKE),
        ENTRY._replace(purpose=Purpose.HUB, module="credentials"),
    ],
)
def test_bodies_of_handshakes_are_not_kept(entry: JournalEntry) -> None:
    leg = written(entry, 64)
    assert (leg.request_body, leg.reply_body) == (None, None)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"/ocpi/2.2.1/via/{SECRET}", "/ocpi/2.2.1/via/Zx9_kQ…"),
        (f"https://hub/ocpi/2.2.1/via/{SECRET}?a=1", "https://hub/ocpi/2.2.1/via/Zx9_kQ…?a=1"),
        (
            f"/x?response_url=https%3A%2F%2Fhub%2Focpi%2F2.2.1%2Fvia%2F{SECRET}",
            "/x?response_url=https%3A%2F%2Fhub%2Focpi%2F2.2.1%2Fvia%2FZx9_kQ…",
        ),
        (f"https://me:{SECRET}@host/x", "https://…@host/x"),
        (f"https://host/x?offset=0&api_key={SECRET}&limit=1", "https://host/x?offset=0&api_key=…&limit=1"),
        (
            "https://host/tokens?date_from=2026-01-01T00:00:00Z",
            "https://host/tokens?date_from=2026-01-01T00:00:00Z",
        ),
    ],
)
def test_urls_are_shown_without_secrets(url: str, shown: str) -> None:
    assert shown_url(url) == shown


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (f'{{"token": "{SECRET}", "url": "u"}}', '{"token": "…", "url": "u"}'),
        (f'{{"token":"{SECRET}', '{"token":"…'),
        (f'{{"token":"a\\"{SECRET}\\', '{"token":"…'),
        ('{"token": {"uid": "AB12"}}', '{"token": {"uid": "AB12"}}'),
        (
            rf'{{"response_url":"https:\/\/h\/ocpi\/2.2.1\/via\/{SECRET}"}}',
            r'{"response_url":"https:\/\/h\/ocpi\/2.2.1\/via\/Zx9_kQ…"}',
        ),
        (f'{{"url":"https://h/r?a=1\\u0026key={SECRET}"}}', '{"url":"https://h/r?a=1\\u0026key=…"}'),
        ('{"address": "Via Roma 12"}', '{"address": "Via Roma 12"}'),
    ],
)
def test_bodies_are_shown_without_secrets(body: str, shown: str) -> None:
    assert shown_body(body) == shown


@given(
    before=st.text(max_size=40),
    after=st.text(max_size=200),
    limit=st.integers(min_value=1, max_value=200),
    form=st.sampled_from(
        [
            '"token": "{}"',
            '"token":"{}"',
            '"url": "https://hub/ocpi/2.2.1/via/{}"',
            r'"url": "https:\/\/hub\/ocpi\/2.2.1\/via\/{}"',
        ]
    ),
)
def test_no_secret_is_written_down_wherever_a_body_is_cut(
    before: str, after: str, limit: int, form: str
) -> None:
    body = (exact_json.encode(before).decode() + form.format(SECRET) + after).encode("utf-8", "replace")
    url = f"https://hub/ocpi/2.2.1/via/{SECRET}?x={before}"
    entry = ENTRY._replace(request_body=body, reply_body=body, url=url, note=f"NotReached: {url}")
    leg = written(entry, limit)
    everything = f"{leg}{log_lines([leg])}"
    assert SECRET[:7] not in everything


@given(text=st.text(alphabet=st.characters(codec=None), max_size=60), raw=st.binary(max_size=80))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
async def test_whatever_a_partner_sends_can_be_written_down(
    database: Database, text: str, raw: bytes
) -> None:
    journal = Journal()
    log = io.StringIO()
    entry = ENTRY._replace(
        correlation_id=text, request_id=text, url=text, note=text, request_body=raw, reply_body=raw
    )
    journal.record(entry)
    await writer_of(journal, database, log).write_waiting()
    assert journal.waiting == 0
    assert log.getvalue().count("\n") == 1


def out_of(own: JournalEntry) -> JournalEntry:
    """The leg out of the same exchange, with the same bodies."""
    return own._replace(
        direction=Direction.OUT, request_id=f"sent-{own.request_id}", platform="abc", bodies_elsewhere=True
    )


async def stored_bodies(database: Database) -> list[tuple[str, str | None, str | None]]:
    """Direction and bodies of each row, as they are stored."""
    async with database.reading() as connection:
        rows = await connection.execute(
            sql("SELECT direction, request_body, reply_body FROM journal ORDER BY id")
        )
        return [(row[0], row[1], row[2]) for row in rows]


class TestBodiesOfBothLegs:
    """They are stored once; decision 0068."""

    async def test_they_are_stored_with_the_leg_in_and_shown_with_both(self, database: Database) -> None:
        journal = Journal()
        journal.record_both(out_of(ENTRY), ENTRY)
        await writer_of(journal, database).write_waiting()

        assert await stored_bodies(database) == [
            ("out", None, None),
            ("in", '{"id": "7", "kwh": 1.50}', '{"status_code": 1000}'),
        ]
        out, own = await legs_of(database, "corr-1")
        assert own == written(ENTRY, 64)._replace(id=2)
        alone = written(out_of(ENTRY)._replace(bodies_elsewhere=False), 64)
        assert out == alone._replace(id=1, bodies_elsewhere=True)

    async def test_each_exchange_of_a_correlation_id_has_its_own(self, database: Database) -> None:
        """Even of one moment; and a leg that has its bodies itself shows those."""
        journal = Journal()
        for number, at in enumerate((NOW, NOW, NOW + timedelta(seconds=1))):
            own = ENTRY._replace(at=at, request_body=b"%d" % number, request_id=f"{number}")
            journal.record_both(out_of(own), own)
        journal.record(ENTRY._replace(direction=Direction.OUT, request_body=b"its own", reply_body=b""))
        await writer_of(journal, database).write_waiting()

        shown = [(leg.request_id, leg.request_body) for leg in await legs_of(database, "corr-1")]
        assert shown == [
            ("sent-0", "0"), ("0", "0"), ("sent-1", "1"), ("1", "1"), ("req-1", "its own"),
            ("sent-2", "2"), ("2", "2"),
        ]  # fmt: skip

    @pytest.mark.parametrize("field", ["request_body", "reply_body"])
    async def test_both_legs_are_found_by_a_text_in_them(self, database: Database, field: str) -> None:
        journal = Journal()
        for story, text in (("a", b"the Needle"), ("b", b"hay"), ("c", b"needles")):
            own = ENTRY._replace(correlation_id=story, request_id=story, **{field: text})
            journal.record_both(out_of(own), own)
        await writer_of(journal, database).write_waiting()

        async def found(**wanted: object) -> list[str]:
            legs = await search(database, JournalFilter(text="needle", **wanted))  # type: ignore[arg-type]
            assert all(leg.request_body is None and leg.reply_body is None for leg in legs)
            return [leg.request_id for leg in legs]

        assert await found() == ["c", "sent-c", "a", "sent-a"]
        assert await found(direction=Direction.OUT) == ["sent-c", "sent-a"]
        assert await found(platform="abc", limit=1) == ["sent-c"]
        assert await found(correlation_id="a") == ["a", "sent-a"]
        assert await found(correlation_id="b") == []
        assert await found(after=2) == ["sent-c", "c"]

    async def test_a_text_in_bodies_of_another_exchange_finds_no_leg(self, database: Database) -> None:
        """Of the same moment, or with the same correlation id."""
        journal = Journal()
        own = ENTRY._replace(request_body=b"hay", reply_body=b"hay")
        journal.record_both(out_of(own), own)
        for other in ({"correlation_id": "corr-2"}, {"at": NOW + timedelta(microseconds=1)}):
            journal.record(own._replace(request_id="other", request_body=b"needle", **other))  # type: ignore[arg-type]
        await writer_of(journal, database).write_waiting()
        assert [leg.request_id for leg in await search(database, JournalFilter(text="needle"))] == [
            "other"
        ] * 2

    def test_who_follows_a_text_misses_no_leg_between_two_batches(self) -> None:
        """Both legs come into sight at once: the two are never stored by different transactions."""
        journal = Journal()
        journal.record(numbered(0))
        for number in range(1, BATCH):
            journal.record_both(out_of(numbered(number)), numbered(number))
        sizes = []
        while batch := journal.batch():
            assert not batch[-1].bodies_elsewhere
            sizes.append(len(batch))
            journal.done(len(batch))
        assert sizes == [BATCH - 1, BATCH]

    def test_they_count_once_as_long_as_they_wait(self) -> None:
        journal = Journal(memory=250)
        own = ENTRY._replace(request_body=b"x" * 60, reply_body=b"y" * 40)
        for _ in range(2):
            journal.record_both(out_of(own), own)
        assert [each.bodies_elsewhere for each in journal.batch()] == [True, False] * 2
        assert [each.note for each in journal.batch()] == [""] * 4
        journal.done(3)
        journal.record_both(out_of(own), own)
        assert journal.batch()[-1].request_body == b"x" * 60

    async def test_where_there_is_no_room_for_them_neither_leg_has_them_and_both_say_so(
        self, database: Database
    ) -> None:
        journal = Journal(memory=50)
        for entry in (ENTRY, numbered(1)):
            journal.record_both(out_of(entry), entry)
        await writer_of(journal, database).write_waiting()
        legs = await legs_of(database, "corr-1")
        assert [leg.request_body is None for leg in legs] == [False, False, True, True]
        assert [leg.note for leg in legs] == ["", "", NO_ROOM, NO_ROOM]
        assert [leg.bodies_elsewhere for leg in legs] == [True, False, False, False]

    def test_a_full_journal_takes_both_legs_or_neither(self) -> None:
        journal = Journal(capacity=3)
        journal.record_both(out_of(ENTRY), ENTRY)
        journal.record_both(out_of(numbered(1)), numbered(1))
        assert (journal.dropped, journal.waiting) == (2, 2)

    async def test_a_leg_whose_bodies_have_gone_is_shown_without(self, database: Database) -> None:
        journal = Journal()
        journal.record_both(out_of(ENTRY), ENTRY)
        await writer_of(journal, database).write_waiting()
        async with database.writing() as connection:
            await connection.execute(sql("DELETE FROM journal WHERE direction = 'in'"))
        [leg] = await legs_of(database, "corr-1")
        assert (leg.request_body, leg.reply_body) == (None, None)
        assert await search(database, JournalFilter(text="kwh")) == []

    async def test_they_grow_old_together(self, database: Database) -> None:
        clock = Hands()
        journal = Journal()
        writer = writer_of(journal, database, clock=clock)
        for entry in (ENTRY._replace(at=NOW - timedelta(days=1)), ENTRY._replace(request_id="new")):
            journal.record_both(out_of(entry), entry)
        await writer.write_waiting()
        clock.now = NOW + timedelta(days=30) - timedelta(hours=1)
        await writer.sweep()
        assert await stored_ids(database) == ["sent-new", "new"]
        assert [leg.request_body for leg in await legs_of(database, "corr-1")] == [
            '{"id": "7", "kwh": 1.50}'
        ] * 2

    async def test_bodies_of_handshakes_are_kept_with_neither(self, database: Database) -> None:
        journal = Journal()
        own = ENTRY._replace(module="credentials")
        journal.record_both(out_of(own), own)
        await writer_of(journal, database).write_waiting()
        assert [leg.reply_body for leg in await legs_of(database, "corr-1")] == [None, None]

    async def test_the_leg_in_is_found_by_an_index(self, database: Database) -> None:
        """That of moments, or on PostgreSQL perhaps that of correlation ids."""
        statements: list[tuple[str, Any]] = []

        def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            statements.append((statement, parameters))

        event.listen(database.engine.sync_engine, "before_cursor_execute", note)
        await search(database, JournalFilter(text="needle"))
        [(statement, parameters)] = [each for each in statements if each[0].startswith("SELECT")]
        explain = "EXPLAIN" if is_postgresql() else "EXPLAIN QUERY PLAN"
        async with database.reading() as connection:
            rows = (await connection.exec_driver_sql(f"{explain} {statement}", parameters)).all()
        plan = "\n".join(str(row[-1]) for row in rows)
        of_sqlite = r"journal_1 USING INDEX ix_journal_at \(at="
        by_index = r"Index Cond: .*(at|correlation_id).* = " if is_postgresql() else of_sqlite
        assert re.search(by_index, plan), plan


class TestSearch:
    @pytest.fixture
    async def filled(self, database: Database) -> Database:
        journal = Journal()
        for entry in (
            ENTRY._replace(request_id="fine"),
            ENTRY._replace(request_id="refused", status_code=2001, at=NOW + timedelta(minutes=1)),
            ENTRY._replace(
                request_id="silent",
                http_status=None,
                status_code=None,
                direction=Direction.OUT,
                platform="abc",
                note="NoAnswerInTime: 20 s",
                at=NOW + timedelta(minutes=2),
            ),
            ENTRY._replace(
                request_id="unknown",
                http_status=404,
                status_code=2003,
                module="locations",
                correlation_id="corr-2",
                to_party=None,
                from_party="DE/XYZ",
                reply_body=b"100% of _this",
                at=NOW + timedelta(minutes=3),
            ),
        ):
            journal.record(entry)
        await writer_of(journal, database).write_waiting()
        return database

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            (JournalFilter(), ["unknown", "silent", "refused", "fine"]),
            (JournalFilter(limit=2), ["unknown", "silent"]),
            (JournalFilter(platform="abc"), ["silent"]),
            (JournalFilter(module="locations"), ["unknown"]),
            (JournalFilter(party="de/xyz"), ["unknown"]),
            (JournalFilter(party="DE/ABC"), ["silent", "refused", "fine"]),
            (JournalFilter(correlation_id="corr-2"), ["unknown"]),
            (JournalFilter(direction=Direction.OUT), ["silent"]),
            (JournalFilter(outcome="ok"), ["fine"]),
            (JournalFilter(outcome="failed"), ["unknown", "silent", "refused"]),
            (JournalFilter(outcome="404"), ["unknown"]),
            (JournalFilter(outcome="2xx"), ["refused", "fine"]),
            (JournalFilter(outcome="2003"), ["unknown"]),
            (JournalFilter(outcome="2XXX"), ["unknown", "refused"]),
            (JournalFilter(since=NOW + timedelta(minutes=2)), ["unknown", "silent"]),
            (JournalFilter(until=NOW + timedelta(minutes=1)), ["fine"]),
            (JournalFilter(text="noanswer"), ["silent"]),
            (JournalFilter(text="100% of _"), ["unknown"]),
            (JournalFilter(text="100%f"), []),
            (JournalFilter(after=2), ["silent", "unknown"]),
            (JournalFilter(platform="tnm", outcome="failed"), ["unknown", "refused"]),
        ],
        ids=repr,
    )
    async def test_a_filter_finds_its_legs(
        self, filled: Database, wanted: JournalFilter, found: list[str]
    ) -> None:
        legs = await search(filled, wanted)
        assert [leg.request_id for leg in legs] == found
        assert all(leg.request_body is None for leg in legs)

    async def test_a_trace_holds_all_legs_of_a_correlation_id_in_order(self, filled: Database) -> None:
        assert [leg.request_id for leg in await legs_of(filled, "corr-1")] == ["fine", "refused", "silent"]
        assert await legs_of(filled, "nobody") == []

    @pytest.mark.parametrize("outcome", ["", "x", "xxx", "20", "4o4", "20011", "²00"])
    async def test_an_outcome_that_means_nothing_is_refused(self, filled: Database, outcome: str) -> None:
        with pytest.raises(UnknownOutcome, match="expected ok, failed"):
            await search(filled, JournalFilter(outcome=outcome))
