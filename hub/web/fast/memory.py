"""What the requests on one connection looked like: the next one often differs in object and ids alone.

| looked for | costs |
|---|---|
| among the ways that were gone on this connection last, by their moulds | a match of a pattern |
| among all ways, by the outline of its head | a look at each line |
"""

from typing import Final

from hub.directory.current import CurrentDirectory
from hub.web.fast.crossing import Asker
from hub.web.fast.outline import Mould, Outline, Outlines, mould_of
from hub.web.fast.ways import Parts, Recognised, Way, Ways, parts_of

#: A larger head is for the ordinary path, in bytes.
LARGEST_HEAD: Final = 8 * 1024
#: Ways that are looked for first.
MOST_RECENT: Final = 4
_END_OF_HEAD: Final = b"\r\n\r\n"
_new: Final = tuple.__new__


class Missed:
    """The request that was looked at last, if its way is not known: it may be learnt when it is taken."""

    __slots__ = ("asker", "pieces")

    def __init__(self) -> None:
        self.asker: Asker | None = None
        #: None where nothing is to be learnt.
        self.pieces: Parts | None = None

    def by(self, asker: Asker) -> Parts | None:
        """It, if it is this one's; it is forgotten."""
        pieces = self.pieces if self.asker is asker else None
        self.asker = self.pieces = None
        return pieces


class Memory:
    """Recognises the requests on one connection."""

    __slots__ = ("_asker", "_directory", "_era", "_missed", "_outlines", "_recent", "_ways")

    def __init__(self, ways: Ways, directory: CurrentDirectory, missed: Missed, asker: Asker) -> None:
        self._ways: Final = ways
        self._directory: Final = directory
        self._missed: Final = missed
        self._asker: Final = asker
        self._outlines: Final = Outlines()
        #: The last one that was found stands first.
        self._recent: tuple[tuple[Mould, Way], ...] = ()
        self._era = 0

    def recognised(self, waiting: bytes) -> Recognised | None:
        """The request that waits first; None if its way is not known, or its head is not whole."""
        era = self._ways.era(self._directory.value)
        if era != self._era:
            self._era, self._recent = era, ()
        self._missed.pieces = None
        for mould, way in self._recent:
            match = mould.match(waiting)
            if match is None or (begins := match.end()) > LARGEST_HEAD:
                continue
            tail, request_id, correlation_id, length = match.group(
                "tail", "request_id", "correlation_id", "length"
            )
            if tail.startswith(way.owner):
                ends = begins + int(length) if length else begins
                return _new(Recognised, (way, tail, request_id, correlation_id, begins, ends))
        end = waiting.find(_END_OF_HEAD, 0, LARGEST_HEAD)
        return None if end < 0 else self._outlined(waiting[:end])

    def _outlined(self, head: bytes) -> Recognised | None:
        """The request with this head, if its way is known."""
        outline = self._outlines.of(head)
        if outline is None:
            return None
        found = self._found(head, outline)
        if found is not None:
            return found
        # The places of what differs were taken from another head.
        again = self._outlines.anew(head)
        return None if again is None or again == outline else self._found(head, again)

    def _found(self, head: bytes, outline: Outline) -> Recognised | None:
        pieces = parts_of(outline)
        way = None if pieces is None else self._ways.find(pieces.key)
        if pieces is None or way is None or not pieces.tail.startswith(way.owner):
            self._missed.asker, self._missed.pieces = self._asker, pieces
            return None
        self._keep_in_mind(way, head)
        begins = len(head) + len(_END_OF_HEAD)
        ends = begins + (pieces.length or 0)
        return Recognised(way, pieces.tail, pieces.request_id, pieces.correlation_id, begins, ends)

    def _keep_in_mind(self, way: Way, head: bytes) -> None:
        if way.mould is None:
            way.mould = mould_of(head, way.first_line)
        if way.mould is not None and all(each is not way for _, each in self._recent):
            self._recent = ((way.mould, way), *self._recent[: MOST_RECENT - 1])
