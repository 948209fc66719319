"""Calls to platforms: each shows the platform's token, and each leaves a leg in the journal."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from hub.calling.moved import SUCCESSES, in_force, is_nowhere, lacks_slash, learnt, redirected_to
from hub.calling.noticing import in_answer
from hub.directory.directory import Platform
from hub.directory.quirks import NO, YES, Observe, Quirk, Seen, unobserved, with_slash
from hub.ocpi.client import PlatformClient
from hub.ocpi.envelope import NotAnEnvelope, read_status_code
from hub.ocpi.headers import CORRELATION_ID, REQUEST_ID, read_routing
from hub.ocpi.leniency import Oddity
from hub.ocpi.timestamps import Clock
from hub.ocpi.transport import CallFailed, HttpReply, HttpRequest, NotReached, Transport, first
from hub.store.journal import Direction, Journal, JournalEntry, Purpose

#: How a platform refuses a token (TR-03).
UNAUTHORIZED = 401


class TokenBefore(Protocol):
    """The token that we showed a platform before, in case it refuses the new one (AM-15)."""

    def instead(self, platform_id: int | None, request: HttpRequest) -> HttpRequest | None:
        """The request with the token before, None where there is none."""
        ...

    async def restore(self, platform_id: int | None, refused: HttpRequest, taken: HttpRequest) -> None:
        """Show that one again from now on: the platform takes it, and refused the new one."""
        ...


#: Redirects in a row that are followed.
MOST_REDIRECTS = 2
#: Whose requests are somebody else's, or change something: no URL is tried in them that may be wrong.
NOT_FOR_TRIALS = frozenset({Purpose.RELAY, Purpose.DELIVERY, Purpose.TIMEOUT})


class NotRegistered(Exception):
    """The platform has given no token: it cannot be called."""


@dataclass(frozen=True, slots=True)
class Calls:
    """What calls to platforms need, passed on as one value."""

    transport: Transport
    journal: Journal
    clock: Clock
    new_id: Callable[[], str]
    token_before: TokenBefore | None = None
    #: Told of quirks in what platforms answer.
    observe: Observe = unobserved

    def client(
        self, platform: Platform, purpose: Purpose, timeout: timedelta, module: str | None = None
    ) -> PlatformClient:
        """A client that shows the platform the token that it gave us, and puts up with its quirks.

        Raises:
            NotRegistered: it gave none.
        """
        if platform.outbound_token is None:
            raise NotRegistered(f"{platform.name} is not registered")

        def noticed(oddity: Oddity, correlation_id: str) -> None:
            self.observe(platform.id, Seen(Quirk(oddity), YES, correlation_id))

        return PlatformClient(
            self.way(purpose, platform, module),
            platform.outbound_token,
            new_id=self.new_id,
            encoding=platform.token_encoding,
            timeout=timeout,
            noticed=noticed,
        )

    def way(self, purpose: Purpose, platform: Platform, module: str | None = None) -> "PatientTransport":
        """A transport to a platform that knows its ways, and learns them."""
        return PatientTransport(
            self.leg(purpose, platform.id, platform.name, module), platform, module, self.observe
        )

    def leg(
        self, purpose: Purpose, platform_id: int | None, platform: str | None, module: str | None = None
    ) -> "JournaledTransport":
        """A transport whose calls are legs of this purpose, to this platform."""
        return JournaledTransport(self, purpose, platform_id, platform, module)


class JournaledTransport(NamedTuple):
    """A transport that writes down each request with its answer."""

    calls: Calls
    purpose: Purpose
    platform_id: int | None
    platform: str | None
    module: str | None = None

    async def send(self, request: HttpRequest) -> HttpReply:
        """The platform's answer; the leg is in the journal whether it comes or not.

        A platform that refuses a new token, and takes the one before, did not do what was asked the first
        time: what it answers the second time is its answer.
        """
        begun = time.monotonic()
        reply = await self._sent(request)
        before = self.calls.token_before
        if reply.status != UNAUTHORIZED or before is None:
            return reply
        instead = before.instead(self.platform_id, request)
        if instead is None:
            return reply
        left = request.timeout - timedelta(seconds=time.monotonic() - begun)
        again = await self._sent(instead._replace(timeout=max(left, timedelta(milliseconds=1))))
        if again.status != UNAUTHORIZED:
            await before.restore(self.platform_id, request, instead)
        return again

    async def _sent(self, request: HttpRequest) -> HttpReply:
        at = self.calls.clock()
        try:
            reply = await self.calls.transport.send(request)
        except CallFailed as failure:
            self.record(request, at, None, said_of(failure))
            raise
        except asyncio.CancelledError:
            # It was sent, though nobody waits for the answer any longer: another one was better (RT-51).
            self.record(request, at, None, "the answer was not waited for")
            raise
        self.record(request, at, reply, "")
        return reply

    def record(self, request: HttpRequest, at: datetime, reply: HttpReply | None, note: str) -> None:
        """Write down a request with its answer, None where it did not come."""
        headers = dict(request.headers)
        routing = read_routing(headers)
        self.calls.journal.record(
            JournalEntry(
                at=at,
                took=self.calls.clock() - at,
                direction=Direction.OUT,
                purpose=self.purpose,
                correlation_id=headers.get(CORRELATION_ID, ""),
                request_id=headers.get(REQUEST_ID, ""),
                method=request.method,
                url=request.url,
                platform_id=self.platform_id,
                platform=self.platform,
                module=self.module,
                to_party=None if routing.to is None else str(routing.to),
                from_party=None if routing.sender is None else str(routing.sender),
                http_status=None if reply is None else reply.status,
                status_code=None if reply is None else _status_code(reply.body),
                note=note,
                request_body=request.body,
                reply_body=b"" if reply is None else reply.body,
            )
        )


class PatientTransport(NamedTuple):
    """A transport that follows a platform where its URLs really are, and observes its quirks.

    Nothing is sent twice that may have been done: a redirect says that nothing was, and only reads of the
    hub's own are tried with a slash at the end.
    """

    leg: JournaledTransport
    platform: Platform
    module: str | None
    observe: Observe

    async def send(self, request: HttpRequest) -> HttpReply:
        """The platform's answer, from where its URL leads.

        Raises:
            CallFailed: there is none; the subclass says why.
        """
        asked = request
        deadline = self.leg.calls.clock() + request.timeout
        try:
            reply = await self.leg.send(request)
        except NotReached:
            self.not_reached(asked)
            raise
        for _ in range(MOST_REDIRECTS):
            target = self._elsewhere(request, reply)
            if target is None:
                break
            request = self._again(request, target, deadline)
            reply = await self.leg.send(request)
        self.answered(asked, request, reply)
        return reply

    def answered(self, asked: HttpRequest, sent: HttpRequest, reply: HttpReply) -> None:
        """Learn from the answer to a request, sent perhaps elsewhere than it was asked to."""
        self._learn(asked, sent, reply)
        for seen in in_answer(self.platform, self.module, sent, reply):
            self.observe(self.platform.id, seen)

    def not_reached(self, asked: HttpRequest) -> None:
        """Learn from a URL at which nobody was."""
        self._url_failed(asked)

    def _elsewhere(self, request: HttpRequest, reply: HttpReply) -> str | None:
        """Where the request is to be sent again, None where its answer is what there is."""
        target = redirected_to(request, reply, self.platform)
        if target is not None or self.leg.purpose in NOT_FOR_TRIALS:
            return target
        return with_slash(request.url) if lacks_slash(request, reply) else None

    def _again(self, request: HttpRequest, target: str, deadline: datetime) -> HttpRequest:
        """The same request to another URL, with an id of its own (TR-17) and in what time is left."""
        calls = self.leg.calls
        headers = tuple(
            (name, calls.new_id() if name == REQUEST_ID else value) for name, value in request.headers
        )
        # No more than was given, though the clock be set back.
        left = min(max(deadline - calls.clock(), timedelta(milliseconds=1)), request.timeout)
        return request._replace(url=target, headers=headers, timeout=left)

    def _learn(self, asked: HttpRequest, sent: HttpRequest, reply: HttpReply) -> None:
        if asked.url != sent.url and reply.status in SUCCESSES:
            found = learnt(self.platform, self.module, asked.url, sent.url)
            if found is not None:
                self._observe_url(asked, *found)
        elif reply.status in SUCCESSES:
            for found in in_force(self.platform, self.module, asked):
                self._observe_url(asked, *found)
        elif is_nowhere(reply):
            self._url_failed(asked)

    def _url_failed(self, asked: HttpRequest) -> None:
        """The URL that was learnt does not work; perhaps the registered one does."""
        for quirk, about, _ in in_force(self.platform, self.module, asked):
            self._observe_url(asked, quirk, about, NO)

    def _observe_url(self, asked: HttpRequest, quirk: Quirk, about: str, value: str) -> None:
        correlation_id = first(asked.headers, CORRELATION_ID) or ""
        self.observe(self.platform.id, Seen(quirk, value, correlation_id, about))


def said_of(failure: CallFailed) -> str:
    """What the journal says of a call that failed: what happened, and where."""
    return f"{failure.happened}: {failure}" if str(failure) else failure.happened


def _status_code(body: bytes) -> int | None:
    try:
        return read_status_code(body)
    except NotAnEnvelope:
        return None
