"""What is measured, by name: the table to which measurements are added."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from tests.bench import (
    elsewhere,
    fan_out,
    faults,
    lists,
    memory,
    ocpp,
    pricing,
    pulling,
    relay,
    restart,
    storing,
)
from tests.bench.results import Findings
from tests.bench.scale import Scale

#: A measurement is given its scale, and an empty folder of its own.
Measurement = Callable[[Scale, Path], Awaitable[Findings]]
MEASUREMENTS: Mapping[str, Measurement] = {
    "relay": relay.measure,
    "relay-tls": relay.measure_tls,
    "fan-out": fan_out.measure,
    "lists": lists.measure,
    "pulling": pulling.measure,
    "storing": storing.measure,
    "elsewhere": elsewhere.measure,
    "faults": faults.measure,
    "restart": restart.measure,
    "memory": memory.measure,
    "pricing": pricing.measure,
    "ocpp": ocpp.measure,
}
