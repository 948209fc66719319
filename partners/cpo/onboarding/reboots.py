"""Resets for settings that a charger takes when it boots: when nobody needs it, and never in a circle.

    RebootRequired -> accepted -> nobody charges, is let in or has reserved, for a while -> soft reset
    -> BootNotification -> onboarding reads it all again

One onboarding asks for one reset, and a charger is reset for its settings at most once in 24 hours, also if
the node starts anew meanwhile: one that answers RebootRequired for ever is a finding then.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

from hub.ocpi.timestamps import Clock
from partners.cpo.stations.remote_outcome import RemoteOutcome
from partners.database import Database
from schemas import exact_json

log = logging.getLogger(__name__)

TABLES = """
CREATE TABLE IF NOT EXISTS awaited_boot (
    charge_point TEXT PRIMARY KEY,
    -- Settings that it takes when it boots: their names, as JSON.
    settings TEXT NOT NULL,
    is_asked INTEGER NOT NULL DEFAULT 0,
    -- When it was last reset for its settings.
    reset_at TEXT
) WITHOUT ROWID;
"""

#: A charger is reset for its settings once in this time.
ONCE_IN: Final = timedelta(hours=24)
#: It is looked so often while a charger stays free.
_LOOKS: Final = 4


class Chargers(Protocol):
    """The central system, as far as it is needed here."""

    def is_connected(self, charge_point: str) -> bool:
        """Whether there is a link."""

    async def reset(self, charge_point: str, *, hard: bool = False) -> RemoteOutcome:
        """Let it start anew."""


class AwaitedBoot(NamedTuple):
    """What is kept of a charger."""

    charge_point: str
    #: What it takes when it boots; nothing: it is as it should be.
    settings: tuple[str, ...]
    #: Whether it was reset since these settings were made.
    is_asked: bool = False
    reset_at: datetime | None = None


class Reboots:
    """Of all chargers.

    Args:
        database: Of the node.
        clock: The present instant.
        free_for: How long nobody must need a charger before it is reset.
        is_free: Whether nobody charges there, is about to, or has reserved.
        asked: Told of each reset, of which settings it was for, and of what became of it.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        free_for: timedelta,
        is_free: Callable[[str], bool],
        asked: Callable[[AwaitedBoot, RemoteOutcome], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._free_for = free_for
        self._is_free = is_free
        self._asked = asked
        self._free_since: dict[str, datetime] = {}
        self._known: dict[str, AwaitedBoot] = {}
        #: How often all were looked at.
        self.looks = 0
        database.define(TABLES)
        self._read()
        database.undone.append(self._read)

    def awaited(self, charge_point: str) -> AwaitedBoot:
        """What a charger has still to boot for."""
        return self._known.get(charge_point, AwaitedBoot(charge_point, ()))

    def may_ask(self, charge_point: str) -> bool:
        """Whether the last reset of a charger for its settings is long enough ago."""
        last = self.awaited(charge_point).reset_at
        return last is None or self._clock() - last >= ONCE_IN

    def await_boot(self, charge_point: str, settings: Iterable[str]) -> None:
        """These count from the next boot on, since this onboarding; none: there is nothing to wait for."""
        before, awaited = self.awaited(charge_point), tuple(settings)
        self._free_since.pop(charge_point, None)
        if before.settings or awaited:
            self._put(AwaitedBoot(charge_point, awaited, reset_at=before.reset_at))

    async def watch(self, chargers: Chargers, is_accepted: Callable[[str], bool]) -> None:
        """For ever: reset those that wait for it."""
        while True:
            for each in [each for each in self._known.values() if each.settings and not each.is_asked]:
                try:
                    if self._is_due(each.charge_point, chargers, is_accepted):
                        await self._reset(each, chargers)
                except Exception:  # the others must not wait for ever: the log says what went wrong
                    log.exception("resetting %s for its settings failed", each.charge_point)
            self.looks += 1
            await asyncio.sleep(self._free_for.total_seconds() / _LOOKS)

    def _is_due(self, charge_point: str, chargers: Chargers, is_accepted: Callable[[str], bool]) -> bool:
        is_there = chargers.is_connected(charge_point) and is_accepted(charge_point)
        if not (is_there and self._is_free(charge_point)):
            self._free_since.pop(charge_point, None)
            return False
        since = self._free_since.setdefault(charge_point, self._clock())
        return self._clock() - since >= self._free_for

    async def _reset(self, awaited: AwaitedBoot, chargers: Chargers) -> None:
        """It is on disk before it is done: whatever happens then, it is not done twice."""
        self._free_since.pop(awaited.charge_point, None)
        self._put(awaited._replace(is_asked=True, reset_at=self._clock()))
        self._asked(awaited, await chargers.reset(awaited.charge_point))

    def _put(self, awaited: AwaitedBoot) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO awaited_boot (charge_point, settings, is_asked, reset_at)"
            " VALUES (?, ?, ?, ?)",
            (
                awaited.charge_point,
                exact_json.encode(list(awaited.settings)).decode(),
                awaited.is_asked,
                None if awaited.reset_at is None else awaited.reset_at.isoformat(),
            ),
        )
        self._known[awaited.charge_point] = awaited

    def _read(self) -> None:
        rows = self._database.rows("SELECT * FROM awaited_boot")
        self._known = {
            row["charge_point"]: AwaitedBoot(
                row["charge_point"],
                tuple(exact_json.decode(row["settings"])),
                bool(row["is_asked"]),
                None if row["reset_at"] is None else datetime.fromisoformat(row["reset_at"]),
            )
            for row in rows
        }
