"""Loops that run beside a block: started before it, cancelled after it, and loud if they end in between."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def beside(*loops: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run the loops until the end of the block.

    Raises:
        ExceptionGroup: a loop failed; the block was cancelled.
    """
    failure: BaseException | None = None
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(loop) for loop in loops]
        try:
            yield
        except BaseException as error:  # noqa: BLE001 raised again below, as it is and not in a group
            failure = error
        finally:
            for task in tasks:
                task.cancel()
    if failure is not None:
        raise failure
