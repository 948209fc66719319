"""What an EVSE is at which somebody prepares: a cable is in or a card was shown, without a transaction.

| `preparing_as` | the status                                                                     |
|----------------|--------------------------------------------------------------------------------|
| CHARGING       | CHARGING: nobody else can begin there                                          |
| AVAILABLE      | AVAILABLE until somebody charges                                               |
| BLOCKED        | CHARGING, and BLOCKED as soon as that has gone on for a while without a charge |

The while is counted by our clock, from when it was first seen: a charger that says Preparing again begins no
new one, and the time of a transaction does not count. It is kept, so a restart of the node does not end it.

Source: 2.2.1, Locations, Status.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from hub.ocpi.timestamps import Clock
from partners.database import Database
from schemas.v2_2_1 import Status

TABLES = """
-- Since when somebody prepares there without a charge.
CREATE TABLE IF NOT EXISTS preparing (
    charge_point TEXT NOT NULL,
    evse_uid TEXT NOT NULL,
    since TEXT NOT NULL,
    PRIMARY KEY (charge_point, evse_uid)
) WITHOUT ROWID;
"""


class Spot(NamedTuple):
    """An EVSE, as far as waiting at it goes."""

    charge_point: str
    evse_uid: str


class Preparing:
    """How long somebody has prepared where.

    Args:
        database: Of the node.
        becomes: CHARGING, AVAILABLE or BLOCKED.
        after: How long somebody may prepare before the EVSE is BLOCKED.
        clock: The present instant.
    """

    def __init__(self, database: Database, becomes: Status, after: timedelta, clock: Clock) -> None:
        self._database = database
        self._becomes = becomes
        self._after = after
        self._clock = clock
        self._since: dict[Spot, datetime] = {}
        self._begun = asyncio.Event()
        database.define(TABLES)
        if becomes is not Status.BLOCKED:
            # What is not counted must not be old when it is counted again.
            database.execute("DELETE FROM preparing")
            return
        self._read()
        database.undone.append(self._read)

    def seen(self, spot: Spot, *, is_preparing: bool) -> Status:
        """Take note of whether somebody prepares there without a transaction; what that makes of the EVSE."""
        if self._becomes is not Status.BLOCKED:
            return self._becomes
        if not is_preparing:
            if self._since.pop(spot, None) is not None:
                self._database.put("DELETE FROM preparing WHERE charge_point = ? AND evse_uid = ?", spot)
            return Status.CHARGING
        now, since = self._clock(), self._since.get(spot)
        if since is None:
            since = self._since[spot] = now
            self._database.put(
                "INSERT OR REPLACE INTO preparing (charge_point, evse_uid, since) VALUES (?, ?, ?)",
                (*spot, since.isoformat()),
            )
            self._begun.set()
        return Status.BLOCKED if now - since >= self._after else Status.CHARGING

    def _read(self) -> None:
        rows = self._database.rows("SELECT * FROM preparing")
        self._since = {
            Spot(row["charge_point"], row["evse_uid"]): datetime.fromisoformat(row["since"]) for row in rows
        }

    async def watch(self, blocked: Callable[[str], None]) -> None:
        """For ever: tell of each charge point at which somebody has prepared for too long, once."""
        told: set[tuple[Spot, datetime]] = set()
        while True:
            self._begun.clear()
            told &= set(self._since.items())
            waiting = sorted(
                (since, spot) for spot, since in self._since.items() if (spot, since) not in told
            )
            pause = None
            for since, spot in waiting:
                remaining = since + self._after - self._clock()
                if remaining > timedelta():
                    pause = remaining
                    break
                told.add((spot, since))
                blocked(spot.charge_point)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if pause is None else pause.total_seconds()):
                    await self._begun.wait()
