"""The rounds: every charger is looked at again and again; alerts are raised and cleared, repairs tried.

All that was decided is on disk before it is done, so that a restart goes on where it stopped: an alert is
raised once, a step counts although nobody saw its end, and a connector that was taken out of use for a repair
is taken back into use.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from time import thread_time
from typing import Any, Final

from hub.ocpi.timestamps import Clock, format_timestamp
from partners.changes import Changes
from partners.cpo.configuration import Place, Plug
from partners.cpo.health.alarms import Alarms, Subject
from partners.cpo.health.alerts import NEVER_SENT, Alert, AlertBook, Key, calm_after
from partners.cpo.health.charger_log import WHOLE, ChargerLog, Kind
from partners.cpo.health.ladder import Move, Situation, Step, next_move, patience
from partners.cpo.health.notices import Notices
from partners.cpo.health.observations import Observations
from partners.cpo.health.repairs import NotPutBack, Repairs
from partners.cpo.health.rules import RULES, Health, Ill, Judgement, Rule, Scope, component_alarm
from partners.cpo.health.thresholds import Thresholds
from partners.cpo.health.vitals import Link
from partners.cpo.stations.remote_outcome import RemoteOutcome
from partners.database import Database

log = logging.getLogger(__name__)

_OF_THE_WHOLE: Final = [
    (rule, each.judge) for rule, each in RULES.items() if each.scope is not Scope.CONNECTORS
]
_OF_A_CONNECTOR: Final = [
    (rule, each.judge) for rule, each in RULES.items() if each.scope is not Scope.CHARGER
]
#: Chargers that are looked at before others get a turn.
_AT_ONCE: Final = 50
#: Of the time of a core, for rounds of more than so many.
_SHARE: Final = 0.05
_HOUR: Final = timedelta(hours=1)


class Rounds:
    """Looks after chargers.

    Args:
        database: Of the node.
        charge_points: All that are ours, and their connectors.
        seen: How they were last seen.
        alarms: What stations of 2.x say of their components.
        charger_log: Where it is written down.
        book: Alerts.
        repairs: What can be done at a charger.
        notices: Who hears of it.
        thresholds: Patience.
        clock: The present instant.
        changes: Told when there is something new to see.
        spawn: Does something beside.
    """

    def __init__(
        self,
        *,
        database: Database,
        charge_points: Callable[[], Mapping[str, Mapping[Plug, Place]]],
        seen: Observations,
        alarms: Alarms,
        charger_log: ChargerLog,
        book: AlertBook,
        repairs: Repairs,
        notices: Notices,
        thresholds: Thresholds,
        clock: Clock,
        changes: Changes,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._database = database
        self._charge_points = charge_points
        self._seen = seen
        self._alarms = alarms
        self._log = charger_log
        self._book = book
        self._repairs = repairs
        self._notices = notices
        self._thresholds = thresholds
        self._clock = clock
        self._changes = changes
        self._spawn = spawn
        self._well_since: dict[Key, datetime] = {}
        self._busy: set[str] = set()
        #: Until when the last accepted step of a charger has its patience.
        self._patience: dict[str, datetime] = {}
        self._owed_back: dict[Plug, int] = {}
        self._tidied: datetime | None = None
        #: How often all were looked at.
        self.looks = 0

    async def run(self) -> None:
        """Go the rounds, for ever."""
        self.resume()
        while True:
            try:
                await self.look_at_all()
            except Exception:  # the rounds must go on: the log says what went wrong
                log.exception("looking after the chargers failed")
            await asyncio.sleep(self._thresholds.look_every.total_seconds())

    def resume(self) -> None:
        """Take up what was under way when the node stopped."""
        now = self._clock()
        self._log.resume(self._charge_points(), now)
        with self._database.transaction():
            for repair in self._book.unfinished():
                alert = self._book.find(repair.alert)
                if repair.step is Step.AVAILABILITY and alert is not None:
                    self._owed_back[alert.key.plug] = repair.id
                else:
                    self._book.end(repair.id, now, "the node stopped")
                    if alert is not None:
                        self._write_repair(alert, repair.step, "the node stopped")
        for charge_point in {each.key.plug.charge_point for each in self._book.all_open()}:
            last = self._book.last(charge_point)
            if last is not None:
                self._patience[charge_point] = last.begun_at + patience(last.step, self._thresholds)

    async def look_at_all(self) -> None:
        """Look at every charger once."""
        began = thread_time()
        for number, (charge_point, plugs) in enumerate(list(self._charge_points().items()), start=1):
            self.look_at(charge_point, list(plugs))
            if number % _AT_ONCE == 0:
                # Thousands of chargers are looked at one after the other, beside what they say.
                await asyncio.sleep((thread_time() - began) * (1 / _SHARE - 1))
                began = thread_time()
        for plug in list(self._owed_back):
            await self._put_back(plug)
        self._tidy()
        self.looks += 1

    def look_at(self, charge_point: str, plugs: Sequence[Plug]) -> None:
        """Judge a charger, and begin what follows."""
        now = self._clock()
        link = self._seen.link(charge_point)
        for plug in (Plug(charge_point, WHOLE), *plugs):
            vitals = self._seen.vitals(plug, link)
            for rule, judge in _OF_THE_WHOLE if plug.number == WHOLE else _OF_A_CONNECTOR:
                self._judged(Key(plug, rule), judge(vitals, self._thresholds, now), now)
        self._look_at_components(charge_point, link, now)
        for alert in self._book.open_at(charge_point):
            move = next_move(
                alert.key.rule, alert.rung, self._situation(charge_point, now), self._thresholds, now
            )
            if move is not None:
                self._make(move, alert, now)

    def _look_at_components(self, charge_point: str, link: Link, now: datetime) -> None:
        standing, alerts = self._alarms.at(charge_point), self._book.open_at(charge_point)
        if not standing and not alerts:
            return
        subjects = set(standing)
        subjects |= {Subject(each.key.plug, each.key.about) for each in alerts if each.key.about}
        for subject in sorted(subjects):
            found = component_alarm(subject.about, standing.get(subject), link, self._thresholds, now)
            self._judged(Key(subject.plug, Rule.ALARM, subject.about), found, now)

    def close(self, alert: Alert) -> Alert:
        """An operator says that it is well; a station that never says so itself is believed no longer."""
        self._alarms.over(Subject(alert.key.plug, alert.key.about))
        return self._clear(alert, self._clock(), "operator")

    # Alerts.

    def _judged(self, key: Key, judgement: Judgement, now: datetime) -> None:
        alert = self._book.open(key)
        if isinstance(judgement, Ill):
            self._well_since.pop(key, None)
            if alert is None:
                self._raise(key, judgement, now)
        elif alert is None:
            return
        elif judgement is Health.UNKNOWN:
            self._well_since.pop(key, None)
        else:
            since = self._well_since.setdefault(key, now)
            if now - since >= calm_after(self._book.raised_recently(key, now), self._thresholds):
                self._clear(alert, now, "the charger proved well")

    def _raise(self, key: Key, ill: Ill, now: datetime) -> None:
        with self._database.grouped():
            alert = self._book.raise_(key, ill.since, ill.why, now)
            self._tell("raised", alert, now)
        log.warning("%s: %s: %s", named(key.plug), key.rule, ill.why)

    def _clear(self, alert: Alert, now: datetime, by: str) -> Alert:
        with self._database.grouped():
            cleared = self._book.clear(alert, now, by)
            self._tell("cleared", cleared, now)
        self._well_since.pop(alert.key, None)
        log.info("%s: %s is over: %s", named(alert.key.plug), alert.key.rule, by)
        return cleared

    def _call_human(self, alert: Alert, now: datetime) -> None:
        with self._database.grouped():
            called = self._book.call_human(alert)
            self._tell("escalated", called, now)
        log.error("%s: %s: somebody must look at it: %s", named(alert.key.plug), alert.key.rule, alert.why)

    def _tell(self, what: str, alert: Alert, now: datetime) -> None:
        self._log.put(alert.key.plug, now, Kind.ALERT, alert=alert.id, rule=alert.key.rule.value, what=what)
        place = self._charge_points().get(alert.key.plug.charge_point, {}).get(alert.key.plug)
        told = alert_told(alert, place, [each.told() for each in self._book.repairs(alert)])
        self._notices.put({"event": what, "at": format_timestamp(now), "alert": told})
        self._changes.announce()

    # Repairs.

    def _situation(self, charge_point: str, now: datetime) -> Situation:
        return Situation(
            is_connected=self._seen.link(charge_point).is_up,
            has_driver=self._repairs.has_driver(charge_point),
            is_paused=self._book.is_paused(charge_point),
            is_busy=charge_point in self._busy,
            resets=self._book.resets(charge_point, now),
            patience_until=self._patience.get(charge_point),
        )

    def _make(self, move: Move, alert: Alert, now: datetime) -> None:
        if move.step is Step.HUMAN:
            self._call_human(alert, now)
            return
        with self._database.grouped():
            repair = self._book.begin(alert, move.step, now)
            alert = self._book.climb(alert)
            if move.left_out is not None:
                self._end(alert, repair, move.step, NEVER_SENT[0], move.left_out)
        if move.left_out is None:
            self._busy.add(alert.key.plug.charge_point)
            self._spawn(self._repair(alert, repair, move.step))

    async def _repair(self, alert: Alert, repair: int, step: Step) -> None:
        plug = alert.key.plug
        try:
            await self._database.on_disk()
            outcome = await self._repairs.do(step, alert.key)
        except NotPutBack:
            self._owed_back[plug] = repair
            self._write_repair(alert, step, "out of use, and not in use again yet")
        else:
            told = NEVER_SENT[1] if outcome is None else outcome.value
            with self._database.grouped():
                self._end(alert, repair, step, told)
            if outcome is RemoteOutcome.ACCEPTED:
                self._patience[plug.charge_point] = self._clock() + patience(step, self._thresholds)
        finally:
            self._busy.discard(plug.charge_point)
            self._changes.announce()

    def _end(self, alert: Alert, repair: int, step: Step, outcome: str, why: str | None = None) -> None:
        self._book.end(repair, self._clock(), outcome)
        self._write_repair(alert, step, outcome, why)

    def _write_repair(self, alert: Alert, step: Step, outcome: str, why: str | None = None) -> None:
        with self._database.grouped():
            self._log.put(
                alert.key.plug,
                self._clock(),
                Kind.REPAIR,
                alert=alert.id,
                step=step.value,
                outcome=outcome,
                why=why,
            )
        log.info("%s: %s: %s: %s", named(alert.key.plug), alert.key.rule, step, outcome)

    async def _put_back(self, plug: Plug) -> None:
        """Nothing may stay out of use since a repair was cut short."""
        if await self._repairs.put_back(plug):
            repair = self._owed_back.pop(plug)
            self._book.end(repair, self._clock(), "in use again")

    def _tidy(self) -> None:
        now = self._clock()
        self._log.mark(now)
        if self._tidied is None or now - self._tidied >= _HOUR:
            self._tidied = now
            dropped = self._log.forget(now - self._thresholds.retention)
            self._book.forget(now - self._thresholds.retention)
            if dropped:
                log.info("%s old lines of the chargers' log are dropped", dropped)


def named(plug: Plug) -> str:
    """A connector for people; the charger where it is that."""
    return plug.charge_point if plug.number == WHOLE else f"{plug.charge_point}/{plug.number}"


def alert_told(alert: Alert, place: Place | None, repairs: list[dict[str, Any]]) -> dict[str, Any]:
    """An alert as JSON has it."""
    cleared = alert.cleared_at
    return {
        "id": alert.id,
        "charge_point": alert.key.plug.charge_point,
        "connector": alert.key.plug.number or None,
        "place": None if place is None else place._asdict(),
        "rule": alert.key.rule.value,
        "about": alert.key.about or None,
        "why": alert.why,
        "since": format_timestamp(alert.since),
        "raised_at": format_timestamp(alert.raised_at),
        "cleared_at": None if cleared is None else format_timestamp(cleared),
        "cleared_by": alert.cleared_by,
        "needs_human": alert.needs_human,
        "repairs": repairs,
    }
