"""What is too old is removed: links, learnt addressees, and objects that only passed."""

import asyncio
import logging
from datetime import timedelta

from hub.ocpi.timestamps import Clock
from hub.relay.learnt import LearntAddressees
from hub.relay.links import Links
from hub.store.objects import ObjectStore

SWEEP_EVERY = timedelta(minutes=10)

log = logging.getLogger(__name__)


async def sweep(
    links: Links, learnt: LearntAddressees, objects: ObjectStore, clock: Clock, keep: timedelta
) -> None:
    """Remove what is too old, now and again, until cancelled."""
    while True:
        try:
            await links.forget_expired()
            await learnt.forget_expired()
            await objects.forget_kept(clock() - keep)
        except Exception:  # the loop must not die: a disk that is full today has room tomorrow
            log.exception("what is too old could not be deleted")
        await asyncio.sleep(SWEEP_EVERY.total_seconds())
