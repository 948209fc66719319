"""Running a node until somebody stops it."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any


async def serve(
    node: AbstractAsyncContextManager[object],
    work: Callable[[], Coroutine[Any, Any, None]],
    said: Callable[[], None],
) -> None:
    """Start the node, do its work until SIGTERM or SIGINT comes, stop it.

    Args:
        node: Listens while it is entered.
        work: What it does of its own accord, for ever.
        said: Called once it listens.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with node, asyncio.TaskGroup() as tasks:
        said()
        working = tasks.create_task(work())
        await stopped.wait()
        working.cancel()
