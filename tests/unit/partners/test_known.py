"""What was read from the database once: it is never older than what was written."""

import pytest

from partners.database import Database
from partners.known import Known


def counting(database: Database) -> Known[int]:
    return Known(database, lambda: len(database.rows("SELECT 1 FROM thing")))


def database() -> Database:
    made = Database()
    made.define("CREATE TABLE IF NOT EXISTS thing (id INTEGER PRIMARY KEY)")
    return made


def test_it_is_read_once_until_somebody_says_that_it_was_written() -> None:
    kept = database()
    known = counting(kept)
    assert known.get() == 0
    kept.execute("INSERT INTO thing DEFAULT VALUES")
    assert known.get() == 0
    known.forget()
    assert known.get() == 1


def test_what_is_undone_is_read_again() -> None:
    kept = database()
    known = counting(kept)

    def fails() -> None:
        with kept.transaction():
            kept.execute("INSERT INTO thing DEFAULT VALUES")
            known.forget()
            assert known.get() == 1
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        fails()
    assert known.get() == 0
