"""A connection to a platform: one request at a time, one answer to each, and what ends it.

| what happens | the answer | the connection |
|---|---|---|
| the answer is whole, and the request was sent | is the answer | is used again, unless one said otherwise |
| the answer is whole before the request was sent | is the answer | is closed |
| bytes, or the end, while nobody asks | | is closed |
| the end, or no HTTP, within an answer | is broken | is closed |
| the time is over | did not come | is closed |
| nobody waits any longer | | is closed |
"""

import asyncio
import socket
import time
from typing import Final, Protocol, cast

from hub.http.upstream.answer_parser import AnswerParser
from hub.http.upstream.answer_sink import NOBODY, UNREAD, AnswerSink
from hub.http.upstream.body_source import BodySource
from hub.http.upstream.bounds import Bounds
from hub.http.upstream.deadline import Deadline
from hub.http.upstream.keep_alive import kept_for
from hub.ocpi.transport import BrokenAnswer, CallFailed, NoAnswerInTime, NotReached

#: Bytes of a request that wait to be sent, above which its source is paused.
HIGH_WATER = 64 * 1024
#: Look at what has come and leave it there; a plain number, because joining two of them takes Python a while.
_PEEK: Final = int(socket.MSG_PEEK | socket.MSG_DONTWAIT)


class Owner(Protocol):
    """Whose connection it is."""

    def released(self, connection: "Connection") -> None:
        """It may be used again."""
        ...

    def lost(self, connection: "Connection") -> None:
        """It is gone."""
        ...


class Connection:
    """One connection, made by an event loop: a protocol in all but its base class, so that it compiles."""

    def __init__(self, owner: Owner, bounds: Bounds, loop: asyncio.AbstractEventLoop) -> None:
        self._owner: Final = owner
        self._loop: Final = loop
        self._first_byte: Final = None if bounds.first_byte is None else bounds.first_byte.total_seconds()
        self._parser: Final = AnswerParser(bounds)
        self._deadline: Final = Deadline(loop, self._expired)
        #: How long it may be idle, in seconds; the server may want less than we do.
        self.may_idle: float = bounds.idle.total_seconds()
        self._is_new = True
        self._transport: asyncio.Transport | None = None
        self._socket: socket.socket | None = None
        #: Done once the loop has nothing to do with it any more.
        self.gone: Final[asyncio.Future[None]] = loop.create_future()
        #: None while nobody asks.
        self._sink: AnswerSink | None = None
        #: Who still writes the body of the request.
        self._source: BodySource | None = None
        self._is_full = False
        self._is_paused = False
        self._whole_by = 0.0
        #: What is missing of an answer that is known at a glance; UNREAD of one that the parser reads.
        self._missing = UNREAD

    # What the pool asks.

    @property
    def is_open(self) -> bool:
        """Whether something can be asked."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def is_silent(self) -> bool:
        """Whether the platform has neither closed it nor said anything that the loop has not read yet."""
        if self._socket is None:
            return True
        try:
            self._socket.recv(1, _PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def runs_over(self, own: socket.socket) -> None:
        """Keep the socket, to look at what the loop has not read yet."""
        self._socket = own

    def close(self) -> None:
        """Close it; what it was asked fails."""
        self._fail(BrokenAnswer("the connection was closed by the hub"))

    def abort(self) -> None:
        """Close it without a goodbye."""
        if self._transport is not None:
            self._transport.abort()

    # One exchange.

    def ask(
        self,
        head: bytes,
        sink: AnswerSink,
        *,
        whole_by: float,
        source: BodySource | None = None,
        to_head: bool = False,
    ) -> None:
        """Send a request.

        Args:
            head: Its head, with the body where that is small.
            sink: Takes the answer.
            whole_by: The moment of the loop's time by which the answer must be whole.
            source: Writes the body from now on, and finishes it.
            to_head: Whether it is a HEAD.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            # Nothing was sent: for whoever asks, it is as if it had never been made.
            sink.on_failed(NotReached("the connection was closed before anything was sent"))
            return
        if time.monotonic() >= whole_by:
            # This process has slept: what it was to say may be said by another one, or be old.
            self._owner.released(self)
            sink.on_failed(NotReached("the time was over before anything was sent"))
            return
        self._sink = sink
        self._missing = UNREAD
        self._parser.expect(sink, to_head=to_head)
        self._whole_by = whole_by
        self._deadline.set(whole_by)
        transport.write(head)
        if source is None:
            self._await_first_byte()
        else:
            self._source = source
            source.resume()

    @property
    def takes_more(self) -> bool:
        """Whether a source may write on."""
        return self._source is not None and not self._is_full

    def write(self, data: bytes | memoryview) -> None:
        """Send a piece of the body; it is nobody's any more once the exchange is over."""
        if self._source is not None and self._transport is not None:
            self._transport.write(data)

    def finish(self) -> None:
        """That was the whole body."""
        if self._source is not None:
            self._source = None
            self._await_first_byte()

    def pause_reading(self) -> None:
        """Read no more of the answer for now; the platform notices in the end."""
        if self._transport is not None and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if self._is_paused:
            self._is_paused = False
            if self.is_open:
                cast("asyncio.Transport", self._transport).resume_reading()

    def abandon(self, sink: AnswerSink) -> None:
        """Stop: nobody waits for this answer any longer. Nothing happens if it was whole already."""
        if self._sink is sink:
            self._sink = NOBODY
            self._fail(BrokenAnswer("nobody waited for the answer"))

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It can be used."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER)

    def data_received(self, data: bytes) -> None:
        """Bytes: of the answer, or of what nobody asked for."""
        if self._sink is None:
            self.close()
            return
        parser = self._parser
        if self._missing > 0:
            self._read_on(data)
            return
        if not parser.has_begun:
            if self._first_byte is not None:
                self._deadline.set(self._whole_by)
            # What the server says of itself, it says in its first answer.
            if not self._is_new and self._glanced(data):
                return
        try:
            parser.feed(data)
        except BrokenAnswer as failure:
            self._fail(failure)
            return
        if parser.is_complete:
            self._completed()

    def _glanced(self, data: bytes) -> bool:
        """Whether whoever asked knows the answer by its first bytes."""
        missing = UNREAD if self._sink is None else self._sink.glance(data)
        if missing == UNREAD:
            return False
        self._parser.leave()
        self._missing = missing
        if not missing:
            self._known_to_the_end(keeps_alive=True)
        return True

    def _read_on(self, data: bytes) -> None:
        """More of the body of an answer that was known at a glance."""
        missing, sink = self._missing, self._sink
        if sink is None:
            return
        sink.on_body(data[:missing])
        self._missing = max(0, missing - len(data))
        if not self._missing:
            # Nobody asked for what follows.
            self._known_to_the_end(keeps_alive=len(data) == missing)

    def _known_to_the_end(self, *, keeps_alive: bool) -> None:
        self._missing = UNREAD
        self._parser.left(keeps_alive=keeps_alive)
        self._completed()

    def eof_received(self) -> None:
        """The platform closes it; some answers end so."""
        self._ended()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        if exc is None:
            self._ended()
        else:
            self._fail(BrokenAnswer(f"the connection was lost: {exc}"))
        self._transport = None
        self._deadline.cancel()
        self._owner.lost(self)
        if not self.gone.done():
            self.gone.set_result(None)

    def pause_writing(self) -> None:
        """The platform reads more slowly than is written."""
        self._is_full = True
        if self._source is not None:
            self._source.pause()

    def resume_writing(self) -> None:
        """What was written has gone."""
        self._is_full = False
        if self._source is not None:
            self._source.resume()

    # How an exchange ends.

    def _completed(self) -> None:
        sink = self._sink
        was_sent = self._source is None and not self._waiting_to_be_sent()
        self._over()
        if self._parser.keeps_alive and was_sent and self.is_open:
            if self._is_new:
                self._is_new = False
                self.may_idle = kept_for(self._parser.headers, self.may_idle)
            if self._is_paused:
                self.resume_reading()
            self._owner.released(self)
        else:
            self._hang_up()
        if sink is not None:
            sink.on_end()

    def _fail(self, failure: CallFailed) -> None:
        sink = self._sink
        self._over()
        self._parser.ignore()
        self._hang_up()
        if sink is not None:
            sink.on_failed(failure)

    def _ended(self) -> None:
        """Nothing more will come."""
        if self._sink is None:
            self._hang_up()
            return
        try:
            self._parser.end()
        except BrokenAnswer as failure:
            self._fail(failure)
        else:
            self._completed()

    def _expired(self) -> None:
        if self._parser.has_begun:
            self._fail(NoAnswerInTime("the answer was not whole in time"))
        elif self._source is not None or self._waiting_to_be_sent():
            self._fail(NoAnswerInTime("the request could not be sent in time"))
        else:
            self._fail(NoAnswerInTime("no answer in time"))

    def _over(self) -> None:
        self._sink = None
        self._source = None
        self._deadline.clear()

    def _hang_up(self) -> None:
        """Close it, and do not wait for a platform that does not read."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size():
            transport.abort()
        else:
            transport.close()

    def _waiting_to_be_sent(self) -> int:
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def _await_first_byte(self) -> None:
        if self._first_byte is not None:
            self._deadline.set(min(self._whole_by, self._loop.time() + self._first_byte))
