r"""How a battery takes its energy: power at a state of charge, and energy over time. Pure.

Power ramps up when charging begins, stays at what car and charger allow, and tapers towards the full
battery:

    power
      |   ________________
      |  /                \\___
      | /                     \\___
      |/                          |
      +--------------------------------- state of charge
          ramp    constant    taper  full
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

#: Within such a step the power counts as constant.
_STEP = timedelta(seconds=5)
_HOUR = Decimal(3600)
#: Energy is counted in steps of a microwatt-hour, so that every sum of it is exact.
_QUANTUM_WH = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class ChargingCurve:
    """The shape of one charging session."""

    #: What car and charger both allow, W.
    max_power_w: Decimal
    #: Of the battery, Wh.
    capacity_wh: Decimal
    #: State of charge at the beginning, 0 to 1.
    soc_at_start: Decimal
    #: From nothing to full power.
    ramp: timedelta = timedelta(seconds=20)
    #: State of charge from which the power falls, in a straight line, below 1.
    taper_from: Decimal = Decimal("0.8")
    #: What is left of the power just before the battery is full, as a share.
    taper_to: Decimal = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a charging session has come."""

    elapsed: timedelta = timedelta(0)
    #: Since the beginning, Wh.
    energy_wh: Decimal = Decimal(0)


def soc(curve: ChargingCurve, progress: Progress) -> Decimal:
    """The state of charge, 0 to 1."""
    return min(curve.soc_at_start + progress.energy_wh / curve.capacity_wh, Decimal(1))


def room_wh(curve: ChargingCurve) -> Decimal:
    """The energy that fits into the battery from the beginning on, Wh."""
    return _counted(curve.capacity_wh * (1 - curve.soc_at_start))


def is_full(curve: ChargingCurve, progress: Progress) -> bool:
    """Whether the battery takes nothing more."""
    return progress.energy_wh >= room_wh(curve)


def power_w(curve: ChargingCurve, progress: Progress) -> Decimal:
    """The power that flows at this point of the session, W."""
    if is_full(curve, progress):
        return Decimal(0)
    return curve.max_power_w * _ramped(curve, progress.elapsed) * _tapered(curve, soc(curve, progress))


def advanced(curve: ChargingCurve, progress: Progress, by: timedelta) -> Progress:
    """The session some time later."""
    end = progress.elapsed + by
    while progress.elapsed < end and not is_full(curve, progress):
        progress = _step(curve, progress, min(_STEP, end - progress.elapsed))
    return Progress(max(end, progress.elapsed), progress.energy_wh)


def _step(curve: ChargingCurve, progress: Progress, by: timedelta) -> Progress:
    middle = Progress(progress.elapsed + by / 2, progress.energy_wh)
    energy_wh = progress.energy_wh + _counted(power_w(curve, middle) * _seconds(by) / _HOUR)
    return Progress(progress.elapsed + by, min(energy_wh, room_wh(curve)))


def _ramped(curve: ChargingCurve, elapsed: timedelta) -> Decimal:
    if elapsed >= curve.ramp:
        return Decimal(1)
    return _seconds(elapsed) / _seconds(curve.ramp)


def _tapered(curve: ChargingCurve, state_of_charge: Decimal) -> Decimal:
    if state_of_charge <= curve.taper_from:
        return Decimal(1)
    way = (state_of_charge - curve.taper_from) / (1 - curve.taper_from)
    return 1 - way * (1 - curve.taper_to)


def _seconds(duration: timedelta) -> Decimal:
    return Decimal(duration // timedelta(microseconds=1)) / 1_000_000


def _counted(energy_wh: Decimal) -> Decimal:
    return energy_wh.quantize(_QUANTUM_WH)
