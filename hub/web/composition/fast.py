"""The fast path, if it is on: in front of what partners can reach (decision 0045)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hub.web.authentication import Authentication
from hub.web.composition.connected import Connected
from hub.web.composition.ground import Ground
from hub.web.composition.now import Now
from hub.web.composition.written import Written
from hub.web.fast.crossing import Parts
from hub.web.fast.entrances import Entrances, Errands
from hub.web.fast.fast_path import FastPath
from hub.web.fast.ways import Ways


@asynccontextmanager
async def fast_path(
    ground: Ground, written: Written, connected: Connected, now: Now, authentication: Authentication
) -> AsyncIterator[Entrances | None]:
    """What stands before aiohttp until the end of the block; None where nothing shall."""
    if not ground.settings.fast_path:
        yield None
        return
    errands = Errands()
    parts = Parts(
        exchange=now.exchange,
        transport=ground.transport,
        looking=written.looking,
        clock=ground.clock,
        new_id=ground.new_id,
        observe=connected.quirks.observe,
        largest_answer=ground.settings.limits.reply_body,
        spawn=errands.spawn,
    )
    async with errands.running():
        path = FastPath(
            parts,
            authentication,
            now.traffic.rates,
            Ways(now.exchange, ground.transport, connected.quirks.sights),
        )
        yield Entrances(path.take, ground.callers, path)
