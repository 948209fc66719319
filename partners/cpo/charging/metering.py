"""What a transaction used, and when: meter samples and connector states into charging periods.

A period ends where the next one starts, and begins where something that matters for the price changes: the
car starts or stops asking for power, another price applies, or (in a running Session only) a quarter of an
hour is over. There is never a period per sample: the register is a curve, read where a period ends.

Two roundings make every sum exact. Periods begin at whole seconds, and volumes are differences of a rounded
running total, so that the periods' ENERGY adds up to `total_energy`, and TIME and PARKING_TIME to
`total_time`.

Sources: 2.2.1, CDRs, ChargingPeriod and CdrDimensionType; CDR-10, CDR-11, CDR-20, AM-38.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final, NamedTuple

from hub.pricing import half_up
from partners.cpo.charging.charging_events import ConnectorStatus
from partners.cpo.charging.meter_values import MeterSample
from partners.cpo.charging.register_walk import SECONDS_PER_HOUR, SLACK_WH, Doubt, Register, Walked, walked

WH_PER_KWH = Decimal(1000)
#: Per cent.
_FULL: Final = Decimal(100)


class StateChange(NamedTuple):
    """A connector's state from an instant on."""

    at: datetime
    status: ConnectorStatus


class Reading(NamedTuple):
    """Energy that went out since the start of the transaction, Wh."""

    at: datetime
    wh: Decimal


class Volume(NamedTuple):
    """One dimension of a period, in OCPI's words and unit: kWh, hours, kW."""

    type: str
    volume: Decimal


@dataclass(frozen=True, slots=True)
class Period:
    """A charging period: until the next one starts, or the transaction ends."""

    start: datetime
    dimensions: tuple[Volume, ...]


@dataclass(frozen=True, slots=True)
class Metered:
    """All that the charge point said about a transaction's use so far."""

    start: datetime
    #: Register at the start, Wh.
    meter_start: Decimal
    samples: tuple[MeterSample, ...] = ()
    states: tuple[StateChange, ...] = ()
    #: None while it runs.
    stop: datetime | None = None
    meter_stop: Decimal | None = None
    #: The most that the connector can give, W, where it is known.
    max_power: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """What a transaction used: energy and parking over time, from start to end."""

    #: Whole seconds.
    start: datetime
    #: The stop, or the last thing that is known of a running transaction.
    end: datetime
    #: Ascending; the first is the start, with nothing used.
    readings: tuple[Reading, ...]
    #: Instants at which the car stopped asking for power (True) or asked again (False), ascending.
    parking: tuple[tuple[datetime, bool], ...]
    samples: tuple[MeterSample, ...]
    #: Why more may have flowed than is known.
    doubts: frozenset[Doubt] = frozenset()

    @property
    def kwh(self) -> Decimal:
        """Energy in all."""
        return _kwh(self.readings[-1].wh)

    @property
    def hours(self) -> Decimal:
        """Time in all, charging or not."""
        return _hours(self.start, self.end)

    def consumed(self, at: datetime) -> Decimal:
        """Energy until an instant, Wh; between two readings as if it had flowed evenly."""
        place = bisect_right(self.readings, at, key=lambda reading: reading.at)
        if place == len(self.readings):
            return self.readings[-1].wh
        if place == 0:
            return Decimal(0)
        before, after = self.readings[place - 1], self.readings[place]
        share = _seconds(before.at, at) / _seconds(before.at, after.at)
        return before.wh + (after.wh - before.wh) * share

    def is_parking(self, at: datetime) -> bool:
        """Whether the car is plugged in and does not ask for power."""
        place = bisect_right(self.parking, at, key=lambda change: change[0])
        return place > 0 and self.parking[place - 1][1]


def use(metered: Metered) -> Use:
    """What the transaction used, from what is known of it.

    A transaction that runs is known until its last sample or state; nothing is guessed beyond.
    """
    start = _whole_second(metered.start)
    if metered.stop is None:
        known = [sample.at for sample in metered.samples] + [change.at for change in metered.states]
        end = max([start, *map(_whole_second, known)])
    else:
        end = max(start, _whole_second(metered.stop))
    # A sample of the last fraction of a second belongs to the last second.
    samples = tuple(
        sorted(
            (
                replace(sample, at=_whole_second(sample.at)) if sample.at.microsecond else sample
                for sample in metered.samples
                if start <= _whole_second(sample.at) <= end
            ),
            key=lambda sample: sample.at,
        )
    )
    found = _walked(metered, start, end, samples)
    return Use(
        start=start,
        end=end,
        readings=tuple(Reading(at, wh) for at, wh in found.used),
        doubts=found.doubts,
        parking=tuple(_parking(start, end, metered.states, samples)),
        samples=samples,
    )


def periods(
    used: Use, price_changes: Iterable[datetime] = (), every: timedelta | None = None
) -> tuple[Period, ...]:
    """The charging periods of what was used.

    Args:
        used: The energy and the parking.
        price_changes: Instants at which another price applies.
        every: The longest that a period may last, for a Session that runs; None for a CDR.

    Returns:
        Periods in ascending order, the first at the start; none if no time has passed.
    """
    starts = {used.start, *(at for at, _ in used.parking), *map(_whole_second, price_changes)}
    if every is not None:
        starts.update(_steps(used, every))
    bounds = [at for at in sorted(starts) if used.start <= at < used.end] + [used.end]
    return tuple(_period(used, begin, end, runs=every is not None) for begin, end in pairwise(bounds))


def _period(used: Use, begin: datetime, end: datetime, *, runs: bool) -> Period:
    energy = _kwh(used.consumed(end)) - _kwh(used.consumed(begin))
    time = _hours(used.start, end) - _hours(used.start, begin)
    kind = "PARKING_TIME" if used.is_parking(begin) else "TIME"
    first, after = (bisect_left(used.samples, at, key=_at) for at in (begin, end))
    within = used.samples[first:after]
    more = _in_a_session(within, energy) if runs else ()
    return Period(begin, (Volume("ENERGY", energy), Volume(kind, time), *_extremes(within), *more))


def _at(sample: MeterSample) -> datetime:
    return sample.at


def _extremes(within: Sequence[MeterSample]) -> Iterator[Volume]:
    """The least and the most power and current that were measured in a period, kW and A."""
    power = [sample.power_w for sample in within if sample.power_w is not None]
    if power:
        yield Volume("MIN_POWER", half_up(min(power) / WH_PER_KWH))
        yield Volume("MAX_POWER", half_up(max(power) / WH_PER_KWH))
    current = [sample.current_a for sample in within if sample.current_a is not None]
    if current:
        yield Volume("MIN_CURRENT", half_up(min(current)))
        yield Volume("MAX_CURRENT", half_up(max(current)))


def _in_a_session(within: Sequence[MeterSample], energy: Decimal) -> Iterator[Volume]:
    """What only a Session may tell of a period (SES-19): means of its samples, and the battery at its end.

    No price depends on any of it. ENERGY_EXPORT is never told: no sample here has what a car gives back.
    """
    if any(sample.energy_wh is not None for sample in within):
        yield Volume("ENERGY_IMPORT", energy)
    power = [sample.power_w for sample in within if sample.power_w is not None]
    if power:
        yield Volume("POWER", half_up(sum(power, Decimal(0)) / len(power) / WH_PER_KWH))
    current = [sample.current_a for sample in within if sample.current_a is not None]
    if current:
        yield Volume("CURRENT", half_up(sum(current, Decimal(0)) / len(current)))
    charge = next((sample.soc for sample in reversed(within) if sample.soc is not None), None)
    if charge is not None and 0 <= charge <= _FULL:
        yield Volume("STATE_OF_CHARGE", half_up(charge))


def _steps(used: Use, every: timedelta) -> Iterator[datetime]:
    at = used.start + every
    while at < used.end:
        yield at
        at += every


def _parking(
    start: datetime, end: datetime, states: Sequence[StateChange], samples: Sequence[MeterSample]
) -> Iterator[tuple[datetime, bool]]:
    """Each change between charging and parking; the second in which both happen counts for the later one."""
    latest: dict[datetime, bool] = {}
    for at, parks in _told_by_states(states) or _told_by_power(samples):
        latest[max(start, _whole_second(at))] = parks
    parked = False
    for at, parks in sorted(latest.items()):
        if parks != parked and at < end:
            parked = parks
            yield at, parks


def _told_by_states(states: Sequence[StateChange]) -> list[tuple[datetime, bool]]:
    """OCPP's word for it. SuspendedEVSE is no parking: the car asks, the charger does not give (AM-38)."""
    parks = {
        ConnectorStatus.CHARGING: False,
        ConnectorStatus.SUSPENDED_EVSE: False,
        ConnectorStatus.SUSPENDED_EV: True,
        ConnectorStatus.FINISHING: True,
    }
    told = [(change.at, parks[change.status]) for change in states if change.status in parks]
    return sorted(told, key=lambda change: change[0])


def _told_by_power(samples: Sequence[MeterSample]) -> list[tuple[datetime, bool]]:
    """For charge points that send no states: no power, no charging."""
    return [(sample.at, sample.power_w == 0) for sample in samples if sample.power_w is not None]


def _walked(metered: Metered, start: datetime, end: datetime, samples: Sequence[MeterSample]) -> Walked:
    """The curve of energy since the start, free of what a register cannot have done."""
    registers = {sample.at: sample.energy_wh for sample in samples if sample.energy_wh is not None}
    offset = metered.meter_start if _counts_from_zero(registers, metered) else Decimal(0)
    known = {at: wh + offset for at, wh in registers.items()}
    known[start] = metered.meter_start
    if metered.meter_stop is not None and end > start:
        known[end] = metered.meter_stop
    in_order = [Register(at, wh) for at, wh in sorted(known.items())]
    return walked(in_order, metered.max_power, is_over=metered.stop is not None)


def _counts_from_zero(registers: Mapping[datetime, Decimal], metered: Metered) -> bool:
    """Whether most samples count from the start of the transaction, though start and stop do not.

    A register that was set anew just after the start looks the same, until it comes to more than the stop.
    """
    start, stop = metered.meter_start, metered.meter_stop
    most = None if stop is None else stop - start + SLACK_WH
    fitting = sum(0 <= wh < start and (most is None or wh <= most) for wh in registers.values())
    goes_on = stop is None or stop >= start
    return goes_on and fitting * 2 > len(registers)


def _kwh(wh: Decimal) -> Decimal:
    return half_up(wh / WH_PER_KWH)


def _hours(begin: datetime, end: datetime) -> Decimal:
    return half_up(_seconds(begin, end) / SECONDS_PER_HOUR)


def _seconds(begin: datetime, end: datetime) -> Decimal:
    return Decimal((end - begin) // timedelta(seconds=1))


def _whole_second(at: datetime) -> datetime:
    return at.replace(microsecond=0)
