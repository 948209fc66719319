"""The report of some days: uptime by connector and month, usage by location, charger and hour. Pure.

Days and months are those of each location's own clock; what lies in the future, or before a charger was first
heard of, is not measured. Of a location that is not configured any more only Sessions and CDRs are left: UTC.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from partners.cpo.configuration import Place, Plug
from partners.cpo.health.charger_log import Event
from partners.cpo.reports.spans import Span, by_hour, days, months, union
from partners.cpo.reports.timeline import State, timeline
from partners.cpo.reports.uptime import (
    NEVI_LEAST,
    UK_LEAST,
    Uptime,
    mean,
    shown,
    uptime,
)
from partners.cpo.reports.usage import Billed, Charged, Usage, counted

Row = dict[str, Any]

_UTC: Final = ZoneInfo("UTC")
_HOURS: Final = tuple(range(24))
#: Name of the line that has all of a kind together.
ALL: Final = "(all)"
GONE: Final = "(not configured any more)"


class Outlet(NamedTuple):
    """One connector, and what its log says."""

    plug: Plug
    place: Place
    #: The first line of the log of its charger; None: never heard of.
    known_since: datetime | None = None
    before: State = State()
    #: Lines in the window, oldest first.
    events: Sequence[Event] = ()
    excluded: Sequence[Span] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a report is made of."""

    since: date
    #: The first day that does not count any more.
    until: date
    now: datetime
    outlets: Sequence[Outlet]
    #: Time zones of locations, by id.
    zones: Mapping[str, ZoneInfo]
    sessions: Sequence[Charged] = ()
    bills: Sequence[Billed] = ()
    _windows: dict[str, Span] = field(default_factory=dict, init=False)

    def zone(self, location_id: str) -> ZoneInfo:
        """The clock of a location."""
        return self.zones.get(location_id, _UTC)

    def window(self, place: Place) -> Span:
        """The days, on the clock of a location."""
        found = self._windows.get(place.location_id)
        if found is None:
            found = self._windows[place.location_id] = days(
                self.since, self.until, self.zone(place.location_id)
            )
        return found

    def measurable(self, outlet: Outlet, window: Span) -> Span:
        """What of a window can be known of a connector."""
        since = self.now if outlet.known_since is None else outlet.known_since
        return window.within(Span(since, max(self.now, since)))


def report(facts: Facts) -> dict[str, Any]:
    """The report, as JSON has it."""
    return {
        "since": facts.since.isoformat(),
        "until": facts.until.isoformat(),
        "uptime": list(_uptime_rows(facts)),
        "locations": _by_location(facts),
        "chargers": _by_charger(facts),
        "hours": _by_hour(facts),
    }


# Uptime.


def _uptime_rows(facts: Facts) -> list[Row]:
    """A line a connector and month, then one of all connectors a month and one of all days."""
    rows, by_month = [], dict[str, list[Uptime]]()
    for outlet in facts.outlets:
        window = facts.window(outlet.place)
        times = timeline(outlet.plug.number, outlet.before, outlet.events, window)
        for month, span in months(facts.since, facts.until, facts.zone(outlet.place.location_id)):
            measured = facts.measurable(outlet, span)
            found = uptime(measured, times.down, times.unknown, outlet.excluded)
            by_month.setdefault(month, []).append(found)
            rows.append(_outlet(outlet) | {"month": month} | _uptime_row(found))
    for month, each in sorted(by_month.items()):
        rows += _of_all(month, each)
    if len(by_month) > 1:
        rows += _of_all(ALL, [each for month in by_month.values() for each in month])
    return rows


def _outlet(outlet: Outlet) -> Row:
    return {
        "location_id": outlet.place.location_id,
        "charge_point": outlet.plug.charge_point,
        "connector": outlet.plug.number,
        "evse_uid": outlet.place.evse_uid,
    }


def _of_all(month: str, each: list[Uptime]) -> list[Row]:
    whole = mean(each)
    nobody = {"location_id": ALL, "charge_point": ALL, "connector": None, "evse_uid": None}
    return [] if whole is None else [nobody | {"month": month} | _uptime_row(whole)]


def _uptime_row(found: Uptime) -> Row:
    uk, nevi = found.uk, found.nevi
    names = ("measured", "down", "unknown", "excluded")
    return {
        **{f"{name}_minutes": getattr(found, name).quantize(Decimal("0.01")) for name in names},
        "uk_percent": shown(uk),
        "uk_is_met": None if uk is None else uk >= UK_LEAST,
        "nevi_percent": shown(nevi),
        "nevi_is_met": None if nevi is None else nevi > NEVI_LEAST,
    }


# Usage.


def _by_location(facts: Facts) -> list[Row]:
    known = sorted({outlet.place.location_id for outlet in facts.outlets})
    found = counted(
        facts.sessions, facts.bills, facts.window, lambda place, _: place.location_id, [*known, ALL]
    )
    _add_times(facts, found, lambda outlet: outlet.place.location_id)
    _add_all(found)
    return [{"location_id": each} | _usage_row(usage) for each, usage in _all_last(found)]


def _by_charger(facts: Facts) -> list[Row]:
    chargers = {outlet.place: outlet.plug.charge_point for outlet in facts.outlets}
    known = sorted(set(chargers.values()))
    found = counted(
        facts.sessions, facts.bills, facts.window, lambda place, _: chargers.get(place, GONE), known
    )
    _add_times(facts, found, lambda outlet: outlet.plug.charge_point)
    return [{"charge_point": each} | _usage_row(usage) for each, usage in found.items()]


def _by_hour(facts: Facts) -> list[Row]:
    found = counted(
        facts.sessions,
        facts.bills,
        facts.window,
        lambda place, at: at.astimezone(facts.zone(place.location_id)).hour,
        _HOURS,
    )
    occupied = _occupied(facts)
    hours_of: dict[tuple[str, Span], list[timedelta]] = {}
    for outlet in facts.outlets:
        zone, there = facts.zone(outlet.place.location_id), _there(facts, outlet)
        key = (outlet.place.location_id, there)
        if key not in hours_of:
            hours_of[key] = by_hour(there, zone)
        used = [by_hour(each.within(there), zone) for each in occupied.get(outlet.place, ())]
        for hour in _HOURS:
            found[hour].available += hours_of[key][hour]
            found[hour].occupied += sum((each[hour] for each in used), timedelta())
    return [{"hour": hour} | _usage_row(found[hour]) for hour in _HOURS]


def _add_times(facts: Facts, found: dict[str, Usage], key: Any) -> None:
    """How long connectors were there, and occupied."""
    occupied = _occupied(facts)
    for outlet in facts.outlets:
        usage, there = found[key(outlet)], _there(facts, outlet)
        usage.available += there.duration
        for each in occupied.get(outlet.place, ()):
            usage.occupied += each.within(there).duration


def _there(facts: Facts, outlet: Outlet) -> Span:
    """When a connector could be used: there may have been sessions before there was a log."""
    window = facts.window(outlet.place)
    return window.within(Span(window.start, max(facts.now, window.start)))


def _occupied(facts: Facts) -> dict[Place, list[Span]]:
    spans: dict[Place, list[Span]] = {}
    for session in facts.sessions:
        spans.setdefault(session.place, []).append(session.span)
    return {place: union(each) for place, each in spans.items()}


def _add_all(found: dict[str, Usage]) -> None:
    whole = found[ALL]
    for name, usage in found.items():
        if name == ALL:
            continue
        whole.sessions += usage.sessions
        whole.kwh += usage.kwh
        whole.occupied += usage.occupied
        whole.available += usage.available
        for currency, money in usage.money.items():
            sums = whole.money[currency]
            sums.excl_vat += money.excl_vat
            known = sums.incl_vat is not None and money.incl_vat is not None
            sums.incl_vat = (sums.incl_vat or Decimal(0)) + (money.incl_vat or Decimal(0)) if known else None


def _all_last(found: Mapping[str, Usage]) -> list[tuple[str, Usage]]:
    return sorted(found.items(), key=lambda each: (each[0] == ALL, each[0]))


def _usage_row(usage: Usage) -> Row:
    return {
        "sessions": usage.sessions,
        "kwh": usage.kwh,
        "utilisation_percent": usage.utilisation,
        "revenue": [
            {"currency": currency, "excl_vat": money.excl_vat, "incl_vat": money.incl_vat}
            for currency, money in sorted(usage.money.items())
        ],
    }
