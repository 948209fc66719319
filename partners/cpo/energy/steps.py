"""Something that stays the same for a while and then is another: a limit, a price, a forecast. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Steps(Generic[Value]):
    """Values, each from its instant to the next one's; before the first nothing is known."""

    #: In order, no instant twice.
    points: tuple[tuple[datetime, Value], ...] = ()
    _starts: tuple[datetime, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_starts", tuple(start for start, _ in self.points))

    def at(self, instant: datetime) -> Value | None:
        """The value then."""
        position = bisect_right(self._starts, instant)
        return self.points[position - 1][1] if position else None

    def changes(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The instants of change after one instant, up to and with another."""
        return (start for start in self._starts if after < start <= until)

    def during(self, begin: datetime, end: datetime) -> Iterator[Value | None]:
        """All values between two instants."""
        yield self.at(begin)
        for change in self.changes(begin, end):
            yield self.at(change)


def steps(points: Iterable[tuple[datetime, Value]]) -> Steps[Value]:
    """Steps, put in order; of two at the same instant the later one told counts."""
    return Steps(tuple(sorted(dict(points).items(), key=lambda point: point[0])))
