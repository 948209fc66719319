"""Turns, where there is not enough for all: who was paused too long is due until its turn is over. Pure."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(slots=True)
class _Place:
    paused_since: datetime | None = None
    #: When it became due; stays until its turn is over.
    owed: datetime | None = None
    served_since: datetime | None = None


@dataclass(slots=True)
class Turns:
    """Who waits, and since when."""

    #: Whoever is paused for so long is due.
    patience: timedelta = timedelta(minutes=30)
    #: How long somebody who was due charges before the next one's turn.
    turn: timedelta = timedelta(minutes=15)
    _places: dict[int, _Place] = field(default_factory=dict)

    def seen(self, waiting: Collection[int], served: Collection[int], now: datetime) -> None:
        """Note who waits and who is served; all others want nothing, and are forgotten."""
        here = {*waiting, *served}
        for gone in [each for each in self._places if each not in here]:
            del self._places[gone]
        for each in here:
            place = self._places.setdefault(each, _Place())
            if each in served:
                self._serve(place, now)
            else:
                self._keep_waiting(place, now)

    def owed(self, charging: int) -> datetime | None:
        """Since when it is due; None: it is not."""
        place = self._places.get(charging)
        return None if place is None else place.owed

    def paused_since(self, charging: int) -> datetime | None:
        """Since when it waits; None: it does not."""
        place = self._places.get(charging)
        return None if place is None else place.paused_since

    def _serve(self, place: _Place, now: datetime) -> None:
        place.paused_since = None
        place.served_since = place.served_since or now
        if now - place.served_since >= self.turn:
            place.owed = None

    def _keep_waiting(self, place: _Place, now: datetime) -> None:
        place.served_since = None
        place.paused_since = place.paused_since or now
        if place.owed is None and now - place.paused_since >= self.patience:
            place.owed = place.paused_since + self.patience
