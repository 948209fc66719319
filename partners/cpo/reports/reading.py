"""Reading from the node's database what a report is made of."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from hub.ocpi.timestamps import Clock
from partners.cpo.configuration import Configuration, Plug
from partners.cpo.health.charger_log import WHOLE, ChargerLog, Event, Kind, microseconds
from partners.cpo.reports.exclusions import Exclusions
from partners.cpo.reports.report import Facts, Outlet, report
from partners.cpo.reports.spans import Span, days
from partners.cpo.reports.timeline import KINDS, State
from partners.cpo.reports.usage import billed, charged
from partners.database import Database
from schemas import exact_json

#: Chargers whose log is read before others get a turn.
_AT_ONCE: Final = 10
#: Clocks differ from UTC by less.
_A_DAY: Final = timedelta(days=1)
_LINKS: Final = (Kind.CONNECTED, Kind.DISCONNECTED)


class _Told(NamedTuple):
    """The log of one charger."""

    known_since: datetime | None
    #: Whether there was a link when the window began.
    is_connected: bool
    events: list[Event]


@dataclass(frozen=True, slots=True)
class Reports:
    """Makes reports."""

    database: Database
    configuration: Configuration
    log: ChargerLog
    exclusions: Exclusions
    clock: Clock

    async def of(self, since: date, until: date) -> dict[str, Any]:
        """The report of these days; the reckoning is done beside the node's work."""
        outlets = [each async for each in self._outlets(since, until)]
        beginning = microseconds(datetime.fromisoformat(f"{since}T00:00:00+00:00") - _A_DAY)
        sessions = self._texts("SELECT text FROM session WHERE last_updated >= ?", beginning)
        cdrs = self._texts("SELECT text FROM cdr WHERE last_updated >= ?", beginning)
        now, zones = self.clock(), dict(self._zones())

        def made() -> dict[str, Any]:
            counted = [charged(exact_json.decode(text), now) for text in sessions]
            bills = [billed(exact_json.decode(text)) for text in cdrs]
            there = [each for each in counted if each is not None]
            return report(Facts(since, until, now, outlets, zones, there, bills))

        return await asyncio.to_thread(made)

    def _texts(self, query: str, since: int) -> list[str]:
        return [row["text"] for row in self.database.rows(query, (since,))]

    def _zones(self) -> Iterator[tuple[str, ZoneInfo]]:
        for location in self.configuration.locations:
            yield str(location["id"]), ZoneInfo(location["time_zone"])

    async def _outlets(self, since: date, until: date) -> Any:
        zones = dict(self._zones())
        for number, (charge_point, places) in enumerate(self.configuration.charge_points.items(), start=1):
            location_id = next(iter(places.values())).location_id
            window = days(since, until, zones[location_id])
            told = self._told(charge_point, window)
            whole = self._status(Plug(charge_point, WHOLE), window.start)
            for plug, place in places.items():
                before = State(told.is_connected, self._status(plug, window.start), whole)
                excluded = self.exclusions.of(plug)
                yield Outlet(plug, place, told.known_since, before, told.events, excluded)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)

    def _told(self, charge_point: str, window: Span) -> _Told:
        link = self.log.last_before(Plug(charge_point, WHOLE), window.start, _LINKS)
        events = self.log.between(charge_point, window.start, window.end, KINDS)
        is_connected = link is not None and link.kind is Kind.CONNECTED
        return _Told(self.log.first(charge_point), is_connected, events)

    def _status(self, plug: Plug, at: datetime) -> Any:
        last = self.log.last_before(plug, at, (Kind.STATUS,))
        return None if last is None else State().after(last, plug.number).own
