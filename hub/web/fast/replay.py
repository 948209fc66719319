"""One request on a way that is known: pieces of bytes put together, and the same two entries written down.

An answer in a form that is known goes back the same way. Any other answer, and every failure, is for
`Crossing`, which takes over as if it had sent the request itself.
"""

from datetime import datetime
from typing import Final

from hub.directory.quirks import Seen
from hub.http.upstream.answer_sink import UNREAD, RawHeader
from hub.http.upstream.connection import Connection
from hub.http.upstream.header_text import header_texts
from hub.ocpi.envelope import NotAnEnvelope, read_status_code
from hub.ocpi.headers import NO_ROUTING, MessageIds, Routing
from hub.ocpi.message import Reply
from hub.ocpi.transport import CallFailed, HttpReply
from hub.store.journal import Direction, JournalEntry, Purpose
from hub.web.edge import Passage
from hub.web.fast.answers import end_of_head
from hub.web.fast.crossing import Asker, Crossing, Parts
from hub.web.fast.outline import Outline
from hub.web.fast.ways import Form, FormKey, Way
from hub.web.fast.ways import Parts as Pieces

#: A larger head is for the parser, in bytes.
LARGEST_HEAD: Final = 8 * 1024
_END_OF_HEAD: Final = b"\r\n\r\n"
_new: Final = tuple.__new__


class Replay:
    """One request, from when it is taken until it is written down."""

    __slots__ = (
        "_asker", "_body", "_correlation_id", "_crossing", "_form", "_form_key", "_headers", "_is_trial",
        "_kept", "_parts", "_places", "_request_id", "_sent_id", "_status", "_tail", "_way", "at",
    )  # fmt: skip

    def __init__(
        self, parts: Parts, asker: Asker, way: Way, pieces: Pieces, body: bytes, at: datetime
    ) -> None:
        self._parts: Final = parts
        self._asker: Final = asker
        self._way: Final = way
        self._body: Final = body
        self._tail: Final = pieces.tail.decode("ascii")
        self._request_id: Final = pieces.request_id.decode("ascii")
        self._correlation_id: Final = pieces.correlation_id.decode("ascii")
        self._sent_id: Final = parts.new_id()
        #: When it came.
        self.at: Final = at
        self._is_trial = False
        self._form: Form | None = None
        self._form_key: FormKey | None = None
        self._kept: list[bytes] = []
        self._status = 0
        self._headers: list[RawHeader] = []
        self._crossing: Crossing | None = None

    def begin(self, connection: Connection, pieces: Pieces, whole_by: float, *, is_trial: bool) -> None:
        """Send it on."""
        self._is_trial = is_trial
        body = self._body
        before_tail, before_id, between, behind = self._way.head
        end = b"Content-Length: %d\r\n\r\n" % len(body) if body else b""
        head = b"".join(
            (
                before_tail,
                pieces.tail,
                before_id,
                self._sent_id.encode(),
                between,
                pieces.correlation_id,
                behind,
                end,
            )
        )
        self._parts.transport.ask_on(connection, head, body, self, whole_by)

    # The addressee's answer.

    def glance(self, data: bytes) -> int:
        """Take the first bytes of the answer, if it is in a form that is known; what is missing of it."""
        end = data.find(_END_OF_HEAD, 0, LARGEST_HEAD)
        if end < 0:
            return UNREAD
        outlines, head = self._way.answers, data[:end]
        outline = outlines.of(head)
        form = None if outline is None else self._form_of(outline)
        if form is None and (outline := outlines.anew(head)) is not None:
            form = self._form_of(outline)
        if form is None or outline is None:
            return UNREAD
        whole, begins = int(outline.values[2]), end + len(_END_OF_HEAD)
        missing = whole - (len(data) - begins)
        if missing < 0 or whole > self._parts.largest_answer:
            return UNREAD
        self._form = form
        self._kept.append(data[begins:])
        return missing

    def _form_of(self, outline: Outline) -> Form | None:
        request_id, correlation_id, length, _ = outline.values
        if not length:
            return None
        has_ids = request_id == self._sent_id.encode() and correlation_id == self._correlation_id.encode()
        self._form_key = (outline.lines, has_ids)
        return self._way.forms.get(self._form_key)

    def on_head(self, status: int, reason: bytes, headers: list[RawHeader]) -> None:
        """It has begun, and is in no form that is known."""
        self._status, self._headers = status, headers
        self._general().on_head(status, reason, headers)

    def on_body(self, data: bytes) -> None:
        """A piece of it."""
        self._kept.append(data)
        if self._crossing is not None:
            self._crossing.on_body(data)

    def on_end(self) -> None:
        """It is whole."""
        body = b"".join(self._kept) if len(self._kept) != 1 else self._kept[0]
        if self._crossing is not None:
            if self._form_key is not None:
                reply = HttpReply(self._status, header_texts(self._headers), body)
                self._way.learn(self._form_key, self._crossing.request, reply)
            self._crossing.on_end()
            return
        try:
            status_code = read_status_code(body)
        except NotAnEnvelope:
            self._end_generally(body)
            return
        try:
            self._hand_back(body, status_code)
        except Exception as error:  # noqa: BLE001 whoever asked is told, whatever happens
            self._general().refuse(error)

    def on_failed(self, failure: CallFailed) -> None:
        """There is none."""
        self._general().on_failed(failure)

    # How it ends.

    def _hand_back(self, body: bytes, status_code: int) -> None:
        way, form = self._way, self._form
        assert form is not None  # noqa: S101 only an answer in a form comes here
        parts, to = self._parts, way.to.platform
        circuits = parts.legs.circuits
        circuits.well(to.id)
        circuits.end(to.id, is_trial=self._is_trial)
        if way.is_kept:
            ids = MessageIds(self._request_id, self._correlation_id)
            way.passed(self._tail, ids, self._body, Reply(form.status, body, NO_ROUTING))
        before, between, behind = form.head
        self._asker.answered(
            b"".join(
                (before, self._request_id.encode(), between, self._correlation_id.encode(), behind,
                 end_of_head(len(body)), body)
            )
        )  # fmt: skip
        for quirk, value, _, about in form.seen:
            parts.observe(to.id, Seen(quirk, value, self._correlation_id, about))
        for quirk, value, _, about in way.pushed:
            parts.observe(way.caller.platform.id, Seen(quirk, value, self._correlation_id, about))
        self._write_down(form.status, status_code, body)

    def _write_down(self, status: int, status_code: int, body: bytes) -> None:
        way, parts = self._way, self._parts
        took = parts.clock() - self.at
        to, caller = way.to.platform, way.caller.platform
        looking = parts.looking
        looking.record(
            _new(
                JournalEntry,
                (self.at, took, Direction.OUT, Purpose.RELAY, self._correlation_id, self._sent_id, way.method,
                 f"{way.url[0]}{self._tail}{way.url[1]}", to.id, to.name, way.module, *way.sent,
                 status, status_code, "", self._body, body),
            ),
            None,
        )  # fmt: skip
        look = None
        if self._body:
            look = way.look(self._tail, MessageIds(self._request_id, self._correlation_id), self._body)
        looking.record(
            _new(
                JournalEntry,
                (self.at, took, Direction.IN, Purpose.RELAY, self._correlation_id, self._request_id,
                 way.method, f"{way.asked}{self._tail}", caller.id, caller.name, way.module, *way.journaled,
                 status, status_code, "", self._body, body),
            ),
            look,
        )  # fmt: skip

    # What is for the general code.

    def _end_generally(self, body: bytes) -> None:
        """It came in a form that is known, and is no answer of OCPI."""
        crossing, form = self._general(), self._form
        assert form is not None  # noqa: S101 only an answer in a form comes here
        crossing.on_head(form.status, b"", [(name.encode(), value.encode()) for name, value in form.headers])
        crossing.on_body(body)
        crossing.on_end()

    def _general(self) -> Crossing:
        if self._crossing is None:
            self._crossing = self._made_crossing()
        return self._crossing

    def _made_crossing(self) -> Crossing:
        way, parts = self._way, self._parts
        ids = MessageIds(self._request_id, self._correlation_id)
        decided = way.decision(self._tail, ids, self._body)
        passage = Passage(
            ids,
            self.at,
            Purpose.RELAY,
            way.caller.platform,
            way.module,
            way.asked_routing,
            Routing(decided.sender, decided.hub),
            body=self._body,
            look=way.look(self._tail, ids, self._body),
        )
        crossing = Crossing(parts, self._asker, f"{way.asked}{self._tail}", passage, decided, way.to)
        crossing.take_over(self._sent_id, self.at, is_trial=self._is_trial)
        return crossing
