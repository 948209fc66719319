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
from datetime import UTC, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

from partners.cpo.charging.signed_values import Signed, told_signed

_FRACTION = re.compile(r"\.(\d+)")
#: What nearly all chargers write, and what needs no mending.
_PLAIN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3}|\.\d{6})?Z")
_DAY_ONLY = re.compile(r"\d{4}-\d\d-\d\d")

_REGISTER = "Energy.Active.Import.Register"
_INTERVAL = "Energy.Active.Import.Interval"
_POWER = "Power.Active.Import"
_CURRENT = "Current.Import"
_CHARGE = "SoC"
#: measurand → unit as OCPP writes it, or in lower case → factor to Wh, W, A or per cent.
_OF_ENERGY: Mapping[str, Decimal] = {
    "Wh": Decimal(1),
    "kWh": Decimal(1000),
    "": Decimal(1),
    "wh": Decimal(1),
    "kwh": Decimal(1000),
}
_FACTORS: Mapping[str, Mapping[str, Decimal]] = {
    _REGISTER: _OF_ENERGY,
    _INTERVAL: _OF_ENERGY,
    _POWER: {"W": Decimal(1), "": Decimal(1), "w": Decimal(1), "kw": Decimal(1000)},
    _CURRENT: {"A": Decimal(1), "": Decimal(1), "a": Decimal(1)},
    _CHARGE: {"": Decimal(1), "percent": Decimal(1)},
}
_PERIODIC = "Sample.Periodic"

#: Phases whose sum is the whole, best first; a reading without a phase is the whole already.
_WHOLES: tuple[tuple[str, ...], ...] = (("L1", "L2", "L3"), ("L1-N", "L2-N", "L3-N"))

#: No meter reads more than this, or finer; a longer number is a fault, and may not cost us time or memory.
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


def instant(text: str, zone: tzinfo = UTC) -> datetime:
    """The instant of an OCPP timestamp, in UTC.

    Offsets, no zone (`zone` is meant) and any number of fraction digits are accepted; digits below the
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
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise NotAnInstant(text) from error


def samples(meter_values: Iterable[Mapping[str, Any]], zone: tzinfo = UTC) -> tuple[MeterSample, ...]:
    """The measurements in a `meterValue` or `transactionData` list, in order of time.

    A reading that is told twice counts once (the last one); a reading that is no number, or of a quantity
    that nobody here uses, is left out, and so is a sample of nothing else. A signed record is a reading, too:
    where it alone tells the register, that counts. Times without a zone are in `zone`.

    Raises:
        NotAnInstant: A timestamp cannot be read.
    """
    readings: dict[tuple[datetime, str], _Readings] = {}
    for meter_value in meter_values:
        at = instant(meter_value["timestamp"], zone)
        #: That of the last reading: nearly always that of the next one, too.
        last: str | None = None
        told = None
        for sampled in meter_value["sampledValue"]:
            signed = told_signed(sampled) if _may_be_signed(sampled) else None
            measurand = sampled.get("measurand", _REGISTER)
            # Voltages, frequencies and the like are many, and nobody here uses them.
            factors = _FACTORS.get(measurand)
            value = None if factors is None else _number(sampled, measurand, factors)
            if value is None and signed is None:
                continue
            context = sampled.get("context", _PERIODIC)
            if told is None or context != last:
                told = readings.get((at, context))
                if told is None:
                    told = readings[at, context] = _Readings()
                last = context
            if signed is not None:
                told.signed[signed] = None
            if value is not None and "phase" in sampled:
                told.put(measurand, sampled["phase"], value)
            elif value is not None:
                told.whole[measurand] = value
    if len(readings) == 1:
        ((key, told),) = readings.items()
        return (told.sample(*key),)
    in_order = sorted(readings.items(), key=lambda reading: reading[0][0])
    return tuple(told.sample(at, context) for (at, context), told in in_order)


class _Readings:
    """What was told of one instant."""

    __slots__ = ("_phases", "signed", "whole")

    def __init__(self) -> None:
        #: Those over all phases; of those that are told twice the last one counts.
        self.whole: dict[str, Decimal] = {}
        #: Those of single phases, where there are any.
        self._phases: dict[tuple[str, str], Decimal] = {}
        self.signed: dict[Signed, None] = {}

    def put(self, measurand: str, phase: str, value: Decimal) -> None:
        """A reading of a phase, or of all (empty)."""
        if phase:
            self._phases[measurand, phase] = value
        else:
            self.whole[measurand] = value

    def sample(self, at: datetime, context: str) -> MeterSample:
        """All of it."""
        whole = self.whole.get if not self._phases else self._over_all
        register, signed = whole(_REGISTER), tuple(self.signed) if self.signed else ()
        if register is None and signed:
            register = signed[-1].register_wh
        return MeterSample(
            at,
            register,
            whole(_POWER),
            whole(_CURRENT),
            whole(_CHARGE),
            context,
            self._by_phase() if self._phases else (),
            signed,
            whole(_INTERVAL),
        )

    def _over_all(self, measurand: str) -> Decimal | None:
        """The reading over all phases: as it was given, else the sum of those phases that were."""
        whole = self.whole.get(measurand)
        if whole is not None:
            return whole
        for phases in _WHOLES:
            parts = [self._phases[measurand, phase] for phase in phases if (measurand, phase) in self._phases]
            if parts:
                return sum(parts, Decimal(0))
        return None

    def _by_phase(self) -> tuple[Decimal | None, ...]:
        for phases in _WHOLES:
            parts = tuple(self._phases.get((_CURRENT, phase)) for phase in phases)
            if any(part is not None for part in parts):
                return parts
        return ()


def _may_be_signed(sampled: Mapping[str, Any]) -> bool:
    value = sampled["value"]
    return (
        "signedMeterValue" in sampled
        or sampled.get("format") == "SignedData"
        or (isinstance(value, str) and value.lstrip()[:1] == "{")
    )


def _number(sampled: Mapping[str, Any], measurand: str, factors: Mapping[str, Decimal]) -> Decimal | None:
    """The reading in its normal unit; None if it is none that we use."""
    multiplier = 0
    if "unitOfMeasure" in sampled:
        of = sampled["unitOfMeasure"]
        unit = of.get("unit", "")
        multiplier = int(of["multiplier"]) if "multiplier" in of else 0
    else:
        unit = sampled.get("unit", "")
    factor = factors.get(unit) or factors.get(unit.strip().lower())
    if factor is None or abs(multiplier) > _MOST_DIGITS or sampled.get("format") == "SignedData":
        return None
    if "location" in sampled and sampled["location"] in _IN_THE_CAR and measurand != _CHARGE:
        return None
    told = sampled["value"]
    try:
        value = Decimal(told.strip() if isinstance(told, str) else told)
        if multiplier:
            value = value.scaleb(multiplier)
        if not -_MOST < value < _MOST:  # what is no number is not less than anything
            return None
        return value * factor if value.adjusted() >= -_MOST_DIGITS else Decimal(0)
    except InvalidOperation:
        return None
