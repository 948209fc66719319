"""Waiting for news, but no longer than so long: passed in like the clock, so that tests need not wait."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

#: Waits for an event, at most so long.
Wait = Callable[[asyncio.Event, timedelta], Awaitable[None]]


async def wait_for(event: asyncio.Event, longest: timedelta) -> None:
    """Wait until the event is set or the time is over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(longest.total_seconds()):
            await event.wait()
