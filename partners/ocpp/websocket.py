"""One WebSocket of a server, from the first byte of its handshake to its end: a protocol of asyncio.

It is lean on purpose: no task, no queue, no compression; what comes is told to its owner at once, from within
the event loop. A link on which nothing happens is a handful of objects.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from enum import Enum, auto
from http import HTTPStatus
from typing import Final, Protocol

from partners.ocpp import websocket_frames as ws
from partners.ocpp.opening import Opening, OpeningReader, Refused, refusal, welcome
from partners.ocpp.turns import Portions
from partners.ocpp.websocket_frames import BadFrame, FrameReader

_log = logging.getLogger(__name__)

#: Seconds that a handshake may take until its head has come.
_OPENING_WITHIN: Final = 20.0
#: Pings without any sign of life after which a link is taken to be dead.
_MOST_MISSED: Final = 2


class Owner(Protocol):
    """Whom a WebSocket belongs to once it is open."""

    def heard(self, text: str) -> None:
        """A text message has come."""

    def complained(self, code: int, reason: str) -> None:
        """The far end broke the protocol, and the socket is being closed for it."""


class _State(Enum):
    OPENING = auto()
    #: The head of the request is there, and somebody decides about it.
    ASKED = auto()
    OPEN = auto()
    #: We have said goodbye.
    CLOSING = auto()
    CLOSED = auto()


class WebSocket(asyncio.Protocol):
    """The server's end of a link.

    Args:
        asked: Told of the request; decides by `accept` or `refuse`.
        largest: Bytes of a message.
        ping_every: Seconds of silence after which it is looked whether the far end is there.
        close_within: Seconds that the far end may take to say goodbye.
        begins: Shared by all: where very many come at once, each waits for its turn.
        ends: The same where very many end at once.
    """

    __slots__ = (
        "_asked",
        "_begins",
        "_close_within",
        "_early",
        "_ends",
        "_frames",
        "_has_heard",
        "_is_due",
        "_is_held",
        "_is_stuck",
        "_is_tls",
        "_largest",
        "_missed",
        "_opening",
        "_owner",
        "_ping_every",
        "_state",
        "_timer",
        "_transport",
        "ended",
    )

    def __init__(
        self,
        asked: Callable[["WebSocket", Opening], None],
        largest: int,
        ping_every: float,
        close_within: float,
        begins: Portions | None = None,
        ends: Portions | None = None,
    ) -> None:
        self._asked: Callable[[WebSocket, Opening], None] | None = asked
        self._largest = largest
        self._ping_every = ping_every
        self._close_within = close_within
        self._begins = begins or Portions()
        self._ends = ends or Portions()
        self._state = _State.OPENING
        self._opening: OpeningReader | None = OpeningReader()
        #: What has come and is not read yet; whether its turn is awaited.
        self._early = b""
        self._is_due = False
        self._frames: FrameReader | None = None
        self._owner: Owner | None = None
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._has_heard = False
        self._missed = 0
        #: Nothing is read: its owner has enough to do, or the far end does not take what it is sent.
        self._is_held = self._is_stuck = False
        self._is_tls = False
        #: Done when the connection is no more.
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # Who is there?

    @property
    def address(self) -> str:
        """The IP address of the far end; empty where it has gone."""
        peer = None if self._transport is None else self._transport.get_extra_info("peername")
        return str(peer[0]) if peer else ""

    @property
    def tls(self) -> ssl.SSLObject | None:
        """What is known by TLS; None without it."""
        found: ssl.SSLObject | None = (
            None if self._transport is None else self._transport.get_extra_info("ssl_object")
        )
        return found

    # What its owner does.

    def accept(self, key: bytes, subprotocol: str | None, owner: Owner) -> None:
        """Complete the handshake; what has come meanwhile is told at once."""
        if self._state is not _State.ASKED:
            return
        self._state, self._owner, self._frames = _State.OPEN, owner, FrameReader(self._largest)
        self._write(welcome(key, subprotocol))
        self._set_timer(self._ping_every, self._look)
        early, self._early = self._early, b""
        if early:
            self._take(early)
        self._read_or_not()

    def refuse(self, refused: Refused) -> None:
        """Answer in HTTP, and end the connection."""
        if self._state in {_State.OPENING, _State.ASKED}:
            self._write(refusal(refused))
            self._hang_up()

    def send(self, text: str) -> bool:
        """Send a text message; False if the link is lost, or being closed."""
        if self._state is not _State.OPEN:
            return False
        self._write(ws.frame(ws.TEXT, text.encode()))
        return True

    def hold(self, *, back: bool) -> None:
        """Read nothing more for now, or go on."""
        self._is_held = back
        self._read_or_not()

    def close(self, code: int, reason: bytes) -> None:
        """Say goodbye; the connection ends when the far end has said it too, or after a while."""
        if self._state is _State.OPEN:
            self._state = _State.CLOSING
            self._write(ws.closing(code, reason))
            self._is_held = False
            self._read_or_not()
            self._set_timer(self._close_within, self.abort)
        elif self._state in {_State.OPENING, _State.ASKED}:
            self.refuse(Refused(HTTPStatus.SERVICE_UNAVAILABLE))

    def abort(self) -> None:
        """End the connection now."""
        if self._transport is not None:
            self._transport.abort()

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is there."""
        self._transport = transport  # type: ignore[assignment] # a stream socket has this kind
        self._is_tls = self.tls is not None
        self._set_timer(_OPENING_WITHIN, self.abort)

    def data_received(self, data: bytes) -> None:
        """Something has come."""
        if self._frames is not None:
            self._has_heard = True
            self._take(data)
        elif self._state in {_State.OPENING, _State.ASKED}:
            self._early += data
            if self._state is _State.OPENING and not self._is_due:
                self._is_due = True
                self._begins.do(self._open)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        del exc
        self._state = _State.CLOSED
        if self._timer is not None:
            self._timer.cancel()
        # What refers to this is let go, so that no circles are left for the collector.
        self._timer = self._transport = self._owner = self._asked = self._opening = self._frames = None
        self._ends.do(self._end)

    def eof_received(self) -> bool:
        """The far end says no more; whether the connection stays until its turn to end has come."""
        if self._is_tls:  # ends with the goodbye of TLS
            return False
        self._ends.do(self._end_all)
        return True

    def pause_writing(self) -> None:
        """The far end does not take what it is sent: then it is not listened to either."""
        self._is_stuck = True
        self._read_or_not()

    def resume_writing(self) -> None:
        """It does again."""
        self._is_stuck = False
        self._read_or_not()

    # Inside.

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def _end_all(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _open(self) -> None:
        self._is_due = False
        if self._state is not _State.OPENING or self._opening is None or self._asked is None:
            return
        data, self._early = self._early, b""
        try:
            read = self._opening.read(data)
        except Refused as refused:
            self.refuse(refused)
            return
        if read is not None:
            opening, self._early = read
            asked, self._asked, self._opening = self._asked, None, None
            self._state = _State.ASKED
            self._set_timer(None, None)
            self._read_or_not()
            asked(self, opening)

    def _take(self, data: bytes) -> None:
        frames = self._frames
        if frames is None:
            return
        try:
            whole = frames.whole_text(data)
            if whole is not None:
                if self._owner is not None and self._state is _State.OPEN:
                    self._owner.heard(_text(whole))
                return
            for opcode, payload in frames.read(data):
                if opcode == ws.TEXT:
                    if self._owner is not None and self._state is _State.OPEN:
                        self._owner.heard(_text(payload))
                else:
                    self._control(opcode, payload)
            if frames.broken is not None:
                raise frames.broken
        except BadFrame as bad:
            self._give_up(bad)

    def _give_up(self, bad: BadFrame) -> None:
        """Say goodbye to somebody who breaks the protocol; what follows cannot be read."""
        if self._owner is not None and self._state is _State.OPEN:
            self._owner.complained(bad.code, bad.reason)
        self.close(bad.code, bad.reason.encode())
        self._frames = None
        self._state = _State.CLOSING
        # Only half of the connection: if all of it ended while something is still coming, our goodbye would
        # be lost with it.
        if self._transport is not None and self._transport.can_write_eof():
            self._transport.write_eof()

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == ws.BINARY:
            raise BadFrame(ws.UNSUPPORTED_DATA, "OCPP-J is text")
        if opcode == ws.PING:
            if self._state is _State.OPEN:
                self._write(ws.frame(ws.PONG, payload))
        elif opcode == ws.CLOSE:
            if self._state is _State.OPEN:
                self._state = _State.CLOSING
                code = ws.close_code(payload)
                self._write(ws.closing(ws.NORMAL if code == ws.NO_STATUS else code, b""))
            self._hang_up()

    def _look(self) -> None:
        """Whether the far end is there: it said something, or it is asked."""
        if self._has_heard:
            self._has_heard, self._missed = False, 0
        elif self._missed >= _MOST_MISSED:
            _log.info("%s has not answered pings: the link is given up", self.address)
            self.abort()
            return
        else:
            self._missed += 1
            self._write(ws.frame(ws.PING, b""))
        self._set_timer(self._ping_every, self._look)

    def _read_or_not(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._is_held or self._is_stuck or self._state is _State.ASKED:
            transport.pause_reading()
        else:
            transport.resume_reading()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _hang_up(self) -> None:
        """End the connection when everything is written."""
        if self._state is not _State.CLOSED and self._transport is not None:
            self._state = _State.CLOSING
            self._set_timer(self._close_within, self.abort)
            self._transport.close()

    def _set_timer(self, seconds: float | None, what: Callable[[], None] | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None and what is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, what)


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise BadFrame(ws.INVALID_TEXT, "a text that is no UTF-8") from error
