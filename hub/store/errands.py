"""What an operator asks of a platform's process: done here, or announced to the process that it is for."""

from collections.abc import Callable
from typing import Final

from hub.store.announcements import Topic
from hub.store.database import Database

#: Between the parts of an errand, which are announced together: announcements have no order.
_BETWEEN: Final = ":"


class Errands:
    """Passes on what is asked here, and hears what is asked elsewhere."""

    def __init__(self, database: Database, is_ours: Callable[[int], bool]) -> None:
        self._database = database
        self._is_ours = is_ours
        self._doers: dict[str, Callable[[int, str], None]] = {}
        database.announcements.heard_by(Topic.ERRANDS, self._hear)

    def done_by(self, what: str, do: Callable[[int, str], None]) -> None:
        """Call this, from now on, when such an errand comes for a platform that this process looks after."""
        self._doers[what] = do

    def is_for_others(self, platform_id: int) -> bool:
        """Whether another process looks after the platform."""
        return not self._is_ours(platform_id)

    async def ask(self, what: str, platform_id: int, detail: str) -> None:
        """Have the process do it that looks after the platform; nobody says whether it was done."""
        errand = _BETWEEN.join((what, str(platform_id), detail))
        async with self._database.at_once() as connection:
            await self._database.announcements.announce(connection, Topic.ERRANDS, errand)

    def _hear(self, errands: frozenset[str] | None) -> None:
        for errand in errands or ():
            what, platform_id, detail = errand.split(_BETWEEN, 2)
            if what in self._doers and self._is_ours(int(platform_id)):
                self._doers[what](int(platform_id), detail)
