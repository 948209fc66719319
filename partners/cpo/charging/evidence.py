"""From what was told of a transaction to what can be billed of it, or why nothing can. Pure.

| told                                            | billed                                                 |
|-------------------------------------------------|--------------------------------------------------------|
| a register at the start and at the end          | the difference, as far as a register can have counted  |
| no register at the start, but samples           | from the first one: an estimate, which is said         |
| no register at the end, but samples             | until the last one: an estimate, which is said         |
| no register at all, but energy by intervals     | the sum                                                |
| nothing, or nothing that can be believed        | nothing: the session is held, with the reason          |
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from partners.cpo.charging.charging_log import Charging
from partners.cpo.charging.meter_values import MeterSample
from partners.cpo.charging.metering import Metered, StateChange, Use, use
from partners.cpo.charging.register_walk import Doubt
from partners.cpo.charging.registers import is_start_estimated, register_at_start


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a transaction used, as far as it can be shown."""

    used: Use
    #: Why nothing can be billed; None: something can.
    held: str | None = None


def evidence(
    charging: Charging,
    samples: Sequence[MeterSample],
    states: Sequence[StateChange],
    max_power: Decimal | None,
) -> Evidence:
    """What can be said of a transaction.

    Args:
        charging: The transaction, over or not.
        samples: Of it, in order of time.
        states: Of its connector.
        max_power: The most that the connector can give, W; None: whatever is told is believed.
    """
    start, told, end = _registers(charging, samples)
    used = use(
        Metered(
            start=charging.started,
            meter_start=start or Decimal(0),
            samples=tuple(told),
            states=tuple(states),
            stop=charging.stopped,
            meter_stop=end,
            max_power=max_power,
        )
    )
    if start is None:
        return Evidence(used, "no register was told: the energy is unknown")
    if charging.meter_start is None and is_start_estimated(told, charging.started):
        used = replace(used, doubts=used.doubts | {Doubt.START})
    if Doubt.END in used.doubts and len(used.readings) == 1:
        return Evidence(used, "no register after the start can be believed: the energy is unknown")
    return Evidence(used)


def _registers(
    charging: Charging, samples: Sequence[MeterSample]
) -> tuple[Decimal | None, Sequence[MeterSample], Decimal | None]:
    """The register at the start, the samples, and the register at the end."""
    start = register_at_start(samples) if charging.meter_start is None else charging.meter_start
    if start is not None or not any(each.interval_wh is not None for each in samples):
        return start, samples, charging.meter_stop
    counted, total = [], Decimal(0)
    for each in samples:
        total += each.interval_wh or Decimal(0)
        counted.append(replace(each, energy_wh=total))
    return Decimal(0), counted, total
