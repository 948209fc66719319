"""What an owner's full list still has: marked as it is read, so that memory does not grow (TR-39)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.ocpi.description import ObjectKey
from hub.ocpi.party import Party
from hub.store.database import microseconds

_MARK = text(
    "UPDATE object SET listed_at = :at WHERE module = :module AND object_id = :object_id"
    " AND country_code = :country_code AND party_id = :party_id AND variant = :variant"
)
_OWNED = (
    "module = :module AND is_deleted = false AND country_code = :country_code AND party_id = :party_id"
    " AND addressee_party_id IS NULL"
)
_NOT_LISTED = (
    "(listed_at IS NULL OR listed_at < :began) AND (change_seq IS NULL OR change_seq <= :last_change)"
)


@dataclass(frozen=True, slots=True)
class Unlisted:
    """The objects of an owner that its full list does not have any more."""

    module: str
    owner: Party
    #: When the list was begun.
    began: datetime
    #: The newest change in the log at that moment: what was sent since is not missing, but new.
    last_change: int
    #: Only what came from this platform, where another one has the party, too.
    platform_id: int | None = None

    def parameters(self) -> dict[str, Any]:
        """What the statements need."""
        country_code, party_id = self.owner.folded
        found = {
            "module": self.module,
            "country_code": country_code,
            "party_id": party_id,
            "began": microseconds(self.began),
            "last_change": self.last_change,
        }
        return found if self.platform_id is None else found | {"platform_id": self.platform_id}

    def statement(self, form: str) -> TextClause:
        """The statement with these objects' conditions in place of `{owned}` and `{not_listed}`."""
        owned = _OWNED if self.platform_id is None else f"{_OWNED} AND platform_id = :platform_id"
        return text(form.format(owned=owned, not_listed=_NOT_LISTED))


class Counts(NamedTuple):
    """How many objects of an owner there are, and how many of them its list does not have."""

    known: int
    unlisted: int


async def mark_listed(connection: AsyncConnection, keys: Iterable[ObjectKey], at: int) -> None:
    """These objects stood in the full list that was begun then (microseconds since 1970)."""
    rows = [key._asdict() | {"at": at} for key in keys]
    if rows:
        await connection.execute(_MARK, rows)


async def count_unlisted(connection: AsyncConnection, wanted: Unlisted) -> Counts:
    """How many there are."""
    statement = wanted.statement(
        "SELECT count(*) AS known, coalesce(sum(CASE WHEN {not_listed} THEN 1 ELSE 0 END), 0) AS unlisted"
        " FROM object WHERE {owned}"
    )
    row = (await connection.execute(statement, wanted.parameters())).one()
    return Counts(row.known, row.unlisted)


async def unlisted(connection: AsyncConnection, wanted: Unlisted, limit: int) -> tuple[ObjectKey, ...]:
    """Some of them, oldest created first."""
    columns = ", ".join(ObjectKey._fields)
    statement = wanted.statement(
        f"SELECT {columns} FROM object WHERE {{owned}} AND {{not_listed}} ORDER BY seq LIMIT :limit"  # noqa: S608 constants only
    )
    rows = await connection.execute(statement, wanted.parameters() | {"limit": limit})
    return tuple(ObjectKey(*row) for row in rows)
