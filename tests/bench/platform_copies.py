"""Many platforms at once: copies of one that has registered, in the database of a hub that does not run.

A thousand handshakes would take longer than what is to be measured.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

PATIENCE_SECONDS = 60.0
COUNTRY_CODES = ("DE", "FR", "AT", "IT")


class Copy(NamedTuple):
    """What is different of a copy."""

    name: str
    party: str
    #: Of each of its endpoints.
    url: str


def numbered_party(number: int) -> str:
    """The party of a platform with this number."""
    return f"{COUNTRY_CODES[number // 1000 % len(COUNTRY_CODES)]}/{number % 1000:03d}"


def copy_platform(database: Path, name: str, copies: Sequence[Copy]) -> None:
    """Registered platforms like this one; the hub delivers to them, but they have no token to show it."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.row_factory = sqlite3.Row
        (original,) = connection.execute("SELECT * FROM platform WHERE name = ?", (name,))
        roles = connection.execute("SELECT * FROM platform_role WHERE platform_id = ?", (original["id"],))
        endpoints = connection.execute("SELECT * FROM endpoint WHERE platform_id = ?", (original["id"],))
        role, offered = next(roles), endpoints.fetchall()
        for each in copies:
            number = _insert(connection, "platform", {**original, "id": None, "name": each.name})
            country_code, party_id = each.party.split("/")
            spelled = {"country_code": country_code, "party_id": party_id}
            folded = {f"{column}_folded": value for column, value in spelled.items()}
            owner = {"id": None, "platform_id": number, **spelled, **folded}
            _insert(connection, "platform_role", {**role, **owner})
            for endpoint in offered:
                url = endpoint["url"] if endpoint["module"] == "credentials" else each.url
                _insert(connection, "endpoint", {**endpoint, "platform_id": number, "url": url})


async def adopted(database: Path, count: int) -> None:
    """Wait until so many platforms have a place in the hub's change log: before, they are owed nothing."""
    places = "SELECT count(DISTINCT platform_id) FROM cursor"
    async with asyncio.timeout(PATIENCE_SECONDS):
        with closing(sqlite3.connect(database)) as connection:
            # Another process writes it: there is no event to wait for.
            while connection.execute(places).fetchone()[0] < count:  # noqa: ASYNC110 as said
                await asyncio.sleep(0.05)


def _insert(connection: sqlite3.Connection, table: str, row: dict[str, object]) -> int | None:
    columns, places = ", ".join(row), ", ".join("?" * len(row))
    statement = f"INSERT INTO {table} ({columns}) VALUES ({places})"  # noqa: S608 names of the schema
    return connection.execute(statement, tuple(row.values())).lastrowid
