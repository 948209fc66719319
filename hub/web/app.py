"""Puts the hub together; the only place that knows everybody.

What is made in `composition` is passed on as arguments. At the end requests that are under way are answered
first, then the loops beside them write what they hold, and the database closes last.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TextIO

from hub.admin.key import admin_key
from hub.handshake.registering import Registering
from hub.http.protocol import Door
from hub.http.serving import served, url_of
from hub.http.tls import server_context
from hub.http.upstream.names import Resolve, resolved
from hub.ocpi.message_ids import new_id
from hub.ocpi.timestamps import Clock, utc_now
from hub.pulling.pullers import Pullers
from hub.registry.platforms import Platforms
from hub.registry.signing import Signing
from hub.routing.policy import policy
from hub.settings import Settings
from hub.store.journal import JournalEntry
from hub.web.background import beside
from hub.web.composition.connected import who_is_connected
from hub.web.composition.doors import callers_by_token, for_operators, for_partners
from hub.web.composition.elsewhere import Elsewhere
from hub.web.composition.fast import fast_path
from hub.web.composition.ground import solid_ground
from hub.web.composition.now import what_happens_now
from hub.web.composition.soon import what_comes_soon
from hub.web.composition.sweeping import sweep
from hub.web.composition.written import written_down
from hub.web.edge import bouncing


@dataclass(frozen=True, slots=True)
class RunningHub:
    """A hub that runs: where it is reached, and what an operator may do."""

    public_url: str
    versions_url: str
    #: Where the administration API listens, and the key that opens it.
    admin_url: str
    admin_key: str = field(repr=False)
    platforms: Platforms
    registering: Registering
    signing: Signing
    pullers: Pullers
    #: Let others serve from the end of the block on: callers that are idle may still ask something.
    leave_soon: Callable[[timedelta], None] = field(repr=False)


@asynccontextmanager
async def running_hub(
    settings: Settings,
    *,
    clock: Clock = utc_now,
    resolve: Resolve = resolved,
    new_id: Callable[[], str] = new_id,
    log: TextIO | None = sys.stdout,
    observe: Callable[[JournalEntry], None] | None = None,
) -> AsyncIterator[RunningHub]:
    """A hub that serves until the end of the block.

    Args:
        settings: How it runs.
        clock: Tells the time.
        resolve: Knows the addresses of a host.
        new_id: Makes message ids.
        log: Where the lines of the journal are printed, None for nowhere.
        observe: Sees each leg of each exchange when it has ended; must be quick.

    Raises:
        OSError: the data directory or a port cannot be had.
        UnsupportedDatabase, UnusableKey, UnusableAdminKey, UnusableTls: a setting cannot be used.
    """
    async with AsyncExitStack() as stack:
        ground = await stack.enter_async_context(solid_ground(settings, clock, new_id, resolve))
        tls = None if settings.tls is None else server_context(settings.tls)
        key = admin_key(settings.data)
        written = await stack.enter_async_context(written_down(ground, log, observe))
        connected = who_is_connected(ground, written.journal)
        may_exchange = policy(lambda: connected.directory.value, clock)
        soon = what_comes_soon(ground, connected, may_exchange, written.objects)
        now = what_happens_now(
            ground, connected, may_exchange, written.objects, written.journal, soon.pumps.wake
        )

        elsewhere = Elsewhere(
            ground.database.announcements,
            connected.directory,
            connected.changed,
            written.objects,
            soon.pumps.wake,
        )
        await connected.settle()
        sweeping = sweep(now, written.objects, connected.leases, clock, settings.limits)
        loops = (
            *connected.loops(),
            *soon.loops(),
            *now.loops(connected.directory, connected.leases),
            *elsewhere.loops(),
            sweeping,
        )
        await stack.enter_async_context(beside(written.objects.run(), *loops))
        stack.push_async_callback(connected.leases.leave)
        await stack.enter_async_context(now.writing())

        ready = asyncio.Event()
        operators = for_operators(key, ground, written, connected, soon, now, ready.is_set)
        authentication = callers_by_token(ground, connected, soon, now)
        partners = for_partners(ground, written, connected, now, authentication, ready.is_set)
        await stack.enter_async_context(served(operators, ground.admin_port))
        door = Door(bouncing(clock, new_id, written.looking), ground.callers, partners.straight)
        front = await stack.enter_async_context(fast_path(ground, written, connected, now, authentication))
        await stack.enter_async_context(served(partners.app, ground.port, door, front, tls))
        ready.set()
        stack.callback(ready.clear)
        yield RunningHub(
            public_url=connected.identity.public_url,
            versions_url=connected.identity.versions_url,
            admin_url=url_of(ground.admin_port),
            admin_key=key,
            platforms=connected.platforms,
            registering=connected.registering,
            signing=connected.signing,
            pullers=soon.pullers,
            leave_soon=ground.callers.leave_soon,
        )
