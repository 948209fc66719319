"""What the bytes of an answer mean, however they are cut into pieces.

| answer | its body ends |
|---|---|
| 1xx but 101 | there is none; the answer proper follows |
| 101 | broken: nobody asked for another protocol |
| to HEAD; 204; 304 | there is none, whatever the headers say |
| `Transfer-Encoding: chunked` | with the last chunk; trailers are left out |
| `Content-Length` | after so many bytes |
| neither | with the connection |
| both of them, two lengths, another transfer coding | broken |
"""

from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from hub.http.upstream.answer_sink import NOBODY, AnswerSink, RawHeader
from hub.http.upstream.bounds import Bounds
from hub.ocpi.transport import BrokenAnswer

LEAST_STATUS, SWITCHING_PROTOCOLS, FIRST_FINAL = 100, 101, 200
#: Of an answer that was not read here.
_KNOWN: Final[list[RawHeader]] = [(b"content-length", b"")]
_FRAMED = frozenset({b"content-length", b"transfer-encoding"})


class AnswerParser:
    """Reads the answers on one connection, one after another, each for a sink of its own."""

    __slots__ = (
        "_bounds", "_headers", "_http", "_is_to_head", "_is_used_up", "_largest_body", "_largest_head",
        "_left_for_body", "_left_for_head", "_overhead", "_reason", "_sink", "_status",
        "headers", "is_complete", "keeps_alive",
    )  # fmt: skip

    def __init__(self, bounds: Bounds) -> None:
        self._bounds: Final = bounds
        self._largest_head: Final = bounds.largest_head
        self._largest_body: Final = bounds.largest_body
        self._http = _parser(self)
        self._is_used_up = False
        self.keeps_alive = True
        self.expect(NOBODY)
        self.is_complete = True

    def expect(self, sink: AnswerSink, *, to_head: bool = False) -> None:
        """Begin with an answer.

        Args:
            sink: Takes it.
            to_head: Whether it is the answer to a HEAD, which has no body.
        """
        if self._is_used_up:
            self._http = _parser(self)
            self._is_used_up = False
        self._sink = sink
        self._is_to_head = to_head
        #: Of the final answer, 0 until its head is whole.
        self._status = 0
        self._reason = b""
        self._headers: list[RawHeader] = []
        #: Of the final answer, once its head is whole.
        self.headers: list[RawHeader] = []
        self._left_for_head = self._largest_head
        self._left_for_body = self._largest_body
        self._overhead = 0
        #: Whether the answer is whole.
        self.is_complete = False
        #: Whether another one may follow on the same connection.
        self.keeps_alive = False

    def leave(self) -> None:
        """An answer that is known at a glance has begun: its head is well, and it has a length."""
        self._left_for_head -= 1
        self._status = FIRST_FINAL
        self.headers = _KNOWN

    def left(self, *, keeps_alive: bool) -> None:
        """That answer is whole; the next one is read here again, if the connection stays."""
        self.is_complete = True
        self.keeps_alive = keeps_alive

    def ignore(self) -> None:
        """Let nobody be told of the rest."""
        self._sink = NOBODY

    @property
    def has_begun(self) -> bool:
        """Whether anything of the answer has arrived, be it a provisional one."""
        return self._left_for_head < self._largest_head

    @property
    def has_head(self) -> bool:
        """Whether the head of the final answer is whole."""
        return self._status > 0

    def feed(self, data: bytes) -> None:
        """Go on with these bytes.

        Raises:
            BrokenAnswer: they are no answer, or it is larger than it may be.
        """
        try:
            if not self._status:
                data = self._head_fed(data)
            self._overhead += len(data)
            self._http.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            if self.is_complete:
                # Nobody asked for what follows; the answer stands, and its connection is not used again.
                self.keeps_alive = False
                return
            raise _failure(error) from error
        if self._overhead > self._largest_head and not self.is_complete:
            raise BrokenAnswer(f"more than {self._largest_head} bytes between two pieces of the body")

    def _head_fed(self, data: bytes) -> bytes:
        """What follows the bytes among which the head must end; without it, they are gone through."""
        room = self._left_for_head
        if len(data) <= room:
            self._left_for_head = room - len(data)
            return data
        self._left_for_head = 0
        self._http.feed_data(data[:room])
        if not self._status:
            raise BrokenAnswer(f"the head of the answer is larger than {self._largest_head} bytes")
        return data[room:]

    def end(self) -> None:
        """The platform has closed the connection.

        Raises:
            BrokenAnswer: the answer is not whole.
        """
        if self.is_complete:
            return
        if not self._status:
            within = "within its head" if self.has_begun else "before the answer"
            raise BrokenAnswer(f"the connection was closed {within}")
        if any(name.lower() in _FRAMED for name, _ in self.headers):
            raise BrokenAnswer("the connection was closed before the answer was whole")
        self.is_complete = True

    # What httptools calls.

    def on_message_begin(self) -> None:
        """A head begins: of the answer, or of what nobody asked for."""
        if self.is_complete:
            raise BrokenAnswer("there is more than one answer")

    def on_status(self, reason: bytes) -> None:
        """A piece of the reason phrase."""
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, which lands in a list that nobody reads."""
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        status = self._http.get_status_code()
        if status < FIRST_FINAL:
            if status < LEAST_STATUS or status == SWITCHING_PROTOCOLS:
                raise BrokenAnswer(f"the answer has the status {status}")
            return
        headers = self._headers
        if len(headers) > self._bounds.most_headers:
            raise BrokenAnswer(f"the answer has more than {self._bounds.most_headers} headers")
        self._status = status
        self.headers = headers
        self._headers = []
        self._overhead = 0
        self._sink.on_head(status, self._reason, headers)
        if self._is_to_head:
            # The parser cannot be told that no body follows: what it thinks from here on is not asked.
            self._is_used_up = self.is_complete = True
            self.keeps_alive = self._http.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        if not self._status:
            return
        if self.is_complete:
            raise BrokenAnswer("an answer to HEAD has no body")
        self._overhead = 0
        self._left_for_body -= len(data)
        if self._left_for_body < 0:
            raise BrokenAnswer(f"the answer is larger than {self._largest_body} bytes")
        self._sink.on_body(data)

    def on_message_complete(self) -> None:
        """The answer is whole, or a provisional one before it."""
        if self._status:
            if not self.is_complete:
                self.is_complete = True
                self.keeps_alive = self._http.should_keep_alive()
        else:
            self._reason = b""
            self._headers = []


def _parser(told: AnswerParser) -> HttpResponseParser:
    parser = HttpResponseParser(told)
    # Servers that write LF for CRLF, or pad the size of a chunk, are understood: neither hides one answer in
    # another. All else is taken as RFC 9112 writes it.
    parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True)
    return parser


def _failure(error: Exception) -> BrokenAnswer:
    """What a failure of the parser means; one of our own goes through it as the context."""
    match error.__context__:
        case BrokenAnswer() as ours:
            return BrokenAnswer(str(ours))
        case None:
            return BrokenAnswer(f"the answer is not HTTP: {error}")
        case other:
            return BrokenAnswer(f"the answer could not be taken: {other!r}")
