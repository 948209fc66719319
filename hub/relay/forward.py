"""To one party, now: its own answer comes back, or a 4xxx of ours.

Three kinds of URL must lead back through the hub: the response_url that goes out with a request, the
Link to the next page and the Location of a CDR that come back with an answer.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.calling.hosts import absolute, belongs_to
from hub.directory.current import CurrentDirectory
from hub.directory.directory import Directory, Platform
from hub.directory.quirks import YES, Quirk, Seen
from hub.ocpi.description import ResponseUrl
from hub.ocpi.errors import (
    MethodNotAllowed,
    NotFound,
    ReceiverNotConnected,
    RoutingError,
    ServerError,
    UnknownReceiver,
)
from hub.ocpi.headers import LINK, LOCATION, Header, MessageIds, Routing
from hub.ocpi.message import Message, Reply
from hub.ocpi.paging import is_empty_link, read_next_link, write_next_link
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock, parse_timestamp
from hub.ocpi.transport import first
from hub.relay.leg import Legs, Onward
from hub.relay.links import (
    Link,
    LinkKind,
    Links,
    check_response_url,
    replaced_in_body,
    replaced_in_query,
    response_url_in_body,
    response_url_in_query,
    token_of,
)
from hub.relay.results import Results
from hub.routing.destination import Direct, speaks_for
from hub.routing.policy import MayExchange
from hub.settings import Limits
from hub.store.journal import Purpose
from schemas.v2_2_1 import InterfaceRole

_WITH_URLS = frozenset({LINK.lower(), LOCATION.lower()})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Forwarding:
    """What forwarding stands on."""

    legs: Legs
    links: Links
    may_exchange: MayExchange
    clock: Clock
    limits: Limits
    results: Results

    async def forward(self, message: Message, value: Any, caller: Platform, to: Direct) -> Reply:
        """The answer of the party that the message is for."""
        routing = Routing(to.party, message.routing.sender)
        body, query, own_url = await self._with_own_response_url(message, value, caller, to, routing)
        onward = onward_to(to, message, routing, body, query)
        answer = self.legs.send(onward)
        reply = await (answer if own_url is None else self.results.asked(token_of(own_url), answer))
        return await self.led_back(reply, onward, message, caller)

    async def led_back(self, reply: Reply, onward: Onward, message: Message, caller: Platform) -> Reply:
        """The answer, with URLs of the hub in place of those that would lead past it."""
        interface = message.interface
        reply = await self._with_own_link(reply, onward, interface, caller)
        if message.operation.answers_location:
            return await self._with_own_location(reply, onward, interface, caller)
        return _without(reply, LOCATION)

    async def follow(
        self,
        link: Link,
        method: str,
        ids: MessageIds,
        headers: tuple[Header, ...],
        body: bytes,
        caller: Platform,
        directory: Directory,
        *,
        say: Callable[[str], None],
    ) -> Reply:
        """The answer at the URL that a link stands for (CMD-08, PG-15).

        Args:
            link: The link.
            method: The method of the request.
            ids: Its ids.
            headers: Its headers.
            body: Its body.
            caller: Whose request it is.
            directory: Who is who.
            say: Told what the journal shall say about the request, whatever becomes of it.

        Raises:
            MethodNotAllowed: the link is not used with this method.
            RoutingError: the parties may not exchange such messages any more (as if one were unknown), or the
                platform that it leads to cannot be reached.
        """
        if method != link.kind.method:
            raise MethodNotAllowed(
                f"this URL has {link.kind.method}, not {method}", headers=(("Allow", link.kind.method),)
            )
        platform = directory.platforms.get(link.target_platform_id)
        if platform is None or not _still_stands(link, caller, platform, directory):
            raise NotFound("what this URL stood for is gone")
        # From here on nobody waits for the result: whoever promised it has called.
        say(await self.results.called_back(link))
        self._check_policy(link)
        if not platform.is_connected:
            raise ReceiverNotConnected(f"{link.routing.to} is {platform.status}")
        onward = Onward(
            platform, link.module, method, link.url, link.routing, ids.correlation_id, headers, body
        )
        reply = await self.legs.send(onward)
        return _without(await self._with_own_link(reply, onward, link.interface, caller), LOCATION)

    async def tell_no_result(self, directory: CurrentDirectory, link: Link) -> None:
        """Say at a response_url that no result came in time, as from the party that promised it.

        Raises:
            OcpiError: the requester cannot be reached, or is another one now.
        """
        to = link.routing.to
        platform = directory.value.platforms.get(link.target_platform_id)
        if platform is None or to is None or not _is_still_at(link, platform, to, directory.value):
            raise NotFound("what this URL stood for is gone")
        if not platform.is_connected:
            raise ReceiverNotConnected(f"{to} is {platform.status}")
        await self.legs.send(
            Onward(
                platform,
                link.module,
                link.kind.method,
                link.url,
                link.routing,
                link.correlation_id,
                headers=(),
                body=link.no_result,
                purpose=Purpose.TIMEOUT,
            )
        )

    def _check_policy(self, link: Link) -> None:
        to, sender = link.routing
        if to is None or sender is None or not self.may_exchange(sender, to, link.module):
            raise UnknownReceiver(f"{to} is not known to this hub")

    async def _with_own_response_url(
        self, message: Message, value: Any, caller: Platform, to: Direct, routing: Routing
    ) -> tuple[bytes, str, str | None]:
        """Body and query as they go on, with the hub's URL in them; it stands for the other one already."""
        url = own_response_url(message, value, caller)
        if url is None:
            return message.body, message.query, None
        own = await self.links.create(
            Link(
                kind=LinkKind.RESPONSE_URL,
                platform_id=to.platform.id,
                target_platform_id=caller.id,
                module=message.module.id,
                interface=InterfaceRole.SENDER,
                routing=routing.answered(),
                url=url,
                expires_at=self._callback_expires_at(value),
                correlation_id=message.ids.correlation_id,
                no_result=message.operation.no_result_text,
            )
        )
        if message.operation.response_url is ResponseUrl.BODY:
            return replaced_in_body(message.body, own), message.query, own
        return message.body, replaced_in_query(message.query, own), own

    def _callback_expires_at(self, value: Any) -> datetime:
        """Long enough for a reservation to be cancelled at its very end (CMD-09), within reason."""
        now = self.clock()
        expiry_date = value.get("expiry_date") if isinstance(value, dict) else None
        try:
            reserved_until = parse_timestamp(expiry_date) if isinstance(expiry_date, str) else now
        except ValueError:
            reserved_until = now
        farthest = now + self.limits.reservation
        return min(max(now, reserved_until), farthest) + self.limits.link

    async def _with_own_link(
        self, reply: Reply, onward: Onward, interface: InterfaceRole, caller: Platform
    ) -> Reply:
        """The answer with a Link that the asker can follow; an empty or odd one is left out."""
        given = [value for name, value in reply.headers if name.lower() == LINK.lower()]
        if not given:
            return reply
        link = ", ".join(given)
        following = read_next_link(link)
        reply = _without(reply, LINK)
        if following is None:
            if is_empty_link(link):
                seen = Seen(Quirk.EMPTY_LINK, YES, onward.correlation_id)
                self.legs.calls.observe(onward.platform.id, seen)
            return reply
        following = absolute(following, onward.url)
        if not belongs_to(onward.platform, following):
            raise RoutingError(f"the next page of {onward.routing.to} lies at a host that is not its own")
        lifetime = self.limits.link
        own = await self._standing_for(LinkKind.NEXT_PAGE, following, onward, interface, caller, lifetime)
        return reply._replace(headers=(*reply.headers, write_next_link(own)))

    async def _with_own_location(
        self, reply: Reply, onward: Onward, interface: InterfaceRole, caller: Platform
    ) -> Reply:
        """The answer with a Location that the asker can GET (CDR-04)."""
        given = first(reply.headers, LOCATION)
        if given is None:
            return reply
        reply = _without(reply, LOCATION)
        stored_at = absolute(given, onward.url)
        if not belongs_to(onward.platform, stored_at):
            return reply._replace(note=f"Location left out: {stored_at[:100]} is not at the platform's host")
        lifetime = self.limits.cdr_location
        kind = LinkKind.CDR_LOCATION
        try:
            own = await self._standing_for(kind, stored_at, onward, interface, caller, lifetime)
        except ServerError:
            # The CDR was taken, and whoever sent it must not take it for lost and send it again.
            log.exception("no URL of the hub could be made for a CDR that %s took", onward.routing.to)
            return reply._replace(note="Location left out: it could not be written down")
        return reply._replace(headers=(*reply.headers, (LOCATION, own)))

    async def _standing_for(
        self,
        kind: LinkKind,
        url: str,
        onward: Onward,
        interface: InterfaceRole,
        caller: Platform,
        lifetime: timedelta,
    ) -> str:
        """The hub's URL with which the asker can GET what an answer pointed to."""
        return await self.links.create(
            Link(
                kind=kind,
                platform_id=caller.id,
                target_platform_id=onward.platform.id,
                module=onward.module,
                interface=interface,
                routing=onward.routing,
                url=url,
                expires_at=self.clock() + lifetime,
            )
        )


def leads_past(reply: Reply) -> bool:
    """Whether an answer has URLs in its headers that `led_back` must look at."""
    return any(name.lower() in _WITH_URLS for name, _ in reply.headers)


def onward_to(to: Direct, message: Message, routing: Routing, body: bytes, query: str) -> Onward:
    """A message as it goes on to a party, with this body and query."""
    return Onward(
        platform=to.platform,
        module=message.module.id,
        method=message.method,
        url=url_at(to, message, query),
        routing=routing,
        correlation_id=message.ids.correlation_id,
        headers=message.headers,
        body=body,
    )


def url_at(to: Direct, message: Message, query: str) -> str:
    """The URL at which a message reaches a party (RT-26)."""
    return to.platform.url(message.module.id, message.interface, message.tail, query) or to.endpoint


def own_response_url(message: Message, value: Any, caller: Platform) -> str | None:
    """The URL at which the caller wants to hear the result, None where the operation has no such.

    Raises:
        InvalidParameters: there is none, or it is not the caller's own (CMD-10).
    """
    match message.operation.response_url:
        case None:
            return None
        case ResponseUrl.BODY:
            url = response_url_in_body(value)
        case ResponseUrl.QUERY:
            url = response_url_in_query(message.query)
    check_response_url(url, caller)
    return url


def _still_stands(link: Link, caller: Platform, target: Platform, directory: Directory) -> bool:
    """Whether host and parties are still those of the two platforms, which may have registered anew.

    A platform's token goes to hosts of its own only (CMD-10), and nobody speaks for a party that it gave up.
    """
    to, sender = link.routing
    return (
        to is not None
        and sender is not None
        and _is_still_at(link, target, to, directory)
        and speaks_for(caller, sender, directory)
    )


def _is_still_at(link: Link, target: Platform, to: Party, directory: Directory) -> bool:
    return belongs_to(target, link.url) and speaks_for(target, to, directory)


def _without(reply: Reply, name: str) -> Reply:
    if first(reply.headers, name) is None:
        return reply
    return reply._replace(
        headers=tuple(header for header in reply.headers if header[0].lower() != name.lower())
    )
