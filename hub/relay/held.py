"""CDRs that the hub holds: an operator releases or drops each; nothing else ends it (decision 0033).

Releasing is a promise: the CDR goes to its eMSP now, or as soon as that can be reached, also after a restart.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from hub.directory.directory import Directory, Platform
from hub.ocpi.backoff import Backoff
from hub.ocpi.envelope import read_envelope
from hub.ocpi.errors import OcpiError, ReceiverNotConnected
from hub.ocpi.headers import MessageIds, Routing
from hub.ocpi.message import Message, Reply
from hub.ocpi.modules import MODULES
from hub.ocpi.waiting import Wait, wait_for
from hub.relay.forward import Forwarding
from hub.relay.keeping import Keeping, was_taken
from hub.routing.destination import direct
from hub.routing.policy import MayExchange
from hub.store.cdr_state import CdrState
from hub.store.judged_cdrs import WAITING, JudgedCdr, JudgedCdrs, Wanted
from hub.store.leases import THE_HUB, Leases
from schemas import exact_json
from schemas.v2_2_1 import InterfaceRole, Role

#: CDRs that are sent in one go.
_AT_ONCE: Final = 100
#: What is on its way is looked at so often at least.
_LONGEST_WAIT: Final = timedelta(minutes=1)

log = logging.getLogger(__name__)


class NotHeld(Exception):
    """The CDR does not wait for an operator."""


@dataclass(frozen=True, slots=True)
class HeldParts:
    """What releasing stands on."""

    judged: JudgedCdrs
    forwarding: Forwarding
    keeping: Keeping
    directory: Callable[[], Directory]
    may_exchange: MayExchange
    new_id: Callable[[], str]
    #: One process sends.
    leases: Leases
    chance: Callable[[], float]
    backoff: Backoff = field(default_factory=Backoff)
    wait: Wait = wait_for


class Held:
    """Releases and drops. Somebody must `run` it for what was released to go on."""

    def __init__(self, parts: HeldParts) -> None:
        self._parts = parts
        self._news = asyncio.Event()
        self._failures = 0
        #: What is being sent cannot be dropped.
        self._alone = asyncio.Lock()

    async def release(self, cdr: JudgedCdr) -> None:
        """Let a CDR go; it is on its way when this returns, and stays so until its eMSP has answered.

        Raises:
            NotHeld: it does not wait.
        """
        async with self._alone:
            seq = await self._waiting(cdr, {CdrState.HELD})
            await self._parts.judged.move(seq, CdrState.RELEASING)
        self._failures = 0
        self._news.set()

    async def drop(self, cdr: JudgedCdr, reason: str) -> None:
        """Let a CDR never pass; its CPO hears why when it asks, or sends it again.

        Raises:
            NotHeld: it does not wait.
        """
        async with self._alone:
            await self._parts.judged.move(await self._waiting(cdr, WAITING), CdrState.DROPPED, reason)

    def wake(self) -> None:
        """Another process has released something."""
        self._failures = 0
        self._news.set()

    async def run(self) -> None:
        """Send what was released, until cancelled; what cannot be reached is tried again later."""
        while True:
            await self._parts.leases.wait_for(THE_HUB)
            self._news.clear()
            try:
                is_done = await self._send_all()
            except Exception:  # the loop must not die: a database that fails for a moment is asked again
                log.exception("CDRs that were released could not be sent")
                is_done = False
            self._failures = 0 if is_done else self._failures + 1
            pause = _LONGEST_WAIT
            if self._failures:
                pause = self._parts.backoff.delay(self._failures, self._parts.chance())
            await self._parts.wait(self._news, pause)

    async def _waiting(self, cdr: JudgedCdr, states: Any) -> int:
        """The number of a CDR that stands so."""
        now = await self._parts.judged.find(cdr.owner, cdr.cdr_id, cdr.digest)
        if now is None or now.seq is None or now.state not in states:
            raise NotHeld(f"CDR {cdr.cdr_id} of {cdr.owner} is {'gone' if now is None else now.state}")
        return now.seq

    async def _send_all(self) -> bool:
        """Whether all that was released has been answered."""
        wanted = Wanted(states=(CdrState.RELEASING,))
        is_done = True
        for each in await self._parts.judged.some(wanted, limit=_AT_ONCE):
            async with self._alone:
                is_done = await self._send(each) and is_done
        return is_done

    async def _send(self, cdr: JudgedCdr) -> bool:
        """Whether its eMSP has answered."""
        still = await self._parts.judged.find(cdr.owner, cdr.cdr_id, cdr.digest)
        if still is None or still.seq is None or still.state is not CdrState.RELEASING or still.body is None:
            return True
        message, value = self._message(still, still.body.encode())
        try:
            caller = self._platform(still)
            to = direct(
                message, still.emsp, still.owner, caller, self._parts.directory(), self._parts.may_exchange
            )
            reply = await self._parts.forwarding.forward(message, value, caller, to)
        except OcpiError as error:
            await self._parts.judged.move(
                still.seq, CdrState.RELEASING, f"not delivered yet: {error.message}"
            )
            return False
        if was_taken(reply):
            self._parts.keeping.passed(message, value, caller, still.emsp, reply)
            await self._parts.judged.move(still.seq, CdrState.RELEASED)
        else:
            await self._parts.judged.move(still.seq, CdrState.HELD, _refusal(still, reply))
        return True

    def _platform(self, cdr: JudgedCdr) -> Platform:
        """The platform of its CPO, where its Location will be asked for.

        Raises:
            ReceiverNotConnected: nobody speaks for the CPO any more.
        """
        holders = self._parts.directory().holders(cdr.owner)
        found = [platform for platform, role in holders if role == Role.CPO]
        if not found:
            raise ReceiverNotConnected(f"its CPO, {cdr.owner}, is not here any more")
        return found[0]

    def _message(self, cdr: JudgedCdr, body: bytes) -> tuple[Message, Any]:
        """The message as its CPO sent it."""
        module = MODULES["cdrs"]
        operation, parameters = module.match(InterfaceRole.RECEIVER, "POST", "")
        message = Message(
            module=module,
            operation=operation,
            parameters=parameters,
            tail="",
            query="",
            ids=MessageIds(self._parts.new_id(), cdr.correlation_id or self._parts.new_id()),
            routing=Routing(cdr.emsp, cdr.owner),
            headers=(),
            body=body,
        )
        return message, exact_json.decode(body)


def _refusal(cdr: JudgedCdr, reply: Reply) -> str:
    envelope = read_envelope(reply.body)
    said = envelope.status_message or "no reason"
    return f"released, and {cdr.emsp} refused it: HTTP {reply.status}, {envelope.status_code} ({said})"
