"""What the hub does soon: it hands over what it owes, and pulls what platforms do not push."""

import asyncio
import random
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from hub.delivery.changes import ChangeLog
from hub.delivery.cursors import Cursors
from hub.delivery.dead_letters import DeadLetters
from hub.delivery.pump import PumpParts
from hub.delivery.pumps import Pumps
from hub.delivery.resyncs import Resyncs
from hub.delivery.sending import Sending
from hub.ocpi.backoff import Backoff
from hub.ocpi.waiting import wait_for
from hub.pulling.progress import ProgressRecords
from hub.pulling.puller import PullerParts
from hub.pulling.pullers import Pullers
from hub.pulling.reading import ReadingParts
from hub.routing.policy import MayExchange
from hub.store.objects import ObjectStore
from hub.web.composition.connected import Connected
from hub.web.composition.ground import Ground


@dataclass(frozen=True, slots=True)
class Soon:
    """Those who give and take when there is time."""

    pumps: Pumps
    pullers: Pullers

    def loops(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """What somebody must run."""
        return self.pumps.run(), self.pullers.run()


def what_comes_soon(
    ground: Ground, connected: Connected, may_exchange: MayExchange, objects: ObjectStore
) -> Soon:
    """Delivery and pulling; both look again when somebody else is connected."""
    pumps = _pumps(ground, connected, may_exchange)
    pullers = _pullers(ground, connected, objects, pumps)
    connected.changed.heard_by(pumps.wake, pullers.wake)
    return Soon(pumps, pullers)


def _pumps(ground: Ground, connected: Connected, may_exchange: MayExchange) -> Pumps:
    limits, database, directory = ground.settings.limits, ground.database, connected.directory
    parts = PumpParts(
        directory=lambda: directory.value,
        log=ChangeLog(database, directory.in_force),
        cursors=Cursors(database, connected.leases),
        dead_letters=DeadLetters(database, connected.leases, ground.clock),
        resyncs=Resyncs(database, connected.leases, lambda: directory.value),
        sending=Sending(connected.calls, limits.delivery),
        may_exchange=may_exchange,
        clock=ground.clock,
        chance=random.random,
        unreachable=connected.signs.unreachable,
        backoff=Backoff(),
        in_flight=limits.deliveries_in_flight,
    )
    return Pumps(parts, connected.leases, keep=limits.change_log)


def _pullers(ground: Ground, connected: Connected, objects: ObjectStore, pumps: Pumps) -> Pullers:
    rules, directory = ground.settings.pulling, connected.directory
    slots = asyncio.Semaphore(rules.at_once)
    reading = ReadingParts(connected.calls, objects, lambda: directory.value, rules, pumps.wake, slots)
    parts = PullerParts(reading, ProgressRecords(ground.database), random.random, wait_for)
    return Pullers(parts, connected.leases)
