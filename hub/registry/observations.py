"""What platforms were seen to do and is not written down yet: taken without waiting (design D7)."""

import asyncio
from collections import deque
from typing import Final, NamedTuple

from hub.directory.current import CurrentDirectory
from hub.directory.quirks import Pushes, Quirk, Seen, Source

#: Observations that wait to be written at most; beyond that the oldest are dropped: they will come again.
CAPACITY = 10_000

Observation = tuple[int, Seen]
#: A platform, a quirk, and what it is about.
Spot = tuple[int, Quirk, str]


class Observed(NamedTuple):
    """All that waited."""

    seen: tuple[Observation, ...]
    #: What is known and was seen again: how often, and the correlation id of the last exchange.
    again: dict[tuple[Spot, str], tuple[int, str]]


class Observations:
    """Takes what platforms were seen to do, until somebody writes it down."""

    def __init__(self, directory: CurrentDirectory) -> None:
        """Wire up.

        Args:
            directory: Tells what is known.
        """
        self._directory: Final = directory
        self._waiting: deque[Observation] = deque(maxlen=CAPACITY)
        self._again: dict[tuple[Spot, str], tuple[int, str]] = {}
        #: Set when something is not known yet.
        self.news: Final = asyncio.Event()

    def observe(self, platform_id: int, seen: Seen) -> None:
        """A platform was seen to do something; costs next to nothing."""
        platform = self._directory.value.platforms.get(platform_id)
        if platform is not None and not seen.is_usual:
            known = platform.quirks.known.get((seen.quirk, seen.about))
            if known is not None and known.value == seen.value and known.source is Source.OBSERVED:
                # A platform does so with each message: what it costs is a sum.
                again = (platform_id, seen.quirk, seen.about), seen.value
                count, _ = self._again.get(again, (0, ""))
                self._again[again] = count + 1, seen.correlation_id
                return
        self._waiting.append((platform_id, seen))
        if platform is None or platform.quirks.value(seen.quirk, seen.about) != seen.value:
            self.news.set()
        elif seen.quirk is Quirk.PUSH and platform.quirks.pushes is Pushes.UNKNOWN:
            self.news.set()  # OCPI's own way, and news all the same: the hub need not pull

    def taken(self) -> Observed:
        """What has waited until now, and waits no more."""
        observed = Observed(tuple(self._waiting), self._again)
        self._waiting.clear()
        self._again = {}
        return observed
