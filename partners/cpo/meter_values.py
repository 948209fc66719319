"""Meter values of OCPP, made comparable: one unit a quantity, exact numbers, UTC.

Charge points differ in units (even inside one transaction), in phases, in what they leave out, and in
how they write an instant. Every sample is therefore normalised alone:

| left out     | means                          |
|--------------|--------------------------------|
| measurand    | Energy.Active.Import.Register  |
| context      | Sample.Periodic                |
| location     | Outlet                         |
| format       | Raw                            |
| unit         | Wh (of an energy), W, A        |
| multiplier   | 0: of ten, in OCPP 2.x         |

A value is a text in 1.6, a number in 2.x; the unit is a text in 1.6, `unitOfMeasure` in 2.x.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from partners.cpo.signed_values import Signed, told_signed

_FRACTION = re.compile(r"\.(\d+)")
#: What nearly all chargers write, and what needs no mending.
_PLAIN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3}|\.\d{6})?Z")
_DAY_ONLY = re.compile(r"\d{4}-\d\d-\d\d")

#: (measurand, unit as OCPP writes it, or in lower case) → factor to Wh, W, A or per cent.
_FACTORS: Mapping[tuple[str, str], Decimal] = {
    ("Energy.Active.Import.Register", "Wh"): Decimal(1),
    ("Energy.Active.Import.Register", "kWh"): Decimal(1000),
    ("Energy.Active.Import.Interval", "Wh"): Decimal(1),
    ("Energy.Active.Import.Interval", "kWh"): Decimal(1000),
    ("Energy.Active.Import.Interval", ""): Decimal(1),
    ("Energy.Active.Import.Interval", "wh"): Decimal(1),
    ("Energy.Active.Import.Interval", "kwh"): Decimal(1000),
    ("Power.Active.Import", "W"): Decimal(1),
    ("Current.Import", "A"): Decimal(1),
    ("Energy.Active.Import.Register", ""): Decimal(1),
    ("Energy.Active.Import.Register", "wh"): Decimal(1),
    ("Energy.Active.Import.Register", "kwh"): Decimal(1000),
    ("Power.Active.Import", ""): Decimal(1),
    ("Power.Active.Import", "w"): Decimal(1),
    ("Power.Active.Import", "kw"): Decimal(1000),
    ("Current.Import", ""): Decimal(1),
    ("Current.Import", "a"): Decimal(1),
    ("SoC", ""): Decimal(1),
    ("SoC", "percent"): Decimal(1),
}

_REGISTER = "Energy.Active.Import.Register"
_INTERVAL = "Energy.Active.Import.Interval"
_POWER = "Power.Active.Import"
_CURRENT = "Current.Import"
_CHARGE = "SoC"
_USED = frozenset({_REGISTER, _INTERVAL, _POWER, _CURRENT, _CHARGE})
_PERIODIC = "Sample.Periodic"

#: Phases whose sum is the whole, best first; a reading without a phase is the whole already.
_WHOLES: tuple[tuple[str, ...], ...] = (("L1", "L2", "L3"), ("L1-N", "L2-N", "L3-N"))

#: No meter reads more than this; a longer number is a fault, and may not cost us time or memory.
_MOST_DIGITS = 15
_MOST = Decimal(10) ** _MOST_DIGITS

#: Measured inside the car: what it has got there is never billed.
_IN_THE_CAR = frozenset({"EV", "Inlet"})


@dataclass(frozen=True, slots=True)
class MeterSample:
    """What a charge point measured at one instant; None where it did not say."""

    at: datetime
    #: The meter's register of imported energy, Wh.
    energy_wh: Decimal | None = None
    power_w: Decimal | None = None
    #: Sum over the phases, A.
    current_a: Decimal | None = None
    #: State of charge of the car, per cent.
    soc: Decimal | None = None
    #: Why it was sampled: Sample.Periodic, Transaction.Begin, Transaction.End, …
    context: str = "Sample.Periodic"
    #: A on L1, L2, L3, None where it was not told; empty: on none. For the moment only, and not kept.
    phase_currents: tuple[Decimal | None, ...] = field(default=(), compare=False)
    #: Records that say it with a signature; kept beside the samples.
    signed: tuple[Signed, ...] = ()
    #: Energy since the sample before, Wh, from charge points that tell no register.
    interval_wh: Decimal | None = None


class NotAnInstant(ValueError):
    """The text names no instant."""


def instant(text: str) -> datetime:
    """The instant of an OCPP timestamp, in UTC.

    Offsets, no zone (UTC is meant) and any number of fraction digits are accepted; digits below the
    microsecond are cut off.

    Raises:
        NotAnInstant: The text is no timestamp with a date and a time.
    """
    if _PLAIN.fullmatch(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError as error:
            raise NotAnInstant(text) from error
    shortened = _FRACTION.sub(lambda found: f".{found[1][:6].ljust(6, '0')}", text.strip(), count=1)
    try:
        if _DAY_ONLY.fullmatch(shortened):
            raise NotAnInstant(text)
        at = datetime.fromisoformat(shortened)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise NotAnInstant(text) from error


def samples(meter_values: Iterable[Mapping[str, Any]]) -> tuple[MeterSample, ...]:
    """The measurements in a `meterValue` or `transactionData` list, in order of time.

    A reading that is told twice counts once (the last one); a reading that is no number, or of a quantity
    that nobody here uses, is left out, and so is a sample of nothing else. A signed record is a reading, too:
    where it alone tells the register, that counts.

    Raises:
        NotAnInstant: A timestamp cannot be read.
    """
    readings: dict[tuple[datetime, str], dict[tuple[str, str], Decimal]] = {}
    records: dict[tuple[datetime, str], dict[Signed, None]] = {}
    for meter_value in meter_values:
        at = instant(meter_value["timestamp"])
        for sampled in meter_value["sampledValue"]:
            if _may_be_signed(sampled):
                signed = told_signed(sampled)
                key = (at, sampled.get("context", _PERIODIC))
                if signed is not None:
                    readings.setdefault(key, {})
                    records.setdefault(key, {})[signed] = None
            measurand = sampled.get("measurand", _REGISTER)
            # Voltages, frequencies and the like are many, and nobody here uses them.
            value = _number(sampled, measurand) if measurand in _USED else None
            if value is not None:
                key = (at, sampled.get("context", _PERIODIC))
                readings.setdefault(key, {})[measurand, sampled.get("phase", "")] = value
    return tuple(
        _sample(at, context, measured, tuple(records.get((at, context), ())))
        for (at, context), measured in sorted(readings.items(), key=lambda reading: reading[0][0])
    )


def _may_be_signed(sampled: Mapping[str, Any]) -> bool:
    value = sampled["value"]
    return (
        "signedMeterValue" in sampled
        or sampled.get("format") == "SignedData"
        or (isinstance(value, str) and value.lstrip()[:1] == "{")
    )


def _number(sampled: Mapping[str, Any], measurand: str) -> Decimal | None:
    """The reading in its normal unit; None if it is none that we use."""
    unit, multiplier = _unit(sampled)
    factor = _FACTORS.get((measurand, unit)) or _FACTORS.get((measurand, unit.strip().lower()))
    if factor is None or sampled.get("format") == "SignedData" or abs(multiplier) > _MOST_DIGITS:
        return None
    if sampled.get("location") in _IN_THE_CAR and measurand != _CHARGE:
        return None
    told = sampled["value"]
    try:
        value = Decimal(told.strip() if isinstance(told, str) else told)
        if multiplier:
            value = value.scaleb(multiplier)
        # What is no number is not less than anything.
        return value * factor if -_MOST < value < _MOST else None
    except InvalidOperation:
        return None


def _unit(sampled: Mapping[str, Any]) -> tuple[str, int]:
    """The unit, and the power of ten that a value is multiplied by."""
    if "unitOfMeasure" not in sampled:
        return sampled.get("unit", ""), 0
    told = sampled["unitOfMeasure"]
    return told.get("unit", ""), int(told.get("multiplier", 0))


def _sample(
    at: datetime, context: str, measured: Mapping[tuple[str, str], Decimal], signed: tuple[Signed, ...]
) -> MeterSample:
    register = _whole(measured, _REGISTER)
    if register is None and signed:
        register = signed[-1].register_wh
    return MeterSample(
        at=at,
        energy_wh=register,
        power_w=_whole(measured, _POWER),
        current_a=_whole(measured, _CURRENT),
        soc=_whole(measured, _CHARGE),
        context=context,
        phase_currents=_by_phase(measured),
        signed=signed,
        interval_wh=_whole(measured, _INTERVAL),
    )


def _by_phase(measured: Mapping[tuple[str, str], Decimal]) -> tuple[Decimal | None, ...]:
    for phases in _WHOLES:
        parts = tuple(measured.get((_CURRENT, phase)) for phase in phases)
        if any(part is not None for part in parts):
            return parts
    return ()


def _whole(measured: Mapping[tuple[str, str], Decimal], measurand: str) -> Decimal | None:
    """The reading over all phases: as it was given, else the sum of those phases that were."""
    whole = measured.get((measurand, ""))
    if whole is not None:
        return whole
    for phases in _WHOLES:
        parts = [measured[measurand, phase] for phase in phases if (measurand, phase) in measured]
        if parts:
            return sum(parts, Decimal(0))
    return None
