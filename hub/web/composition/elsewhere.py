"""What other processes of the hub change, followed here: the Directory, objects and the change log."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

from hub.directory.current import CurrentDirectory
from hub.store.announcements import Announcements, Topic
from hub.store.objects import ObjectStore
from hub.web.composition.bell import Bell

#: The pause after a Directory that could not be read.
AGAIN_AFTER = timedelta(seconds=1)

log = logging.getLogger(__name__)


class Elsewhere:
    """Follows what is announced. Somebody must run its `loops`."""

    def __init__(
        self,
        announcements: Announcements,
        directory: CurrentDirectory,
        changed: Bell,
        objects: ObjectStore,
        wake: Callable[[], None],
    ) -> None:
        """Wire up.

        Args:
            announcements: What is heard.
            directory: Loaded anew when another process has changed it.
            changed: Rung when that is in force.
            objects: Told whose objects have changed.
            wake: Called when there may be something to deliver.
        """
        self._announcements = announcements
        self._directory = directory
        self._changed = changed
        self._objects = objects
        self._wake = wake
        self._news = asyncio.Event()
        announcements.heard_by(Topic.DIRECTORY, lambda _: self._news.set())
        announcements.heard_by(Topic.OBJECTS, self._objects_changed)

    def loops(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """What somebody must run."""
        return self._announcements.run(), self._follow_directory()

    def _objects_changed(self, modules: frozenset[str] | None) -> None:
        self._objects.changed_elsewhere(modules)
        self._wake()

    async def _follow_directory(self) -> None:
        """Several announcements that come while it is loaded are followed together."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._directory.reload()
            except Exception:  # the loop must not die: what was not read now is read in a moment
                log.exception("what another process has changed could not be read")
                self._news.set()
                await asyncio.sleep(AGAIN_AFTER.total_seconds())
            else:
                self._changed()
