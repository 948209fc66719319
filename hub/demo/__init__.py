"""The demo: drivers of two eMSPs charge at another company's chargers, through the hub, in under a minute.

Everything is real but the cars: OCPI over HTTP on loopback ports on both sides of the hub, OCPP over
WebSocket to the chargers, SQLite files in a temporary folder. Only time runs faster.
"""

import asyncio
import signal
import sys
import tempfile
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

from rich.console import Console

from hub.demo.cast import on_stage
from hub.demo.screen import Screen
from hub.demo.story import STORY, StoryFailed, told

#: Where nobody watches, lines are not cut to the width of a terminal.
_PIPE_WIDTH = 200
#: The story must be over by then.
PATIENCE = timedelta(seconds=60)


def run(*, keep: bool = False, console: Console | None = None) -> int:
    """Play the demo.

    Args:
        keep: Leave everything running afterwards, until Ctrl-C.
        console: Where to show it; by default the terminal.

    Returns:
        The exit status: 0 if sessions, CDRs and bills agree to the cent, 1 if not, 130 after Ctrl-C before
        the end of the story.
    """
    try:
        return asyncio.run(_play(keep=keep, screen=Screen(console or _console())))
    except KeyboardInterrupt:
        return 130


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)


async def _play(*, keep: bool, screen: Screen) -> int:
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ocpi-hub-demo-"))
        try:
            cast = await stack.enter_async_context(on_stage(Path(folder), screen.leg))
        except Exception as error:  # noqa: BLE001 whatever it is, it is said in words
            screen.could_not_begin(error)
            return 1
        with screen:
            try:
                async with asyncio.timeout(PATIENCE.total_seconds()):
                    await told(STORY, cast, screen)
            except StoryFailed as failure:
                screen.failed(failure)
                return 1
            except TimeoutError:
                screen.too_slow(PATIENCE)
                return 1
        screen.summary(cast)
        if keep:
            screen.left_running(cast)
            await _told_to_stop()
    return 0


async def _told_to_stop() -> None:
    """Wait for Ctrl-C or SIGTERM."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await stopping.wait()
