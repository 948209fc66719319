"""The next hours: when it is cheapest to charge, and what everybody may expect. Pure.

Prices matter to those who said what they need and until when. The most pressing first, each takes the
cheapest quarters of an hour before its departure in which there is room; sunshine counts as free as long as
the forecast covers it. Who is not meant to charge now waits; for whom there is not enough room, does not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal
from typing import Final

from partners.cpo.energy.allocation import allocate
from partners.cpo.energy.claims import Claim, Reason, Share, Strategy, hours
from partners.cpo.energy.steps import Steps
from partners.cpo.energy.wires import NOTHING, TENTH, Load

#: So much more than is needed is planned, and so much earlier than it is needed.
_MARGIN: Final = Decimal("1.05")
_EARLY: Final = timedelta(minutes=10)
_UNKNOWN_PRICE: Final = Decimal(10**6)
_QUARTER: Final = timedelta(minutes=15)
_FARTHEST: Final = timedelta(hours=24)


@dataclass(slots=True)
class Slot:
    """A stretch of time in which nothing changes."""

    begin: datetime
    end: datetime
    #: What is left of it while it is planned.
    room: Load
    #: Of a kWh; None: nobody knows.
    price: Decimal | None
    #: What is left of the sunshine, W.
    solar: Decimal

    @property
    def hours(self) -> Decimal:
        """Its length."""
        return hours(self.end - self.begin)

    def cost(self, watt: Decimal) -> Decimal:
        """Of a kWh at this power."""
        price = _UNKNOWN_PRICE if self.price is None else self.price
        return min(price, NOTHING) if watt <= self.solar else price


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is expected."""

    supply: Steps[Load]
    prices: Steps[Decimal] = field(default_factory=Steps)
    #: W.
    solar: Steps[Decimal] = field(default_factory=Steps)

    def slots(self, now: datetime, until: datetime) -> list[Slot]:
        """The time from now on, in quarters of an hour; the first may be shorter."""
        found: list[Slot] = []
        begin, end = now, min(until, now + _FARTHEST)
        while begin < end:
            midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
            following = min(midnight + ((begin - midnight) // _QUARTER + 1) * _QUARTER, end)
            rooms = [room or Load() for room in self.supply.during(begin, following - timedelta.resolution)]
            room = rooms[0]
            for each in rooms[1:]:
                room = room.lower(each)
            solar = self.solar.at(begin) or NOTHING
            found.append(Slot(begin, following, room, self.prices.at(begin), solar))
            begin = following
        return found


def patient(claims: Sequence[Claim], outlook: Outlook, fixed: Load, now: datetime) -> list[Claim]:
    """The claims, less what can wait for a cheaper hour.

    Args:
        claims: Who charges.
        outlook: What is expected.
        fixed: What cannot be steered.
        now: The instant.
    """
    planners = [claim for claim in claims if claim.need and claim.laxity(now) is not None]
    if not outlook.prices.points or not planners:
        return list(claims)
    ends = [claim.departs for claim in planners if claim.departs is not None]
    slots = outlook.slots(now, max(ends))
    for slot in slots:
        slot.room = slot.room.minus(fixed)
    planned = {
        claim.id: _placed(claim, slots, now)
        for claim in sorted(planners, key=lambda claim: (claim.laxity(now) or NOTHING, claim.id))
    }
    return [_capped(claim, planned[claim.id]) if claim.id in planned else claim for claim in claims]


def _placed(claim: Claim, slots: Sequence[Slot], now: datetime) -> Decimal | None:
    """The current for now, if all that is needed has found its place; takes its room."""
    left = (claim.need or NOTHING) * _MARGIN
    until = claim.departs - _EARLY if claim.departs is not None else now
    watt = claim.most * claim.watt_per_ampere
    usable = [slot for slot in slots if slot.end <= until]
    first = NOTHING
    for slot in sorted(usable, key=lambda slot: (slot.cost(watt), slot.begin)):
        amperes = min(claim.most, slot.room.room_on(claim.wires))
        if left <= 0 or amperes < claim.least:
            continue
        enough = (left / claim.watt_per_ampere / slot.hours).quantize(TENTH, ROUND_UP)
        amperes = max(min(amperes, enough), claim.least)
        power = amperes * claim.watt_per_ampere
        slot.room = slot.room.minus(Load.of(amperes, claim.wires))
        slot.solar = max(slot.solar - power, NOTHING)
        left -= power * slot.hours
        if slot is slots[0]:
            first = amperes
    return first if left <= 0 else None


def _capped(claim: Claim, amperes: Decimal | None) -> Claim:
    if amperes is None or amperes >= claim.most:
        return claim
    return replace(claim, most=amperes, reason=Reason.CHEAPER)


def expected(
    claims: Iterable[Claim], outlook: Outlook, fixed: Load, strategy: Strategy, now: datetime, until: datetime
) -> dict[int, list[tuple[datetime, Share]]]:
    """What each may expect if nobody comes and nobody goes: shares, each from an instant on."""
    present = list(claims)
    schedule: dict[int, list[tuple[datetime, Share]]] = {claim.id: [] for claim in present}
    for slot in outlook.slots(now, until):
        present = [
            claim
            for claim in present
            if (claim.departs is None or claim.departs > slot.begin) and claim.need != 0
        ]
        wanting = patient(present, outlook, fixed, slot.begin)
        shares = allocate(slot.room.minus(fixed), wanting, strategy, slot.begin)
        for claim in present:
            told, share = schedule[claim.id], shares[claim.id]
            if not told or told[-1][1].amperes != share.amperes:
                told.append((slot.begin, share))
        present = [_fed(claim, shares[claim.id].amperes, slot) for claim in present]
    return schedule


def _fed(claim: Claim, amperes: Decimal, slot: Slot) -> Claim:
    if claim.need is None:
        return replace(claim, owed=None, is_served=amperes > 0)
    energy = amperes * claim.watt_per_ampere * slot.hours
    return replace(claim, need=max(claim.need - energy, NOTHING), owed=None, is_served=amperes > 0)
