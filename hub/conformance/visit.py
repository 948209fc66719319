"""A visit to a platform: requests as one of its partners makes them, and what holds for every answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from multidict import CIMultiDict
from pydantic import ValidationError

from hub.conformance.report import Report
from hub.ocpi.client import Answer, read_answer
from hub.ocpi.errors import InvalidParameters
from hub.ocpi.headers import (
    CONTENT_TYPE,
    CORRELATION_ID,
    JSON_CONTENT_TYPE,
    NO_ROUTING,
    REQUEST_ID,
    Header,
    MessageIds,
    Routing,
    TokenEncoding,
    read_routing,
    write_authorization,
)
from hub.ocpi.party import Party, PartyRole
from hub.ocpi.transport import CallFailed, HttpReply, HttpRequest, Transport
from schemas import exact_json
from schemas.findings import findings
from schemas.v2_2_1 import InterfaceRole, Response, Role

EVERY_ANSWER = "every answer"
#: A token that nobody has.
NOBODYS_TOKEN = "a-token-of-nobody"  # noqa: S105 that is the point of it


@dataclass(slots=True)
class Visit:
    """One run of the tester at one platform."""

    transport: Transport
    report: Report
    new_id: Callable[[], str]
    #: The credentials token that the platform wants to see.
    token: str = field(repr=False)
    encoding: TokenEncoding
    #: The party for which the tester speaks.
    us: Party
    #: For each answer.
    patience: timedelta
    #: The platform's parties, as its credentials have them, or as they were given.
    them: tuple[PartyRole, ...] = ()
    #: Its URLs, by module and interface.
    endpoints: Mapping[tuple[str, InterfaceRole], str] = field(default_factory=dict)

    def their_party(self, *roles: Role) -> Party | None:
        """The platform's party that plays one of these roles; a hub speaks for all."""
        wanted = (*roles, Role.HUB)
        return next((each.party for each in self.them if each.role in wanted), None)

    @property
    def is_hub(self) -> bool:
        """Whether the platform is a hub."""
        return any(each.role is Role.HUB for each in self.them)

    def routing(self, *roles: Role) -> Routing:
        """The pairs of a functional request to the party in one of these roles."""
        return Routing(to=self.their_party(*roles), sender=self.us)

    async def get(self, url: str, *, routing: Routing = NO_ROUTING) -> Answer | None:
        """The answer to a GET; None, and a problem, where there is none."""
        return await self.ask("GET", url, routing=routing)

    async def ask(
        self, method: str, url: str, *, value: Any = None, body: bytes = b"", routing: Routing = NO_ROUTING
    ) -> Answer | None:
        """One request as an honest partner makes it; None, and a problem, where no answer comes.

        Args:
            method: The HTTP method.
            url: Where to.
            value: Goes as JSON.
            body: Goes as it is, in place of a value.
            routing: Whom it is for and from.
        """
        sent = body or (b"" if value is None else exact_json.encode(value))
        return await self._asked(method, url, (self._authorization,), sent, routing)

    async def as_stranger(self, url: str, *, with_token: bool) -> Answer | None:
        """The answer to a GET that shows no token, or one of nobody."""
        shown = (write_authorization(NOBODYS_TOKEN, self.encoding),) if with_token else ()
        return await self._asked("GET", url, shown, b"", NO_ROUTING)

    @property
    def _authorization(self) -> Header:
        return write_authorization(self.token, self.encoding)

    async def _asked(
        self, method: str, url: str, shown: tuple[Header, ...], body: bytes, routing: Routing
    ) -> Answer | None:
        ids = MessageIds(self.new_id(), self.new_id())
        headers = (*shown, *ids.headers(), *routing.headers(), *((JSON_CONTENT_TYPE,) if body else ()))
        where = f"{method} {url}"
        comes = self.report.check("TR-08", EVERY_ANSWER, "each request is answered")
        try:
            reply = await self.transport.send(HttpRequest(method, url, headers, body, self.patience))
        except CallFailed as failure:
            comes.fails(f"{failure.happened}: {failure}", where)
            return None
        self._look_at(reply, ids, routing if shown else NO_ROUTING, where)
        return read_answer(reply)

    def _look_at(self, reply: HttpReply, ids: MessageIds, routing: Routing, where: str) -> None:
        echoed = self.report.check("TR-17 TR-18", EVERY_ANSWER, "both message ids are echoed")
        for name, sent in ((REQUEST_ID, ids.request_id), (CORRELATION_ID, ids.correlation_id)):
            got = reply.header(name)
            echoed.expects(
                holds=got == sent, message=f"expected {name} {sent}, got {got or 'none'}", where=where
            )
        media_type = (reply.header(CONTENT_TYPE) or "").partition(";")[0].strip().lower()
        self.report.check("TR-08", EVERY_ANSWER, "the content type is application/json").expects(
            holds=media_type == "application/json", message=f"got {media_type or 'none'}", where=where
        )
        self._look_at_envelope(reply, where)
        if routing.sender is not None:
            self._look_at_routing(reply, routing, where)

    def _look_at_envelope(self, reply: HttpReply, where: str) -> None:
        envelope = self.report.check(
            "TR-08 TR-16", EVERY_ANSWER, "the body is an envelope, also with an HTTP error"
        )
        try:
            Response.read(reply.body)
        except exact_json.NotJson as error:
            envelope.fails(f"HTTP {reply.status}: the body is not JSON: {error}", where)
        except ValidationError as error:
            for found in findings(error):
                envelope.fails(f"HTTP {reply.status}: {found}", where)

    def _look_at_routing(self, reply: HttpReply, routing: Routing, where: str) -> None:
        swapped = self.report.check(
            "RT-01 RT-07",
            EVERY_ANSWER,
            "answers of functional modules carry the pairs of the request, swapped",
        )
        try:
            got = read_routing(CIMultiDict(reply.headers))
        except InvalidParameters as error:
            swapped.fails(error.message, where)
            return
        expected = routing.answered()
        if expected.sender is None:
            # Who was asked without being named may answer in its own name.
            expected = Routing(expected.to, got.sender)
        swapped.expects(
            holds=got == expected,
            message=f"expected to {expected.to}, from {expected.sender}; got to {got.to}, from {got.sender}",
            where=where,
        )
