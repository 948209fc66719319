"""What the charging periods of a Session or CDR tell: OCPI's volumes become periods in one activity each."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Context, Decimal
from typing import Final, NamedTuple, TypeAlias

from hub.pricing.errors import CannotBePriced
from hub.pricing.exact import (
    MICROSECONDS_A_SECOND,
    MICROSECONDS_AN_HOUR,
    is_plausible,
    microseconds,
    out_of_proportion,
)
from hub.pricing.periods import OF_A_RESERVATION, UNMEASURED, Activity, ChargedPeriod, Level
from schemas.v2_2_1.cdrs import CdrDimensionType, ChargingPeriod

_Volumes: TypeAlias = dict[CdrDimensionType, Decimal]

_ZERO: Final = Decimal(0)
_ONE: Final = Decimal(1)

#: Digits of the longest session with the most places, in microseconds.
_CONTEXT: Final = Context(prec=50)

#: Hours; beyond lie mistakes.
_LONGEST: Final = 100 * 366 * 24

#: In the order in which they happen, if one charging period tells of several.
_ACTIVITIES: Final = {
    CdrDimensionType.RESERVATION_TIME: Activity.RESERVED,
    CdrDimensionType.TIME: Activity.CHARGING,
    CdrDimensionType.PARKING_TIME: Activity.PARKING,
}
_ENERGY: Final = CdrDimensionType.ENERGY
_NEVER_NEGATIVE: Final = frozenset({*_ACTIVITIES, _ENERGY})
#: In the order of a `Level`.
_POWERS: Final = (CdrDimensionType.MIN_POWER, CdrDimensionType.MAX_POWER, CdrDimensionType.POWER)
_CURRENTS: Final = (CdrDimensionType.MIN_CURRENT, CdrDimensionType.MAX_CURRENT, CdrDimensionType.CURRENT)
_ENERGY_TOLD_OTHERWISE: Final = (CdrDimensionType.ENERGY_IMPORT, CdrDimensionType.ENERGY_EXPORT)

#: Volumes are rounded, timestamps often whole seconds: up to these many seconds apart they may still agree.
_LEAST_TOLERANCE: Final = timedelta(seconds=1)
_MOST_TOLERANCE: Final = timedelta(seconds=36)


class _Part(NamedTuple):
    activity: Activity
    duration: timedelta


def charged_periods(
    charging_periods: Iterable[ChargingPeriod], *, end: datetime, expired: bool | None = None
) -> tuple[ChargedPeriod, ...]:
    """The measured session that the charging periods tell of, in order of time.

    A charging period ends where the next one starts, the last one at the end of the session. One that tells
    of more than one activity is divided: reserved first, then charging, parking last. Where the volumes agree
    with the timestamps but for rounding, the timestamps count. Time of which nothing is told is charging if
    energy flowed, else parking; the period then carries a remark.

    Args:
        charging_periods: As in the Session or CDR, in any order.
        end: When the session ended; now, if it has not.
        expired: Whether the reservation ran out without a session. None: it did if nothing else is told of.

    Raises:
        CannotBePriced: A dimension is unknown, told twice, negative, or does not fit into its period.
    """
    numbered = sorted(enumerate(charging_periods), key=lambda item: item[1].start_date_time)
    if not numbered:
        return ()
    ends = [*(period.start_date_time for _, period in numbered[1:]), end]
    read = [
        part
        for (number, period), until in zip(numbered, ends, strict=True)
        for part in _in_one_activity_each(period, until, f"/charging_periods/{number}")
    ]
    if expired is None:
        expired = all(period.activity is Activity.RESERVED for period in read)
    return tuple(map(_expired, read)) if expired else tuple(read)


def _expired(period: ChargedPeriod) -> ChargedPeriod:
    return period._replace(activity=Activity.EXPIRED) if period.activity is Activity.RESERVED else period


def _in_one_activity_each(period: ChargingPeriod, end: datetime, pointer: str) -> list[ChargedPeriod]:
    start = period.start_date_time
    if end < start:
        raise CannotBePriced(pointer, f"begins at {start}, after the end of the session, {end}")
    volumes = _volumes(period, pointer)
    energy, power, current = _flow(volumes)
    only = _the_only_activity(volumes, end - start)
    if only is not None and not (energy and only in OF_A_RESERVATION):
        return [ChargedPeriod(start, end, only, energy, period.tariff_id, power, current, pointer)]
    parts, remark = _parts(volumes, end - start, pointer)
    activities = [part.activity for part in parts]
    measured = Activity.CHARGING if Activity.CHARGING in activities else activities[-1]
    if energy and measured in OF_A_RESERVATION:
        raise CannotBePriced(pointer, f"{energy} kWh during a reservation")
    found: list[ChargedPeriod] = []
    for activity, duration in parts:
        until = start + duration
        where = start, until, activity
        if activity is measured:
            read = ChargedPeriod(*where, energy, period.tariff_id, power, current, pointer, remark)
        else:
            read = ChargedPeriod(*where, tariff_id=period.tariff_id, pointer=pointer, remark=remark)
        found.append(read)
        start = until
    return found


def _volumes(period: ChargingPeriod, pointer: str) -> _Volumes:
    volumes: _Volumes = {}
    for number, dimension in enumerate(period.dimensions):
        kind, volume = dimension.type, dimension.volume
        if not isinstance(kind, CdrDimensionType):
            raise CannotBePriced(
                f"{pointer}/dimensions/{number}/type", f"{kind} is no dimension of OCPI 2.2.1"
            )
        if kind in volumes:
            raise CannotBePriced(f"{pointer}/dimensions/{number}/type", f"{kind} is told twice in one period")
        if not is_plausible(volume):
            raise CannotBePriced(f"{pointer}/dimensions/{number}/volume", out_of_proportion(volume))
        if volume < 0 and kind in _NEVER_NEGATIVE:
            raise CannotBePriced(f"{pointer}/dimensions/{number}/volume", f"{kind} of {volume} is negative")
        volumes[kind] = volume
    if _ENERGY not in volumes and any(volumes.get(other) for other in _ENERGY_TOLD_OTHERWISE):
        raise CannotBePriced(f"{pointer}/dimensions", "energy is told as import or export, but not as ENERGY")
    return volumes


def _parts(volumes: _Volumes, span: timedelta, pointer: str) -> tuple[list[_Part], str | None]:
    told = {dimension: volumes[dimension] for dimension in _ACTIVITIES if dimension in volumes}
    if not any(told.values()):
        return _untold(volumes, span, pointer)
    if sum(told.values()) > _LONGEST:
        raise CannotBePriced(f"{pointer}/dimensions", f"{sum(told.values())} h are longer than any session")
    parts = [_Part(_ACTIVITIES[dimension], _duration(volume)) for dimension, volume in told.items() if volume]
    missing = span - sum((part.duration for part in parts), timedelta())
    if abs(missing) <= _LEAST_TOLERANCE or abs(microseconds(missing)) <= _tolerance(told.values()):
        return _fitted(parts, span), None
    if missing < timedelta() or told.keys() != {CdrDimensionType.TIME}:
        listed = ", ".join(f"{dimension} {volume} h" for dimension, volume in told.items())
        raise CannotBePriced(f"{pointer}/dimensions", f"{listed} do not fit into a charging period of {span}")
    remark = f"{pointer}: of {missing} nothing is told; taken as parking, after the charging"
    return [*parts, _Part(Activity.PARKING, missing)], remark


def _the_only_activity(volumes: _Volumes, span: timedelta) -> Activity | None:
    """What most periods are: one activity, as long as the timestamps say; None: this is another one."""
    told = [dimension for dimension in volumes if dimension in _ACTIVITIES]
    if len(told) != 1:
        return None
    (dimension,) = told
    lasted = _CONTEXT.multiply(volumes[dimension], MICROSECONDS_AN_HOUR)
    if not lasted or abs(_CONTEXT.subtract(lasted, microseconds(span))) > MICROSECONDS_A_SECOND:
        return None
    return _ACTIVITIES[dimension]


def _untold(volumes: _Volumes, span: timedelta, pointer: str) -> tuple[list[_Part], str | None]:
    activity = Activity.CHARGING if volumes.get(_ENERGY) else Activity.PARKING
    remark = f"{pointer}: tells of no time; its {span} are taken as {activity.lower()}" if span else None
    return [_Part(activity, span)], remark


def _fitted(parts: list[_Part], span: timedelta) -> list[_Part]:
    """The parts within the span, the last of them as long as is left for it."""
    fitted, left = [], span
    for part in parts[:-1]:
        fitted.append(part._replace(duration=min(part.duration, left)))
        left -= fitted[-1].duration
    return [*fitted, parts[-1]._replace(duration=left)]


def _tolerance(volumes: Iterable[Decimal]) -> Decimal:
    """Microseconds: one unit in the last place of each volume, within bounds."""
    places = (min(0, int(volume.as_tuple().exponent)) for volume in volumes)
    units = sum((_ONE.scaleb(exponent) for exponent in places), _ZERO)
    return min(Decimal(microseconds(_MOST_TOLERANCE)), units * MICROSECONDS_AN_HOUR)


def _duration(volume: Decimal) -> timedelta:
    """To the nearest microsecond."""
    return timedelta(microseconds=int(_CONTEXT.multiply(volume, MICROSECONDS_AN_HOUR).to_integral_value()))


def _flow(volumes: _Volumes) -> tuple[Decimal, Level, Level]:
    """Energy, power and current."""
    return volumes.get(_ENERGY, _ZERO), _level(volumes, _POWERS), _level(volumes, _CURRENTS)


def _level(volumes: _Volumes, kinds: tuple[CdrDimensionType, ...]) -> Level:
    return UNMEASURED if volumes.keys().isdisjoint(kinds) else Level(*map(volumes.get, kinds))
