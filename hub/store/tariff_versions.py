"""Tariffs as they were: one changed afterwards changes nothing for a session that began before.

Each state that the hub accepts is a version, as a rule from its `last_updated` on (`held_since`); it is
written in the transaction that keeps the tariff.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import String, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.ocpi.description import ObjectKey
from hub.ocpi.party import Party
from hub.pricing.plausibility.history import held_since
from hub.store.acceptance import State
from hub.store.database import microseconds, moment
from schemas import exact_json

TARIFFS = "tariffs"
_KEEP = text(
    "INSERT INTO tariff_version (country_code, party_id, tariff_id, since, body)"
    " VALUES (:country_code, :party_id, :tariff_id, :since, :body)"
)
_NEWEST = text(
    "SELECT tariff_id, since, body FROM tariff_version WHERE country_code = :country_code"
    " AND party_id = :party_id AND tariff_id = :tariff_id ORDER BY since DESC LIMIT 1"
)
_READ = text(
    "SELECT tariff_id, since, body FROM tariff_version WHERE country_code = :country_code"
    " AND party_id = :party_id AND tariff_id IN :ids ORDER BY tariff_id, since"
).bindparams(bindparam("ids", expanding=True, type_=String()))
#: A version goes when the one that replaced it is old; one that says the tariff is gone, when that is old.
_FORGET = text(
    "DELETE FROM tariff_version WHERE (body = '' AND since < :before) OR EXISTS"
    " (SELECT 1 FROM tariff_version later WHERE later.country_code = tariff_version.country_code"
    " AND later.party_id = tariff_version.party_id"
    " AND later.tariff_id = tariff_version.tariff_id AND later.since > tariff_version.since"
    " AND later.since < :before)"
)


class StoredVersion(NamedTuple):
    """A tariff from a moment on."""

    tariff_id: str
    #: Microseconds since 1970.
    since: int
    #: Empty: it was withdrawn.
    body: str


async def keep_versions(
    connection: AsyncConnection, written: Iterable[tuple[ObjectKey, State]], now: int
) -> None:
    """Keep what became of tariffs.

    Args:
        connection: In the transaction that keeps the objects.
        written: Objects and their new states; those that are no tariffs are passed over.
        now: When they came, in microseconds since 1970.
    """
    for key, state in written:
        if key.module != TARIFFS:
            continue
        of_tariff = {"country_code": key.country_code, "party_id": key.party_id, "tariff_id": key.object_id}
        newest = (await connection.execute(_NEWEST, of_tariff)).one_or_none()
        body = "" if state.is_deleted else state.body
        if newest is None or not _is_same(newest.body, body):
            told = now if state.is_deleted else state.last_updated
            since = held_since(moment(told), moment(now), None if newest is None else moment(newest.since))
            await connection.execute(_KEEP, {**of_tariff, "since": microseconds(since), "body": body})


def _is_same(one: str, other: str) -> bool:
    return one == other or (bool(one and other) and exact_json.decode(one) == exact_json.decode(other))


async def read_versions(
    connection: AsyncConnection, owner: Party, tariff_ids: Iterable[str]
) -> tuple[StoredVersion, ...]:
    """All that is known of these tariffs of an owner, oldest first."""
    country_code, party_id = owner.folded
    ids = sorted({each.upper() for each in tariff_ids})
    if not ids:
        return ()
    rows = await connection.execute(_READ, {"country_code": country_code, "party_id": party_id, "ids": ids})
    return tuple(StoredVersion(*row) for row in rows)


async def forget_versions(connection: AsyncConnection, before: int) -> int:
    """Delete versions that were replaced before this instant; how many there were."""
    return int((await connection.execute(_FORGET, {"before": before})).rowcount)
