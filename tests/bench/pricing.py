"""Pricing: how many CDRs are priced a second on one core, as `tests.measuring.pricing` finds it."""

import asyncio
from pathlib import Path

from tests.bench.results import Findings
from tests.bench.scale import Scale
from tests.measuring.pricing import figures

LEAST = 2000
#: Of what is held at all; the second ten thousand CDRs must not need more.
MOST_GROWTH_KIB = 1024


async def measure(scale: Scale, folder: Path) -> Findings:
    """The engine alone, in this process."""
    del folder  # nothing is written
    found = await asyncio.to_thread(figures, scale.cdrs)
    findings = Findings("Pricing: CDRs of ten periods, a tariff of five elements")
    for name, figure in found.items():
        findings.row(name.replace("_", " "), figure=figure)
    findings.at_least("CDRs priced a second on one core", LEAST, found["priced_a_second"])
    findings.at_most("memory that pricing keeps, KiB", MOST_GROWTH_KIB, found["memory_grew_by_kib"])
    return findings
