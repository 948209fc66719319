"""What two heads have in common: their lines, but for the few that differ from message to message.

A platform writes the same head again and again; only ids and lengths change, and what nobody here reads:
dates, cookies, the marks of tracers. Its outline is all the other lines, and blanks where those stand. Two
heads with one outline mean the same, so what was found out about one holds for the other. What stands in the
blanks is read more strictly than HTTP asks for: whatever is odd there makes a head unlike all others.
"""

import re
from typing import Final, NamedTuple

from hub.ocpi.headers import (
    AUTHORIZATION,
    LIMIT,
    LINK,
    LOCATION,
    RELAYED_REPLY_HEADERS,
    RELAYED_REQUEST_HEADERS,
    TOTAL_COUNT,
)
from hub.web.fast.heads import NOT_PLAIN, SINGLE

#: Stands for a line that may differ.
BLANK: Final = b""
#: What may stand there: in an id all that is visible, and no space; in a length digits.
_VISIBLE: Final = bytes(range(0x21, 0x7F))
_VARYING: Final = {
    b"x-request-id": (0, _VISIBLE),
    b"x-correlation-id": (1, _VISIBLE),
    b"content-length": (2, b"0123456789"),
}
#: Whatever stands behind the name of a header that nobody reads.
_NOBODYS: Final = 3
_UNREAD: Final = (_NOBODYS, _VISIBLE + b" ")
#: The most bytes of each.
LONGEST: Final = (200, 200, 9, 4096)
#: The same as patterns, for moulds; those of values are groups.
GROUPS: Final = (b"request_id", b"correlation_id", b"length")
_PATTERNS: Final = (
    b"(?P<request_id>[!-~]{1,%d})" % LONGEST[0],
    b"(?P<correlation_id>[!-~]{1,%d})" % LONGEST[1],
    b"(?P<length>[0-9]{1,%d})" % LONGEST[2],
    b"[!-~](?:[ -~]{0,%d}[!-~])?" % (LONGEST[3] - 2),
)
#: Headers that the hub reads, hands on, or must not see on the fast path; also all that begin with `ocpi-`.
_READ: Final = (
    frozenset(name.lower().encode() for name in (AUTHORIZATION, TOTAL_COUNT, LIMIT, LINK, LOCATION))
    | {name.encode() for name in RELAYED_REQUEST_HEADERS | RELAYED_REPLY_HEADERS}
    | NOT_PLAIN
    | SINGLE
)
_NAME: Final = re.compile(rb"[A-Za-z0-9_-]+:")
SPACE: Final = ord(" ")
END_OF_LINE: Final = b"\r\n"
#: In a head of which the places are remembered.
MOST_LINES: Final = 64


class Varying(NamedTuple):
    """A line that may differ: which one, how it begins, and what may follow."""

    line: int
    #: Which of the values it is.
    value: int
    begins: bytes
    #: The bytes that may follow.
    of: bytes


#: Where the lines are that may differ.
Places = tuple[Varying, ...]


class Outline(NamedTuple):
    """A head, with blanks."""

    lines: tuple[bytes, ...]
    #: Request id, correlation id and length, empty where there is no such line; the last one is nobody's.
    values: tuple[bytes, bytes, bytes, bytes]


#: A pattern that the heads of one outline match, to the empty line at their end. It has the `GROUPS`.
Mould = re.Pattern[bytes]


def is_whole(lines: tuple[bytes, ...]) -> bool:
    """Whether no line that may differ was left in an outline."""
    return not any(_known(line) for line in lines)


def _known(line: bytes) -> tuple[int, bytes] | None:
    """Which value it is that stands in a line, and of which bytes; None where the line must stay the same."""
    name = _name_of(line)
    if name in _VARYING:
        return _VARYING[name]
    is_read = name in _READ or name.startswith((b"ocpi-", b"sec-"))
    return None if is_read or _NAME.match(line) is None else _UNREAD


def _name_of(line: bytes) -> bytes:
    return line.partition(b":")[0].strip().lower()


class Outlines:
    """Makes the outlines of what one connection, or one platform, writes.

    Where the lines are that differ is remembered for each number of lines, and may be wrong for the next
    head: then a line that may differ is left in its outline, and nobody may learn that.
    """

    __slots__ = ("_places",)

    def __init__(self) -> None:
        self._places: dict[int, Places | None] = {}

    def of(self, head: bytes) -> Outline | None:
        """The outline of a head; None if it is odd.

        Args:
            head: Without the empty line at its end.
        """
        lines = head.split(END_OF_LINE)
        places = self._places.get(len(lines))
        return self.anew(head) if places is None else _outlined(lines, places) or self.anew(head)

    def anew(self, head: bytes) -> Outline | None:
        """The same, and nothing is taken from heads before."""
        lines = head.split(END_OF_LINE)
        places = _places_in(lines)
        if len(lines) <= MOST_LINES:
            self._places[len(lines)] = places
        return None if places is None else _outlined(lines, places)


def mould_of(head: bytes, begins: bytes) -> Mould | None:
    """What recognises, at one go, heads that have the outline of this one, and the same names before blanks.

    Args:
        head: As in `Outlines.of`; it has an outline.
        begins: A pattern for the first line.
    """
    lines = head.split(END_OF_LINE)
    places = _places_in(lines)
    if places is None:
        return None
    patterns = [begins, *map(re.escape, lines[1:])]
    for number, value, name, _ in places:
        patterns[number] = re.escape(name) + _PATTERNS[value]
    found = {each.value for each in places}
    missing = [b"(?P<%b>)" % name for value, name in enumerate(GROUPS) if value not in found]
    return re.compile(b"".join((END_OF_LINE.join(patterns), END_OF_LINE, END_OF_LINE, *missing)))


def _places_in(lines: list[bytes]) -> Places | None:
    """The places of the lines that may differ; None where one of them stands twice."""
    found: list[Varying] = []
    for number, line in enumerate(lines):
        known = _known(line) if number else None
        if known is None:
            continue
        if known[0] != _NOBODYS and any(each.value == known[0] for each in found):
            return None
        found.append(Varying(number, known[0], line.partition(b":")[0] + b": ", known[1]))
    return tuple(found)


def _outlined(lines: list[bytes], places: Places) -> Outline | None:
    """The outline of a head, None if those at these places are other ones, or odd."""
    lines = lines.copy()
    values = [b"", b"", b"", b""]
    for number, value, begins, of in places:
        line = lines[number]
        given = line[len(begins) :]
        is_plain = 0 < len(given) <= LONGEST[value] and not given.translate(None, of)
        if not is_plain or not line.startswith(begins) or given[0] == SPACE or given[-1] == SPACE:
            return None
        values[value] = given
        lines[number] = BLANK
    return Outline(tuple(lines), (values[0], values[1], values[2], values[3]))
