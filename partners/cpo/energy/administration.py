"""How the power of the sites is shared, for the command line and for Prometheus."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hub.ocpi.timestamps import Clock, format_timestamp
from partners.administration import AdminHandlers, AdminRequest, NotPossible, PlainText
from partners.cpo.energy.site import Line
from partners.cpo.energy.sites import Sites
from partners.cpo.energy.steering import Steering
from partners.cpo.energy.wires import LETTERS, NOTHING, TENTH, Load

_AHEAD: Final = timedelta(hours=12)


class EnergyAdministration:
    """The handlers."""

    def __init__(self, sites: Sites, clock: Clock) -> None:
        self._sites = sites
        self._clock = clock

    def handlers(self) -> AdminHandlers:
        """By method and path."""
        return {
            "GET /sites": self._all,
            "GET /metrics/sites": self._metrics,
            "GET /sites/{location}": self._one,
        }

    async def _all(self, _request: AdminRequest) -> Any:
        return [self._summary(each) for each in self._sites.all]

    async def _one(self, request: AdminRequest) -> Any:
        location = request.text("location")
        for each in self._sites.all:
            if each.settings.location.upper() == location.upper():
                return {**self._summary(each), "connectors": list(self._connectors(each))}
        raise NotPossible(f"there is no site {location}")

    async def _metrics(self, _request: AdminRequest) -> Any:
        registry = CollectorRegistry()
        registry.register(_Metrics(self._sites, self._clock))
        return PlainText(generate_latest(registry).decode())

    def _summary(self, steering: Steering) -> dict[str, Any]:
        now = self._clock()
        return {
            "location": steering.settings.location,
            "strategy": steering.settings.rules.strategy.value,
            "grid": _shown(steering.settings.grid),
            "limit": _shown(steering.outlook().supply.at(now) or Load()),
            "worst_case": _shown(steering.site.worst_case(now)),
            "measured": _shown(steering.site.measured_load(now)),
            "charging": sum(each.charging is not None for each in steering.site.lines(now)),
            "problems": steering.feeds.problems(),
        }

    def _connectors(self, steering: Steering) -> Iterator[dict[str, Any]]:
        now = self._clock()
        schedule = steering.site.schedule(steering.outlook(), now, _AHEAD)
        for line in steering.site.lines(now):
            yield _connector(line) | {
                "expected": [
                    {"from": format_timestamp(start), "amperes": share.amperes}
                    for start, share in schedule.get(line.charging or 0, [])
                ]
            }


def _connector(line: Line) -> dict[str, Any]:
    confirmed = line.confirmed
    return {
        "charge_point": line.plug.charge_point,
        "connector": line.plug.number,
        "phases": "".join(LETTERS[each] for each in line.wires),
        "transaction_id": line.charging,
        "share_amperes": None if line.share is None else line.share.amperes,
        "confirmed_amperes": None if confirmed is None else confirmed.amperes,
        "confirmed_until": None if confirmed is None else format_timestamp(confirmed.until),
        "counted_amperes": line.counted,
        "drawn_amperes": line.drawn,
        "why": line.why,
    }


def _shown(load: Load) -> dict[str, Any]:
    amperes = [max(each, NOTHING).quantize(TENTH) for each in load.phases]
    return {"amperes": amperes, "watt": max(load.watt, NOTHING).quantize(Decimal(1))}


class _Metrics(Collector):
    """Read when somebody asks."""

    def __init__(self, sites: Sites, clock: Clock) -> None:
        self._sites = sites
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        now = self._clock()
        labels = ["site", "phase"]
        limit = GaugeMetricFamily("ocpi_cpo_site_limit_amperes", "What the chargers may draw", labels=labels)
        worst = GaugeMetricFamily("ocpi_cpo_site_worst_case_amperes", "What they might draw", labels=labels)
        drawn = GaugeMetricFamily("ocpi_cpo_site_measured_amperes", "What they were measured", labels=labels)
        sessions = GaugeMetricFamily("ocpi_cpo_site_sessions", "Sessions", labels=["site", "state"])
        problems = GaugeMetricFamily("ocpi_cpo_site_problems", "Inputs that are not trusted", labels=["site"])
        orders = CounterMetricFamily("ocpi_cpo_site_profiles", "Profiles sent", labels=["site", "outcome"])
        for each in self._sites.all:
            name, site = each.settings.location, each.site
            told = (
                (limit, each.outlook().supply.at(now) or Load()),
                (worst, site.worst_case(now)),
                (drawn, site.measured_load(now)),
            )
            for family, load in told:
                for letter, current in zip(("L1", "L2", "L3"), load.phases, strict=True):
                    family.add_metric([name, letter], float(current))
            lines = [line for line in site.lines(now) if line.charging is not None]
            paused = sum(line.share is None or line.share.amperes == 0 for line in lines)
            sessions.add_metric([name, "paused"], paused)
            sessions.add_metric([name, "charging"], len(lines) - paused)
            problems.add_metric([name], len(each.feeds.problems()))
            for outcome, count in each.outcomes.items():
                orders.add_metric([name, outcome], count)
        yield from (limit, worst, drawn, sessions, problems, orders)
