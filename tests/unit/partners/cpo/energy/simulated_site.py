"""A site with chargers and cars in simulated time, and everything that goes wrong with them; no sockets.

What a charger does with a profile is decided by the simulated charger's own reading of OCPP
(`partners.charger.smart_charging`), from the payload that would go over the wire in its version.
"""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from random import Random

from partners.charger.smart_charging import FOREVER, Profiles, read_profile
from partners.cpo.configuration import Plug
from partners.cpo.energy.ledger import Outlet
from partners.cpo.energy.planning import Outlook
from partners.cpo.energy.profiles import Ceiling, default_profile, share_profile
from partners.cpo.energy.site import Order, Rules, Running, Site
from partners.cpo.energy.steps import Steps, steps
from partners.cpo.energy.wires import ALL, Load, Wires, summed
from partners.cpo.stations.ocpp2_questions import Ocpp2Questions
from partners.cpo.stations.ocpp16_questions import Ocpp16Questions
from partners.cpo.stations.questions import Questions, TransactionRef
from partners.cpo.wiring import Outlet as WiredOutlet
from partners.cpo.wiring import Wiring
from partners.ocpp.versions import Version

BEGIN = datetime(2026, 1, 5, 6, tzinfo=UTC)
TICK = timedelta(seconds=15)
#: No transaction has this number.
DEFAULT_ID = 2**31 - 2
_WIRING = Wiring({1: WiredOutlet(1, 1)})
SPOKEN: Sequence[Questions] = (
    Ocpp16Questions(),
    Ocpp2Questions(Version.V2_0_1, _WIRING),
    Ocpp2Questions(Version.V2_1, _WIRING),
)


@dataclass(slots=True)
class Car:
    """A car, and what its driver wants."""

    number: int
    #: Wires of its connector that it uses.
    wires: Wires
    most: Decimal
    need: Decimal
    came: datetime
    departs: datetime
    got: Decimal = Decimal(0)
    #: Since when it wants power and has none.
    dry_since: datetime | None = None
    longest_dry: timedelta = timedelta()


@dataclass(slots=True)
class Charger:
    """A charger with one connector."""

    outlet: Outlet
    questions: Questions
    unit: str = "A"
    profiles: Profiles = field(default_factory=Profiles)
    is_online: bool = True
    #: What the site believes; a lost link is noticed later.
    seems_online: bool = True
    car: Car | None = None
    obeys: bool = True
    #: The transaction of the car that the site knows of, while it does.
    told: Car | None = None
    #: Profiles that it received.
    received: int = 0
    _limit: tuple[Car, Decimal | None, datetime] | None = None

    @property
    def name(self) -> str:
        return self.outlet.plug.charge_point

    @property
    def phases(self) -> int:
        return len(self.outlet.wires)

    def install(self, question: object) -> None:
        payload = dict(question.payload)  # type: ignore[attr-defined]
        value = payload.get("csChargingProfiles") or payload["chargingProfile"]
        connector = payload.get("connectorId", payload.get("evseId"))
        value = {**value, "transactionId": str(value["transactionId"])} if "transactionId" in value else value
        self.profiles.install(read_profile(connector, value, self.phases))
        self.received += 1
        self._limit = None

    def follows(self, order: Order, limited: Ceiling, now: datetime) -> bool:
        """Take an order, if its transaction is still under way."""
        if self.car is None or self.car.number != order.charging:
            return False
        profile = share_profile(order.promise, limited, self.outlet, now, self.unit)
        transaction = TransactionRef(order.charging, str(order.charging))
        self.install(self.questions.set_profile(1, transaction, profile))
        return True

    def amperes(self, at: datetime) -> Decimal:
        """What its car draws on each wire that it uses."""
        car = self.car
        if car is None or car.got >= car.need:
            return Decimal(0)
        watt = self._watt(car, at)[1] if self.obeys else None
        pilot = self.outlet.most if watt is None else watt / 230 / self.phases
        drawn = min(pilot, car.most, self.outlet.most)
        return drawn if drawn >= 6 else Decimal(0)

    def changes_at(self, at: datetime) -> datetime:
        """When its limit becomes another one by itself."""
        return FOREVER if self.car is None else self._watt(self.car, at)[2]

    def _watt(self, car: Car, at: datetime) -> tuple[Car, Decimal | None, datetime]:
        known = self._limit
        if known is None or known[0] is not car or at >= known[2]:
            known = self._limit = (car, *self.profiles.limit(1, str(car.number), at, car.came))
        return known

    def load(self, at: datetime) -> Load:
        if self.car is None:
            return Load()
        return Load.of(self.amperes(at), tuple(self.outlet.wires[each] for each in self.car.wires))


@dataclass
class Faults:
    """How often what goes wrong, from 0 to 1, or seconds."""

    slow: float = 0
    rejects: float = 0
    loses_answer: float = 0
    goes_away: float = 0
    away_seconds: tuple[int, int] = (20, 2400)


class World:
    """Time, a site and its chargers; every instant is checked.

    Attributes:
        highest: The most that was drawn at any instant, on each phase and in all.
        worst: By how much the limit was exceeded at the worst instant, A.
    """

    def __init__(
        self,
        chargers: Sequence[Charger],
        limit: Load | Steps[Load],
        rules: Rules,
        seed: int = 0,
        faults: Faults | None = None,
        *,
        tells_needs: bool = True,
        prices: Steps[Decimal] | None = None,
        tick: timedelta = TICK,
    ) -> None:
        self.random = Random(seed)  # noqa: S311 - nothing to keep secret
        self.now, self.tick = BEGIN, tick
        self.chargers = {each.outlet.plug: each for each in chargers}
        self.limit = limit if isinstance(limit, Steps) else steps([(BEGIN - timedelta(days=1), limit)])
        self.outlook = Outlook(self.limit, prices or Steps())
        self.site = Site([each.outlet for each in chargers], rules, BEGIN)
        self.faults = faults or Faults()
        self.tells_needs = tells_needs
        self.ceilings: dict[int, Ceiling] = {}
        self.gone: list[Car] = []
        self.highest = Load()
        self.worst = Decimal(-1000)
        self.orders: list[tuple[datetime, Order]] = []
        self._events: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers, self._cars = count(), count(1)
        for each in chargers:
            question = each.questions.default_profile(
                DEFAULT_ID, default_profile([each.outlet], rules.times.hold, each.unit)
            )
            each.install(question)
            self.site.prepared(each.name, is_prepared=True)

    def at(self, when: datetime, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._numbers), what))

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        self.at(self.now + timedelta(seconds=seconds), what)

    # People.

    def arrives(self, charger: Charger, wires: Wires, most: int, kwh: float, stays: timedelta) -> None:
        if charger.car is not None:
            return
        need = Decimal(round(kwh * 1000))
        car = Car(next(self._cars), wires[: charger.phases], Decimal(most), need, self.now, self.now + stays)
        charger.car = car
        self._tell(charger)
        self.at(car.departs, lambda: self._leaves(charger, car))

    def _leaves(self, charger: Charger, car: Car) -> None:
        if charger.car is car:
            charger.car = None
            charger.profiles.remove(lambda profile: profile.transaction_id == str(car.number))
            self.gone.append(car)
            self._tell(charger)

    def _tell(self, charger: Charger) -> None:
        """A message takes a moment, and waits for a link."""
        if charger.is_online:
            self.later(self.random.uniform(0, 5), lambda: self._told(charger))

    def _told(self, charger: Charger) -> None:
        if charger.is_online:
            charger.told = charger.car

    # Links.

    def goes_away(self, charger: Charger, seconds: float) -> None:
        if not charger.is_online:
            return
        charger.is_online = False
        self.later(min(self.random.uniform(0, 90), seconds), lambda: self.notices(charger))
        self.later(seconds, lambda: self._comes_back(charger))

    def notices(self, charger: Charger) -> None:
        """A link that is lost is seen to be."""
        if not charger.is_online:
            charger.seems_online = False

    def _comes_back(self, charger: Charger) -> None:
        charger.is_online = charger.seems_online = True
        self.site.came(charger.name, self.now)
        self._tell(charger)

    # The site.

    def _decide(self) -> None:
        running = {plug: self._running(each) for plug, each in self.chargers.items() if each.told}
        online = {each.name for each in self.chargers.values() if each.seems_online}
        for order in self.site.decide(self.now, self.outlook, running, online):
            self.orders.append((self.now, order))
            self._deliver(order)

    def _running(self, charger: Charger) -> Running:
        car = charger.told
        assert car is not None
        plan = (
            {"need": max(car.need - car.got, Decimal(0)), "departs": car.departs} if self.tells_needs else {}
        )
        ceiling = self.ceilings.get(car.number, Steps())
        return Running(charging=car.number, began=car.came, ceiling=ceiling, **plan)  # type: ignore[arg-type]

    def _deliver(self, order: Order) -> None:
        charger, faults, chance = self.chargers[order.plug], self.faults, self.random.random
        sent = self.now
        limited = self.ceilings.get(order.charging, Steps())

        def answers(*, has_it: bool | None) -> Callable[[], None]:
            return lambda: self.site.answered(order, self.now, has_it=has_it)

        def arrives() -> None:
            if not charger.is_online:
                self.later(30, answers(has_it=None))
                return
            is_rejected = chance() < faults.rejects
            has_it = not is_rejected and charger.follows(order, limited, sent)
            is_lost = chance() < faults.loses_answer
            self.later(30 if is_lost else delay(), answers(has_it=None if is_lost else has_it))

        def delay() -> float:
            return self.random.uniform(5, 25) if chance() < faults.slow else self.random.uniform(0, 1)

        self.later(delay(), arrives)

    # Time.

    def run(self, duration: timedelta) -> None:
        end = self.now + duration
        measure = self.now
        while self.now < end:
            changes = min((each.changes_at(self.now) for each in self.chargers.values()), default=end)
            due = self._events[0][0] if self._events else end
            following = max(min(self.now + self.tick, end, changes, due), self.now)
            self._flow(following - self.now)
            self.now = following
            while self._events and self._events[0][0] <= self.now:
                heapq.heappop(self._events)[2]()
                self._look()
            if self.now - measure >= timedelta(seconds=60):
                measure = self.now
                self._measure()
                self._lose_links()
            self._decide()
            self._look()

    def _flow(self, duration: timedelta) -> None:
        if not duration:
            return
        hours = Decimal(duration / timedelta(hours=1))
        for car, charger in self._cars_here():
            amperes = charger.amperes(self.now)
            if amperes:
                energy = amperes * 230 * len(car.wires) * hours
                car.got = min(car.got + energy, car.need)
                car.dry_since = None
            elif car.got < car.need:
                car.dry_since = car.dry_since or self.now
                car.longest_dry = max(car.longest_dry, self.now + duration - car.dry_since)

    def _cars_here(self) -> Iterator[tuple[Car, Charger]]:
        return ((each.car, each) for each in self.chargers.values() if each.car is not None)

    def _look(self) -> None:
        drawn = summed(each.load(self.now) for each in self.chargers.values())
        limit = self.limit.at(self.now) or Load()
        self.highest = self.highest.upper(drawn)
        self.worst = max(self.worst, *drawn.minus(limit))

    def _measure(self) -> None:
        for car, charger in self._cars_here():
            if charger.is_online and charger.told is car:
                amperes = charger.amperes(self.now)
                phases = tuple(amperes if each in car.wires else Decimal(0) for each in range(charger.phases))
                self.site.measured(charger.outlet.plug, self.now, phases, self.now)

    def _lose_links(self) -> None:
        for charger in self.chargers.values():
            if self.random.random() < self.faults.goes_away:
                self.goes_away(charger, self.random.uniform(*self.faults.away_seconds))

    @property
    def cars(self) -> list[Car]:
        """All that ever came."""
        return self.gone + [car for car, _ in self._cars_here()]


def chargers(number: int, fallback: str = "6") -> list[Charger]:
    """Of mixed versions, units, phases and rotations."""
    rotations: list[Wires] = [ALL, (1, 2, 0), (2, 0, 1), ALL, (0,), (1, 2, 0), (1,), (2, 0, 1), (2,), ALL]
    return [
        Charger(
            Outlet(Plug(f"CP{each:02}", 1), rotations[each % 10], Decimal(32), Decimal(fallback)),
            SPOKEN[each % 3],
            "W" if each % 5 == 4 else "A",
        )
        for each in range(number)
    ]


def drivers_come(world: World, within: timedelta, per_charger: int, kwh: tuple[float, float]) -> None:
    """Drivers come at random, in any order, with cars of all sorts."""
    for charger in world.chargers.values():
        for _ in range(per_charger):
            when = BEGIN + world.random.random() * within
            wires: Wires = world.random.choice([ALL, ALL, (0,), (0, 1)])
            most = world.random.choice([10, 13, 16, 16, 20, 32])
            energy = world.random.uniform(*kwh)
            stays = timedelta(minutes=world.random.uniform(20, 300))
            world.at(when, _arrival(world, charger, wires, most, energy, stays))


def _arrival(
    world: World, charger: Charger, wires: Wires, most: int, kwh: float, stays: timedelta
) -> Callable[[], None]:
    return lambda: world.arrives(charger, wires, most, kwh, stays)
