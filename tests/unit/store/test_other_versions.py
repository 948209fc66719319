"""A database that another version of the hub made is refused in a sentence, and left as it is."""

import sqlite3
from pathlib import Path

import pytest

from hub.store.database import UnsupportedDatabase, opened
from tests.fixtures.admin_hub import run
from tests.fixtures.made_tables import DATABASE, with_tables

_FORGET = "DELETE FROM made_with"


def _with(data: Path, *statements: str) -> Path:
    path = with_tables(data) / DATABASE
    connection = sqlite3.connect(path)
    with connection:
        for each in statements:
            connection.execute(each)
    connection.close()
    return path


def _content(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    lines = list(connection.iterdump())
    connection.close()
    return lines


def _url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("ALTER TABLE judged_cdr DROP COLUMN reason", "a column judged_cdr.reason"),
        ("ALTER TABLE judged_cdr ADD COLUMN colour TEXT", "no column judged_cdr.colour"),
        ("DROP TABLE agreement", "a table agreement"),
        ("CREATE TABLE flag (id INTEGER PRIMARY KEY)", "no table flag"),
        ("DROP INDEX object_by_time", "an index object_by_time"),
        ("CREATE INDEX by_colour ON object (body)", "no index by_colour"),
    ],
)
async def test_what_was_expected_is_named(tmp_path: Path, change: str, expected: str) -> None:
    path = _with(tmp_path, change, "UPDATE made_with SET fingerprint = 'of another version'")
    before = _content(path)
    with pytest.raises(UnsupportedDatabase, match=rf"another version of the hub; expected {expected}"):
        async with opened(_url(path)):
            pass
    assert _content(path) == before


async def test_a_database_from_before_there_was_a_fingerprint_is_recognised(tmp_path: Path) -> None:
    path = _with(tmp_path, "DROP TABLE made_with", "ALTER TABLE platform DROP COLUMN hub_role")
    with pytest.raises(UnsupportedDatabase, match=r"a table made_with, a column platform[.]hub_role"):
        async with opened(_url(path)):
            pass


async def test_where_the_tables_are_the_same_after_all_the_hub_goes_on(tmp_path: Path) -> None:
    """The fingerprint changes with the words of a library; the tables decide."""
    path = _with(tmp_path, _FORGET, "INSERT INTO made_with VALUES ('of another SQLAlchemy')")
    for _ in range(2):
        async with opened(_url(path)) as database, database.reading() as connection:
            rows = (await connection.exec_driver_sql("SELECT fingerprint FROM made_with")).all()
        assert len(rows) == 1
        assert rows[0][0] != "of another SQLAlchemy"


async def test_many_differences_are_counted(tmp_path: Path) -> None:
    path = _with(
        tmp_path, _FORGET, *(f"DROP TABLE {name}" for name in ("resync", "agreement", "journal", "link"))
    )
    with pytest.raises(UnsupportedDatabase, match=r"and \d+ more"):
        async with opened(_url(path)):
            pass


async def test_tables_that_are_somebody_elses_are_not_touched(tmp_path: Path) -> None:
    path = tmp_path / DATABASE
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE journal (line TEXT)")
    connection.close()
    with pytest.raises(UnsupportedDatabase, match="table journal already exists"):
        async with opened(_url(path)):
            pass
    assert not [line for line in _content(path) if "platform" in line]


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / DATABASE
    path.write_text("this is a shopping list, and long enough to have been a header\n" * 20)
    with pytest.raises(UnsupportedDatabase, match="file is not a database"):
        async with opened(_url(path)):
            pass


async def test_serve_ends_with_that_sentence(tmp_path: Path) -> None:
    path = _with(tmp_path, _FORGET, "ALTER TABLE link DROP COLUMN timed_out_at")
    done = await run("serve", "--port", "0", "--admin-port", "0", "--data", str(path.parent))
    assert done.code == 1
    assert "another version of the hub" in done.err
    assert "Traceback" not in done.err
