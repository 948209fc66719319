"""One site: what is seen goes in, orders to chargers come out. No I/O; time is passed in.

    seen -> accounts (worst case of each connector) -> claims -> shares -> orders
         <- answered, measured

What counts is the worst case, never what was merely asked for: somebody gets more only when what others may
draw fits under the limit with that, now and until the lease ends. So a reduction is sent at once; whoever
waits for it gets its share when it was confirmed.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from partners.cpo.configuration import Plug
from partners.cpo.energy.allocation import allocate
from partners.cpo.energy.appetite import Appetite
from partners.cpo.energy.claims import Claim, Reason, Share, Strategy
from partners.cpo.energy.ledger import Account, Outlet, Promise, Times, load_at
from partners.cpo.energy.planning import Outlook, expected, patient
from partners.cpo.energy.steps import Steps
from partners.cpo.energy.turns import Turns
from partners.cpo.energy.wires import NOTHING, Load, summed

#: After an order that was not followed, the next attempt; doubled with each further one.
_AGAIN: Final = timedelta(seconds=2)
_AGAIN_AT_MOST: Final = timedelta(minutes=5)
_DOUBLED_AT_MOST: Final = 8
#: What was measured longer ago says nothing about now.
_RECENT: Final = timedelta(minutes=2)
#: Hours that a session could wait, and still get what it needs.
_PLENTY: Final = Decimal(1)
_JUST_BACK: Final = "its link is new: somebody may have begun of whom it has not told yet"
_UNPREPARED: Final = "its charger has not confirmed the default profile: counted with all it can give"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How a site is run."""

    strategy: Strategy = Strategy.EQUAL
    times: Times = field(default_factory=Times)
    #: A share that differs by less is left as it is, A.
    deadband: Decimal = Decimal(1)
    #: A session gets more at most so often.
    interval: timedelta = timedelta(seconds=30)
    #: Whoever is paused for so long is due, and then has so long a turn.
    longest_pause: timedelta = timedelta(minutes=30)
    turn: timedelta = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A session as it is known now."""

    charging: int
    began: datetime
    #: What charging profiles and preferences allow, A on each wire; None: anything.
    ceiling: Steps[Decimal | None] = field(default_factory=Steps)
    need: Decimal | None = None
    departs: datetime | None = None
    priority: int = 0
    #: The car asks for nothing.
    is_idle: bool = False


class Order(NamedTuple):
    """A profile for a transaction."""

    plug: Plug
    charging: int
    promise: Promise


@dataclass(slots=True)
class _Conversation:
    """With one connector: what was asked last, and how that went."""

    asked: Order | None = None
    sent_at: datetime | None = None
    failures: int = 0
    again_at: datetime | None = None
    #: A charging profile has changed: the same share is to be sent in another shape.
    is_due: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One connector, to be shown."""

    plug: Plug
    wires: tuple[int, ...]
    charging: int | None
    #: What it shall have, A.
    share: Share | None
    #: What it has confirmed.
    confirmed: Promise | None
    #: What it is counted with, A.
    counted: Decimal
    drawn: Decimal | None
    #: In words.
    why: str


class Site:
    """The state of one site.

    Args:
        outlets: Its connectors.
        rules: How it is run.
        started: Since when we know what we have promised.
        prepared: Charge points that had confirmed their default profile before.
    """

    def __init__(
        self,
        outlets: Sequence[Outlet],
        rules: Rules,
        started: datetime,
        prepared: Collection[str] = (),
    ) -> None:
        self.rules = rules
        self.accounts = {
            each.plug: Account(each, rules.times, each.plug.charge_point in prepared, lost_at=started)
            for each in outlets
        }
        self.turns = Turns(rules.longest_pause, rules.turn)
        self.shares: dict[int, Share] = {}
        self._started = started
        self._appetites: dict[int, Appetite] = {}
        self._talks: dict[Plug, _Conversation] = {plug: _Conversation() for plug in self.accounts}
        self._claims: list[Claim] = []
        self._fixed = Load()

    # What befalls it.

    def prepared(self, charge_point: str, *, is_prepared: bool) -> None:
        """A charge point has its default profile, or refuses it."""
        for account in self._at(charge_point):
            account.is_prepared = is_prepared

    def came(self, charge_point: str, now: datetime) -> None:
        """A charge point has a new link."""
        for account in self._at(charge_point):
            account.came(now)
            talk = self._talks[account.outlet.plug]
            talk.failures, talk.again_at = 0, None

    def rebooted(self, charge_point: str) -> None:
        """A charge point has started anew: it may have lost the profiles of transactions."""
        for account in self._at(charge_point):
            account.rebooted()
            self._talks[account.outlet.plug].is_due = True

    def measured(self, plug: Plug, at: datetime, phases: tuple[Decimal, ...], now: datetime) -> None:
        """A car draws so much on each wire of its connector."""
        account = self.accounts[plug]
        confirmed, since = account.confirmed, account.confirmed_at
        if account.charging is None or not phases:
            return
        appetite = self._appetite(account.charging)
        highest = max(phases)
        if len(phases) == len(account.outlet.wires):
            appetite.phases(phases, at)
            used = appetite.used
            account.used = () if used is None else tuple(account.outlet.wires[each] for each in used)
        if confirmed is None or since is None:
            appetite.drawn, appetite.drawn_at = highest, at
            return
        limit = max((each.at(now) for each in account.possible), default=NOTHING)
        appetite.drew(highest, at, limit, since)
        if len(account.possible) == 1:
            account.is_distrusted = appetite.is_above(highest, at, limit, since)

    def answered(self, order: Order, now: datetime, *, has_it: bool | None) -> None:
        """What became of an order: the charger follows it, or does not; None: nobody knows."""
        account, talk = self.accounts[order.plug], self._talks[order.plug]
        if talk.asked is not order:
            return
        talk.asked = None
        if account.charging != order.charging:
            return
        account.answered(order.promise, now, has_it=has_it)
        if has_it:
            talk.failures, talk.again_at, talk.is_due = 0, None, False
        else:
            talk.failures += 1
            pause = _AGAIN * 2 ** min(talk.failures - 1, _DOUBLED_AT_MOST)
            talk.again_at = now + min(pause, _AGAIN_AT_MOST)

    def profile_changed(self, plug: Plug) -> None:
        """Its charging profile is another one: what it has must be sent anew."""
        self._talks[plug].is_due = True
        self._talks[plug].again_at = None

    # What it makes of that.

    def decide(
        self,
        now: datetime,
        outlook: Outlook,
        running: Mapping[Plug, Running],
        online: Collection[str],
    ) -> list[Order]:
        """The orders that are to be sent now; each must be answered.

        Args:
            now: The instant.
            outlook: The limit for all chargers together, prices, sunshine.
            running: The sessions.
            online: Charge points that have a link.
        """
        self._see(now, running, online)
        soon = now + self.rules.times.ahead
        limit = _lowest(outlook.supply, now, soon)
        steered = [plug for plug in self.accounts if self._is_steerable(plug, now)]
        loads = {plug: account.load(now, soon) for plug, account in self.accounts.items()}
        self._fixed = summed(load for plug, load in loads.items() if plug not in steered)
        self._claims = [self._claim(plug, running[plug], now, soon) for plug in steered]
        wanting = patient(self._claims, outlook, self._fixed, now)
        self._note_turns(wanting, now)
        wanting = [_with_turn(claim, self.turns.owed(claim.id)) for claim in wanting]
        self.shares = allocate(limit.minus(self._fixed), wanting, self.rules.strategy, now)
        return list(self._orders(steered, {claim.id: claim for claim in wanting}, outlook.supply, now))

    def schedule(
        self, outlook: Outlook, now: datetime, ahead: timedelta
    ) -> dict[int, list[tuple[datetime, Share]]]:
        """What each session may expect in the next hours."""
        return expected(self._claims, outlook, self._fixed, self.rules.strategy, now, now + ahead)

    def _see(self, now: datetime, running: Mapping[Plug, Running], online: Collection[str]) -> None:
        for plug, account in self.accounts.items():
            session, talk = running.get(plug), self._talks[plug]
            if (session.charging if session else None) != account.charging:
                self._talks[plug] = talk = _Conversation()
                if session is None:
                    account.end()
                else:
                    lease = self._started + self.rules.times.lease
                    account.begin(
                        session.charging, session.began, lease if session.began < self._started else None
                    )
            if account.linked(now, is_online=plug.charge_point in online):
                talk.failures, talk.again_at = 0, None
        here = {session.charging for session in running.values()}
        self._appetites = {each: kept for each, kept in self._appetites.items() if each in here}

    def _is_steerable(self, plug: Plug, now: datetime) -> bool:
        account, talk = self.accounts[plug], self._talks[plug]
        is_waiting = talk.again_at is not None and talk.again_at > now
        return account.charging is not None and account.is_kept and account.is_online and not is_waiting

    def _claim(self, plug: Plug, session: Running, now: datetime, soon: datetime) -> Claim:
        account, appetite = self.accounts[plug], self._appetite(session.charging)
        most, reason = account.outlet.most, Reason.MOST
        if appetite.most is not None and appetite.most < most:
            most = max(appetite.most, account.outlet.least)
        ceilings = [each for each in session.ceiling.during(now, soon) if each is not None]
        if ceilings and min(ceilings) < most:
            most, reason = min(ceilings), Reason.PROFILE
        confirmed = account.confirmed
        return Claim(
            id=session.charging,
            wires=account.wires,
            most=most,
            least=account.outlet.least,
            began=session.began,
            need=session.need,
            departs=session.departs,
            priority=session.priority,
            is_served=confirmed is not None and confirmed.at(now) >= account.outlet.least,
            is_idle=session.is_idle,
            reason=Reason.IDLE if session.is_idle else reason,
        )

    def _note_turns(self, wanting: Sequence[Claim], now: datetime) -> None:
        """Who has plenty of time until its departure does not wait in vain."""
        hungry = [
            claim
            for claim in wanting
            if claim.most >= claim.least and not claim.is_idle and not self._has_time(claim, now)
        ]
        self.turns.seen(
            waiting=[claim.id for claim in hungry if not claim.is_served],
            served=[claim.id for claim in hungry if claim.is_served],
            now=now,
        )

    def _has_time(self, claim: Claim, now: datetime) -> bool:
        laxity = claim.laxity(now) if self.rules.strategy is Strategy.DEPARTURE else None
        return laxity is not None and laxity > _PLENTY

    # Orders.

    def _orders(
        self, steered: Sequence[Plug], claims: Mapping[int, Claim], supply: Steps[Load], now: datetime
    ) -> Iterator[Order]:
        free = [plug for plug in steered if self._talks[plug].asked is None]
        later: list[Plug] = []
        for plug in free:
            if self._is_reduced(plug, now):
                yield self._order(plug, self._target(plug), supply, now)
            else:
                later.append(plug)
        is_blocked = False
        rising = sorted(later, key=lambda plug: (self._has(plug, now) > 0, self._charging(plug)))
        for plug in rising:
            wanted = self._rise(plug, claims[self._charging(plug)], now)
            if wanted is None:
                continue
            granted = self._granted(plug, wanted, supply, now)
            is_blocked = is_blocked or granted < wanted
            if granted > self._has(plug, now):
                yield self._order(plug, granted, supply, now)
        for plug in later:
            if self._talks[plug].asked is not None:
                continue
            if is_blocked and self._target(plug) < self._has(plug, now):
                yield self._order(plug, self._target(plug), supply, now)
            elif self._is_due(plug, now):
                yield self._order(
                    plug, min(self._has(plug, now), self._target_or_has(plug, now)), supply, now
                )

    def _charging(self, plug: Plug) -> int:
        return self.accounts[plug].charging or 0

    def _target(self, plug: Plug) -> Decimal:
        return self.shares[self._charging(plug)].amperes

    def _target_or_has(self, plug: Plug, now: datetime) -> Decimal:
        """A share that is lower by next to nothing is taken over when something is sent anyway."""
        target = self._target(plug)
        return target if target > 0 else self._has(plug, now)

    def _has(self, plug: Plug, now: datetime) -> Decimal:
        """What it has for sure, A."""
        confirmed = self.accounts[plug].confirmed
        return NOTHING if confirmed is None else confirmed.at(now)

    def _may_draw(self, plug: Plug, now: datetime) -> Decimal:
        return self.accounts[plug].promised(now, now + self.rules.times.ahead)

    def _is_reduced(self, plug: Plug, now: datetime) -> bool:
        target, counted = self._target(plug), self._may_draw(plug, now)
        return target < counted and (counted - target >= self.rules.deadband or target == 0)

    def _rise(self, plug: Plug, claim: Claim, now: datetime) -> Decimal | None:
        """What it is to have more; None: nothing, or not yet."""
        target, has, talk = self._target(plug), self._has(plug, now), self._talks[plug]
        is_slight = target - has < self.rules.deadband and target < claim.most
        if target <= has or (is_slight and has > 0):
            return None
        if has > 0 and talk.sent_at is not None and now - talk.sent_at < self.rules.interval:
            return None
        return target

    def _granted(self, plug: Plug, wanted: Decimal, supply: Steps[Load], now: datetime) -> Decimal:
        """How much of it there is room for, whatever all others do that they may."""
        account, soon = self.accounts[plug], now + self.rules.times.ahead
        others = summed(each.load(now, soon) for each in self._others(plug))
        room = _lowest(supply, now, soon).minus(others).rounded_down().room_on(account.wires)
        granted = min(wanted, room)
        return granted if granted >= account.outlet.least else NOTHING

    def _is_due(self, plug: Plug, now: datetime) -> bool:
        """Whether what it has must be sent again: the lease nears its end, or its shape is another."""
        account, talk = self.accounts[plug], self._talks[plug]
        if talk.is_due or account.confirmed is None:
            return True
        has_rested = talk.sent_at is None or now - talk.sent_at >= self.rules.interval
        return has_rested and account.confirmed.until - now <= self.rules.times.lease / 2

    def _order(self, plug: Plug, amperes: Decimal, supply: Steps[Load], now: datetime) -> Order:
        account, talk = self.accounts[plug], self._talks[plug]
        until = self._until(plug, amperes, supply, now)
        order = Order(plug, self._charging(plug), Promise(amperes, until, account.outlet.fallback))
        account.ordered(order.promise, now)
        talk.asked, talk.sent_at = order, now
        return order

    def _until(self, plug: Plug, amperes: Decimal, supply: Steps[Load], now: datetime) -> datetime:
        """Until when so much fits, whoever falls back to its fallback meanwhile."""
        times, account = self.rules.times, self.accounts[plug]
        soon, end = now + times.ahead, now + times.lease
        if amperes <= account.outlet.fallback:
            return end
        others = list(self._others(plug))
        instants = {each for other in others for each in other.changes(soon, end)}
        for instant in sorted(instants.union(supply.changes(soon, end))):
            whole = load_at(others, instant).plus(Load.of(amperes, account.wires))
            if not whole.fits(supply.at(instant) or Load()):
                return instant
        return end

    def _others(self, plug: Plug) -> Iterator[Account]:
        return (account for each, account in self.accounts.items() if each != plug)

    # To be shown.

    def worst_case(self, now: datetime) -> Load:
        """What all may draw together."""
        return load_at(self.accounts.values(), now)

    def measured_load(self, now: datetime) -> Load:
        """What the chargers were measured to draw, as far as that is new; never more than they may."""
        whole = Load()
        for account in self.accounts.values():
            appetite = self._appetites.get(account.charging or 0)
            if appetite is None or appetite.drawn is None or appetite.drawn_at is None:
                continue
            if now - appetite.drawn_at <= _RECENT:
                drawn = min(appetite.drawn, account.amperes(now, now))
                whole = whole.plus(Load.of(drawn, account.wires))
        return whole

    def lines(self, now: datetime) -> list[Line]:
        """Every connector, and why it has what it has."""
        return [self._line(account, now) for account in self.accounts.values()]

    def _line(self, account: Account, now: datetime) -> Line:
        charging, plug = account.charging, account.outlet.plug
        share = None if charging is None else self.shares.get(charging)
        appetite = None if charging is None else self._appetites.get(charging)
        return Line(
            plug=plug,
            wires=account.wires,
            charging=charging,
            share=share,
            confirmed=account.confirmed,
            counted=account.amperes(now, now),
            drawn=None if appetite is None else appetite.drawn,
            why=self._why(account, share, now),
        )

    def _why(self, account: Account, share: Share | None, now: datetime) -> str:
        talk = self._talks[account.outlet.plug]
        if not account.is_kept:
            draws_too_much = "it draws more than it may: counted with all it can give"
            return draws_too_much if account.is_prepared else _UNPREPARED
        if account.lost_at is not None and not account.is_online:
            since = f"{account.lost_at:%H:%M:%S}Z"
            return f"no link since {since}: counted with what it may have, then its fallback"
        if talk.again_at is not None and talk.again_at > now:
            return "its charger did not follow: counted with what it may have, asked again soon"
        if account.charging is None or share is None:
            is_counted = account.amperes(now, now) > 0
            return _JUST_BACK if account.lost_at is not None and is_counted else "nobody charges"
        return str(share.reason) + self._wait(account, share, now)

    def _wait(self, account: Account, share: Share, now: datetime) -> str:
        plug = account.outlet.plug
        if self._talks[plug].asked is not None:
            return "; waits for its charger's answer"
        is_waiting = share.amperes > self._has(plug, now) + self.rules.deadband
        return "; waits until others have confirmed less" if is_waiting else ""

    def _appetite(self, charging: int) -> Appetite:
        return self._appetites.setdefault(charging, Appetite())

    def _at(self, charge_point: str) -> Iterator[Account]:
        return (each for plug, each in self.accounts.items() if plug.charge_point == charge_point)


def _with_turn(claim: Claim, owed: datetime | None) -> Claim:
    return claim if owed is None else replace(claim, owed=owed)


def _lowest(supply: Steps[Load], begin: datetime, end: datetime) -> Load:
    """The lowest that there is between two instants; what nobody knows is nothing."""
    lowest: Load | None = None
    for each in supply.during(begin, end):
        lowest = (each or Load()) if lowest is None else lowest.lower(each or Load())
    return lowest or Load()
