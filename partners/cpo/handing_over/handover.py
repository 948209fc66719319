"""Everything that the CPO owes to others, each addressee in a lane of its own.

    a fact is stored -> its Session is owed -> the lane of the eMSP (`account`)
                     -> a status is owed    -> the lane of the hub (`broadcast`), which tells everybody

What is owed to eMSPs is on disk: after a restart it goes on where it stopped.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from hub.ocpi.backoff import Backoff
from hub.ocpi.description import ObjectKey
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from partners.changes import Changes
from partners.cpo.billing.outbox import Outbox
from partners.cpo.billing.sessions import Pace
from partners.cpo.handing_over.account import Account
from partners.cpo.handing_over.broadcast import Broadcast
from partners.cpo.handing_over.lane import Lane
from partners.cpo.handing_over.sending import Sending


class Handover:
    """The lanes; they run while `run` does."""

    def __init__(
        self,
        outbox: Outbox,
        broadcast: Broadcast,
        sending: Sending,
        changes: Changes,
        *,
        clock: Clock,
        chance: Callable[[], float],
        backoff: Backoff,
        recovered: Callable[[], None],
        pace: Pace,
    ) -> None:
        self._outbox = outbox
        self._broadcast = broadcast
        self._account = partial(
            Account, outbox=outbox, sending=sending, changes=changes, clock=clock, chance=chance, pace=pace
        )
        self._lane = partial(Lane, backoff=backoff, chance=chance, recovered=recovered)
        self._hub = self._lane("the hub", broadcast.hand_over)
        self._emsps: dict[Party, Lane] = {}
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Hand over, for ever."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            group.create_task(self._hub.run())
            for emsp in self._outbox.creditors():
                self.owe(emsp)

    def owe(self, emsp: Party) -> None:
        """An eMSP is to hear of a Session or CDR."""
        if self._group is None:
            return  # what is on disk is found when the lanes begin to run
        lane = self._emsps.get(emsp)
        if lane is None:
            lane = self._emsps[emsp] = self._lane(str(emsp), self._account(emsp).hand_over)
            self._group.create_task(lane.run())
        lane.owe()

    def owe_whole(self, key: ObjectKey) -> None:
        """Everybody is to hear of a tariff or Location."""
        self._broadcast.owe(key)
        self._hub.owe()

    def owe_withdrawal(self, key: ObjectKey) -> None:
        """Everybody is to forget a tariff."""
        self._broadcast.owe_withdrawal(key)
        self._hub.owe()

    def owe_status(self, location: ObjectKey, evse_uid: str) -> None:
        """Everybody is to hear of the status of an EVSE."""
        self._broadcast.owe_status(location, evse_uid)
        self._hub.owe()

    @property
    def waits_for_the_hub(self) -> bool:
        """Whether the hub was away when somebody was to be told something, and is not known to be back."""
        return self._hub.waits_for_the_hub or any(each.waits_for_the_hub for each in self._emsps.values())

    def seen(self, party: Party | None) -> None:
        """The hub has sent us something, perhaps on behalf of a party: both are alive."""
        self._hub.revive()
        for emsp, lane in self._emsps.items():
            if emsp == party or lane.waits_for_the_hub:
                lane.revive()
