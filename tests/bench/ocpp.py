"""OCPP: messages that a CPO takes on one core, what idle links cost, stations that all come back at once."""

from pathlib import Path

from tests.bench.results import Findings
from tests.bench.scale import Scale
from tests.measuring.ocpp import (
    WANTED_MEMORY,
    WANTED_RATE,
    WANTED_STALL,
    of_links,
    of_messages,
)


async def measure(scale: Scale, folder: Path) -> Findings:
    """A CPO in a process of its own, with its database on disk, as `tests.measuring.ocpp` says."""
    rate = await of_messages(folder / "rate", scale.talking, scale.messages)
    links, storm = await of_links(folder / "links", scale.idle, scale.returning)
    findings = Findings("OCPP: 1.6 and 2.0.1, 60 % MeterValues, 30 % Heartbeat, 10 % StatusNotification")
    findings.row(
        f"{rate.messages} messages of {scale.talking} stations",
        **{"CPU µs each": rate.each, "CPU µs beside": rate.aside, "worked at once, ms": rate.worked * 1000},
    )
    findings.row(
        f"{links.links} idle links",
        **{"CPU µs each": links.each, "KiB each": links.memory, "worked at once, ms": links.worked * 1000},
    )
    findings.row("all of them end", **{"worked at once, ms": links.worked_at_end * 1000})
    findings.row(
        f"{storm.links} stations come back right after that",
        **{"CPU µs each": storm.each, "seconds": storm.took, "worked at once, ms": storm.worked * 1000},
    )
    findings.at_least("OCPP messages a second on one core", WANTED_RATE, rate.a_core)
    findings.at_most("messages and stations refused", 0, rate.refused + storm.refused)
    findings.at_most("KiB an idle link", WANTED_MEMORY, links.memory)
    longest = max(rate.worked, links.worked, links.worked_at_end, storm.worked)
    findings.at_most("longest work without a look at the others, ms", WANTED_STALL * 1000, longest * 1000)
    findings.notes.append(
        "Work at once is processor time between two turns of the event loop. Of a core 10 % are for what is "
        "done beside messages: Sessions that go on, and health rounds, each 5 %."
    )
    return findings
