"""Who gives the body of a request, as fast as the platform takes it."""

from typing import Protocol


class BodySource(Protocol):
    """Writes to a connection when told to, until told to pause."""

    def resume(self) -> None:
        """Write; this is how it begins, and how it goes on after a pause."""
        ...

    def pause(self) -> None:
        """Write no more for now: the platform is slow to read."""
        ...


class Writable(Protocol):
    """What a source writes to."""

    @property
    def takes_more(self) -> bool:
        """Whether a source may write on."""
        ...

    def write(self, data: bytes | memoryview) -> None:
        """Send a piece of the body."""
        ...

    def finish(self) -> None:
        """That was the whole body."""
        ...


class WholeBody:
    """A body that is there already, written in pieces: what is not read does not fill a buffer as well."""

    __slots__ = ("_rest", "_to")
    PIECE = 64 * 1024

    def __init__(self, to: Writable, body: bytes) -> None:
        self._to = to
        self._rest = memoryview(body)

    def resume(self) -> None:
        """Write on."""
        while self._rest and self._to.takes_more:
            piece, self._rest = self._rest[: self.PIECE], self._rest[self.PIECE :]
            self._to.write(piece)
        if not self._rest:
            self._to.finish()

    def pause(self) -> None:
        """It asks before each piece whether it may be written."""
