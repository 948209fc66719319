"""One request on a way that is known: pieces of bytes put together, and the same two entries written down.

An answer in a form that is known goes back the same way. Any other answer, and every failure, is for
`Crossing`, which takes over as if it had sent the request itself.
"""

from collections.abc import Sequence
from typing import Final

from hub.http.upstream.answer_sink import UNREAD, RawHeader
from hub.http.upstream.connection import Connection
from hub.http.upstream.header_text import header_texts
from hub.ocpi.envelope import NotAnEnvelope, read_status_code
from hub.ocpi.headers import NO_ROUTING, MessageIds, Routing
from hub.ocpi.message import Reply
from hub.ocpi.transport import CallFailed, HttpReply
from hub.store.journal import Direction, JournalEntry, Purpose
from hub.web.answer_bytes import end_of_head
from hub.web.edge import Passage
from hub.web.fast.crossing import Asker, Crossing, Parts
from hub.web.fast.memory import LARGEST_HEAD
from hub.web.fast.outline import Outline
from hub.web.fast.ways import Form, FormKey, Recognised

_END_OF_HEAD: Final = b"\r\n\r\n"
_new: Final = tuple.__new__


class Replay:
    """One request, from when it is taken until it is written down."""

    #: Of the answer, where it is known by its form.
    _form: Form | None = None
    _form_key: FormKey | None = None
    _status = 0
    _headers: Sequence[RawHeader] = ()
    #: The general code, once it is needed.
    _crossing: Crossing | None = None

    def __init__(
        self, parts: Parts, asker: Asker, request: Recognised, body: bytes, *, is_trial: bool
    ) -> None:
        self._parts: Final = parts
        self._asker: Final = asker
        self._request: Final = request
        self._way: Final = request.way
        self._body: Final = body
        self._sent_id: Final = parts.new_id()
        self._is_trial: Final = is_trial
        #: When it came.
        self.at: Final = parts.clock()
        self._kept: list[bytes] = []

    def begin(self, connection: Connection) -> None:
        """Send it on."""
        request, body = self._request, self._body
        before_tail, before_id, between, behind = self._way.head
        end = b"Content-Length: %d\r\n\r\n" % len(body) if body else b""
        head = b"".join(
            (
                before_tail,
                request.tail,
                before_id,
                self._sent_id.encode(),
                between,
                request.correlation_id,
                behind,
                end,
            )
        )
        self._parts.transport.ask_on(connection, head, body, self, self._parts.patience)

    # The addressee's answer.

    def glance(self, data: bytes) -> int:
        """Take the first bytes of the answer, if it is in a form that is known; what is missing of it."""
        newest = self._way.newest
        match = None if newest is None else newest[0].match(data)
        if newest is None or match is None:
            return self._outlined(data)
        request_id, correlation_id, length = match.group("request_id", "correlation_id", "length")
        begins, form = match.end(), newest[1]
        if begins > LARGEST_HEAD or form.has_ids != self._are_ours(request_id, correlation_id):
            return self._outlined(data)
        return self._begun(form, int(length), begins, data)

    def _outlined(self, data: bytes) -> int:
        """The same by the outline of its head."""
        end = data.find(_END_OF_HEAD, 0, LARGEST_HEAD)
        if end < 0:
            return UNREAD
        outlines, head = self._way.answers, data[:end]
        outline = outlines.of(head)
        form = None if outline is None else self._form_of(outline, head)
        if form is None and (outline := outlines.anew(head)) is not None:
            form = self._form_of(outline, head)
        if form is None or outline is None:
            return UNREAD
        return self._begun(form, int(outline.values[2]), end + len(_END_OF_HEAD), data)

    def _begun(self, form: Form, whole: int, begins: int, data: bytes) -> int:
        """An answer in this form has begun: what is missing of it."""
        missing = whole - (len(data) - begins)
        if missing < 0 or whole > self._parts.largest_answer:
            return UNREAD
        self._form = form
        self._kept.append(data[begins:])
        return missing

    def _are_ours(self, request_id: bytes, correlation_id: bytes) -> bool:
        """Whether these are the ids with which it was sent on."""
        return correlation_id == self._request.correlation_id and request_id == self._sent_id.encode()

    def _form_of(self, outline: Outline, head: bytes) -> Form | None:
        request_id, correlation_id, length, _ = outline.values
        if not length:
            return None
        self._form_key = (outline.lines, self._are_ours(request_id, correlation_id))
        return self._way.form(self._form_key, head)

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
        way, form, request = self._way, self._form, self._request
        assert form is not None  # noqa: S101 only an answer in a form comes here
        parts, to = self._parts, way.to.platform
        circuits = parts.circuits
        circuits.well(to.id)
        circuits.end(to.id, is_trial=self._is_trial)
        if way.is_kept:
            way.passed(self._tail, self._ids, self._body, Reply(form.status, body, NO_ROUTING))
        before, between, behind = form.head
        end = end_of_head(len(body))
        self._asker.answered(
            b"".join((before, request.request_id, between, request.correlation_id, behind, end, body))
        )
        if form.seen is not None:
            form.seen.tell(self._ids.correlation_id)
        if way.pushed is not None:
            way.pushed.tell(self._ids.correlation_id)
        self._write_down(form.status, status_code, body)

    def _write_down(self, status: int, status_code: int, body: bytes) -> None:
        way, parts, at = self._way, self._parts, self.at
        took, tail = parts.clock() - at, self._tail
        request_id, correlation_id = self._ids
        to, caller = way.to.platform, way.caller.platform
        (before, behind), (to_party, from_party), (to_sent, from_sent) = way.url, way.journaled, way.sent
        parts.looking.record(
            _new(
                JournalEntry,
                (at, took, Direction.IN, Purpose.RELAY, correlation_id, request_id, way.method,
                 f"{way.asked}{tail}", caller.id, caller.name, way.module, to_party, from_party,
                 status, status_code, "", self._body, body, False),
            ),
            way.look(tail, self._ids, self._body) if self._body else None,
            _new(
                JournalEntry,
                (at, took, Direction.OUT, Purpose.RELAY, correlation_id, self._sent_id, way.method,
                 f"{before}{tail}{behind}", to.id, to.name, way.module, to_sent, from_sent,
                 status, status_code, "", self._body, body, True),
            ),
        )  # fmt: skip

    @property
    def _tail(self) -> str:
        return self._request.tail.decode("ascii")

    @property
    def _ids(self) -> MessageIds:
        request = self._request
        return MessageIds(request.request_id.decode("ascii"), request.correlation_id.decode("ascii"))

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
        ids = self._ids
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
