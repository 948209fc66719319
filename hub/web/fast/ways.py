"""Ways: what was decided about a request, remembered for those that differ in object, ids and body alone.

Who calls, who may, where to, which headers go on: none of that depends on which object a request is about.
It is decided once, by the same functions as ever; a way holds what came of it, down to the bytes of the head
that goes on. The next request with the same outline is replayed (`replay.py`). So there is one set of
decisions, and this is its memory: a Directory that has changed, in whatever way, empties it.

| not remembered | because |
|---|---|
| a platform that refuses what is wrong | each body is compared with the schema first |
| a platform of which is known that URLs are elsewhere | its answers tell where |
| a caller with several tokens | which one stays depends on the time |
| a path with a query, or with anything to decode | nobody shall have to think about what it means |
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, NamedTuple

from multidict import CIMultiDict

from hub.calling.noticing import in_answer, in_functional_request, in_request, pushed
from hub.directory.directory import BadBodies, Caller, Directory
from hub.directory.quirks import Seen
from hub.http.client import HttpTransport
from hub.http.upstream.origin import Origin
from hub.ocpi.body import NAMES, Body, glance
from hub.ocpi.description import REST, Operation
from hub.ocpi.headers import RELAYED_REPLY_HEADERS, Header, MessageIds, Routing, kept, read_routing
from hub.ocpi.identity import COUNTRY_CODE, PARTY_ID
from hub.ocpi.message import Look, Message, Reply
from hub.ocpi.modules import VERSION
from hub.ocpi.transport import HttpReply, HttpRequest
from hub.registry.observations import Sights
from hub.relay.decision import Decision
from hub.relay.exchange import Exchange
from hub.relay.forward import onward_to
from hub.relay.leg import Onward
from hub.routing.destination import Direct
from hub.web.answer_bytes import head_before_length
from hub.web.fast.outline import Mould, Outline, Outlines, is_whole, mould_of
from hub.web.routes import is_push

#: Ways and forms of answers that are remembered at most.
MOST_WAYS: Final = 4096
MOST_FORMS: Final = 16
_SEGMENT: Final = rb"[0-9A-Za-z_*~@:+-][0-9A-Za-z_*~@:+.-]*"
_REQUEST_LINE: Final = re.compile(
    rb"((?:GET|PUT|PATCH|POST|DELETE) /ocpi/%b/(?:sender|receiver)/[a-z]+/)(%b(?:/%b)*) HTTP/1\.1"
    % (re.escape(VERSION.encode()), _SEGMENT, _SEGMENT)
)
#: The same with so many slashes in the tail.
_ONE_REQUEST_LINE: Final = rb"%b(?P<tail>%b(?:/%b){%d}) HTTP/1\.1"
#: What stands in the place of what differs while the general code makes the bytes of a way.
_TAIL, _REQUEST_ID, _CORRELATION_ID = "0tail0of0a0way0", "0request0of0a0way0", "0correlation0of0a0way0"
_BLANK_NAMES: Final = (_TAIL, _REQUEST_ID, _CORRELATION_ID)
_BLANKS: Final = re.compile("({}|{}|{})".format(*_BLANK_NAMES).encode())
_WITH_BODY: Final = frozenset({"PUT", "PATCH", "POST"})
#: Answers that are taken by their form: these statuses, and no header that means more to the hub.
_PLAIN_STATUSES: Final = frozenset({200, 201, 202})
_NOT_PLAIN: Final = frozenset(
    {"transfer-encoding", "content-encoding", "trailer", "upgrade", "link", "location", "retry-after"}
)

#: The first line up to the tail, the number of slashes in that, and the outline of all other lines.
Key = tuple[bytes, int, tuple[bytes, ...]]
#: What a platform shows of its quirks each time, to be told; None where it is nothing.
SightsOf = Callable[[int, Iterable[Seen]], Sights | None]
#: The outline of an answer, and whether it has the ids of the request.
FormKey = tuple[tuple[bytes, ...], bool]


class Parts(NamedTuple):
    """A request in pieces."""

    key: Key
    #: The path below that of the module, without a slash before it.
    tail: bytes
    request_id: bytes
    correlation_id: bytes
    #: Of the body, in bytes; None where nothing is said of one.
    length: int | None


def parts_of(outline: Outline) -> Parts | None:
    """The pieces of a request; None if it is not one that may go a way that is known."""
    match = _REQUEST_LINE.fullmatch(outline.lines[0])
    request_id, correlation_id, length, _ = outline.values
    if match is None or not request_id or not correlation_id:
        return None
    begins, tail = match.groups()
    key = (begins, tail.count(b"/"), outline.lines[1:])
    return Parts(key, tail, request_id, correlation_id, int(length) if length else None)


class Recognised(NamedTuple):
    """A request whose way is known."""

    way: "Way"
    tail: bytes
    request_id: bytes
    correlation_id: bytes
    #: Where its body begins among the bytes that have come, and where it ends, though it be not whole yet.
    begins: int
    ends: int


class Form(NamedTuple):
    """How a platform answers on a way: all but ids, body and date."""

    status: int
    #: Of the answer as it came, with those of the answer from which it was learnt.
    headers: tuple[Header, ...]
    #: The head of the answer as it goes out: up to the request id, between the ids, and up to the length.
    head: tuple[bytes, bytes, bytes]
    #: What it shows of the platform's quirks.
    seen: Sights | None
    #: Whether it has the ids of the request.
    has_ids: bool


@dataclass(slots=True, eq=False)
class Way:
    """From one platform to one party, for one operation."""

    caller: Caller
    decided: Decision
    to: Direct
    exchange: Exchange
    origin: Origin
    #: The head as it goes on: up to the tail, between tail and request id, between the ids, up to the length
    #: of the body; to its end where there is none.
    head: tuple[bytes, bytes, bytes, bytes]
    #: The URL as it goes on, before and behind the tail.
    url: tuple[str, str]
    #: The path that was asked for, up to the tail.
    asked: str
    #: With what the tail of its requests begins: the party whose object it is.
    owner: bytes
    #: Which fields of the body must be which segments of the tail.
    identity: tuple[tuple[str, int], ...]
    #: A field with the only value that the path does not name.
    variant: tuple[str, str] | None
    #: The parties as the request names them, for the journal.
    journaled: tuple[str | None, str | None]
    #: The parties as they go on, for the journal.
    sent: tuple[str | None, str | None]
    #: Finds what is known of quirks.
    sights: SightsOf
    #: What each request shows of its sender's quirks.
    seen: Sights | None
    #: What one shows besides that its receiver has answered.
    pushed: Sights | None
    #: Whether the policy is to be asked each time.
    asks_policy: bool
    #: The parties as the request names them.
    asked_routing: Routing
    #: What the first line of its requests is, as a pattern; and what recognises them, once one came again.
    first_line: bytes
    mould: Mould | None = None
    forms: dict[FormKey, Form] = field(default_factory=dict)
    answers: Outlines = field(default_factory=Outlines)
    #: What recognises the answers in a form.
    moulds: dict[FormKey, Mould] = field(default_factory=dict)
    #: That of the answer before.
    newest: tuple[Mould, Form] | None = None
    #: When others were told last that its caller is alive, in monotonic time.
    sign_told_at: float = 0.0
    module: str = field(init=False)
    method: str = field(init=False)
    has_body: bool = field(init=False)
    #: Whether the hub keeps what it says for its two parties.
    is_kept: bool = field(init=False)

    def __post_init__(self) -> None:
        self.module = self.decided.message.module.id
        self.method = self.decided.message.method
        self.has_body = self.method in _WITH_BODY
        self.is_kept = self.decided.message.module.is_kept

    @property
    def message(self) -> Message:
        """The message with which it was found."""
        return self.decided.message

    def names(self, tail: bytes, body: bytes) -> bool:
        """Whether URL and body name the same object; also false where that is not certain at once."""
        if not body:
            return not self.has_body
        value = glance(body)
        if value is None:
            return False
        if self.identity:
            segments = tail.decode("ascii").upper().split("/")
            for name, place in self.identity:
                given = value.get(name)
                if given is not None and isinstance(given, str) and given.upper() != segments[place]:
                    return False
        if self.variant is not None:
            given = value.get(self.variant[0])
            return not isinstance(given, str) or given == self.variant[1]
        return True

    def decision(self, tail: str, ids: MessageIds, body: bytes) -> Decision:
        """What the general code would have decided."""
        message = self.message
        segments = tuple(tail.split("/"))
        parameters = message.operation.parameters(segments) or {}
        message = message._replace(tail=f"/{tail}", parameters=parameters, ids=ids, body=body)
        return self.decided._replace(message=message, body=Body(body) if body else None)

    def passed(self, tail: str, ids: MessageIds, body: bytes, reply: Reply) -> None:
        """The message was answered; what is kept of such messages is kept."""
        if self.is_kept and body:
            self.exchange.passed(self.decision(tail, ids, body), self.to, reply)

    def look(self, tail: str, ids: MessageIds, body: bytes) -> Look | None:
        """What finds out what the journal shall say of a body."""
        return partial(self._noted, tail, ids, body) if body else None

    def _noted(self, tail: str, ids: MessageIds, body: bytes) -> str:
        return self.exchange.noted(self.decision(tail, ids, body), self.to)

    def form(self, key: FormKey, head: bytes) -> Form | None:
        """The form of an answer, by its outline.

        Args:
            key: Its outline.
            head: Without the empty line at its end; the next answer may be recognised by it.
        """
        found = self.forms.get(key)
        if found is not None:
            mould = self.moulds.get(key) or mould_of(head, re.escape(head.partition(b"\r\n")[0]))
            if mould is not None:
                self.moulds[key] = mould
                self.newest = mould, found
        return found

    def learn(self, key: FormKey, request: HttpRequest, reply: HttpReply) -> None:
        """Remember how the platform answers, if nothing in its answer is for the general code alone."""
        if not (is_whole(key[0]) and _is_plain(key[0][0], reply)):
            return
        if len(self.forms) >= MOST_FORMS:
            self.forms.clear()
            self.moulds.clear()
        routing = _onward(self.decided, self.to).routing.answered()
        answer = Reply(reply.status, b"", routing, kept(reply.headers, RELAYED_REPLY_HEADERS))
        head = _BLANKS.split(head_before_length(answer, MessageIds(_REQUEST_ID, _CORRELATION_ID)))
        if len(head) == 2 * len(_BLANK_NAMES[1:]) + 1:
            platform = self.to.platform
            seen = self.sights(platform.id, in_answer(platform, self.module, request, reply))
            self.forms[key] = Form(reply.status, reply.headers, (head[0], head[2], head[4]), seen, key[1])


def _is_plain(status_line: bytes, reply: HttpReply) -> bool:
    """Whether an answer means what its body says; and another one may follow it on the same connection."""
    names = {name.lower() for name, _ in reply.headers}
    said = {value.strip().lower() for name, value in reply.headers if name.lower() == "connection"}
    return (
        reply.status in _PLAIN_STATUSES
        and not names & _NOT_PLAIN
        and status_line.startswith(b"HTTP/1.1 ")
        and said <= {"keep-alive"}
    )


class Ways:
    """The ways that are known, as long as the Directory is the same."""

    def __init__(self, exchange: Exchange, transport: HttpTransport, sights: SightsOf) -> None:
        self._exchange = exchange
        self._transport = transport
        self._sights = sights
        self._directory: Directory | None = None
        self._known: dict[Key, Way] = {}
        self._era = 0
        #: Requests that were seen once: what never comes again is not worth the trouble.
        self._seen: set[int] = set()

    def era(self, directory: Directory) -> int:
        """A number that changes with the Directory: what was found before must be found anew."""
        if self._directory is not directory:
            self._directory, self._known = directory, {}
            self._era += 1
        return self._era

    def find(self, key: Key) -> Way | None:
        """The way of a request, in this era."""
        return self._known.get(key)

    def learn(
        self,
        parts: Parts,
        decided: Decision,
        to: Direct,
        caller: Caller,
        asked: Routing,
        directory: Directory,
    ) -> None:
        """Remember what was decided about a request, if the next one may go the same way."""
        if self._directory is not directory or not self._is_back(parts.key):
            return
        known = self._known.get(parts.key)
        if known is not None and parts.tail.startswith(known.owner):
            # It did not go that way for want of a connection, say; how answers look is remembered with it.
            return
        if not _is_memorable(parts, decided, to, caller, directory):
            return
        if len(self._known) >= MOST_WAYS:
            self._known = {}
        way = self._way(parts, decided, to, caller, asked, directory)
        if way is not None:
            self._known[parts.key] = way

    def _is_back(self, key: Key) -> bool:
        """Whether a request of this outline came before."""
        number = hash(key)
        if number in self._seen:
            return True
        if len(self._seen) >= MOST_WAYS:
            self._seen.clear()
        self._seen.add(number)
        return False

    def _way(
        self,
        parts: Parts,
        decided: Decision,
        to: Direct,
        caller: Caller,
        asked: Routing,
        directory: Directory,
    ) -> Way | None:
        onward = _onward(decided, to)
        legs = self._exchange.forwarding.legs
        request = replace(legs, calls=replace(legs.calls, new_id=lambda: _REQUEST_ID)).request(onward)
        pool, head = self._transport.prepared(request)
        if request.body:
            head = head.removesuffix(b"Content-Length: %d\r\n\r\n" % len(request.body))
        pieces, url = _BLANKS.split(head), request.url.split(_TAIL)
        if tuple(each.decode() for each in pieces[1::2]) != _BLANK_NAMES or len(url) != len("ab"):
            return None
        message, operation = decided.message, decided.message.operation
        shown = CIMultiDict(message.headers)
        platform = caller.platform
        return Way(
            caller=caller,
            decided=decided,
            to=to,
            exchange=self._exchange,
            origin=pool.origin,
            head=(pieces[0], pieces[2], pieces[4], pieces[6]),
            url=(url[0], url[1]),
            asked=parts.key[0].partition(b" ")[2].decode("ascii"),
            owner=_owner_in(parts.tail, operation),
            identity=_identity(message),
            variant=_variant(message),
            journaled=_named(asked),
            sent=_named(read_routing(dict(request.headers))),
            sights=self._sights,
            seen=self._sights(
                platform.id, (*in_request(shown, caller, ""), *in_functional_request(shown, platform, ""))
            ),
            pushed=self._sights(platform.id, pushed(platform, "") if is_push(message) else ()),
            asks_policy=not directory.agreements.is_open,
            asked_routing=asked,
            first_line=_first_line(parts),
        )


def _first_line(parts: Parts) -> bytes:
    """A pattern for the first lines of all requests that differ in the tail alone."""
    begins, slashes, _ = parts.key
    return _ONE_REQUEST_LINE % (re.escape(begins), _SEGMENT, _SEGMENT, slashes)


def _is_memorable(parts: Parts, decided: Decision, to: Direct, caller: Caller, directory: Directory) -> bool:
    """Whether another request with the same outline means the same in every respect that counts."""
    message, operation, platform = decided.message, decided.message.operation, to.platform
    has_body = message.method in _WITH_BODY
    refuses = has_body and platform.bad_bodies is BadBodies.REFUSE
    is_settled = caller.platform.id not in directory.rotating and not platform.quirks.knows_urls
    return (
        is_settled
        and not refuses
        and not message.query
        and message.tail == f"/{parts.tail.decode('ascii')}"
        and has_body == bool(parts.length)
        and has_body == (parts.length is not None)
        and is_whole(parts.key[2])
        and _is_the_only_one(operation, message)
        and all(name in NAMES for name, _ in _identity(message))
    )


def _is_the_only_one(operation: Operation, message: Message) -> bool:
    """Whether each path with so many segments means this operation."""
    count = len(operation.path)
    alike = [
        each
        for each in message.module.by_interface[message.interface]
        if len(each.path) == count or REST in each.path
    ]
    return all(each.method != operation.method or each is operation for each in alike) and all(
        segment.startswith("{") for segment in operation.path
    )


def _onward(decided: Decision, to: Direct) -> Onward:
    """The request as it goes on, with what differs blanked out."""
    ids = MessageIds(_REQUEST_ID, _CORRELATION_ID)
    message = decided.message._replace(tail=f"/{_TAIL}", ids=ids)
    routing = Routing(to.party, message.routing.sender)
    return onward_to(to, message, routing, b"{}" if message.body else b"", "")


def _named(routing: Routing) -> tuple[str | None, str | None]:
    to, sender = routing
    return None if to is None else str(to), None if sender is None else str(sender)


def _owner_in(tail: bytes, operation: Operation) -> bytes:
    """The beginning of the tail that names the owner of the object."""
    if operation.path[:2] != (f"{{{COUNTRY_CODE}}}", f"{{{PARTY_ID}}}"):
        return b""
    country_code, party_id, *rest = tail.split(b"/")
    return b"/".join((country_code, party_id, b"")) if rest else b""


def _identity(message: Message) -> tuple[tuple[str, int], ...]:
    """Which fields of a body must be which segments of the path, as `check_identity` has it."""
    kind, path = message.module.kind, message.operation.path
    places = {segment[1:-1]: place for place, segment in enumerate(path)}
    if kind is None or COUNTRY_CODE not in places:
        return ()
    nested = [each for each in kind.nested if each.id_parameter in places]
    if nested:
        return ((nested[-1].id_field, places[nested[-1].id_parameter]),)
    return (
        (COUNTRY_CODE, places[COUNTRY_CODE]),
        (PARTY_ID, places[PARTY_ID]),
        (kind.id_field, places[kind.id_parameter]),
    )


def _variant(message: Message) -> tuple[str, str] | None:
    kind, path = message.module.kind, message.operation.path
    if (
        kind is None
        or kind.variant is None
        or any(f"{{{each.id_parameter}}}" in path for each in kind.nested)
    ):
        return None
    return kind.variant if f"{{{COUNTRY_CODE}}}" in path else None
