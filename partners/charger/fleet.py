"""Many simulated charge points at once, of several versions, to which drivers come all day."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from random import Random

from partners.charger.arrivals import Arrival, arrivals
from partners.charger.charge_point import ChargerSimulator
from partners.charger.states import Verdict

_NUMBER_AT_THE_END = re.compile(r"\d*$")

#: How often each version is met, in ten chargers.
_MIXTURE = ("1.6", "2.0.1", "2.1", "1.6", "2.0.1", "1.6", "1.6", "2.0.1", "1.6", "2.1")


def charge_point_urls(first: str, count: int) -> list[str]:
    """The URLs of a fleet: the number at the end counts up, and keeps its width.

    `…/CP001` and 3 give CP001, CP002, CP003; `…/depot` gives depot, depot2, depot3.
    """
    found = _NUMBER_AT_THE_END.search(first)
    digits = found[0] if found else ""
    stem, start = first.removesuffix(digits), int(digits or 1)
    return [first] + [f"{stem}{start + step:0{len(digits)}d}" for step in range(1, count)]


def mixture(count: int) -> list[str]:
    """The versions of a fleet: half of it 1.6, then 2.0.1, then 2.1; three chargers are one of each."""
    return list(itertools.islice(itertools.cycle(_MIXTURE), count))


def cards(count: int) -> list[str]:
    """The RFID cards of a fleet's drivers, if nothing else is said."""
    return [f"04F1EE7{number:07d}" for number in range(1, count + 1)]


@asynccontextmanager
async def fleet(chargers: Sequence[ChargerSimulator]) -> AsyncIterator[Sequence[ChargerSimulator]]:
    """The charge points, switched on as long as the context is open."""
    async with AsyncExitStack() as stack:
        for charger in chargers:
            await stack.enter_async_context(charger)
        yield chargers


async def welcome_drivers(
    charger: ChargerSimulator, connector_id: int, tokens: Sequence[str], seed: str, per_day: float
) -> None:
    """For ever: drivers come to a connector as the day has it; who finds it taken drives on.

    Args:
        charger: Where they come.
        connector_id: Which connector of it.
        tokens: Their cards; each driver has one of them.
        seed: Of chance; the same for the same drivers.
        per_day: How many come in a day, on average.
    """
    random = Random(seed)  # noqa: S311 - nothing to keep secret
    for arrival in arrivals(random, charger.time.now(), per_day):
        token = random.choice(tokens)
        await charger.time.sleep(max(arrival.at - charger.time.now(), timedelta()))
        if charger.connector(connector_id).is_plugged:
            continue
        await _visit(charger, connector_id, token, arrival)


async def _visit(charger: ChargerSimulator, connector_id: int, token: str, arrival: Arrival) -> None:
    verdict = await charger.tap(connector_id, token) if arrival.card_first else None
    charger.plug_in(connector_id, arrival.vehicle)
    if verdict is None:
        verdict = await charger.tap(connector_id, token)
    if verdict is Verdict.ACCEPTED:
        try:
            async with asyncio.timeout(charger.time.real_seconds(arrival.stays)):
                await charger.until(lambda: _is_over(charger, connector_id))
        except TimeoutError:
            pass
        if charger.connector(connector_id).id_tag == token:
            await charger.tap(connector_id, token)
    charger.unplug(connector_id)


def _is_over(charger: ChargerSimulator, connector_id: int) -> bool:
    state = charger.connector(connector_id)
    return state.car_is_full or state.id_tag is None
