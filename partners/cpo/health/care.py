"""All that keeps chargers alive, put together for the node."""

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, Final

from hub.ocpi.backoff import Backoff
from hub.ocpi.timestamps import Clock
from partners.changes import Changes
from partners.cpo.billing.early_sessions import EarlySessions
from partners.cpo.charging.charging_events import ChargingEvents, ConnectorStatus
from partners.cpo.charging.charging_log import ChargingLog
from partners.cpo.configuration import Configuration, Plug
from partners.cpo.health.alarms import Alarms
from partners.cpo.health.alerts import AlertBook
from partners.cpo.health.charger_log import ChargerLog
from partners.cpo.health.notices import Notices
from partners.cpo.health.observations import Observations
from partners.cpo.health.repairs import ChargePoints, Repairs
from partners.cpo.health.rounds import Rounds
from partners.cpo.health.thresholds import Thresholds
from partners.cpo.health.witness import Witness
from partners.database import Database


class Care:
    """The parts, which share a database.

    Args:
        database: Of the node.
        configuration: Which chargers there are.
        charging_log: What they told of transactions.
        early: What was promised at them.
        inner: Who acts on what chargers tell.
        thresholds: What counts as ill, and how patient to be.
        clock: The present instant.
        backoff: How long a webhook that does not answer is left alone.
        chance: From 0 to 1.
    """

    def __init__(
        self,
        *,
        database: Database,
        configuration: Configuration,
        charging_log: ChargingLog,
        early: EarlySessions,
        inner: ChargingEvents,
        thresholds: Thresholds,
        clock: Clock,
        backoff: Backoff,
        chance: Callable[[], float],
    ) -> None:
        self.configuration = configuration
        self.thresholds = thresholds
        self._database = database
        self._charging_log = charging_log
        self._early = early
        self._clock = clock
        self.log = ChargerLog(database)
        self.book = AlertBook(database)
        self.alarms = Alarms(database)
        self.seen = Observations(configuration.charge_points, charging_log, clock, thresholds)
        database.undone.append(self.seen.forget)
        self.notices = Notices(database, thresholds, backoff, chance)
        self.witness = Witness(
            inner, database, charging_log, self.log, self.seen, self.alarms, clock, thresholds.silent_after
        )

    def rounds(
        self,
        charge_points: ChargePoints,
        changes: Changes,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> Rounds:
        """Who looks after the chargers, by these calls."""
        return Rounds(
            database=self._database,
            charge_points=lambda: self.configuration.charge_points,
            seen=self.seen,
            alarms=self.alarms,
            charger_log=self.log,
            book=self.book,
            repairs=Repairs(charge_points, self.has_driver, self.thresholds.availability_pause),
            notices=self.notices,
            thresholds=self.thresholds,
            clock=self._clock,
            changes=changes,
            spawn=spawn,
        )

    def is_free(self, charge_point: str, awhile: timedelta) -> bool:
        """Whether it may be reset: nobody needs it or has just been let in, no operator is at work on it.

        Args:
            charge_point: The charger.
            awhile: How long whose card was accepted may take to plug in; 2.x shows no status of that.
        """
        accepted = self.seen.link(charge_point).accepted_at
        was_let_in = accepted is not None and self._clock() - accepted < awhile
        return not (was_let_in or self.has_driver(charge_point) or self.book.is_paused(charge_point))

    def has_driver(self, charge_point: str) -> bool:
        """Whether somebody charges there, has just plugged in, was let in from afar, or has reserved."""
        if self._charging_log.open_at(charge_point):
            return True
        if any(each.plug.charge_point == charge_point for each in self._early.all()):
            return True
        return any(self._is_used(plug) for plug in self.configuration.at(charge_point))

    def _is_used(self, plug: Plug) -> bool:
        vitals = self.seen.vitals(plug, self.seen.link(plug.charge_point))
        if vitals.status is ConnectorStatus.PREPARING and vitals.status_since is not None:
            return self._clock() - vitals.status_since < self.thresholds.stuck_preparing_after
        # A start that it could not tell yet.
        return vitals.status in _IN_USE


_IN_USE: Final = frozenset(
    {ConnectorStatus.CHARGING, ConnectorStatus.SUSPENDED_EV, ConnectorStatus.SUSPENDED_EVSE}
)
