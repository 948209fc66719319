"""What the command line may ask about reports and exclusions."""

from datetime import UTC, date, datetime
from typing import Any

from hub.ocpi.timestamps import format_timestamp
from partners.administration import AdminHandlers, AdminRequest, NotPossible
from partners.cpo.configuration import Plug
from partners.cpo.health.charger_log import WHOLE
from partners.cpo.reports.exclusions import Exclusion, Reason
from partners.cpo.reports.reading import Reports
from partners.cpo.reports.spans import Span

#: A report is of at most so many days.
_MOST_DAYS = 400


class ReportAdministration:
    """The handlers."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    def handlers(self) -> AdminHandlers:
        """By method and path."""
        return {
            "GET /report": self._report,
            "GET /exclusions": self._exclusions,
            "POST /exclusions": self._exclude,
            "DELETE /exclusions/{number}": self._include,
        }

    async def _report(self, request: AdminRequest) -> Any:
        since, until = _day(request, "from"), _day(request, "to")
        if not 0 < (until - since).days <= _MOST_DAYS:
            raise NotPossible(f"to: expected a day after {since}, at most {_MOST_DAYS} days later")
        return await self._reports.of(since, until)

    async def _exclusions(self, _request: AdminRequest) -> Any:
        return [_told(each) for each in self._reports.exclusions.all()]

    async def _exclude(self, request: AdminRequest) -> Any:
        plug = self._plug(request)
        span = Span(_instant(request, "since"), _instant(request, "until"))
        if not span.duration:
            raise NotPossible("until: expected an instant after since")
        reason = request.text("reason")
        if reason not in set(Reason):
            raise NotPossible(f"reason: expected one of {', '.join(Reason)}")
        note = request.value.get("note", "")
        added = self._reports.exclusions.add(
            plug, span, Reason(reason), note if isinstance(note, str) else ""
        )
        return [_told(added)]

    async def _include(self, request: AdminRequest) -> Any:
        number = request.text("number")
        if not number.isdecimal() or not self._reports.exclusions.remove(int(number)):
            raise NotPossible(f"there is no exclusion {number}")
        return {}

    def _plug(self, request: AdminRequest) -> Plug:
        charge_point, number = request.text("charge_point"), request.value.get("connector")
        places = self._reports.configuration.at(charge_point)
        if not places:
            raise NotPossible(f"there is no charge point {charge_point}")
        if number is None:
            return Plug(charge_point, WHOLE)
        plug = Plug(charge_point, number)
        if plug not in places:
            raise NotPossible(f"charge point {charge_point} has no connector {number}")
        return plug


def _told(exclusion: Exclusion) -> dict[str, Any]:
    return {
        "id": exclusion.id,
        "charge_point": exclusion.plug.charge_point,
        "connector": exclusion.plug.number or None,
        "since": format_timestamp(exclusion.span.start),
        "until": format_timestamp(exclusion.span.end),
        "reason": exclusion.reason.value,
        "note": exclusion.note,
    }


def _day(request: AdminRequest, name: str) -> date:
    """A day as 2026-03-29, or a month as 2026-03: its first day."""
    text = request.text(name)
    try:
        return date.fromisoformat(text if text.count("-") > 1 else f"{text}-01")
    except ValueError as error:
        raise NotPossible(f"{name}: expected a day such as 2026-03-29, or a month, got {text!r}") from error


def _instant(request: AdminRequest, name: str) -> datetime:
    text = request.text(name)
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise NotPossible(f"{name}: expected an instant such as 2026-03-29T08:00:00Z") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
