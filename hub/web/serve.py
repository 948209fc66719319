"""Run a hub as a program: until SIGTERM or SIGINT, then stop cleanly."""

import asyncio
import gc
import signal
from collections.abc import Callable

import uvloop

from hub.http.open_files import take_all_that_is_allowed
from hub.settings import Settings
from hub.web.app import RunningHub, running_hub

#: New objects between two looks of the garbage collector: fewer, shorter pauses (design D7).
GC_THRESHOLD = 50_000


def run(settings: Settings, started: Callable[[RunningHub], None] = lambda _hub: None) -> None:
    """Serve until the process is told to stop.

    Args:
        settings: How the hub runs.
        started: Called once it can be reached.

    Raises:
        OSError: the data directory or a port cannot be had.
        UnsupportedDatabase, UnusableKey, UnusableAdminKey: a setting cannot be used.
    """
    take_all_that_is_allowed()
    uvloop.run(_serve(settings, started))


async def _serve(settings: Settings, started: Callable[[RunningHub], None]) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with running_hub(settings) as hub:
        _freeze_start_up()
        started(hub)
        await stopping.wait()


def _freeze_start_up() -> None:
    """Leave what was made at start-up out of every garbage collection to come."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 50, 100)
