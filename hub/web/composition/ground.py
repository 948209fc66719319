"""What everything stands on: settings, time and ids, ports, the database and the pooled client."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from hub.http.callers import Callers
from hub.http.client import HttpTransport, http_transport
from hub.http.serving import listening
from hub.http.upstream.names import Resolve
from hub.ocpi.timestamps import Clock
from hub.settings import Settings
from hub.store.database import Database, opened
from hub.store.place import Place, place_in
from hub.web.room import Room


@dataclass(frozen=True, slots=True)
class Ground:
    """What was there before anything of the hub was made."""

    settings: Settings
    clock: Clock
    new_id: Callable[[], str]
    #: Held from the beginning, so that it is known under which URLs the hub is reached.
    port: socket.socket
    admin_port: socket.socket
    #: Whoever is connected to the port.
    callers: Callers
    #: For their large bodies.
    room: Room
    database: Database
    transport: HttpTransport
    #: Where this process stands among those of this data directory.
    place: Place


@asynccontextmanager
async def solid_ground(
    settings: Settings, clock: Clock, new_id: Callable[[], str], resolve: Resolve
) -> AsyncIterator[Ground]:
    """The ground, until the end of the block."""
    limits = settings.limits
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    async with AsyncExitStack() as stack:
        port, admin_port = map(stack.enter_context, _ports(settings))
        place = stack.enter_context(place_in(settings.data))
        database = await stack.enter_async_context(opened(settings.database_url))
        transport = await stack.enter_async_context(
            http_transport(
                connect=limits.connect,
                largest_reply=limits.reply_body,
                allow_private_networks=settings.allow_private_networks,
                first_byte=limits.first_byte,
                connections=limits.platform_connections,
                idle=limits.platform_idle,
                resolve=resolve,
            )
        )
        callers, room = Callers(limits, asyncio.get_running_loop()), Room(limits.bodies)
        yield Ground(settings, clock, new_id, port, admin_port, callers, room, database, transport, place)


def _ports(settings: Settings) -> Iterator[socket.socket]:
    if settings.inherited is not None:
        yield from (socket.socket(fileno=each) for each in settings.inherited)
        return
    is_shared = settings.reuse_port
    yield listening(settings.host, settings.port, is_shared=is_shared)
    yield listening(settings.admin_host, settings.admin_port, is_shared=is_shared)
