"""Saying goodbye to callers whom others will serve."""

import asyncio
from contextlib import suppress

from hub.http.callers import Callers


async def farewell(callers: Callers) -> None:
    """Wait until all have heard that it is over, with the answer to what they still asked; not for ever."""
    if not callers.has_to_part:
        return
    callers.parting()
    with suppress(TimeoutError):
        async with asyncio.timeout(callers.patience):
            await callers.gone.wait()
