"""The newest states of objects, kept in memory for the many receivers that are sent the same one."""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping

from hub.ocpi.description import ObjectKey
from hub.store.database import Database
from hub.store.object_rows import KeptState, read_states

#: Characters of JSON text kept at most.
LARGEST = 16 * 1024 * 1024


class NewestStates:
    """States that are the newest as far as the log was read. Every change must be told."""

    def __init__(self, largest: int = LARGEST) -> None:
        self._states: OrderedDict[ObjectKey, KeptState] = OrderedDict()
        self._largest = largest
        self._size = 0

    def changed(self, key: ObjectKey, state: KeptState | None) -> None:
        """The object is another one now; None where its state was not read along."""
        old = self._states.pop(key, None)
        if old is not None:
            self._size -= len(old.state.body)
        if state is not None:
            self._states[key] = state
            self._size += len(state.state.body)
        while self._size > self._largest:
            _, dropped = self._states.popitem(last=False)
            self._size -= len(dropped.state.body)

    def at_hand(self, keys: Collection[ObjectKey]) -> dict[ObjectKey, KeptState] | None:
        """The states of these objects; None where one of them is not kept here."""
        found: dict[ObjectKey, KeptState] = {}
        for key in keys:
            state = self._states.get(key)
            if state is None:
                return None
            found[key] = state
        return found

    async def read(
        self, database: Database, keys: Iterable[ObjectKey], newest: Mapping[ObjectKey, int]
    ) -> dict[ObjectKey, KeptState]:
        """The states of these objects, if possible from memory; `newest` tells what was read of the log."""
        wanted = list(dict.fromkeys(keys))
        found = {key: state for key in wanted if (state := self._states.get(key)) is not None}
        missing = [key for key in wanted if key not in found]
        if missing:
            async with database.reading() as connection:
                read = await read_states(connection, missing)
            for key, state in read.items():
                # The log may have been read on meanwhile: what is older than it says is not kept.
                if (state.change_seq or 0) >= newest.get(key, 0):
                    self.changed(key, state)
            found |= read
        return found
