"""The two doors of the hub: one for partners, one for those who run it."""

from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from aiohttp import web
from prometheus_client import generate_latest

from hub.admin.routes import routes as admin_routes
from hub.http.protocol import Straight
from hub.relay.explanation import Explaining
from hub.web.authentication import Authentication
from hub.web.composition.connected import Connected
from hub.web.composition.ground import Ground
from hub.web.composition.now import Now
from hub.web.composition.soon import Soon
from hub.web.composition.written import Written
from hub.web.edge import edge
from hub.web.one_scrape import OneScrape
from hub.web.operations import Gauges, LegsTold, metrics_registry, metrics_route, state_routes
from hub.web.room import within
from hub.web.routes import PartnerRoutes
from hub.web.straight import going_straight


class Partners(NamedTuple):
    """The door for partners."""

    app: web.Application
    #: By the target of a request, what answers it straight away; None where the application decides.
    straight: Callable[[str], Straight | None]


def callers_by_token(ground: Ground, connected: Connected, soon: Soon, now: Now) -> Authentication:
    """What tells callers by their tokens; any of them is alive."""
    connected.signs.heard_by(
        alive=(connected.presence.seen, soon.pumps.alive, now.traffic.circuits.alive),
        unreachable=(connected.presence.unreachable,),
    )
    return Authentication(
        connected.directory,
        ground.clock,
        connected.signs.alive,
        connected.handshakes.end_rotation,
        connected.registering.settled,
        connected.quirks.observe,
    )


def for_partners(
    ground: Ground,
    written: Written,
    connected: Connected,
    now: Now,
    authentication: Authentication,
    is_ready: Callable[[], bool],
) -> Partners:
    """What partners can reach: OCPI, and how the hub is."""
    limits, clock = ground.settings.limits, ground.clock
    routes = PartnerRoutes(
        public_url=connected.identity.public_url,
        clock=clock,
        authentication=authentication,
        directory=connected.directory,
        handshakes=connected.handshakes,
        exchange=now.exchange,
        forwarding=now.exchange.forwarding,
        links=now.links,
        objects=written.objects,
        rates=now.traffic.rates,
        neighbours=connected.neighbours,
        judged=now.judged,
        page_limit=limits.page,
        patience=limits.request,
    )
    around = (
        edge(clock, ground.new_id, written.looking),
        within(ground.room, limits.request_body, limits.request),
    )
    app = web.Application(client_max_size=limits.request_body, middlewares=around)
    app.add_routes([*routes.table(), *state_routes(is_ready, ground.database.answers)])
    return Partners(app, going_straight(routes.by_interface(), *around))


def for_operators(
    key: str,
    ground: Ground,
    written: Written,
    connected: Connected,
    soon: Soon,
    now: Now,
    is_ready: Callable[[], bool],
) -> web.Application:
    """What operators can reach: the administration API behind its key, metrics, and how the hub is."""
    administration = admin_routes(
        key,
        clock=ground.clock,
        started_at=ground.clock(),
        database=ground.database,
        journal=written.journal,
        identity=connected.identity,
        directory=connected.directory,
        platforms=connected.platforms,
        registering=connected.registering,
        signing=connected.signing,
        objects=written.objects,
        pumps=soon.pumps,
        pullers=soon.pullers,
        calls=connected.calls,
        traffic=now.traffic,
        patience=ground.settings.limits.handshake,
        explaining=Explaining(now.exchange),
        judged=now.judged,
        held=now.held,
    )
    metrics = metrics_registry(LegsTold(written.counts), _gauges(ground, written, connected, now))
    app = web.Application()
    one_scrape = OneScrape(metrics, ground.place)
    is_one_of_many = ground.settings.inherited is not None

    async def told() -> bytes:
        return await one_scrape.text() if is_one_of_many else generate_latest(metrics)

    async def telling(_app: web.Application) -> AsyncIterator[None]:
        async with one_scrape.told():
            yield

    if is_one_of_many:
        app.cleanup_ctx.append(telling)
    state = state_routes(is_ready, ground.database.answers)
    app.add_routes([*state, metrics_route(told), *administration])
    return app


def _gauges(ground: Ground, written: Written, connected: Connected, now: Now) -> Gauges:
    journal, keeping, directory = written.journal, now.keeping, connected.directory
    callers = ground.callers
    return Gauges(
        {
            "ocpi_hub_journal_waiting": ("Journal entries not stored yet", lambda: journal.waiting),
            "ocpi_hub_journal_dropped": ("Journal entries dropped", lambda: journal.dropped),
            "ocpi_hub_bodies_not_looked_at": (
                "Relayed bodies that were not compared with the schema, for lack of time",
                lambda: written.looking.missed,
            ),
            "ocpi_hub_keeping_waiting": ("Sessions and CDRs not kept yet", lambda: keeping.waiting),
            "ocpi_hub_keeping_dropped": ("Sessions and CDRs not kept at all", lambda: keeping.dropped),
            "ocpi_hub_results_awaited": ("Results of commands awaited", lambda: now.results.awaited),
            "ocpi_hub_connections": ("Connections to the partners' port", lambda: callers.count),
            "ocpi_hub_body_bytes": ("Room taken by large bodies, in bytes", lambda: ground.room.taken),
            "ocpi_hub_fast_requests": ("Requests on the fast path", lambda: callers.fast_requests),
            "ocpi_hub_replayed_requests": (
                "Requests on the fast path whose way was known",
                lambda: callers.replayed_requests,
            ),
            "ocpi_hub_connections_dropped": (
                "Connections that were idle or slow for too long",
                lambda: callers.dropped,
            ),
            "ocpi_hub_platforms": ("Platforms known", lambda: len(directory.value.platforms)),
            "ocpi_hub_circuits_open": ("Platforms that do not answer", lambda: now.traffic.circuits.open),
        }
    )
