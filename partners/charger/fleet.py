"""Many simulated charge points at once."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from partners.charger.charge_point import ChargerSimulator

_NUMBER_AT_THE_END = re.compile(r"\d*$")


def charge_point_urls(first: str, count: int) -> list[str]:
    """The URLs of a fleet: the number at the end counts up, and keeps its width.

    `…/CP001` and 3 give CP001, CP002, CP003; `…/depot` gives depot, depot2, depot3.
    """
    found = _NUMBER_AT_THE_END.search(first)
    digits = found[0] if found else ""
    stem, start = first.removesuffix(digits), int(digits or 1)
    return [first] + [f"{stem}{start + step:0{len(digits)}d}" for step in range(1, count)]


@asynccontextmanager
async def fleet(chargers: Sequence[ChargerSimulator]) -> AsyncIterator[Sequence[ChargerSimulator]]:
    """The charge points, switched on as long as the context is open."""
    async with AsyncExitStack() as stack:
        for charger in chargers:
            await stack.enter_async_context(charger)
        yield chargers
