"""Where the meter stood at the start and at the end of a transaction that tells it by samples (OCPP 2.x).

| start                                         | end                                               |
|-----------------------------------------------|---------------------------------------------------|
| the register of a Transaction.Begin sample    | that of a Transaction.End sample                  |
| else that of the first sample                 | else that of a sample at the instant of the end   |
| else unknown, and never taken for 0           | else the last one that is known: an estimate      |
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from partners.cpo.meter_values import MeterSample

log = logging.getLogger(__name__)

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
    begin = [each.energy_wh for each in samples if each.context == _BEGIN and each.energy_wh is not None]
    told = begin or [each.energy_wh for each in samples if each.energy_wh is not None]
    return told[0] if told else None


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
