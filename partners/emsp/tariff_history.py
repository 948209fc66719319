"""Tariffs as they were: one that changes, or goes, changes nothing for a session that began before.

Every state that comes, pushed or in a list, is a version; so is that a tariff was taken back. Which of them
was valid at an instant is a pure function of the versions: `hub.pricing.plausibility.history`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pydantic import ValidationError

from hub.ocpi.description import ObjectKey
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from hub.pricing.plausibility import TariffVersion
from hub.pricing.plausibility.history import held_since
from partners.database import Database
from partners.objects import last_updated, microseconds, moment
from schemas import exact_json
from schemas.v2_2_1 import Tariff

TABLES = """
CREATE TABLE IF NOT EXISTS tariff_version (
    holder TEXT NOT NULL,
    country_code TEXT NOT NULL,
    party_id TEXT NOT NULL,
    tariff_id TEXT NOT NULL,
    -- Microseconds since 1970.
    since INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    -- Empty: it was withdrawn.
    text TEXT NOT NULL,
    PRIMARY KEY (holder, country_code, party_id, tariff_id, since)
);
"""
_OF_TARIFF = "holder = ? AND country_code = ? AND party_id = ? AND tariff_id = ?"
#: A version goes when the one that replaced it is old; a withdrawal goes when it is old itself.
_FORGET = """
DELETE FROM tariff_version WHERE holder = ?1 AND (
    (text = '' AND since < ?2)
    OR EXISTS (
        SELECT 1 FROM tariff_version later WHERE later.holder = tariff_version.holder
        AND later.country_code = tariff_version.country_code AND later.party_id = tariff_version.party_id
        AND later.tariff_id = tariff_version.tariff_id AND later.since > tariff_version.since
        AND later.since < ?2
    )
)
"""


class KeptVersion(NamedTuple):
    """A tariff from a moment on, and when we were told."""

    version: TariffVersion
    received_at: datetime


@dataclass(frozen=True, slots=True)
class TariffHistory:
    """The versions of all tariffs that one party of ours was told of."""

    party: Party
    database: Database
    clock: Clock
    #: How long a version is kept after it was replaced.
    retention: timedelta

    def __post_init__(self) -> None:
        self.database.define(TABLES)

    def keep(self, key: ObjectKey, value: dict[str, Any] | None) -> None:
        """Keep what became of a tariff, within a transaction.

        The same state once more is no new version. If it had been withdrawn in between, it was not: whoever
        takes a tariff back and brings it again changes its `last_updated`.

        Args:
            key: Whose tariff it is, and which.
            value: The decoded tariff; None: it was withdrawn.
        """
        text = "" if value is None else exact_json.encode(value).decode()
        last_two = self._last_two(key)
        newest = last_two[0] if last_two else None
        if newest is None and not text:
            return
        if newest is not None and _is_same(newest["text"], text):
            return
        if newest is not None and not newest["text"] and _is_same(last_two[-1]["text"], text):
            self._delete(key, newest["since"])
            return
        now = self.clock()
        told = now if value is None else last_updated(value)
        since = held_since(told, now, None if newest is None else moment(newest["since"]))
        self.database.execute(
            "INSERT INTO tariff_version VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*self._row_of(key), microseconds(since), microseconds(now), text),
        )

    def versions(self, owner: Party, tariff_ids: Iterable[str]) -> tuple[KeptVersion, ...]:
        """All that is known of these tariffs of an owner, each oldest first."""
        return tuple(
            KeptVersion(
                TariffVersion(tariff_id, moment(row["since"]), _read(row["text"])), moment(row["received_at"])
            )
            for tariff_id in sorted({each.upper() for each in tariff_ids})
            for row in self.database.rows(
                f"SELECT * FROM tariff_version WHERE {_OF_TARIFF} ORDER BY since",  # noqa: S608 no input in it
                (str(self.party), *owner.folded, tariff_id),
            )
        )

    def forget(self) -> int:
        """Delete versions that were replaced longer ago than the retention; how many there were."""
        before = self.clock() - self.retention
        return self.database.execute(_FORGET, (str(self.party), microseconds(before)))

    def _last_two(self, key: ObjectKey) -> list[Any]:
        return self.database.rows(
            f"SELECT since, text FROM tariff_version WHERE {_OF_TARIFF} ORDER BY since DESC LIMIT 2",  # noqa: S608 no input in it
            self._row_of(key),
        )

    def _delete(self, key: ObjectKey, since: int) -> None:
        statement = f"DELETE FROM tariff_version WHERE {_OF_TARIFF} AND since = ?"  # noqa: S608 no input in it
        self.database.execute(statement, (*self._row_of(key), since))

    def _row_of(self, key: ObjectKey) -> tuple[str, ...]:
        return str(self.party), key.country_code, key.party_id, key.object_id


def _is_same(one: str, other: str) -> bool:
    if not (one and other):
        return one == other
    return bool(exact_json.decode(one.encode()) == exact_json.decode(other.encode()))


def _read(text: str) -> Tariff | None:
    """The tariff; None where it was withdrawn, or cannot be read any more."""
    try:
        return Tariff.read(text.encode(), tolerant=True) if text else None
    except ValidationError:
        return None
