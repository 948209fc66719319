"""Puts the hub together; the only place that knows everybody.

What is made here is passed on as arguments. At the end requests that are under way are answered first, then
the loops beside them write what they hold, and the database closes last.
"""

import asyncio
import gc
import socket
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TextIO

from aiohttp import web

from hub.admin.key import admin_key
from hub.admin.routes import routes as admin_routes
from hub.http.client import http_transport
from hub.ocpi.timestamps import Clock, utc_now
from hub.registry.calls import Calls
from hub.registry.credentials import HandshakeParts, Handshakes
from hub.registry.current import CurrentDirectory
from hub.registry.identity import HubIdentity
from hub.registry.platforms import Platforms
from hub.registry.records import Records
from hub.registry.registering import Registering
from hub.registry.tokens import Sealer, sealing_key
from hub.relay.broadcast import Broadcasting
from hub.relay.collect import Collecting
from hub.relay.exchange import Exchange
from hub.relay.forward import Forwarding
from hub.relay.leg import Legs
from hub.relay.links import Links
from hub.routing.policy import policy
from hub.settings import Settings
from hub.store.database import opened
from hub.store.journal import Journal, JournalEntry
from hub.store.journal_writer import JournalWriter
from hub.store.objects import ObjectStore
from hub.web.authentication import Authentication
from hub.web.background import beside
from hub.web.edge import edge
from hub.web.operations import LegCounts, metrics_registry, operation_routes
from hub.web.routes import PartnerRoutes

#: How long requests that are under way may take after the hub was told to stop.
DRAIN = timedelta(seconds=10)
#: How often links that are too old are removed.
SWEEP_EVERY = timedelta(minutes=10)
#: New objects between two looks of the garbage collector: fewer, shorter pauses (design D7).
GC_THRESHOLD = 50_000
BACKLOG = 1024


def new_id() -> str:
    """A message id of ours (TR-19)."""
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class RunningHub:
    """A hub that runs: where it is reached, and what an operator may do."""

    public_url: str
    versions_url: str
    #: Where the administration API listens; its key lies in the data directory.
    admin_url: str
    platforms: Platforms
    registering: Registering


@asynccontextmanager
async def running_hub(
    settings: Settings,
    *,
    clock: Clock = utc_now,
    new_id: Callable[[], str] = new_id,
    log: TextIO | None = sys.stdout,
    observe: Callable[[JournalEntry], None] = lambda _entry: None,
) -> AsyncIterator[RunningHub]:
    """A hub that serves until the end of the block.

    Args:
        settings: How it runs.
        clock: Tells the time.
        new_id: Makes message ids.
        log: Where the lines of the journal are printed, None for nowhere.
        observe: Sees each leg of each exchange when it has ended; must be quick.

    Raises:
        OSError: the data directory or a port cannot be had.
        UnsupportedDatabase, UnusableKey: a setting cannot be used.
    """
    limits = settings.limits
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    async with AsyncExitStack() as stack:
        port = stack.enter_context(_listening(settings.host, settings.port))
        admin_port = stack.enter_context(_listening(settings.host, settings.admin_port))
        identity = HubIdentity(settings.party, settings.name, (settings.public_url or _url(port)).rstrip("/"))
        database = await stack.enter_async_context(opened(settings.database_url))
        transport = await stack.enter_async_context(
            http_transport(
                connect=limits.connect,
                largest_reply=limits.reply_body,
                allow_private_networks=settings.allow_private_networks,
            )
        )
        counts = LegCounts()

        def observed(entry: JournalEntry) -> None:
            counts.count(entry)
            observe(entry)

        journal = Journal(observe=observed)
        writer = JournalWriter(
            journal, database, log, clock=clock, body_bytes=limits.journal_body, keep=limits.journal
        )
        await stack.enter_async_context(beside(writer.run()))

        calls = Calls(transport, journal, clock, new_id)
        sealer = Sealer(sealing_key(settings.data))
        directory = CurrentDirectory(database, sealer, settings.party)
        records = Records(database, directory, clock, new_id, lambda: None)
        platforms = Platforms(records, sealer, clock)
        parts = HandshakeParts(identity, directory, records, calls, sealer, clock, limits.handshake)
        handshakes, registering = Handshakes(parts), Registering(parts)
        objects = ObjectStore(database, clock)
        links = Links(database, identity.public_url, clock)
        may_exchange = policy(settings.policy)
        forwarding = Forwarding(Legs(calls, limits.relay, lambda _: None), links, clock, limits)
        exchange = Exchange(
            directory,
            may_exchange,
            forwarding,
            Broadcasting(objects, clock, lambda: None),
            Collecting(objects, may_exchange, clock, identity.public_url, limits.page),
        )
        routes = PartnerRoutes(
            public_url=identity.public_url,
            clock=clock,
            authentication=Authentication(
                directory, clock, lambda _: None, handshakes.end_rotation, registering.settled
            ),
            directory=directory,
            handshakes=handshakes,
            exchange=exchange,
            forwarding=forwarding,
            links=links,
            objects=objects,
            page_limit=limits.page,
        )
        await directory.reload()
        await platforms.forget_unfinished()
        await stack.enter_async_context(beside(objects.run(), _sweep(links)))

        partners = web.Application(
            client_max_size=limits.request_body, middlewares=[edge(clock, new_id, journal)]
        )
        partners.add_routes(routes.table())
        operations = operation_routes(metrics_registry(counts), lambda: True)
        partners.add_routes(operations)
        operators = web.Application()
        operators.add_routes(
            admin_routes(
                admin_key(settings.data),
                clock=clock,
                started_at=clock(),
                database=database,
                journal=journal,
                identity=identity,
                directory=directory,
                platforms=platforms,
                registering=registering,
                objects=objects,
            )
        )
        operators.add_routes(operations)
        await stack.enter_async_context(_serving(operators, admin_port))
        await stack.enter_async_context(_serving(partners, port))
        yield RunningHub(identity.public_url, identity.versions_url, _url(admin_port), platforms, registering)


@asynccontextmanager
async def _serving(app: web.Application, port: socket.socket) -> AsyncIterator[None]:
    """Serve until the end of the block; then answer what is under way."""
    runner = web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=DRAIN.total_seconds(),
        max_line_size=16 * 1024,
    )
    await runner.setup()
    try:
        await web.SockSite(runner, port, backlog=BACKLOG).start()
        yield
    finally:
        await runner.cleanup()


async def _sweep(links: Links) -> None:
    while True:
        await links.forget_expired()
        await asyncio.sleep(SWEEP_EVERY.total_seconds())


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def _url(port: socket.socket) -> str:
    host, number = port.getsockname()[:2]
    return f"http://[{host}]:{number}" if ":" in host else f"http://{host}:{number}"


def freeze_start_up() -> None:
    """Leave what was made at start-up out of every garbage collection to come (design D7)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 50, 100)
