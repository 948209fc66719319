"""What an EVSE is at which somebody prepares: a cable is in or a card was shown, without a transaction.

| `preparing_as` | the status                                                                     |
|----------------|--------------------------------------------------------------------------------|
| CHARGING       | CHARGING: nobody else can begin there                                          |
| AVAILABLE      | AVAILABLE until somebody charges                                               |
| BLOCKED        | CHARGING, and BLOCKED as soon as that has gone on for a while without a charge |

The while is counted by our clock, from when it was first seen: a charger that says Preparing again begins no
new one, and the time of a transaction does not count. After a restart of the node it begins anew.

Source: 2.2.1, Locations, Status.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from hub.ocpi.timestamps import Clock
from schemas.v2_2_1 import Status


class Spot(NamedTuple):
    """An EVSE, as far as waiting at it goes."""

    charge_point: str
    evse_uid: str


class Preparing:
    """How long somebody has prepared where.

    Args:
        becomes: CHARGING, AVAILABLE or BLOCKED.
        after: How long somebody may prepare before the EVSE is BLOCKED.
        clock: The present instant.
    """

    def __init__(self, becomes: Status, after: timedelta, clock: Clock) -> None:
        self._becomes = becomes
        self._after = after
        self._clock = clock
        self._since: dict[Spot, datetime] = {}
        self._begun = asyncio.Event()

    def seen(self, spot: Spot, *, is_preparing: bool) -> Status:
        """Take note of whether somebody prepares there without a transaction; what that makes of the EVSE."""
        if self._becomes is not Status.BLOCKED:
            return self._becomes
        if not is_preparing:
            self._since.pop(spot, None)
            return Status.CHARGING
        now = self._clock()
        since = self._since.setdefault(spot, now)
        if since == now:
            self._begun.set()
        return Status.BLOCKED if now - since >= self._after else Status.CHARGING

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
