"""For those who run the hub: health, readiness, metrics."""

from collections.abc import Awaitable, Callable, Iterator, Mapping

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from hub.store.leg_counts import LegCounts
from schemas import exact_json

#: Tells a number that is known elsewhere, at the moment it is asked for.
Reading = Callable[[], float]


class LegsTold(Collector):
    """Tells Prometheus of the legs that were counted."""

    def __init__(self, counted: LegCounts) -> None:
        self._counted = counted

    def collect(self) -> Iterator[Metric]:
        """The counts as Prometheus wants them."""
        legs = CounterMetricFamily(
            "ocpi_hub_legs", "Legs of exchanges", labels=("direction", "module", "http_status", "status_code")
        )
        spent: dict[tuple[str, str | None], float] = {}
        for labels, (count, took) in self._counted.counts.items():
            legs.add_metric([str(label or "") for label in labels], count)
            spent[labels[:2]] = spent.get(labels[:2], 0.0) + took
        yield legs
        seconds = CounterMetricFamily(
            "ocpi_hub_leg_seconds", "Time spent in legs of exchanges", labels=("direction", "module")
        )
        for pair, took in spent.items():
            seconds.add_metric([label or "" for label in pair], took)
        yield seconds


class Gauges(Collector):
    """Numbers that are known elsewhere and read when they are asked for."""

    def __init__(self, readings: Mapping[str, tuple[str, Reading]]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        """The numbers as Prometheus wants them."""
        for name, (text, reading) in self._readings.items():
            yield GaugeMetricFamily(name, text, reading())


def metrics_registry(*collectors: Collector) -> CollectorRegistry:
    """A registry of these collectors alone."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return registry


def state_routes(
    is_ready: Callable[[], bool], database_answers: Callable[[], Awaitable[bool]]
) -> list[web.RouteDef]:
    """Health and readiness; they tell nothing else, so that anybody who can reach the hub may ask.

    A hub whose database is away is ready all the same: it relays whatever it knows the way of. If it asked
    to be left out, and with it all others on that database, nobody would be served at all (decision 0039).
    """

    async def health(_request: web.Request) -> web.Response:
        return _json(200, {"status": "alive"})

    async def ready(_request: web.Request) -> web.Response:
        if not is_ready():
            return _json(503, {"status": "not ready"})
        return _json(200, {"status": "ready", "database": "there" if await database_answers() else "away"})

    return [web.get("/health", health), web.get("/ready", ready)]


def metrics_route(told: Callable[[], Awaitable[bytes]]) -> web.RouteDef:
    """The metrics; how much others charge is nobody's business but the operator's."""

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=await told(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return web.get("/metrics", metrics)


def _json(status: int, value: Mapping[str, str]) -> web.Response:
    return web.Response(status=status, body=exact_json.encode(value), content_type="application/json")
