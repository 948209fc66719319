"""Calls to platforms: each shows the platform's token, and each leaves a leg in the journal."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from hub.ocpi.client import PlatformClient
from hub.ocpi.envelope import NotAnEnvelope, read_envelope
from hub.ocpi.headers import CORRELATION_ID, REQUEST_ID, read_routing
from hub.ocpi.timestamps import Clock
from hub.ocpi.transport import CallFailed, HttpReply, HttpRequest, Transport, first
from hub.registry.directory import Platform
from hub.store.journal import Direction, Journal, JournalEntry, Purpose

#: How a platform refuses a token (TR-03).
UNAUTHORIZED = 401


class TokenBefore(Protocol):
    """The token that we showed a platform before, in case it refuses the new one (AM-15)."""

    def instead(self, platform_id: int | None, request: HttpRequest) -> HttpRequest | None:
        """The request with the token before, None where there is none."""
        ...

    async def restore(self, platform_id: int | None) -> None:
        """Show that one again from now on: the platform takes it, and refused the new one."""
        ...


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

    def client(
        self, platform: Platform, purpose: Purpose, timeout: timedelta, module: str | None = None
    ) -> PlatformClient:
        """A client that shows the platform the token that it gave us.

        Raises:
            NotRegistered: it gave none.
        """
        if platform.outbound_token is None:
            raise NotRegistered(f"{platform.name} is not registered")
        return PlatformClient(
            self.leg(purpose, platform.id, platform.name, module),
            platform.outbound_token,
            new_id=self.new_id,
            encoding=platform.token_encoding,
            timeout=timeout,
        )

    def leg(
        self, purpose: Purpose, platform_id: int | None, platform: str | None, module: str | None = None
    ) -> "JournaledTransport":
        """A transport whose calls are legs of this purpose, to this platform."""
        return JournaledTransport(self, purpose, platform_id, platform, module)


@dataclass(frozen=True, slots=True)
class JournaledTransport:
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
        reply = await self._sent(request)
        before = self.calls.token_before
        if reply.status != UNAUTHORIZED or before is None:
            return reply
        instead = before.instead(self.platform_id, request)
        if instead is None:
            return reply
        again = await self._sent(instead)
        if again.status != UNAUTHORIZED:
            await before.restore(self.platform_id)
        return again

    async def _sent(self, request: HttpRequest) -> HttpReply:
        at = self.calls.clock()
        try:
            reply = await self.calls.transport.send(request)
        except CallFailed as failure:
            self._record(request, at, None, f"{type(failure).__name__}: {failure}")
            raise
        except asyncio.CancelledError:
            # It was sent, though nobody waits for the answer any longer: another one was better (RT-51).
            self._record(request, at, None, "the answer was not waited for")
            raise
        self._record(request, at, reply, "")
        return reply

    def _record(self, request: HttpRequest, at: datetime, reply: HttpReply | None, note: str) -> None:
        routing = read_routing(dict(request.headers))
        self.calls.journal.record(
            JournalEntry(
                at=at,
                took=self.calls.clock() - at,
                direction=Direction.OUT,
                purpose=self.purpose,
                correlation_id=first(request.headers, CORRELATION_ID) or "",
                request_id=first(request.headers, REQUEST_ID) or "",
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


def _status_code(body: bytes) -> int | None:
    try:
        return read_envelope(body).status_code
    except NotAnEnvelope:
        return None
