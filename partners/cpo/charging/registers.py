"""Where the meter stood at the start and at the end of a transaction that tells it by samples (OCPP 2.x).

| start                                         | end                                               |
|-----------------------------------------------|---------------------------------------------------|
| the register of a Transaction.Begin sample    | that of a Transaction.End sample                  |
| else the connector's own, not long before     | else that of a sample at the instant of the end   |
| else that of the first sample: an estimate    | else the last one that is known: an estimate      |
| else unknown, and never taken for 0           |                                                   |
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from partners.cpo.charging.meter_values import MeterSample

log = logging.getLogger(__name__)

#: The context under which a register is kept that was told before its transaction; no word of OCPP.
BEFORE: Final = "Before"
_BEGIN: Final = "Transaction.Begin"
_END: Final = "Transaction.End"
#: Clocks of a station's parts differ by so much.
_AT_ONCE: Final = timedelta(seconds=1)
#: Two registers of one meter may differ by so much of the energy, or so many Wh.
_ROUNDING: Final = Decimal("0.01")
_ROUNDING_WH: Final = Decimal(50)


def register_at_start(samples: Sequence[MeterSample]) -> Decimal | None:
    """The register at the start, Wh; None: nobody told.

    Args:
        samples: Of the transaction, in order of time.
    """
    found = _at_start(samples)
    return None if found is None else found.energy_wh


def is_start_estimated(samples: Sequence[MeterSample], start: datetime) -> bool:
    """Whether energy may have flowed before the first register that is known."""
    found = _at_start(samples)
    return found is not None and found.context not in {_BEGIN, BEFORE} and found.at - start > _AT_ONCE


def _at_start(samples: Sequence[MeterSample]) -> MeterSample | None:
    told = [each for each in samples if each.energy_wh is not None]
    inside = [each for each in told if each.context != BEFORE]
    begin = [each for each in inside if each.context == _BEGIN]
    # What the connector showed before: unless the meter went on from somewhere else.
    before = [each for each in told if each.context == BEFORE and inside and _goes_on(each, inside[0])]
    return next(iter([*begin, *before[-1:], *inside]), None)


def _goes_on(before: MeterSample, after: MeterSample) -> bool:
    return (before.energy_wh or Decimal(0)) <= (after.energy_wh or Decimal(0))


def register_agreed(samples: Sequence[MeterSample], start: Decimal | None, told: Decimal) -> Decimal:
    """Where the meter stood at the end, where a stop tells it (OCPP 1.6): what was signed goes before it.

    A difference that rounding does not explain is for the operator to look at.

    Args:
        samples: That came with the stop.
        start: The register at the start, Wh.
        told: What the stop says, Wh.
    """
    signed = [
        each.energy_wh
        for each in samples
        if each.context == _END and each.signed and each.energy_wh is not None
    ]
    if not signed:
        return told
    used = abs(signed[-1] - (start or Decimal(0)))
    if abs(signed[-1] - told) <= max(used * _ROUNDING, _ROUNDING_WH):
        return told
    log.warning("a stop at %s Wh, but %s Wh were signed: what was signed counts", told, signed[-1])
    return signed[-1]


def register_at_end(samples: Sequence[MeterSample], at: datetime) -> Decimal | None:
    """The register at the end, Wh; None: it can only be estimated.

    Args:
        samples: Of the transaction, in order of time.
        at: The end.
    """
    end = [each.energy_wh for each in samples if each.context == _END and each.energy_wh is not None]
    told = end or [
        each.energy_wh
        for each in samples
        if abs(each.at - at) <= _AT_ONCE and each.context != _BEGIN and each.energy_wh is not None
    ]
    return told[-1] if told else None
