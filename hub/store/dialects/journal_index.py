"""The legs of an exchange on SQLite: an index of the journal that is sorted a portion at a time.

Correlation ids are random. An index that is kept sorted with each leg has most of its pages written anew in
each transaction, at twice the price of the leg itself. Here triggers note each leg in `journal_index_new`, in
the order of the journal, and portions of that are sorted into `journal_index`. Both know ids by their last
characters alone, which tell ids apart nearly always; who looks there compares the id itself, too.

What is sorted is sorted by eras of 262,144 legs each, so that a portion is sorted in among these and not
among all that there are: however long the journal, it costs the same. Who looks looks once in each era. See
decision 0066.
"""

from typing import Final

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

#: Legs that are sorted in at once: some 20 ms in which nobody else writes.
AT_ONCE: Final = 10_000

TABLES: Final = ("journal_index", "journal_index_new")
#: What makes it, beside the table of the journal.
MAKE: Final = (
    "CREATE TABLE journal_index_new (leg INTEGER PRIMARY KEY, tail TEXT NOT NULL)",
    """
    CREATE TABLE journal_index (
        era INTEGER NOT NULL, tail TEXT NOT NULL, leg INTEGER NOT NULL, PRIMARY KEY (era, tail, leg)
    ) WITHOUT ROWID
    """,
    """
    CREATE TRIGGER journal_index_adds AFTER INSERT ON journal BEGIN
        INSERT INTO journal_index_new VALUES (new.id, substr(new.correlation_id, -8));
    END
    """,
    """
    CREATE TRIGGER journal_index_forgets AFTER DELETE ON journal BEGIN
        DELETE FROM journal_index_new WHERE leg = old.id;
        DELETE FROM journal_index
        WHERE era = old.id >> 18 AND tail = substr(old.correlation_id, -8) AND leg = old.id;
    END
    """,
)

_OF_EXCHANGE: Final = text(
    """
    journal.correlation_id = :story AND journal.id IN (
        WITH RECURSIVE eras (era, last) AS (
            SELECT min(era), (SELECT max(era) FROM journal_index) FROM journal_index
            UNION ALL SELECT era + 1, last FROM eras WHERE era < last
        )
        SELECT leg FROM eras CROSS JOIN journal_index
        WHERE journal_index.era = eras.era AND tail = substr(:story, -8)
        UNION ALL SELECT leg FROM journal_index_new WHERE tail = substr(:story, -8)
    )
    """
)
_UP_TO: Final = "SELECT leg FROM journal_index_new ORDER BY leg LIMIT 1 OFFSET ?"
_SORT_IN: Final = """
    INSERT INTO journal_index (era, tail, leg)
    SELECT leg >> 18, tail, leg FROM journal_index_new WHERE leg <= ? ORDER BY 1, 2, 3
"""
_FORGET_NEW: Final = "DELETE FROM journal_index_new WHERE leg <= ?"


def of_exchange(correlation_id: str) -> TextClause:
    """The condition that a leg of the journal has this correlation id."""
    return _OF_EXCHANGE.bindparams(story=correlation_id)


async def sort_in(connection: AsyncConnection) -> None:
    """Sort in a portion of the new legs, if there are enough of them."""
    up_to = (await connection.exec_driver_sql(_UP_TO, (AT_ONCE - 1,))).scalar()
    if up_to is not None:
        await connection.exec_driver_sql(_SORT_IN, (up_to,))
        await connection.exec_driver_sql(_FORGET_NEW, (up_to,))
