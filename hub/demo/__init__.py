"""The demo: drivers of two eMSPs charge at another company's chargers, through the hub, in under a minute.

Everything is real but the cars: OCPI over HTTP on loopback ports on both sides of the hub, OCPP over
WebSocket to the chargers, SQLite files in a temporary folder. Only time runs faster.
"""

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path

from rich.console import Console

from hub.demo.cast import on_stage
from hub.demo.screen import Screen
from hub.demo.story import STORY, StoryFailed, told

#: The story must be over by then.
PATIENCE = timedelta(seconds=60)


def run(*, keep: bool = False, console: Console | None = None) -> int:
    """Play the demo.

    Args:
        keep: Leave everything running afterwards, until Ctrl-C.
        console: Where to show it; by default the terminal.

    Returns:
        The exit status: 0 if sessions, CDRs and bills agree to the cent.
    """
    try:
        return asyncio.run(_play(keep=keep, screen=Screen(console or Console())))
    except KeyboardInterrupt:
        return 0 if keep else 130


async def _play(*, keep: bool, screen: Screen) -> int:
    with tempfile.TemporaryDirectory(prefix="ocpi-hub-demo-") as folder:
        async with on_stage(Path(folder), screen.leg) as cast:
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
                await asyncio.Event().wait()
    return 0
