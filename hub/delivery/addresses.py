"""Where letters go, and in what words: worked out once a receiver and module, and not once a letter.

The headers say that a letter comes from the hub and for whom it is (RT-35); those of ClientInfo carry no
routing (HCI-07).
"""

from typing import Final, NamedTuple, Protocol

from hub.calling.calls import Calls, NotRegistered, PatientTransport
from hub.delivery.audience import Receiver
from hub.delivery.letter import Letter
from hub.directory.directory import Platform
from hub.directory.quirks import EVERYWHERE, Quirk, about, with_slash
from hub.http.upstream.origin import Origin, split_url
from hub.http.upstream.request_head import request_head
from hub.ocpi.headers import (
    CORRELATION_ID,
    JSON_CONTENT_TYPE,
    NO_ROUTING,
    REQUEST_ID,
    Header,
    Routing,
    write_authorization,
)
from hub.ocpi.party import Party
from hub.ocpi.transport import CallFailed, joined_url
from hub.store.journal import Purpose
from schemas.v2_2_1 import InterfaceRole

#: The first successes that an address answers with are all looked at for quirks, and then one of so many:
#: a platform does what it does each time, and looking costs as much as all of the judging.
LOOKED_AT, THEN_ONE_OF = 16, 16


class Address:
    """One receiver's interface of one module."""

    __slots__ = (
        "_answers",
        "_ends_with_slash",
        "_routing_headers",
        "_stem",
        "_token",
        "_way_there",
        "endpoint",
        "from_party",
        "module",
        "platform",
        "receiver",
        "to_party",
        "way",
    )  # fmt: skip

    def __init__(self, calls: Calls, hub: Party, platform: Platform, receiver: Receiver, module: str) -> None:
        if platform.outbound_token is None:
            raise NotRegistered(f"{platform.name} is not registered")
        self.platform: Final = platform
        self.receiver: Final = receiver
        self.module: Final = module
        #: None where the platform does not offer the interface.
        self.endpoint: Final = platform.endpoint(module, InterfaceRole.RECEIVER)
        #: Knows what to do about answers that are not the platform's last word.
        self.way: Final[PatientTransport] = calls.way(Purpose.DELIVERY, platform, module)
        routing = NO_ROUTING
        if receiver.party_role is not None:
            routing = Routing(to=receiver.party_role.party, sender=hub)
        #: As the journal writes them.
        self.to_party: Final = None if routing.to is None else str(routing.to)
        self.from_party: Final = None if routing.sender is None else str(routing.sender)
        self._token: Final = write_authorization(platform.outbound_token, platform.token_encoding)
        self._routing_headers: Final = routing.headers()
        slash = platform.quirks.value(Quirk.TRAILING_SLASH, about(module, InterfaceRole.RECEIVER))
        self._ends_with_slash: Final = slash == EVERYWHERE
        self._stem: Final = (self.endpoint or "").rstrip("/")
        #: Of its server, and what heads are made of; None where each is to be made and judged by itself.
        self._way_there = None if self._ends_with_slash else _way_there(self._stem, self.headers)
        self._answers = 0

    def is_looked_at(self) -> bool:
        """Whether the success that just came is to be looked at for what it shows of the platform."""
        self._answers += 1
        return self._answers <= LOOKED_AT or self._answers % THEN_ONE_OF == 0

    def url(self, tail: str, query: str) -> str:
        """Of something below the interface."""
        if tail.startswith("/") and not query and not self._ends_with_slash:
            return self._stem + tail
        url = joined_url(self.endpoint or "", tail, query)
        return with_slash(url) if self._ends_with_slash else url

    @property
    def origin(self) -> Origin | None:
        """The server, where heads can be made of what is known."""
        return None if self._way_there is None else self._way_there.origin

    def head(self, letter: Letter, request_id: str, correlation_id: str) -> bytes | None:
        """The head of a request with this letter in it; None where it is not one like all others."""
        way, tail = self._way_there, letter.tail
        said = tail + correlation_id
        if way is None or not letter.body or letter.query or not tail.startswith("/"):
            return None
        if not (said.isascii() and said.isprintable()) or " " in tail or "#" in tail:
            return None
        return (
            f"{letter.method} {way.target}{tail}{way.before_request_id}{request_id}"
            f"{way.before_correlation_id}{correlation_id}{way.before_length}{len(letter.body)}\r\n\r\n"
        ).encode("utf-8", "surrogateescape")

    def headers(self, request_id: str, correlation_id: str, *, has_body: bool) -> tuple[Header, ...]:
        """Of one letter."""
        first = (self._token, (REQUEST_ID, request_id), (CORRELATION_ID, correlation_id))
        if has_body:
            return (*first, *self._routing_headers, JSON_CONTENT_TYPE)
        return first + self._routing_headers


class _WayThere(NamedTuple):
    """What the heads of all requests to an address have in common."""

    origin: Origin
    #: Of the interface itself, without a slash at the end.
    target: str
    before_request_id: str
    before_correlation_id: str
    before_length: str


class _Headers(Protocol):
    def __call__(self, request_id: str, correlation_id: str, *, has_body: bool) -> tuple[Header, ...]: ...


_REQUEST, _CORRELATION = "@the-request-id@", "@the-correlation-id@"


def _way_there(stem: str, headers: _Headers) -> _WayThere | None:
    """Made as the client makes heads, and so checked as it checks them; None where it refuses."""
    if not stem or "?" in stem or "#" in stem:
        return None
    try:
        origin, target = split_url(stem)
        said = headers(_REQUEST, _CORRELATION, has_body=True)
        head = request_head("PUT", target, origin.host_header, said).decode("utf-8", "surrogateescape")
    except CallFailed:
        return None
    before, _, rest = head.removeprefix(f"PUT {target}").partition(_REQUEST)
    between, _, after = rest.partition(_CORRELATION)
    return _WayThere(
        origin, target.rstrip("/"), before, between, after.removesuffix("\r\n") + "Content-Length: "
    )


class Addresses:
    """The addresses on one platform, as long as it is the same."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._of: tuple[Platform, Party] | None = None
        self._known: dict[tuple[Receiver, str], Address] = {}

    def of(self, hub: Party, platform: Platform, receiver: Receiver, module: str) -> Address:
        """Where a receiver on the platform takes what is of a module.

        Raises:
            NotRegistered: the platform gave no token.
        """
        of = self._of
        if of is None or of[0] is not platform or of[1] is not hub:
            self._of = platform, hub
            self._known = {}
        address = self._known.get((receiver, module))
        if address is None:
            address = Address(self._calls, hub, platform, receiver, module)
            self._known[receiver, module] = address
        return address
