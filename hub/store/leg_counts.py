"""The legs of exchanges, counted in a plain dictionary, which costs a request next to nothing."""

from hub.store.journal import JournalEntry

#: Direction, module, HTTP status, OCPI's status code.
Labels = tuple[str, str | None, int | None, int | None]


class LegCounts:
    """How many legs there were, and how long they took."""

    __slots__ = ("counts",)

    def __init__(self) -> None:
        #: How many there were, and how many seconds they took.
        self.counts: dict[Labels, list[float]] = {}

    def count(self, entry: JournalEntry) -> None:
        """One leg has ended."""
        key = (entry.direction, entry.module, entry.http_status, entry.status_code)
        # A counter never falls, though the clock be set back.
        seconds = max(0.0, entry.took.total_seconds())
        so_far = self.counts.get(key)
        if so_far is None:
            self.counts[key] = [1, seconds]
        else:
            so_far[0] += 1
            so_far[1] += seconds
