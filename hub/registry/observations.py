"""What platforms were seen to do and is not written down yet: taken without waiting (design D7)."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

from hub.directory.current import CurrentDirectory
from hub.directory.directory import Directory
from hub.directory.quirks import Pushes, Quirk, Seen, Source

#: Observations that wait to be written at most; beyond that the oldest are dropped: they will come again.
CAPACITY = 10_000

Observation = tuple[int, Seen]
#: A platform, a quirk, and what it is about.
Spot = tuple[int, Quirk, str]


class Again:
    """How often something that is known was seen again and is not written down yet."""

    __slots__ = ("correlation_id", "count")

    def __init__(self) -> None:
        self.count = 0
        #: Of the last exchange.
        self.correlation_id = ""

    def seen(self, correlation_id: str) -> None:
        """Count it: a platform does so with each message, and what it costs is a sum."""
        self.count += 1
        self.correlation_id = correlation_id


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
        self._again: dict[tuple[Spot, str], Again] = {}
        #: What is known and was not seen again yet is as of this one.
        self._as_of: Directory | None = None
        #: Set when something is not known yet.
        self.news: Final = asyncio.Event()

    def observe(self, platform_id: int, seen: Seen) -> None:
        """A platform was seen to do something; costs next to nothing."""
        again = self.again(platform_id, seen)
        if again is not None:
            again.seen(seen.correlation_id)
            return
        self._waiting.append((platform_id, seen))
        platform = self._directory.value.platforms.get(platform_id)
        if platform is None or platform.quirks.value(seen.quirk, seen.about) != seen.value:
            self.news.set()
        elif seen.quirk is Quirk.PUSH and platform.quirks.pushes is Pushes.UNKNOWN:
            self.news.set()  # OCPI's own way, and news all the same: the hub need not pull

    def again(self, platform_id: int, seen: Seen) -> Again | None:
        """What counts it, None if it is not known; the same as long as the Directory is."""
        directory = self._directory.value
        if self._as_of is not directory:
            self._as_of = directory
            self._again = {what: again for what, again in self._again.items() if again.count}
        platform = directory.platforms.get(platform_id)
        if platform is None or seen.is_usual:
            return None
        known = platform.quirks.known.get((seen.quirk, seen.about))
        if known is None or known.value != seen.value or known.source is not Source.OBSERVED:
            return None
        return self._again.setdefault(((platform_id, seen.quirk, seen.about), seen.value), Again())

    def sights(self, platform_id: int, shown: Iterable[Seen]) -> "Sights | None":
        """What tells this of a platform again and again, while the Directory is the same; None of nothing."""
        told = [(each, self.again(platform_id, each)) for each in shown]
        if not told:
            return None
        known = tuple(again for _, again in told if again is not None)
        return Sights(self, platform_id, known, tuple(each for each, again in told if again is None))

    def taken(self) -> Observed:
        """What has waited until now, and waits no more."""
        again = {what: (each.count, each.correlation_id) for what, each in self._again.items() if each.count}
        observed = Observed(tuple(self._waiting), again)
        self._waiting.clear()
        for each in self._again.values():
            each.count = 0
        return observed


class Sights:
    """What each message of a kind shows of a platform: what is known is found once, and then counted."""

    __slots__ = ("_known", "_observations", "_others", "_platform_id")

    def __init__(
        self,
        observations: Observations,
        platform_id: int,
        known: tuple[Again, ...],
        others: tuple[Seen, ...],
    ) -> None:
        self._observations: Final = observations
        self._platform_id: Final = platform_id
        self._known: Final = known
        self._others: Final = others

    def tell(self, correlation_id: str) -> None:
        """There was one more, in this exchange."""
        for again in self._known:
            again.seen(correlation_id)
        for seen in self._others:
            self._observations.observe(self._platform_id, seen._replace(correlation_id=correlation_id))
