"""Waiting for something to become true, without looking again and again."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


class Changes:
    """Wakes all who wait, whenever something has changed."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def tell(self) -> None:
        """Something has changed."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def until(self, is_true: Callable[[], bool]) -> None:
        """Return as soon as it is true; at once, if it is already."""
        while not is_true():
            await self._changed.wait()

    async def until_known(self, value: Callable[[], _T | None]) -> _T:
        """Return the value as soon as it is not None."""
        while (known := value()) is None:
            await self._changed.wait()
        return known
