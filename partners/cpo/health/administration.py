"""What the command line may ask about the health of chargers."""

from typing import Any

from hub.ocpi.timestamps import Clock, format_timestamp
from partners.administration import AdminHandlers, AdminRequest, NotPossible, PlainText
from partners.cpo.health.alerts import Alert
from partners.cpo.health.care import Care
from partners.cpo.health.metrics import HealthMetrics
from partners.cpo.health.rounds import Rounds, alert_told

#: As many alerts or lines of the log as anybody wants to see at once.
_MOST = 1000


class HealthAdministration:
    """The handlers."""

    def __init__(self, care: Care, rounds: Rounds, clock: Clock) -> None:
        self._care = care
        self._rounds = rounds
        self._clock = clock

    def handlers(self) -> AdminHandlers:
        """By method and path."""
        return {
            "GET /alerts": self._alerts,
            "POST /alerts/{alert_id}/close": self._close,
            "GET /repairs/paused": self._paused,
            "PUT /chargers/{charge_point}/repairs": self._pause,
            "GET /chargers/{charge_point}/events": self._events,
            "GET /metrics": self._metrics,
        }

    async def _alerts(self, request: AdminRequest) -> Any:
        wants_all = request.arguments.get("all") == "yes"
        book = self._care.book
        return [self._told(each) for each in (book.newest(_MOST) if wants_all else book.all_open())]

    def _told(self, alert: Alert) -> dict[str, Any]:
        place = self._care.configuration.places.get(alert.key.plug)
        told = alert_told(alert, place, [each.told() for each in self._care.book.repairs(alert)])
        return told | {"is_paused": self._care.book.is_paused(alert.key.plug.charge_point)}

    async def _close(self, request: AdminRequest) -> Any:
        number = request.text("alert_id")
        alert = self._care.book.find(int(number)) if number.isdecimal() else None
        if alert is None or alert.cleared_at is not None:
            raise NotPossible(f"there is no open alert {number}")
        return [self._told(self._rounds.close(alert))]

    async def _paused(self, _request: AdminRequest) -> Any:
        return [{"charge_point": each} for each in self._care.book.paused()]

    async def _pause(self, request: AdminRequest) -> Any:
        charge_point, is_paused = self._charge_point(request), request.value.get("paused")
        if is_paused is True:
            self._care.book.pause(charge_point, self._clock())
        elif is_paused is False:
            self._care.book.resume(charge_point)
        else:
            raise NotPossible("paused: expected true or false")
        return {"charge_point": charge_point, "repairs": "paused" if is_paused else "on"}

    async def _events(self, request: AdminRequest) -> Any:
        count = request.arguments.get("count", "100")
        if not count.isdecimal() or not 0 < int(count) <= _MOST:
            raise NotPossible(f"count: expected a number from 1 to {_MOST}")
        return [
            {
                "at": format_timestamp(each.at),
                "connector": each.plug.number or None,
                "kind": each.kind.value,
                "detail": dict(each.detail),
            }
            for each in self._care.log.newest(self._charge_point(request), int(count))
        ]

    async def _metrics(self, _request: AdminRequest) -> Any:
        care = self._care
        charge_points = list(care.configuration.charge_points)
        return PlainText(HealthMetrics(charge_points, care.seen, care.book, care.notices).text())

    def _charge_point(self, request: AdminRequest) -> str:
        charge_point = request.text("charge_point")
        if charge_point not in self._care.configuration.charge_points:
            raise NotPossible(f"there is no charge point {charge_point}")
        return charge_point
