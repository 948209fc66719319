"""Resyncs as they are owed: all of an owner's objects in a module, which a receiver is to be told of anew."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import String, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.ocpi.party import Party, PartyRole

_RECEIVER = (
    "platform_id = :platform_id AND role = :role AND country_code = :country_code AND party_id = :party_id"
)
_FORGET = text(
    f"DELETE FROM resync WHERE {_RECEIVER} AND module = :module"  # noqa: S608 constants only
    " AND owner_country_code = :owner_country_code AND owner_party_id = :owner_party_id"
)
_OWE = text(
    "INSERT INTO resync (platform_id, role, country_code, party_id, module, owner_country_code,"
    " owner_party_id, position, correlation_id)"
    " VALUES (:platform_id, :role, :country_code, :party_id, :module,"
    " :owner_country_code, :owner_party_id, 0, :correlation_id)"
)
_OWNERS = text(
    "SELECT DISTINCT module, country_code, party_id FROM object WHERE module IN :modules"
).bindparams(bindparam("modules", expanding=True, type_=String()))


@dataclass(frozen=True, slots=True)
class OwedResync:
    """A receiver, and whose objects it is to be told of."""

    platform_id: int
    #: None: the platform as such, which is told of parties.
    party_role: PartyRole | None
    module: str
    owner: Party


async def owe_resyncs(connection: AsyncConnection, owed: Iterable[OwedResync], correlation_id: str) -> None:
    """Owe receivers these objects, in an open transaction; what is being resynced begins anew.

    Wake the pumps when the transaction is committed.
    """
    rows = [_row(each) | {"correlation_id": correlation_id} for each in owed]
    if rows:
        await connection.execute(_FORGET, rows)
        await connection.execute(_OWE, rows)


async def owners_of(connection: AsyncConnection, modules: Collection[str]) -> list[tuple[str, Party]]:
    """Who owns, or owned, objects of these modules, each with the module."""
    rows = await connection.execute(_OWNERS, {"modules": list(modules)})
    return [(module, Party(country_code, party_id)) for module, country_code, party_id in rows]


def _row(owed: OwedResync) -> dict[str, Any]:
    role, country_code, party_id = "", "", ""
    if owed.party_role is not None:
        role = str(owed.party_role.role)
        country_code, party_id = owed.party_role.party.folded
    owner_country_code, owner_party_id = owed.owner.folded
    return {
        "platform_id": owed.platform_id,
        "role": role,
        "country_code": country_code,
        "party_id": party_id,
        "module": owed.module,
        "owner_country_code": owner_country_code,
        "owner_party_id": owner_party_id,
    }
