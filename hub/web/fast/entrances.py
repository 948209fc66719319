"""All connections of callers, and the errands of what crosses: begun with the hub, ended with it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Final, cast

from hub.http.callers import Callers
from hub.http.protocol import Protocol
from hub.web.fast.entrance import Entrance, Replaying, Take

#: How often it is looked whether all is answered, when the hub stops.
LOOK_EVERY: Final = 0.01


class Errands:
    """Tasks of what takes longer than one answer; each minds its own failures."""

    def __init__(self) -> None:
        self._group: asyncio.TaskGroup | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take errands until the end of the block, and wait for them."""
        async with asyncio.TaskGroup() as self._group:
            yield

    def spawn(self, errand: Coroutine[Any, Any, None]) -> None:
        """Run an errand."""
        if self._group is None:
            raise RuntimeError("errands are run while the hub runs")
        self._group.create_task(errand)


class Entrances:
    """The connections of callers."""

    def __init__(self, take: Take, callers: Callers, replaying: Replaying | None = None) -> None:
        self._take = take
        self._replaying = replaying
        self._callers = callers
        self._open: set[Entrance] = set()

    def maker(self, behind: Callable[[], Protocol]) -> Callable[[], asyncio.BaseProtocol]:
        """What makes an entrance, with a handler of aiohttp behind it."""
        loop = asyncio.get_running_loop()

        def entrance() -> Entrance:
            return Entrance(self._take, self._replaying, behind, self._callers, self._open, loop)

        # A protocol in all but its base class: one that is compiled has none of Python's.
        return cast("Callable[[], asyncio.BaseProtocol]", entrance)

    async def drain(self, patience: timedelta) -> None:
        """Answer what is under way on the fast path, but wait no longer than this."""
        for entrance in tuple(self._open):
            entrance.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(patience.total_seconds()):
                while any(entrance.is_crossing for entrance in self._open):  # noqa: ASYNC110 it ends within a moment
                    await asyncio.sleep(LOOK_EVERY)
        for entrance in tuple(self._open):
            if entrance.is_crossing:
                entrance.hang_up()
