"""What one database does otherwise than another, a file each; all else of the store is the same on both."""

from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.dialects.dialect import Alone, Dialect
from hub.store.dialects.postgresql import PostgreSql
from hub.store.dialects.sqlite import Sqlite

__all__ = ["DIALECTS", "Alone", "Dialect", "dialect_of"]

#: By the driver that a database URL names.
DIALECTS: dict[str, Dialect] = {each.driver: each for each in (Sqlite(), PostgreSql())}
_BY_NAME = {driver.partition("+")[0]: dialect for driver, dialect in DIALECTS.items()}


def dialect_of(connection: AsyncConnection) -> Dialect:
    """The dialect of the database at the other end."""
    return _BY_NAME[connection.dialect.name]
