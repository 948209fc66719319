"""What the CPO owes to everybody: its tariffs, its Locations, and every change of an EVSE's status.

Told to the hub, which tells it to all (2.2.1, Broadcast Push). All of it is told anew at every start and
registration, so none of it needs to outlive the process.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hub.ocpi.description import ObjectKey
from partners.changes import Changes
from partners.cpo.handing_over.outcome import Refused, Unreachable, taken
from partners.cpo.handing_over.sending import Sending
from partners.cpo.publication import evse_in
from partners.link import path
from partners.objects import Objects

log = logging.getLogger(__name__)

#: A Location, and the uid of one of its EVSEs.
_Evse = tuple[ObjectKey, str]


@dataclass(slots=True)
class Broadcast:
    """What is owed, and how it is handed over."""

    sending: Sending
    objects: Objects
    changes: Changes
    #: A change of status is told at once; those that follow it within this time are told as one.
    settle: timedelta = timedelta(seconds=0.5)
    #: Seconds, from anywhere.
    monotonic: Callable[[], float] = time.monotonic
    #: Objects that are owed whole, in order.
    _whole: dict[ObjectKey, None] = field(default_factory=dict)
    #: Tariffs that are used no more.
    _withdrawn: dict[ObjectKey, None] = field(default_factory=dict)
    #: EVSEs whose status is owed.
    _statuses: dict[_Evse, None] = field(default_factory=dict)
    #: From when on each may be told again.
    _next_at: dict[_Evse, float] = field(default_factory=dict)
    #: Objects of which the hub has heard, whether or not it took them.
    _told: set[ObjectKey] = field(default_factory=set)
    _is_busy: bool = False

    def owe(self, key: ObjectKey) -> None:
        """A tariff or Location is to be told, whole."""
        self._whole[key] = None

    def owe_withdrawal(self, key: ObjectKey) -> None:
        """A tariff is to be taken back (TAR-02)."""
        self._withdrawn[key] = None

    def owe_status(self, location: ObjectKey, evse_uid: str) -> None:
        """The status of an EVSE is to be told."""
        self._statuses[location, evse_uid] = None

    @property
    def is_settled(self) -> bool:
        """Whether nothing is owed, and nothing on its way."""
        return not (self._is_busy or self._whole or self._withdrawn or self._statuses)

    async def hand_over(self) -> timedelta | None:
        """Send everything that is owed, but statuses that were told a moment ago.

        Returns:
            When these are due; None: there are none.

        Raises:
            Unreachable: The hub cannot be reached; what it has not got stays owed.
        """
        self._is_busy = True
        try:
            await self._hand_over()
            return self._due_in()
        finally:
            self._is_busy = False
            self.changes.announce()

    async def _hand_over(self) -> None:
        for key in list(self._whole):
            await self._put(key)
        for key in list(self._withdrawn):
            await self._delete(key)
        for evse in list(self._statuses):
            if self._waits(evse) <= 0:
                await self._patch(*evse)

    def _waits(self, evse: _Evse) -> float:
        """In how many seconds its status may be told."""
        now = self.monotonic()
        return self._next_at.get(evse, now) - now

    def _due_in(self) -> timedelta | None:
        waiting = [self._waits(each) for each in self._statuses]
        return timedelta(seconds=max(min(waiting), 0.0)) if waiting else None

    async def _put(self, key: ObjectKey) -> None:
        self._whole.pop(key, None)
        stored = self.objects.get(key)
        if stored is None:
            return
        value = stored.value()
        try:
            await self._is_taken("PUT", key.module, _address(value), value)
        except Unreachable:
            self._whole[key] = None
            raise
        self._told.add(key)

    async def _delete(self, key: ObjectKey) -> None:
        stored = self.objects.get(key)
        if stored is not None:
            await self._is_taken("DELETE", key.module, _address(stored.value()), None)
            self.objects.delete(key)
        self._withdrawn.pop(key, None)

    async def _patch(self, key: ObjectKey, evse_uid: str) -> None:
        self._statuses.pop((key, evse_uid), None)
        if key in self._whole or key not in self._told:
            return  # the whole object, with this status, is still to be told
        stored = self.objects.get(key)
        location = None if stored is None else stored.value()
        evse = None if location is None else evse_in(location, evse_uid)
        if location is None or evse is None:
            return
        changed = {"status": evse["status"], "last_updated": evse["last_updated"]}
        self._next_at[key, evse_uid] = self.monotonic() + self.settle.total_seconds()
        try:
            if not await self._is_taken("PATCH", key.module, _address(location, evse["uid"]), changed):
                await self._put(key)
        except Unreachable:
            self._statuses[key, evse_uid] = None
            raise

    async def _is_taken(self, method: str, module: str, tail: str, value: Mapping[str, Any] | None) -> bool:
        try:
            taken(await self.sending.to_all(method, module, tail, value))
        except Refused as refused:
            log.warning("%s %s%s was refused: %s", method, module, tail, refused)
            return False
        return True


def _address(value: Mapping[str, Any], *inner: str) -> str:
    return path(value["country_code"], value["party_id"], value["id"], *inner)
