"""Run a hub as a program: until SIGTERM or SIGINT, then stop cleanly."""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TextIO, cast

import uvloop

from hub.http.open_files import take_all_that_is_allowed
from hub.settings import Settings
from hub.web.app import RunningHub, running_hub
from hub.web.background import beside
from hub.web.heartbeat import beat
from hub.web.one_log import OneLog
from hub.web.supervisor import Inherited, Reached, say_ready

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


def run_worker(settings: Settings, inherited: Inherited) -> None:
    """Serve as one of several workers, until told to stop or the supervisor is gone.

    Args:
        settings: How the hub runs.
        inherited: What the supervisor gave.

    Raises:
        OSError, UnsupportedDatabase, UnusableKey, UnusableAdminKey: as `run`.
    """
    take_all_that_is_allowed()
    own = replace(settings, inherited=(inherited.port, inherited.admin_port))

    def started(hub: RunningHub) -> None:
        say_ready(inherited.ready, Reached(hub.versions_url, hub.admin_url))

    uvloop.run(_serve(own, started, inherited))


async def _serve(
    settings: Settings, started: Callable[[RunningHub], None], inherited: Inherited | None = None
) -> None:
    told: list[int] = []
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        told.append(number)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    if inherited is not None:
        loop.add_reader(inherited.life, stop, 0)
    log = sys.stdout if inherited is None else cast("TextIO", OneLog(sys.stdout, settings.data))
    signs = () if inherited is None else (beat(inherited.pulse, settings.limits.hanging),)
    async with beside(*signs), running_hub(settings, log=log) as hub:
        _freeze_start_up()
        started(hub)
        await stopping.wait()
        if inherited is not None:
            loop.remove_reader(inherited.life)
        is_one_of_many = settings.inherited is not None or settings.reuse_port
        if is_one_of_many and told[0] == signal.SIGTERM:
            hub.leave_soon(settings.limits.farewell)


def _freeze_start_up() -> None:
    """Leave what was made at start-up out of every garbage collection to come."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 50, 100)
