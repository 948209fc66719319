"""Where letters go, and in what words: worked out once a receiver and module, and not once a letter.

The headers say that a letter comes from the hub and for whom it is (RT-35); those of ClientInfo carry no
routing (HCI-07).
"""

from typing import Final

from hub.calling.calls import Calls, NotRegistered, PatientTransport
from hub.delivery.audience import Receiver
from hub.directory.directory import Platform
from hub.directory.quirks import EVERYWHERE, Quirk, about, with_slash
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
from hub.ocpi.transport import joined_url
from hub.store.journal import Purpose
from schemas.v2_2_1 import InterfaceRole

#: The first successes that an address answers with are all looked at for quirks, and then one of so many:
#: a platform does what it does each time, and looking costs as much as all of the judging.
LOOKED_AT, THEN_ONE_OF = 16, 16


class Address:
    """One receiver's interface of one module."""

    __slots__ = (
        "_answers",
        "_ends_with_slash", "_routing_headers", "_stem", "_token", "endpoint", "from_party", "module",
        "platform", "receiver", "to_party", "way",
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

    def headers(self, request_id: str, correlation_id: str, *, has_body: bool) -> tuple[Header, ...]:
        """Of one letter."""
        first = (self._token, (REQUEST_ID, request_id), (CORRELATION_ID, correlation_id))
        if has_body:
            return (*first, *self._routing_headers, JSON_CONTENT_TYPE)
        return first + self._routing_headers


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
