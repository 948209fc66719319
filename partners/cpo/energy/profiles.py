"""Shares as charging profiles: what a charger is told. Pure.

    share profile    0: the share, or the eMSP's limit if that is lower; lease ends: the fallback, likewise
    default profile  0: nothing; hold: the fallback      (for a transaction that nobody has heard of)

A share profile starts an hour ago, so that a charger whose clock is slow follows it, too.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Final

from hub.ocpi.timestamps import format_timestamp
from partners.cpo.energy.ledger import Outlet, Promise
from partners.cpo.energy.steps import Steps, steps
from partners.cpo.energy.wires import NOTHING, TENTH, VOLTAGE
from schemas.v2_2_1 import ChargingProfile, ChargingRateUnit

#: A charger's clock may be so slow.
SLOW: Final = timedelta(hours=1)
_SECOND: Final = timedelta(seconds=1)

Ceiling = Steps[Decimal | None]


def ceiling(profiles: Iterable[ChargingProfile], began: datetime, phases: int) -> Ceiling:
    """What these profiles come to together, A on each phase; None where none of them limits.

    Args:
        profiles: In A for each phase, or in W.
        began: The start of charging, from which a profile without a start counts (CHP-14).
        phases: Among which a power is divided.
    """
    told = list(profiles)
    starts = {start for each in told for start in _changes(each, began)}
    return steps((start, _lowest(told, start, began, phases)) for start in starts)


def _changes(profile: ChargingProfile, began: datetime) -> Iterator[datetime]:
    start = profile.start_date_time or began
    for each in profile.charging_profile_period:
        yield start + timedelta(seconds=each.start_period)
    if profile.duration is not None:
        yield start + timedelta(seconds=profile.duration)


def _lowest(
    profiles: Iterable[ChargingProfile], at: datetime, began: datetime, phases: int
) -> Decimal | None:
    limits = [limit for each in profiles if (limit := _amperes(each, at, began, phases)) is not None]
    return min(limits, default=None)


def _amperes(profile: ChargingProfile, at: datetime, began: datetime, phases: int) -> Decimal | None:
    passed = at - (profile.start_date_time or began)
    if profile.duration is not None and passed >= timedelta(seconds=profile.duration):
        return None
    begun = [
        each.limit
        for each in profile.charging_profile_period
        if timedelta(seconds=each.start_period) <= passed
    ]
    if not begun:
        return None
    limit = Decimal(begun[-1])
    return limit if profile.charging_rate_unit == ChargingRateUnit.A else limit / (VOLTAGE * phases)


def share_profile(
    promise: Promise, limited: Ceiling, outlet: Outlet, now: datetime, unit: str
) -> ChargingProfile:
    """The profile of a transaction: our share and what others set, the lower one at each instant."""
    start = now.replace(microsecond=0) - SLOW
    instants = {start, promise.until, *limited.changes(now, datetime.max.replace(tzinfo=now.tzinfo))}

    def limit(at: datetime) -> Decimal:
        ceiling_then = limited.at(max(at, now))
        own = promise.at(at)
        return own if ceiling_then is None else min(own, ceiling_then)

    periods = [(int((at - start) // _SECOND), limit(at)) for at in sorted(instants)]
    return _profile(_merged(periods), outlet, unit, start)


def default_profile(outlets: Sequence[Outlet], hold: timedelta, unit: str) -> ChargingProfile:
    """The profile of transactions that have no other, counted from their start; for a whole charge point."""
    fallback = min(each.fallback for each in outlets)
    periods = [(0, NOTHING), (int(hold // _SECOND), fallback)]
    return _profile(_merged(periods), outlets[0], unit, None)


def _merged(periods: Sequence[tuple[int, Decimal]]) -> list[tuple[int, Decimal]]:
    merged: list[tuple[int, Decimal]] = []
    for start, limit in periods:
        if merged and merged[-1][0] == start:
            merged[-1] = (start, min(limit, merged[-1][1]))
        elif not merged or merged[-1][1] != limit:
            merged.append((start, limit))
    return merged


def _profile(
    periods: Sequence[tuple[int, Decimal]], outlet: Outlet, unit: str, start: datetime | None
) -> ChargingProfile:
    factor = Decimal(1) if unit == ChargingRateUnit.A else VOLTAGE * len(outlet.wires)
    told = {} if start is None else {"start_date_time": format_timestamp(start)}
    return ChargingProfile.model_validate(
        told
        | {
            "charging_rate_unit": unit,
            "charging_profile_period": [
                {"start_period": begin, "limit": (limit * factor).quantize(TENTH, ROUND_DOWN)}
                for begin, limit in periods
            ],
        }
    )
