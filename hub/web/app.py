"""Puts the hub together; the only place that knows everybody.

What is made here is passed on as arguments. At the end requests that are under way are answered first, then
the loops beside them write what they hold, and the database closes last.
"""

import asyncio
import logging
import random
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import NamedTuple, TextIO

from aiohttp import web

from hub.admin.key import admin_key
from hub.admin.platform_shown import Traffic
from hub.admin.routes import routes as admin_routes
from hub.calling.calls import Calls
from hub.calling.circuits import Circuits
from hub.calling.rate_limits import RateLimits
from hub.delivery.changes import ChangeLog
from hub.delivery.cursors import Cursors
from hub.delivery.dead_letters import DeadLetters
from hub.delivery.pump import PumpParts
from hub.delivery.pumps import Pumps
from hub.delivery.resyncs import Resyncs
from hub.delivery.sending import Sending
from hub.directory.current import CurrentDirectory
from hub.directory.tokens import Sealer, sealing_key
from hub.handshake.credentials import HandshakeParts, Handshakes
from hub.handshake.identity import HubIdentity
from hub.handshake.introductions import Introductions
from hub.handshake.registering import Registering
from hub.handshake.rotation import PreviousTokens
from hub.http.client import http_transport
from hub.http.serving import listening, served, url_of
from hub.ocpi.backoff import Backoff
from hub.ocpi.timestamps import Clock, utc_now
from hub.ocpi.waiting import wait_for
from hub.pulling.progress import ProgressRecords
from hub.pulling.puller import PullerParts
from hub.pulling.pullers import Pullers
from hub.pulling.reading import ReadingParts
from hub.registry.neighbours import Neighbours
from hub.registry.platforms import Platforms
from hub.registry.presence import Presence
from hub.registry.quirk_watch import QuirkWatch
from hub.registry.records import Records
from hub.registry.signing import Signing
from hub.relay.asking import Asking
from hub.relay.broadcast import Broadcasting
from hub.relay.collect import Collecting
from hub.relay.content import Contents
from hub.relay.decision import Deciding
from hub.relay.exchange import Exchange
from hub.relay.explanation import Explaining
from hub.relay.forward import Forwarding
from hub.relay.keeping import Keeping
from hub.relay.learnt import LearntAddressees
from hub.relay.leg import Legs
from hub.relay.links import Links
from hub.relay.results import Results
from hub.relay.token_owners import TokenOwners
from hub.routing.policy import MayExchange, policy
from hub.settings import Limits, Pulling, Settings
from hub.store.database import Database, opened
from hub.store.journal import Journal, JournalEntry
from hub.store.journal_writer import JournalWriter
from hub.store.objects import ObjectStore
from hub.web.authentication import Authentication
from hub.web.background import beside
from hub.web.edge import bouncing, edge
from hub.web.operations import Gauges, LegCounts, metrics_registry, metrics_route, state_routes
from hub.web.routes import PartnerRoutes

#: How often links that are too old are removed.
SWEEP_EVERY = timedelta(minutes=10)

log = logging.getLogger(__name__)


def new_id() -> str:
    """A message id of ours (TR-19)."""
    return str(uuid.uuid4())


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


@asynccontextmanager
async def running_hub(  # noqa: PLR0915 one statement a part, and many parts
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
        UnsupportedDatabase, UnusableKey, UnusableAdminKey: a setting cannot be used.
    """
    limits = settings.limits
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    async with AsyncExitStack() as stack:
        port = stack.enter_context(listening(settings.host, settings.port))
        admin_port = stack.enter_context(listening(settings.admin_host, settings.admin_port))
        key = admin_key(settings.data)
        database = await stack.enter_async_context(opened(settings.database_url))
        transport = await stack.enter_async_context(
            http_transport(
                connect=limits.connect,
                largest_reply=limits.reply_body,
                allow_private_networks=settings.allow_private_networks,
            )
        )

        # What is written down.
        counts = LegCounts()
        journal = Journal(observe=_both(counts.count, observe))
        writer = JournalWriter(
            journal, database, log, clock=clock, body_bytes=limits.journal_body, keep=limits.journal
        )
        await stack.enter_async_context(beside(writer.run()))
        objects = ObjectStore(database, clock)

        # Who is connected.
        identity = HubIdentity(
            settings.party, settings.name, (settings.public_url or url_of(port)).rstrip("/")
        )
        sealer = Sealer(sealing_key(settings.data))
        directory = CurrentDirectory(database, sealer, settings.party)

        def changed() -> None:
            pumps.wake()
            pullers.wake()
            neighbours.look()
            introductions.look()

        records = Records(database, directory, clock, new_id, changed)
        quirks = QuirkWatch(database, directory, clock, changed)
        calls = Calls(transport, journal, clock, new_id, PreviousTokens(directory, records), quirks.observe)
        platforms = Platforms(records, sealer, clock)
        signing = Signing(records, directory, settings.policy, clock, new_id)
        presence = Presence(directory, platforms, calls, silence=limits.silence, patience=limits.handshake)
        neighbours = Neighbours(directory, records, calls, patience=limits.handshake, chance=random.random)
        parts = HandshakeParts(identity, directory, records, calls, sealer, clock, limits.handshake)
        handshakes, registering = Handshakes(parts), Registering(parts)
        introductions = Introductions(directory, registering, identity, clock, chance=random.random)

        # Soon.
        may_exchange = policy(lambda: directory.value, clock)
        pumps = _pumps(database, directory, calls, may_exchange, presence.unreachable, limits)

        pullers = _pullers(database, directory, calls, objects, pumps.wake, settings.pulling)

        # Now.
        traffic = Traffic(
            RateLimits(limits.requests_per_second, clock),
            Circuits(clock, random.random, most_under_way=limits.relays_in_flight),
        )
        relaying = _relaying(
            settings,
            identity,
            database,
            directory=directory,
            may_exchange=may_exchange,
            objects=objects,
            legs=Legs(calls, limits.relay, presence.unreachable, traffic.circuits),
            wake=pumps.wake,
        )

        def seen(platform_id: int) -> None:
            presence.seen(platform_id)
            pumps.alive(platform_id)
            traffic.circuits.alive(platform_id)

        routes = PartnerRoutes(
            public_url=identity.public_url,
            clock=clock,
            authentication=Authentication(
                directory, clock, seen, handshakes.end_rotation, registering.settled, quirks.observe
            ),
            directory=directory,
            handshakes=handshakes,
            exchange=relaying.exchange,
            forwarding=relaying.exchange.forwarding,
            links=relaying.links,
            objects=objects,
            rates=traffic.rates,
            neighbours=neighbours,
            page_limit=limits.page,
            patience=limits.request,
        )
        await directory.reload()
        await platforms.forget_unfinished()
        await signing.settle()
        loops = (
            pumps.run(),
            pullers.run(),
            presence.watch(),
            introductions.run(),
            signing.watch(),
            quirks.run(),
            neighbours.watch(),
            _sweep(relaying, objects, clock, limits.kept),
            relaying.results.run(partial(relaying.exchange.forwarding.tell_no_result, directory)),
        )
        await stack.enter_async_context(beside(objects.run(), *loops))
        await stack.enter_async_context(relaying.writing())

        ready = asyncio.Event()
        state = state_routes(ready.is_set)
        partners = web.Application(
            client_max_size=limits.request_body, middlewares=[edge(clock, new_id, journal)]
        )
        partners.add_routes([*routes.table(), *state])
        operators = web.Application()
        metrics = metrics_registry(counts, _gauges(journal, directory, traffic.circuits, relaying))
        operators.add_routes(
            [
                *state,
                metrics_route(metrics),
                *admin_routes(
                    key,
                    clock=clock,
                    started_at=clock(),
                    database=database,
                    journal=journal,
                    identity=identity,
                    directory=directory,
                    platforms=platforms,
                    registering=registering,
                    signing=signing,
                    objects=objects,
                    pumps=pumps,
                    pullers=pullers,
                    calls=calls,
                    traffic=traffic,
                    patience=limits.handshake,
                    explaining=Explaining(relaying.exchange),
                ),
            ]
        )
        await stack.enter_async_context(served(operators, admin_port))
        await stack.enter_async_context(served(partners, port, bouncing(clock, new_id, journal)))
        ready.set()
        stack.callback(ready.clear)
        yield RunningHub(
            public_url=identity.public_url,
            versions_url=identity.versions_url,
            admin_url=url_of(admin_port),
            admin_key=key,
            platforms=platforms,
            registering=registering,
            signing=signing,
            pullers=pullers,
        )


class _Relaying(NamedTuple):
    exchange: Exchange
    links: Links
    learnt: LearntAddressees
    keeping: Keeping
    results: Results

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Write behind the messages until the end of the block."""
        async with self.keeping.running(), self.results.writing():
            yield


def _relaying(
    settings: Settings,
    identity: HubIdentity,
    database: Database,
    *,
    directory: CurrentDirectory,
    may_exchange: MayExchange,
    objects: ObjectStore,
    legs: Legs,
    wake: Callable[[], None],
) -> _Relaying:
    limits, clock = settings.limits, legs.calls.clock
    links = Links(database, identity.public_url, clock)
    learnt = LearntAddressees(database, clock, limits)
    keeping, results = Keeping(objects), Results(links, clock, limits)
    token_owners = TokenOwners(
        clock, owner=limits.token_owner, unknown=limits.unknown_token, most=limits.tokens_remembered
    )
    exchange = Exchange(
        Deciding(directory, may_exchange, Contents(objects, learnt, token_owners, keeping), settings.ask_all),
        Forwarding(legs, links, may_exchange, clock, limits, results),
        Asking(token_owners, limits.ask_all, legs.circuits.failed),
        learnt,
        Broadcasting(objects, clock, wake),
        Collecting(objects, may_exchange, clock, identity.public_url, limits.page),
        keeping,
    )
    return _Relaying(exchange, links, learnt, keeping, results)


def _pullers(
    database: Database,
    directory: CurrentDirectory,
    calls: Calls,
    objects: ObjectStore,
    wake: Callable[[], None],
    rules: Pulling,
) -> Pullers:
    slots = asyncio.Semaphore(rules.at_once)
    reading = ReadingParts(calls, objects, lambda: directory.value, rules, wake, slots)
    return Pullers(PullerParts(reading, ProgressRecords(database), random.random, wait_for))


def _pumps(
    database: Database,
    directory: CurrentDirectory,
    calls: Calls,
    may_exchange: MayExchange,
    unreachable: Callable[[int], None],
    limits: Limits,
) -> Pumps:
    parts = PumpParts(
        directory=lambda: directory.value,
        log=ChangeLog(database),
        cursors=Cursors(database),
        dead_letters=DeadLetters(database, calls.clock),
        resyncs=Resyncs(database, lambda: directory.value),
        sending=Sending(calls, limits.delivery),
        may_exchange=may_exchange,
        clock=calls.clock,
        chance=random.random,
        unreachable=unreachable,
        backoff=Backoff(),
        in_flight=limits.deliveries_in_flight,
    )
    return Pumps(parts, keep=limits.change_log)


def _gauges(journal: Journal, directory: CurrentDirectory, circuits: Circuits, relaying: _Relaying) -> Gauges:
    return Gauges(
        {
            "ocpi_hub_journal_waiting": ("Journal entries not stored yet", lambda: journal.waiting),
            "ocpi_hub_journal_dropped": ("Journal entries dropped", lambda: journal.dropped),
            "ocpi_hub_keeping_waiting": ("Sessions and CDRs not kept yet", lambda: relaying.keeping.waiting),
            "ocpi_hub_keeping_dropped": (
                "Sessions and CDRs not kept at all",
                lambda: relaying.keeping.dropped,
            ),
            "ocpi_hub_results_awaited": ("Results of commands awaited", lambda: relaying.results.awaited),
            "ocpi_hub_platforms": ("Platforms known", lambda: len(directory.value.platforms)),
            "ocpi_hub_circuits_open": ("Platforms that do not answer", lambda: circuits.open),
        }
    )


def _both(
    first: Callable[[JournalEntry], None], second: Callable[[JournalEntry], None]
) -> Callable[[JournalEntry], None]:
    def observe(entry: JournalEntry) -> None:
        first(entry)
        second(entry)

    return observe


async def _sweep(relaying: _Relaying, objects: ObjectStore, clock: Clock, keep: timedelta) -> None:
    while True:
        try:
            await relaying.links.forget_expired()
            await relaying.learnt.forget_expired()
            await objects.forget_kept(clock() - keep)
        except Exception:  # the loop must not die: a disk that is full today has room tomorrow
            log.exception("what is too old could not be deleted")
        await asyncio.sleep(SWEEP_EVERY.total_seconds())
