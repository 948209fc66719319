"""Whether the tables of a database are those of this version, found out at once.

Which steps a database has seen does not say it: until the first release the first step itself is changed. So
a database keeps a fingerprint of the tables that it was made with. Where that is another one the tables
themselves are looked at, and they decide: nothing depends on how a library words its SQL.
"""

import hashlib
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, delete, insert, inspect, select
from sqlalchemy.dialects import registry
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlmodel import SQLModel, col

from hub.store.dialects.journal_days import PARTITION
from hub.store.tables import ONLY_ON, MadeWithRow

#: Differences that are told.
_TOLD: Final = 3


class OtherTables(ValueError):
    """The database was made by another version of the hub."""


def check(connection: Connection) -> None:
    """See that the tables are those of this version.

    Raises:
        OtherTables: they are not; it says what was expected.
    """
    if _remembered(connection) == fingerprint(connection.dialect.name):
        return
    expected = [words for each in differences(connection) for words in _words(each)]
    if expected:
        more = f", and {len(expected) - _TOLD} more" if len(expected) > _TOLD else ""
        raise OtherTables(
            f"it was made by another version of the hub; expected {', '.join(expected[:_TOLD])}{more}"
        )
    remember(connection)


def differences(connection: Connection) -> list[Any]:
    """What the tables of a database lack, or have too much, as Alembic tells it."""

    def is_wanted(part: Any, *_: Any) -> bool:
        return part.info.get(ONLY_ON) in {None, connection.dialect.name}

    options = {"include_name": _is_ours, "include_object": is_wanted}
    context = MigrationContext.configure(connection, opts=options)
    return list(compare_metadata(context, SQLModel.metadata))


def _is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    """Whether something in the database is to be compared: no part of the journal is, by itself."""
    return name is None or kind != "table" or not name.startswith(PARTITION)


def remember(connection: Connection) -> None:
    """Keep, in the database, that its tables are those of this version."""
    connection.execute(delete(MadeWithRow))
    connection.execute(insert(MadeWithRow).values(fingerprint=fingerprint(connection.dialect.name)))


@cache
def fingerprint(dialect: str) -> str:
    """The same as long as the tables are, in a kind of database."""
    words = registry.load(dialect)()
    made = hashlib.sha256()
    for table in SQLModel.metadata.sorted_tables:
        made.update(str(CreateTable(table).compile(dialect=words)).encode())
        for index in sorted(table.indexes, key=lambda each: each.name or ""):
            made.update(str(CreateIndex(index).compile(dialect=words)).encode())
    return made.hexdigest()


def _remembered(connection: Connection) -> str | None:
    if not inspect(connection).has_table(str(MadeWithRow.__tablename__)):
        return None
    return connection.execute(select(col(MadeWithRow.fingerprint))).scalar()


def _words(difference: Any) -> Iterator[str]:
    """What was expected, for one difference as Alembic tells it, or a list of them."""
    match difference:
        case list():
            for each in difference:
                yield from _words(each)
        case ("add_table", table):
            yield f"a table {table.name}"
        case ("remove_table", table):
            yield f"no table {table.name}"
        case ("add_column", _, table, column):
            yield f"a column {table}.{column.name}"
        case ("remove_column", _, table, column):
            yield f"no column {table}.{column.name}"
        case (str() as what, _, str() as table, str() as column, *_) if what.startswith("modify"):
            yield f"another {what.removeprefix('modify_')} of the column {table}.{column}"
        case (str() as what, part, *_):
            words, name = what.replace("_", " "), getattr(part, "name", None) or "without a name"
            yield words.replace("add", "an", 1).replace("remove", "no", 1) + f" {name}"
