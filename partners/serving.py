"""Running a node until somebody stops it."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any

from partners.collecting import settle
from partners.configuration_file import SettingsWrong
from partners.database import NotUsable
from partners.listening import CannotListen
from partners.remote import give_up


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
        settle()
        said()
        working = tasks.create_task(work())
        await stopped.wait()
        working.cancel()


@contextmanager
def given_up_if_impossible() -> Iterator[None]:
    """What keeps a node from running ends the program with exit status 1, and says which setting it is."""
    try:
        yield
    except (SettingsWrong, CannotListen, NotUsable) as error:
        give_up(str(error))
