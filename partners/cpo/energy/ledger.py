"""What each connector may draw in the worst case, now and later. Pure.

A share is a lease: the profile that carries it says what holds when it has ended, the fallback. So a charger
that nobody can reach goes down (or up) to its fallback by itself, and everybody knows when.

| the charger | is counted with |
|---|---|
| never confirmed its default profile, or does not keep its limits | all that the connector can give |
| connected, nobody charges | nothing: its default profile gives nothing for a while (`hold`) |
| connected, somebody charges | the highest of all profiles that it may have: confirmed, sent, unanswered |
| not connected | the same; after a grace at least the fallback, since somebody may have begun |
| back | the same, until it has told what happened meanwhile (`settling`) |

`hold` is longer than lease and grace together: whatever begins unseen draws nothing before all leases that
were given without it have ended.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from partners.cpo.configuration import Plug
from partners.cpo.energy.claims import LEAST
from partners.cpo.energy.wires import NOTHING, Load, Wires

#: Of more profiles that a charger may have, those are forgotten that make no difference.
_MANY: Final = 4


@dataclass(frozen=True, slots=True)
class Times:
    """How long things hold."""

    #: A share, from when it is sent.
    lease: timedelta = timedelta(minutes=10)
    #: A charger may be away for so long before it counts.
    grace: timedelta = timedelta(minutes=1)
    #: Until a lost link is noticed, at the latest.
    unnoticed: timedelta = timedelta(minutes=2)

    @property
    def hold(self) -> timedelta:
        """For how long the default profile gives nothing."""
        return self.lease + self.grace + self.unnoticed

    @property
    def settling(self) -> timedelta:
        """A link that seems to be there for so long was there for the grace: its end may be unnoticed."""
        return self.grace + self.unnoticed

    @property
    def ahead(self) -> timedelta:
        """How far what is given now must fit: time to react."""
        return self.lease / 4


@dataclass(frozen=True, slots=True)
class Outlet:
    """A connector of the site, as it was configured."""

    plug: Plug
    wires: Wires
    #: The most that it gives, A on each of its wires.
    most: Decimal
    #: What it gives when nobody can reach it, A.
    fallback: Decimal
    #: Below it a car does not charge, A.
    least: Decimal = LEAST


class Promise(NamedTuple):
    """What a profile allows: so much until then, and after that the fallback."""

    amperes: Decimal
    until: datetime
    after: Decimal

    def at(self, instant: datetime) -> Decimal:
        """At an instant."""
        return self.amperes if instant < self.until else self.after

    def highest(self, begin: datetime, end: datetime) -> Decimal:
        """Between two instants."""
        return max(self.at(begin), self.at(end))

    def covers(self, other: "Promise", now: datetime) -> bool:
        """Whether it allows at least as much as another one, from now on for ever."""
        lasts = other.until <= self.until or other.at(now) <= self.after
        return self.at(now) >= other.at(now) and self.after >= other.after and lasts


@dataclass(slots=True)
class Account:
    """One connector, and what it may draw."""

    outlet: Outlet
    times: Times
    #: Whether its charge point has confirmed the default profile.
    is_prepared: bool = False
    #: Since when there is no link; None: there is one, and there was time to tell what happened without it.
    lost_at: datetime | None = None
    #: Since when there is one again.
    back_at: datetime | None = None
    #: The transaction that is under way.
    charging: int | None = None
    #: The profiles that it may have, the confirmed one or those that may be in its place.
    possible: tuple[Promise, ...] = ()
    #: What it last confirmed.
    confirmed: Promise | None = None
    confirmed_at: datetime | None = None
    #: It draws more than it may.
    is_distrusted: bool = False
    #: Wires that the car uses, as far as known.
    used: Wires = field(default=())

    @property
    def wires(self) -> Wires:
        """Those that count."""
        return self.used if self.used and self.is_kept else self.outlet.wires

    @property
    def is_kept(self) -> bool:
        """Whether it keeps to what it is told."""
        return self.is_prepared and not self.is_distrusted

    def begin(self, charging: int, began: datetime, unknown_until: datetime | None = None) -> None:
        """A transaction is under way; nothing but the default profile is known of it.

        Args:
            charging: Its number.
            began: As its charger says.
            unknown_until: Shares given before a restart may hold until then.
        """
        self.end()
        self.charging = charging
        fallback = self.outlet.fallback
        # The charger's clock may be a little ahead.
        self.possible = (Promise(NOTHING, began + self.times.hold - self.times.grace, fallback),)
        if unknown_until is not None:
            self.possible += (Promise(self.outlet.most, unknown_until, fallback),)

    def end(self) -> None:
        """The transaction is over."""
        self.charging = self.confirmed = self.confirmed_at = None
        self.possible = self.used = ()
        self.is_distrusted = False

    def came(self, now: datetime) -> None:
        """There is a new link: the one before it was dead, whether that was noticed or not."""
        self.lost_at, self.back_at = self.lost_at or now, now

    def linked(self, now: datetime, *, is_online: bool) -> bool:
        """Note whether there is a link; whether it has just come."""
        if not is_online:
            self.lost_at, self.back_at = self.lost_at or now, None
            return False
        if self.lost_at is None:
            return False
        has_come = self.back_at is None
        self.back_at = self.back_at or now
        # Somebody may have begun meanwhile, and that is told last of all.
        if now - self.back_at >= self.times.settling:
            self.lost_at = self.back_at = None
        return has_come

    @property
    def is_online(self) -> bool:
        """Whether there is a link."""
        return self.lost_at is None or self.back_at is not None

    def rebooted(self) -> None:
        """It may have forgotten the profile of its transaction."""
        if self.charging is not None:
            fallback = self.outlet.fallback
            self.possible += (Promise(fallback, self.possible[0].until, fallback),)

    def ordered(self, promise: Promise, now: datetime) -> None:
        """A profile is under way to it."""
        if len(self.possible) >= _MANY:
            self.possible = _distinct(self.possible, now)
        self.possible += (promise,)

    def answered(self, promise: Promise, now: datetime, *, has_it: bool | None) -> None:
        """It has the profile, or not; None: nobody knows."""
        if has_it:
            self.possible = (promise,)
            self.confirmed, self.confirmed_at = promise, now
        elif has_it is False and promise is not self.confirmed:
            self.possible = tuple(each for each in self.possible if each is not promise) or (promise,)

    def amperes(self, begin: datetime, end: datetime) -> Decimal:
        """The most that it may draw between two instants, A on each of its wires."""
        if not self.is_kept:
            return self.outlet.most
        return max(self.promised(begin, end), self._unseen(end))

    def _unseen(self, at: datetime) -> Decimal:
        """What a car may draw there of which nobody has heard, A on all wires."""
        is_away = self.lost_at is not None and at >= self.lost_at + self.times.grace
        return self.outlet.fallback if is_away else NOTHING

    def promised(self, begin: datetime, end: datetime) -> Decimal:
        """The most that any profile allows it between two instants, A."""
        return max((each.highest(begin, end) for each in self.possible), default=NOTHING)

    def load(self, begin: datetime, end: datetime) -> Load:
        """The same as a load of the site; another car may use more wires than the one that is known."""
        if not self.is_kept:
            return Load.of(self.outlet.most, self.outlet.wires)
        known = Load.of(self.promised(begin, end), self.wires)
        return known.upper(Load.of(self._unseen(end), self.outlet.wires))

    def changes(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """When it may begin to draw more."""
        instants = [each.until for each in self.possible if each.after > each.amperes]
        if self.lost_at is not None:
            instants.append(self.lost_at + self.times.grace)
        return (instant for instant in instants if after < instant <= until)


def _distinct(promises: tuple[Promise, ...], now: datetime) -> tuple[Promise, ...]:
    """Those that matter: the most that any allows is the same without the others, at every instant."""
    kept: list[Promise] = []
    for promise in reversed(promises):
        if not any(each.covers(promise, now) for each in kept):
            kept = [promise, *(each for each in kept if not promise.covers(each, now))]
    return tuple(kept)


def load_at(accounts: Iterable[Account], instant: datetime) -> Load:
    """What all of them may draw at an instant."""
    whole = Load()
    for account in accounts:
        whole = whole.plus(account.load(instant, instant))
    return whole
