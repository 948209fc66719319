"""Bring the tables of a database up to date."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from hub.store.migrations.fingerprint import OtherTables, check, remember

MIGRATIONS = Path(__file__).parent


def configuration(connection: Connection) -> Config:
    """Alembic's configuration for a connection that is open."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection) -> None:
    """Run the steps that this database has not seen; where it has seen all, that is found out at once.

    Raises:
        OtherTables: it has seen all steps, and has other tables all the same.
    """
    if MigrationContext.configure(connection).get_current_revision() == newest():
        check(connection)
    else:
        command.upgrade(configuration(connection), "head")
        remember(connection)


def look(connection: Connection) -> None:
    """See that there is nothing to bring up to date.

    Raises:
        OtherTables: there is.
    """
    seen = MigrationContext.configure(connection).get_current_revision()
    if seen != newest():
        raise OtherTables(f"its tables are of revision {seen}, expected {newest()}")
    check(connection)


@cache
def newest() -> str | None:
    """The revision that all steps together lead to."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()
