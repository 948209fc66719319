"""What is too old is removed: links, learnt addressees, what only passed, verdicts, replaced tariffs."""

import asyncio
import logging
from datetime import timedelta

from hub.ocpi.timestamps import Clock
from hub.settings import Limits
from hub.store.database import microseconds
from hub.store.leases import THE_HUB, Leases
from hub.store.objects import ObjectStore
from hub.web.composition.now import Now

SWEEP_EVERY = timedelta(minutes=10)

log = logging.getLogger(__name__)


async def sweep(now: Now, objects: ObjectStore, leases: Leases, clock: Clock, limits: Limits) -> None:
    """Remove what is too old, now and again, until cancelled; one process does so for all."""
    while True:
        await leases.wait_for(THE_HUB)
        try:
            await now.links.forget_expired()
            await now.learnt.forget_expired()
            await objects.forget_kept(clock() - limits.kept)
            await objects.forget_replaced_tariffs(clock() - limits.replaced_tariff)
            await now.judged.forget(microseconds(clock() - limits.kept))
        except Exception:  # the loop must not die: a disk that is full today has room tomorrow
            log.exception("what is too old could not be deleted")
        await asyncio.sleep(SWEEP_EVERY.total_seconds())
