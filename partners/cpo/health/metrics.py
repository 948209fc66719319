"""How the chargers are, in numbers: Prometheus' text, at `/node/metrics` of the node's own API."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from partners.cpo.health.alerts import AlertBook
from partners.cpo.health.notices import Notices
from partners.cpo.health.observations import Observations
from partners.cpo.health.rules import Rule


class HealthMetrics(Collector):
    """Read when somebody asks."""

    def __init__(
        self, charge_points: list[str], seen: Observations, book: AlertBook, notices: Notices
    ) -> None:
        self._charge_points = charge_points
        self._seen = seen
        self._book = book
        self._notices = notices

    def text(self) -> str:
        """All of it."""
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry).decode()

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        up = sum(self._seen.link(each).is_up for each in self._charge_points)
        yield GaugeMetricFamily("ocpi_cpo_chargers", "Chargers", value=len(self._charge_points))
        yield GaugeMetricFamily("ocpi_cpo_chargers_connected", "Chargers with a link", value=up)
        alerts = GaugeMetricFamily("ocpi_cpo_alerts_open", "Alerts that are open", labels=["rule"])
        open_alerts = Counter(each.key.rule for each in self._book.all_open())
        for rule in Rule:
            alerts.add_metric([rule.value], open_alerts[rule])
        yield alerts
        waiting = sum(each.needs_human for each in self._book.all_open())
        yield GaugeMetricFamily("ocpi_cpo_alerts_need_human", "Alerts that wait for a person", value=waiting)
        repairs = CounterMetricFamily("ocpi_cpo_repairs", "Repairs tried", labels=["step", "outcome"])
        for step, outcome, count in self._book.tally():
            repairs.add_metric([step, outcome], count)
        yield repairs
        notices, waiting = self._notices, self._notices.waiting
        yield GaugeMetricFamily("ocpi_cpo_notices_waiting", "Notices for the webhook", value=waiting)
        ended = CounterMetricFamily("ocpi_cpo_notices", "Notices since the start", labels=["ended"])
        for name in ("taken", "refused", "dropped"):
            ended.add_metric([name], getattr(notices, name))
        yield ended
