"""How all chargers were last seen, in memory: kept up with every message, so it may cost next to nothing.

After a restart it begins with the states on disk; what only time can show is given its time again.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

from hub.ocpi.timestamps import Clock
from partners.cpo.charging.charging_events import AuthorizationStatus, ConnectorStatus
from partners.cpo.charging.charging_log import Charging, ChargingLog
from partners.cpo.charging.meter_values import MeterSample
from partners.cpo.configuration import Plug
from partners.cpo.health.charger_log import WHOLE
from partners.cpo.health.thresholds import Thresholds
from partners.cpo.health.vitals import Link, Vitals

#: More refusals than anybody counts.
_MOST_REFUSALS: Final = 100


@dataclass(slots=True)
class _Charger:
    away_since: datetime | None
    connected_at: datetime | None = None
    heard_at: datetime | None = None
    refused_at: deque[datetime] = field(default_factory=lambda: deque(maxlen=_MOST_REFUSALS))
    accepted_at: datetime | None = None


@dataclass(slots=True)
class _Connector:
    status: ConnectorStatus | None = None
    status_since: datetime | None = None
    error_code: str | None = None
    error_since: datetime | None = None
    before_out_of_use: tuple[ConnectorStatus | None, datetime | None] = (None, None)
    #: Our number of the transaction.
    session: int | None = None
    session_since: datetime | None = None
    #: What 2.x says of the transaction; 1.6 says it by the status.
    state: ConnectorStatus | None = None
    charging_since: datetime | None = None
    #: The last one in a session; without one, that from which growth counts.
    register: Decimal | None = None
    register_at: datetime | None = None
    measured_at: datetime | None = None
    grew_at: datetime | None = None
    unmetered_since: datetime | None = None
    unmetered_wh: Decimal = Decimal(0)
    idle_since: datetime | None = None
    bad_signature_at: datetime | None = None
    good_signature_at: datetime | None = None


class Observations:
    """How chargers were last seen."""

    def __init__(
        self,
        charge_points: Iterable[str],
        charging_log: ChargingLog,
        clock: Clock,
        thresholds: Thresholds,
    ) -> None:
        self._clock = clock
        self._log = charging_log
        self._tolerance_wh = thresholds.unmetered_kwh * 1000
        self._idle_after = thresholds.unmetered_after
        started = clock()
        self._chargers = {each: _Charger(started) for each in charge_points}
        self._connectors: dict[Plug, _Connector] = {}

    # What is asked.

    def link(self, charge_point: str) -> Link:
        """How a charger as a whole was last seen."""
        seen = self._charger(charge_point)
        return Link(
            seen.away_since, seen.connected_at, seen.heard_at, tuple(seen.refused_at), seen.accepted_at
        )

    def vitals(self, plug: Plug, link: Link) -> Vitals:
        """How a connector was last seen."""
        seen = self._connector(plug)
        return Vitals(
            plug=plug,
            link=link,
            status=seen.status,
            status_since=seen.status_since,
            error_code=seen.error_code,
            error_since=seen.error_since,
            session_since=seen.session_since,
            charging_since=seen.charging_since,
            measured_at=seen.measured_at,
            grew_at=seen.grew_at,
            unmetered_since=seen.unmetered_since,
            unmetered_wh=seen.unmetered_wh,
            idle_since=seen.idle_since,
            bad_signature_at=seen.bad_signature_at,
            good_signature_at=seen.good_signature_at,
        )

    # What is told.

    def forget(self) -> None:
        """What was written was undone: begin again with what is on disk."""
        self._connectors.clear()

    def heard(self, charge_point: str, at: datetime) -> datetime | None:
        """Something was said; when something was said before."""
        seen = self._chargers.get(charge_point) or self._charger(charge_point)
        before, seen.heard_at = seen.heard_at, at
        return before

    def came(self, charge_point: str) -> None:
        """A link is up."""
        seen = self._charger(charge_point)
        seen.away_since = None
        seen.connected_at = seen.heard_at = self._clock()

    def left(self, charge_point: str) -> None:
        """The link is lost."""
        self._charger(charge_point).away_since = self._clock()

    def status(self, plug: Plug, status: ConnectorStatus, error_code: str) -> bool:
        """A connector says how it is; whether that is news."""
        seen, now = self._connector(plug), self._clock()
        if (seen.status, seen.error_code) == (status, error_code):
            return False
        if status is ConnectorStatus.UNAVAILABLE:
            seen.before_out_of_use = (seen.status, seen.status_since)
        if seen.status is not status:
            # Out of use for a moment, as for a repair, and then as before: nothing has begun anew.
            was, since = seen.before_out_of_use if seen.status is ConnectorStatus.UNAVAILABLE else (None, now)
            seen.status_since = since if was is status else now
        if seen.error_code != error_code:
            seen.error_since = now
        seen.status, seen.error_code = status, error_code
        self._flows(seen, now)
        return True

    def state(self, plug: Plug, state: ConnectorStatus) -> None:
        """A transaction of 2.x says what its car does."""
        seen = self._connector(plug)
        seen.state = state
        self._flows(seen, self._clock())

    def authorized(self, charge_point: str, status: AuthorizationStatus) -> bool:
        """A card was judged; whether it was accepted."""
        seen, now = self._charger(charge_point), self._clock()
        if status is AuthorizationStatus.ACCEPTED:
            seen.accepted_at = now
            seen.refused_at.clear()
            return True
        seen.refused_at.append(now)
        return False

    def measured(self, plug: Plug, samples: Sequence[MeterSample]) -> Decimal | None:
        """A register was told; how much it grew without a session, Wh, where that is too much."""
        told = None
        for each in samples:
            if each.energy_wh is not None:
                told = each.energy_wh
        if told is None:
            return None
        seen, now = self._connector(plug), self._clock()
        if seen.session is None:
            return self._idle(seen, told, now)
        seen.measured_at = now
        if seen.grew_at is None or (seen.register is not None and told > seen.register):
            seen.grew_at = now
        seen.register, seen.register_at = told, now
        return None

    def session(self, charging: Charging, register: Decimal | None) -> Decimal | None:
        """A transaction began or ended; what its register has grown by meanwhile, as `measured`."""
        seen, now = self._connector(charging.plug), self._clock()
        if seen.unmetered_since is not None and charging.started < seen.unmetered_since:
            # Told late, it explains what had grown.
            seen.unmetered_since, seen.unmetered_wh = None, Decimal(0)
        grown = None
        if charging.stopped is None:
            if seen.session is None and register is not None:
                grown = self._idle(seen, register, now)
            self._begun(seen, charging, register, now)
        elif seen.session in {charging.id, None}:
            seen.session = seen.session_since = seen.state = seen.charging_since = seen.measured_at = None
            if register is not None:
                seen.register, seen.register_at = register, now
        return grown

    def signature(self, plug: Plug, *, is_right: bool) -> None:
        """A signature was checked."""
        seen = self._connector(plug)
        if is_right:
            seen.good_signature_at = self._clock()
        else:
            seen.bad_signature_at = self._clock()

    # Inside.

    def _begun(self, seen: _Connector, charging: Charging, register: Decimal | None, now: datetime) -> None:
        seen.session, seen.session_since = charging.id, now
        seen.measured_at = seen.grew_at = None
        if register is not None:
            seen.register, seen.register_at = register, now
        self._flows(seen, now)

    def _idle(self, seen: _Connector, told: Decimal, now: datetime) -> Decimal | None:
        """A register without a session: it may creep, but not by more than the tolerance in a while."""
        before, since = seen.register, seen.register_at
        if before is None or since is None or told < before:  # a new meter
            seen.register, seen.register_at = told, now
            return None
        if told - before > self._tolerance_wh:
            if (
                seen.unmetered_since is None
                or (seen.idle_since or seen.unmetered_since) > seen.unmetered_since
            ):
                seen.unmetered_since, seen.unmetered_wh = now, Decimal(0)
            seen.unmetered_wh += told - before
            seen.register, seen.register_at = told, now
            return told - before
        if now - since >= self._idle_after:
            seen.idle_since = now
            seen.register, seen.register_at = told, now
        return None

    @staticmethod
    def _flows(seen: _Connector, now: datetime) -> None:
        is_charging = (seen.state or seen.status) is ConnectorStatus.CHARGING and seen.session is not None
        if not is_charging:
            seen.charging_since = None
        elif seen.charging_since is None:
            seen.charging_since = now

    def _charger(self, charge_point: str) -> _Charger:
        seen = self._chargers.get(charge_point)
        if seen is None:
            seen = self._chargers[charge_point] = _Charger(self._clock())
        return seen

    def _connector(self, plug: Plug) -> _Connector:
        seen = self._connectors.get(plug)
        return seen if seen is not None else self._remembered(plug)

    def _remembered(self, plug: Plug) -> _Connector:
        """What is on disk: its state, and its transaction."""
        now, seen = self._clock(), _Connector()
        known = self._log.connector(plug)
        if known is not None:
            seen.status, seen.error_code = known.status, known.error_code
            # Its clock may be wrong, and it may have changed while nobody listened.
            seen.status_since = seen.error_since = min(known.at, now)
        charging = self._log.open_at(*plug) if plug.number != WHOLE else []
        if charging:
            self._begun(seen, charging[-1], None, now)
        self._connectors[plug] = seen
        return seen
