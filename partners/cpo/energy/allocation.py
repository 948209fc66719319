"""Who gets how much at one instant. Pure, and the same for the same claims in any order.

    claims -> by rank: the least for each, as long as there is room -> the rest, by strategy -> tenths

| rank | who |
|---|---|
| 1 | those who were paused too long, the longest first: nobody starves |
| 2 | by priority; then who charges already, then who came first (equal), who came first (first-come), or who
could wait the least (departure) |
| 3 | cars that take nothing |

For whom there is no room for the least is paused, and the next one is tried: nothing is left that anybody
could use. With strategy `departure` whoever cannot wait gets all it can take, before others get their least.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import Any, Final

from partners.cpo.energy.claims import Claim, Reason, Share, Strategy
from partners.cpo.energy.wires import NOTHING, TENTH, Load, summed

#: Who could wait for less, in hours, gets all it can take.
_URGENT: Final = Decimal("0.5")
#: Of two who could wait about as long, in hours, the one who charges goes on.
_STICKY: Final = Decimal("0.25")
#: Nobody said what it needs: before those who need nothing, after all others.
_UNKNOWN: Final = Decimal(1000)
#: Less than this is nothing.
_DUST: Final = Decimal("1e-12")
#: How strongly a claim without a need grows, where others grow by what they need, A.
_MODEST: Final = Decimal(3)


def allocate(room: Load, claims: Iterable[Claim], strategy: Strategy, now: datetime) -> dict[int, Share]:
    """The share of each claim, by its id; their sum fits into the room, on each phase and in all.

    Args:
        room: What there is, less all that cannot be steered.
        claims: Who charges; ids are different.
        strategy: How to divide.
        now: The instant.
    """
    ranked = sorted(claims, key=lambda claim: _rank(claim, strategy, now))
    filling = _Filling(room.rounded_down())
    admitted = [claim for claim in ranked if filling.admit(claim, _admitted_with(claim, strategy, now))]
    _divide(filling, admitted, strategy, now)
    return {claim.id: _share(claim, filling.given.get(claim.id)) for claim in ranked}


def _rank(claim: Claim, strategy: Strategy, now: datetime) -> tuple[Any, ...]:
    if claim.owed is not None:
        return 0, claim.owed, claim.id
    by_strategy: tuple[Any, ...]
    match strategy:
        case Strategy.EQUAL:
            by_strategy = (not claim.is_served, claim.began)
        case Strategy.FIRST_COME:
            by_strategy = (claim.began,)
        case Strategy.DEPARTURE:
            laxity = claim.laxity(now)
            sooner = _STICKY if claim.is_served else NOTHING
            by_strategy = ((_UNKNOWN if laxity is None else laxity) - sooner, claim.began)
    return 2 if claim.is_idle else 1, -claim.priority, *by_strategy, claim.id


def _admitted_with(claim: Claim, strategy: Strategy, now: datetime) -> Decimal:
    laxity = claim.laxity(now) if strategy is Strategy.DEPARTURE and claim.owed is None else None
    is_urgent = laxity is not None and laxity < _URGENT and claim.need
    return claim.most if is_urgent else claim.least


class _Filling:
    """Shares as they grow, and the room that is left."""

    def __init__(self, room: Load) -> None:
        self.room = room
        self.given: dict[int, Decimal] = {}

    def admit(self, claim: Claim, wanted: Decimal) -> bool:
        """Give a claim its beginning: what is wanted, or less, but not less than its least."""
        least = claim.least.quantize(TENTH, ROUND_UP)
        amperes = min(wanted, claim.most, self.room.room_on(claim.wires)).quantize(TENTH, ROUND_DOWN)
        if amperes < least or amperes <= 0:
            return False
        self.give(claim, amperes)
        return True

    def give(self, claim: Claim, more: Decimal) -> None:
        self.given[claim.id] = self.given.get(claim.id, NOTHING) + more
        self.room = self.room.minus(Load.of(more, claim.wires))

    def raise_to(self, claim: Claim, amperes: Decimal) -> None:
        """Give one claim so much in all, or what there is room for."""
        wanted = min(amperes, claim.most) - self.given[claim.id]
        more = min(wanted, self.room.room_on(claim.wires))
        if more > 0:
            self.give(claim, more)

    def raise_all(self, claims: Sequence[Claim], weights: Mapping[int, Decimal]) -> None:
        """Let all grow together, each by its weight, until each has its most or meets an end of the room."""
        growing = self._growing(claims)
        while growing:
            slope = summed(Load.of(weights[claim.id], claim.wires) for claim in growing)
            ends = [left / rise for left, rise in zip(self.room, slope, strict=True) if rise > 0]
            ends += [(claim.most - self.given[claim.id]) / weights[claim.id] for claim in growing]
            for claim in growing:
                self.give(claim, min(ends) * weights[claim.id])
            growing = self._growing(growing)

    def _growing(self, claims: Sequence[Claim]) -> list[Claim]:
        return [
            claim
            for claim in claims
            if claim.most - self.given[claim.id] > _DUST and self.room.room_on(claim.wires) > _DUST
        ]


def _divide(filling: _Filling, admitted: Sequence[Claim], strategy: Strategy, now: datetime) -> None:
    """Divide what is left when all who are admitted have their beginning."""
    busy = [claim for claim in admitted if not claim.is_idle]
    for priority in sorted({claim.priority for claim in busy}, reverse=True):
        tier = [claim for claim in busy if claim.priority == priority]
        match strategy:
            case Strategy.EQUAL:
                filling.raise_all(tier, dict.fromkeys((claim.id for claim in tier), Decimal(1)))
            case Strategy.FIRST_COME:
                for claim in sorted(tier, key=lambda claim: (claim.began, claim.id)):
                    filling.raise_to(claim, claim.most)
            case Strategy.DEPARTURE:
                paces = {claim.id: claim.pace(now) for claim in tier}
                for claim in tier:
                    filling.raise_to(claim, paces[claim.id] or NOTHING)
                filling.raise_all(tier, {each: pace or _MODEST for each, pace in paces.items()})
    for claim in admitted:
        if claim.is_idle:
            filling.raise_to(claim, claim.most)


def _share(claim: Claim, given: Decimal | None) -> Share:
    if given is None:
        is_below = claim.most < claim.least
        return Share(NOTHING, _BELOW.get(claim.reason, Reason.PAUSED) if is_below else Reason.PAUSED)
    # What is given exactly may be a hair less after all divisions.
    amperes = (given + _DUST).quantize(TENTH, ROUND_DOWN)
    return Share(amperes, claim.reason if amperes >= claim.most - TENTH else Reason.SHARED)


#: What sets a most below the least.
_BELOW: Final[Mapping[Reason, Reason]] = {
    Reason.PROFILE: Reason.BELOW,
    Reason.CHEAPER: Reason.CHEAPER,
    Reason.MOST: Reason.BELOW,
}
