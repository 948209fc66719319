"""One site at its chargers: what they tell goes to the `Site`, its orders go out as profiles.

Each charger first gets the default profile, which gives nothing to a transaction that nobody has steered yet.
One TxProfile a transaction: our share and what the eMSP set, the lower one. Whoever set one hears of changes.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from hub.ocpi.timestamps import Clock
from partners.cpo.charging.charging_events import ConnectorStatus
from partners.cpo.charging.charging_log import Charging, ChargingLog
from partners.cpo.charging.meter_values import MeterSample
from partners.cpo.configuration import Plug
from partners.cpo.energy.feeds import Feeds
from partners.cpo.energy.planning import Outlook
from partners.cpo.energy.profiles import Ceiling, ceiling, default_profile, share_profile
from partners.cpo.energy.settings import SiteSettings
from partners.cpo.energy.site import Order, Running, Site
from partners.cpo.energy.supply import outlook
from partners.cpo.energy.wires import NOTHING, VOLTAGE
from partners.cpo.energy.wishes import Wishes
from partners.cpo.profiles.limits import CannotFollow, unit_for
from partners.cpo.profiles.profile_book import ProfileBook
from partners.cpo.profiles.profile_calls import Asking
from partners.cpo.stations.questions import MOST_PERIODS, RATE_UNITS, TransactionRef
from partners.cpo.stations.remote_outcome import RemoteOutcome
from partners.database import Database
from schemas import exact_json
from schemas.v2_2_1 import ChargingProfile

log = logging.getLogger(__name__)

#: No transaction has this number, nor has the operator's own limit.
DEFAULT_PROFILE: Final = 2**31 - 2
TABLES: Final = """
CREATE TABLE IF NOT EXISTS prepared_charge_point (charge_point TEXT PRIMARY KEY, profile TEXT NOT NULL)
WITHOUT ROWID;
"""
#: A charger that did not answer is asked again.
_PREPARE_AGAIN: Final = timedelta(seconds=60)
#: What is not known to be otherwise.
_FEW_PERIODS: Final = 2
#: Two values that differ by less than the fifth part mean the same.
_ABOUT: Final = 5
_UNKNOWN_OUTCOMES: Final = frozenset({RemoteOutcome.TIMED_OUT, RemoteOutcome.FAILED})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a site needs of the rest of the CPO."""

    database: Database
    charge_points: Asking
    charging_log: ChargingLog
    book: ProfileBook
    wishes: Wishes
    clock: Clock
    spawn: Callable[[Coroutine[Any, Any, None]], None]
    #: The limit of a transaction is another one now.
    changed: Callable[[Charging], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Ability:
    """What a charge point understands."""

    unit: str
    most_periods: int | None


class Steering:
    """One site."""

    def __init__(self, settings: SiteSettings, around: Surroundings) -> None:
        around.database.define(TABLES)
        self.settings = settings
        self.feeds = Feeds(settings, around.clock)
        self._around = around
        self._charge_points = tuple(dict.fromkeys(each.plug.charge_point for each in settings.outlets))
        self.site = Site(settings.outlets, settings.rules, around.clock(), self._prepared_before())
        #: Orders sent, by their outcome.
        self.outcomes: dict[str, int] = {}
        self._abilities: dict[str, _Ability] = {}
        self._ceilings: dict[int, Ceiling] = {}
        self._registers: dict[int, Decimal] = {}
        self._waiting: dict[Plug, list[asyncio.Future[RemoteOutcome]]] = {}
        self._linked: set[str] = set()
        self._touched = asyncio.Event()

    # What it is told.

    def touch(self) -> None:
        """Something has happened: look soon."""
        self._touched.set()

    def has(self, charge_point: str) -> bool:
        """Whether a charge point is one of the site."""
        return charge_point in self._charge_points

    def connected(self, charge_point: str) -> None:
        """A charge point has a new link."""
        self.site.came(charge_point, self._around.clock())
        self._may_be_another(charge_point)

    def rebooted(self, charge_point: str) -> None:
        """A charge point has started anew."""
        self.site.rebooted(charge_point)
        self._may_be_another(charge_point)

    def measured(self, plug: Plug, samples: Sequence[MeterSample]) -> None:
        """A connector was measured."""
        for sample in samples:
            if plug.number == 0 and sample.phase_currents:
                self.feeds.metered(plug.charge_point, sample.at, sample.phase_currents)
            elif plug in self.site.accounts:
                self._note(plug, sample)
        self.touch()

    def _may_be_another(self, charge_point: str) -> None:
        """It may have other software now."""
        self._abilities.pop(charge_point, None)
        self._linked.discard(charge_point)
        self.touch()

    def _note(self, plug: Plug, sample: MeterSample) -> None:
        account = self.site.accounts[plug]
        if account.charging is None:
            return
        if sample.energy_wh is not None:
            self._registers[account.charging] = sample.energy_wh
        self.site.measured(
            plug, sample.at, _currents(sample, len(account.outlet.wires)), self._around.clock()
        )

    def register_wh(self, charging: int) -> Decimal | None:
        """What the register of a session showed last."""
        return self._registers.get(charging)

    # What eMSPs set.

    async def follow(self, charging: Charging, profiles: Sequence[ChargingProfile]) -> RemoteOutcome | None:
        """Keep a transaction within these profiles, too; None: its charger is not steered by us.

        Raises:
            CannotFollow: They have more periods than the charger can take.
        """
        plug = charging.plug
        account = self.site.accounts.get(plug)
        if account is None or account.charging != charging.id or not (account.is_kept and account.is_online):
            return None
        limited = ceiling(profiles, charging.started, len(account.wires))
        ability = await self._ability(plug.charge_point)
        most = ability.most_periods
        if most is not None and len(limited.points) + _FEW_PERIODS > most:
            raise CannotFollow(f"more than {most} periods, with our own")
        before = self._ceiling(charging)
        self._ceilings[charging.id] = limited
        outcome = await self._sent(plug)
        if outcome is not RemoteOutcome.ACCEPTED:
            self._ceilings[charging.id] = before
            self.site.profile_changed(plug)
            self.touch()
        return outcome

    async def _sent(self, plug: Plug) -> RemoteOutcome:
        waiter: asyncio.Future[RemoteOutcome] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(plug, []).append(waiter)
        self.site.profile_changed(plug)
        self.touch()
        return await waiter

    # What it does.

    async def run(self) -> None:
        """For ever: look, decide, send."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.feeds.run(self.touch))
            group.create_task(self._decide_for_ever())

    async def _decide_for_ever(self) -> None:
        while True:
            self._touched.clear()
            try:
                self._decide()
            except Exception:  # a site that stands still would go on with what it has
                log.exception("site %s could not be looked at", self.settings.location)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.settings.tick.total_seconds()):
                    await self._touched.wait()

    def outlook(self) -> Outlook:
        """What there is for the chargers."""
        now = self._around.clock()
        return outlook(self.settings, self.feeds.known(), self.site.measured_load(now), now)

    def _decide(self) -> None:
        online = {each for each in self._charge_points if self._around.charge_points.is_connected(each)}
        for charge_point in online - self._linked:
            self._linked.add(charge_point)
            self._around.spawn(self._prepare(charge_point))
        self._linked &= online
        now, running = self._around.clock(), self._running()
        for order in self.site.decide(now, self.outlook(), running, online):
            self._around.spawn(self._send(order))

    def _running(self) -> dict[Plug, Running]:
        found = {
            plug: self._as_running(under_way[-1])
            for plug in self.site.accounts
            if (under_way := self._around.charging_log.open_at(*plug))
        }
        here = {each.charging for each in found.values()}
        for gone in [each for each in self._ceilings if each not in here]:
            del self._ceilings[gone]
        for gone in [each for each in self._registers if each not in here]:
            del self._registers[gone]
        for plug in [each for each in self._waiting if each not in found]:
            self._tell_waiting(self._waiting.pop(plug), RemoteOutcome.REJECTED)
        return found

    def _as_running(self, charging: Charging) -> Running:
        wish = self._around.wishes.of(charging.id)
        state = self._around.charging_log.state_at(charging, self._around.clock())
        return Running(
            charging=charging.id,
            began=charging.started,
            ceiling=self._ceiling(charging),
            need=None if wish is None else wish.left(self._registers.get(charging.id)),
            departs=None if wish is None else wish.departs,
            is_idle=state is ConnectorStatus.SUSPENDED_EV,
        )

    def _ceiling(self, charging: Charging) -> Ceiling:
        known = self._ceilings.get(charging.id)
        if known is None:
            kept = self._around.book.of(charging.id)
            told = [each for each in (kept.profile, kept.preferred) if each is not None]
            wires = self.site.accounts[charging.plug].outlet.wires
            known = self._ceilings[charging.id] = ceiling(told, charging.started, len(wires))
        return known

    # At the chargers.

    async def _send(self, order: Order) -> None:
        plug, waiting = order.plug, self._waiting.pop(order.plug, [])
        outcome = RemoteOutcome.FAILED
        before = self.site.accounts[plug].confirmed
        try:
            outcome = await self._set(order)
        finally:
            has_it = None if outcome in _UNKNOWN_OUTCOMES else outcome is RemoteOutcome.ACCEPTED
            self.site.answered(order, self._around.clock(), has_it=has_it)
            self.outcomes[outcome.value] = self.outcomes.get(outcome.value, 0) + 1
            self._tell_waiting(waiting, outcome)
            self.touch()
        if has_it and not waiting and (before is None or before.amperes != order.promise.amperes):
            await self._around.changed(self._around.charging_log.charging(order.charging))

    async def _set(self, order: Order) -> RemoteOutcome:
        plug, charge_points = order.plug, self._around.charge_points
        charging = self._around.charging_log.charging(order.charging)
        ability = await self._ability(plug.charge_point)
        outlet = self.site.accounts[plug].outlet
        profile = share_profile(
            order.promise, self._ceiling(charging), outlet, self._around.clock(), ability.unit
        )
        transaction = TransactionRef(charging.id, charging.name)
        question = charge_points.questions(plug.charge_point).set_profile(plug.number, transaction, profile)
        outcome = await charge_points.command(plug.charge_point, *question)
        if outcome is not RemoteOutcome.ACCEPTED:
            log.info("site %s: %s does not follow: %s", self.settings.location, plug, outcome)
        return outcome

    async def _prepare(self, charge_point: str) -> None:
        """Install the default profile, until it is clear whether the charger has it."""
        profile = await self._default(charge_point)
        while self._around.charge_points.is_connected(charge_point):
            questions = self._around.charge_points.questions(charge_point)
            question = questions.default_profile(DEFAULT_PROFILE, profile)
            outcome = await self._around.charge_points.command(charge_point, *question)
            if outcome not in _UNKNOWN_OUTCOMES:
                break
            await asyncio.sleep(_PREPARE_AGAIN.total_seconds())
        else:
            return
        has_it = outcome is RemoteOutcome.ACCEPTED
        if not has_it and outcome is not RemoteOutcome.NOT_CONNECTED:
            log.warning("site %s: %s refuses its default profile", self.settings.location, charge_point)
        if outcome is not RemoteOutcome.NOT_CONNECTED:
            self._keep(charge_point, profile if has_it else None)
            self.site.prepared(charge_point, is_prepared=has_it)
        self.touch()

    async def _default(self, charge_point: str) -> ChargingProfile:
        return self._default_in((await self._ability(charge_point)).unit, charge_point)

    def _default_in(self, unit: str, charge_point: str) -> ChargingProfile:
        outlets = [each for each in self.settings.outlets if each.plug.charge_point == charge_point]
        return default_profile(outlets, self.settings.rules.times.hold, unit)

    async def _ability(self, charge_point: str) -> _Ability:
        known = self._abilities.get(charge_point)
        if known is None:
            units = await self._around.charge_points.setting(charge_point, RATE_UNITS)
            most = await self._around.charge_points.setting(charge_point, MOST_PERIODS)
            unit = unit_for([each.strip() for each in (units or "").split(",")], "A")
            known = _Ability(unit, int(most) if most is not None and most.isdigit() else None)
            if units is not None:
                self._abilities[charge_point] = known
        return known

    def _keep(self, charge_point: str, profile: ChargingProfile | None) -> None:
        database = self._around.database
        if profile is None:
            database.execute("DELETE FROM prepared_charge_point WHERE charge_point = ?", (charge_point,))
        else:
            database.execute(
                "INSERT OR REPLACE INTO prepared_charge_point (charge_point, profile) VALUES (?, ?)",
                (charge_point, _written(profile)),
            )

    def _prepared_before(self) -> set[str]:
        """Charge points that have the default profile as it is configured now."""
        rows = self._around.database.rows("SELECT * FROM prepared_charge_point")
        told = {row["charge_point"]: row["profile"] for row in rows}
        return {
            each
            for each in self._charge_points
            if told.get(each) in {_written(self._default_in(unit, each)) for unit in ("A", "W")}
        }

    @staticmethod
    def _tell_waiting(waiting: Sequence[asyncio.Future[RemoteOutcome]], outcome: RemoteOutcome) -> None:
        for each in waiting:
            if not each.done():
                each.set_result(outcome)


def _currents(sample: MeterSample, wires: int) -> tuple[Decimal, ...]:
    """A on each wire, as far as it can be told: a phase that is not told is idle if the power says so."""
    told = [each for each in sample.phase_currents[:wires] if each is not None]
    known = tuple(each or NOTHING for each in sample.phase_currents[:wires])
    if len(told) == wires:
        return known
    if sample.power_w is None:
        return tuple(told)
    is_all = told and abs(sum(told) * VOLTAGE - sample.power_w) <= sample.power_w / _ABOUT
    return known if is_all else (sample.power_w / (VOLTAGE * wires),)


def _written(profile: ChargingProfile) -> str:
    return exact_json.encode(profile.to_wire()).decode()
