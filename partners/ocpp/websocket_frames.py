"""The frames of a WebSocket as its server reads and writes them (RFC 6455, 5): masked in, plain out."""

from typing import Final, NamedTuple

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_KNOWN: Final = frozenset({CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG})
_FIN, _RESERVED, _OPCODE, _MASKED, _LENGTH = 0x80, 0x70, 0x0F, 0x80, 0x7F
_WHOLE_TEXT: Final = _FIN | TEXT
#: A control frame of more bytes is none.
_MOST_OF_CONTROL: Final = 125
_IN_TWO_BYTES, _IN_EIGHT_BYTES = 126, 127
_MOST_IN_TWO_BYTES: Final = 0xFFFF
_NO_MASK: Final = b"\0\0\0\0"
#: Before the payload: two bytes, where it is long its length, and the mask.
_HEAD, _LONGER_HEAD = 6, 8

# Why a socket is closed (RFC 6455, 7.4.1).
NORMAL, GOING_AWAY, PROTOCOL_ERROR, UNSUPPORTED_DATA = 1000, 1001, 1002, 1003
NO_STATUS, INVALID_TEXT, POLICY_VIOLATION, TOO_BIG = 1005, 1007, 1008, 1009


class BadFrame(Exception):
    """The far end breaks the protocol; the link can only be closed.

    Attributes:
        code: With which it is closed.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Message(NamedTuple):
    """A whole message, or a control frame."""

    opcode: int
    data: bytes


class FrameReader:
    """Puts messages together from what comes, however it is cut.

    Args:
        largest: A message of more bytes is refused, before it is read.
    """

    __slots__ = ("_largest", "_needs", "_opcode", "_parts", "_rest", "broken")

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._rest: bytearray | None = None
        #: So many bytes must be there before it is worth while to look again.
        self._needs = 0
        #: The message whose fragments are coming.
        self._opcode = CONTINUATION
        self._parts: bytearray | None = None
        #: What is wrong, once something is; nothing is read after it.
        self.broken: BadFrame | None = None

    def whole_text(self, data: bytes) -> bytes | None:
        """The payload, where this is one text message in one frame, no more and no less: nearly always so.

        None: it is something else, or not allowed, and `read` knows what.
        """
        size = len(data)
        if size < _LONGER_HEAD or data[0] != _WHOLE_TEXT:
            return None
        length, start = data[1] - _MASKED, _HEAD
        if length == _IN_TWO_BYTES:
            length, start = data[2] << 8 | data[3], _LONGER_HEAD
        elif length == _IN_EIGHT_BYTES:
            return None
        if size != start + length or length > self._largest:
            return None
        if self._rest is not None or self._parts is not None or self.broken is not None:
            return None
        return _unmasked(data[start:], data[start - 4 : start])

    def read(self, data: bytes) -> list[Message]:
        """The messages that are whole with these bytes, up to what is not allowed."""
        if self.broken is not None:
            return []
        if self._rest is not None:
            self._rest += data
            if len(self._rest) < self._needs:
                return []
            data, self._rest = bytes(self._rest), None
        found: list[Message] = []
        try:
            self._find(data, found)
        except BadFrame as bad:
            self.broken = bad
        return found

    def _find(self, data: bytes, found: list[Message]) -> None:
        at, end = 0, len(data)
        while at < end:
            start = self._start(data, at, end)
            if start + self._needs > end:
                self._needs += start - at
                self._rest = bytearray(data[at:])
                return
            stop = start + self._needs
            payload = _unmasked(data[start:stop], data[start - 4 : start])
            message = self._taken(data[at], payload)
            if message is not None:
                found.append(message)
            at = stop

    def _start(self, data: bytes, at: int, end: int) -> int:
        """Where the payload of a frame begins, as far as can be told; `_needs` is its length from there."""
        if end - at < 2:  # noqa: PLR2004 what every frame begins with
            self._needs = 2
            return at
        head, length, start = data[at], data[at + 1] & _LENGTH, at + 2
        self._check(head, data[at + 1], length)
        if length >= _IN_TWO_BYTES:
            size = 2 if length == _IN_TWO_BYTES else 8
            if end < start + size:
                self._needs = size
                return start
            length, start = int.from_bytes(data[start : start + size], "big"), start + size
        so_far = 0 if self._parts is None else len(self._parts)
        if length + so_far > self._largest:
            raise BadFrame(TOO_BIG, f"a message has at most {self._largest} bytes")
        self._needs = length
        return start + 4  # after the mask

    def _check(self, head: int, second: int, length: int) -> None:
        opcode = head & _OPCODE
        if head & _RESERVED or opcode not in _KNOWN:
            raise BadFrame(PROTOCOL_ERROR, "an unknown kind of frame")
        if not second & _MASKED:
            raise BadFrame(PROTOCOL_ERROR, "a frame without a mask")
        if opcode >= CLOSE and (length > _MOST_OF_CONTROL or not head & _FIN):
            raise BadFrame(PROTOCOL_ERROR, "a control frame that is cut or too long")
        if opcode < CLOSE and (opcode == CONTINUATION) != (self._parts is not None):
            raise BadFrame(PROTOCOL_ERROR, "fragments out of order")

    def _taken(self, head: int, payload: bytes) -> Message | None:
        opcode = head & _OPCODE
        if opcode >= CLOSE or (head & _FIN and self._parts is None):
            return Message(opcode, payload)
        if self._parts is None:
            self._opcode, self._parts = opcode, bytearray()
        self._parts += payload
        if not head & _FIN:
            return None
        whole, self._parts = Message(self._opcode, bytes(self._parts)), None
        return whole


def _unmasked(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    if mask == _NO_MASK or not size:
        return payload
    masks = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(masks, "little")).to_bytes(size, "little")


def frame(opcode: int, payload: bytes) -> bytes:
    """A whole frame, as a server sends it."""
    length = len(payload)
    if length < _IN_TWO_BYTES:
        return bytes((_FIN | opcode, length)) + payload
    if length <= _MOST_IN_TWO_BYTES:
        return bytes((_FIN | opcode, _IN_TWO_BYTES)) + length.to_bytes(2, "big") + payload
    return bytes((_FIN | opcode, _IN_EIGHT_BYTES)) + length.to_bytes(8, "big") + payload


def closing(code: int, reason: bytes) -> bytes:
    """A frame that closes a socket, and says why."""
    return frame(CLOSE, code.to_bytes(2, "big") + reason[: _MOST_OF_CONTROL - 2])


def close_code(payload: bytes) -> int:
    """The code in a frame that closes a socket."""
    return int.from_bytes(payload[:2], "big") if len(payload) >= 2 else NO_STATUS  # noqa: PLR2004 a code has two
