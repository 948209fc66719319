"""One functional message, from the caller's platform to its answer: read this file first.

what shall become of it?      decision.Deciding.decision      nothing: 400, 2000, 2001, 4000, 4001, 4003
Direct                        forward.Forwarding.forward      now; the party's answer is the answer
                              keeping.Keeping.passed          a Session or CDR is kept, beside
                              judging.Judging                 a CDR gets a verdict, beside or before
AskAll                        asking.Asking.answer            now; the best answer is the answer
Broadcast                     broadcast.Broadcasting.accept   kept in one transaction, then 1000
GetAll, GetOne                collect.Collecting              from what the hub keeps
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

from hub.directory.directory import BadBodies, Platform
from hub.ocpi.description import ResponseUrl
from hub.ocpi.headers import Routing
from hub.ocpi.message import Look, Message, Reply
from hub.ocpi.validation import found_wrong, refusal
from hub.relay.asking import Asking
from hub.relay.broadcast import Broadcasting
from hub.relay.collect import Collecting
from hub.relay.content import token_asked_about
from hub.relay.decision import Deciding, Decision
from hub.relay.forward import Forwarding
from hub.relay.judging import Judging, is_cdr
from hub.relay.keeping import Keeping
from hub.relay.learnt import LearntAddressees
from hub.relay.odd_parties import odd_parties
from hub.routing.addressee import Found
from hub.routing.destination import AskAll, Broadcast, Direct, GetAll, GetOne


@dataclass(frozen=True, slots=True)
class Exchange:
    """What an exchange stands on."""

    deciding: Deciding
    forwarding: Forwarding
    asking: Asking
    learnt: LearntAddressees
    broadcasting: Broadcasting
    collecting: Collecting
    keeping: Keeping
    judging: Judging

    async def answer(self, message: Message, caller: Platform) -> Reply:
        """The answer to a message of a functional module.

        Raises:
            OcpiError: it is refused; the class and the message say why.
        """
        return await self.follow(await self.deciding.decision(message, caller))

    async def follow(self, decided: Decision) -> Reply:
        """The answer to a message of which is decided what becomes of it.

        Raises:
            OcpiError: it is refused all the same; the class and the message say why.
        """
        message, caller, sender = decided.message, decided.caller, decided.sender
        from_hub = Routing(to=sender, sender=decided.hub)
        match decided.to:
            case Direct() as to:
                return await self._direct(decided, to)
            case AskAll() as to:
                token = token_asked_about(message)
                return await self.asking.answer(token, to, lambda one: self._forwarded(decided, one))
            case Broadcast() as to:
                return await self.broadcasting.accept(message, decided.value, caller, to, from_hub)
            case GetAll():
                return await self.collecting.page(message, sender, caller, from_hub)
            case GetOne():
                return await self.collecting.one(message, sender, caller, from_hub)

    async def _direct(self, decided: Decision, to: Direct) -> Reply:
        reply = await self._forwarded(decided, to)
        message = decided.message
        if message.operation.teaches is not None:
            await self.learnt.notice(message, decided.value, decided.sender, to.party, reply)
        if to.found is Found.LEARNT:
            self.asking.check(token_asked_about(message), to.party, reply)
        return reply

    async def _forwarded(self, decided: Decision, to: Direct) -> Reply:
        """The answer of one party; what is wrong with what it was sent may be found out later."""
        message, caller = decided.message, decided.caller
        look, is_judged = self.look(decided, to), is_cdr(message)
        known = await self.judging.before(message, decided.value, to.party) if is_judged else None
        if known is not None:
            return known
        value = None if message.operation.response_url is None else decided.value
        reply = await self.forwarding.forward(message, value, caller, to)
        self.passed(decided, to, reply)
        if is_judged:
            await self.keeping.on_disk()
        return reply if look is None else reply._replace(look=look)

    def look(self, decided: Decision, to: Direct) -> Look | None:
        """What finds out what the journal shall say of a message to one party, None if there is nothing.

        It waits for nothing and may take milliseconds; who answers does so first (decision 0053).

        Raises:
            InvalidParameters: something is wrong, and the receiving platform is set to refuse such bodies.
        """
        if decided.body is None:
            return None
        if to.platform.bad_bodies is BadBodies.REFUSE:
            found = self.noted(decided, to)
            return (lambda: found) if found else None
        return partial(self.noted, decided, to)

    def noted(self, decided: Decision, to: Direct) -> str:
        """What the journal shall say of a message to one party, nothing if all is well.

        Raises:
            InvalidParameters: something is wrong, and the receiving platform is set to refuse such bodies.
        """
        message, value = decided.message, decided.value
        notes = (found_in_body(message, value, to.platform), odd_parties(message, value, to))
        return "; ".join(part for part in notes if part)

    def passed(self, decided: Decision, to: Direct, reply: Reply) -> None:
        """One party has answered: what is kept is kept, what is judged is judged. Never waits."""
        message = decided.message
        if not message.module.is_kept:
            return
        value = decided.value
        self.keeping.passed(message, value, decided.caller, to.party, reply)
        self.judging.passed(message, value, to.party, reply)


def found_in_body(message: Message, value: Any, receiver: Platform) -> str:
    """What the model finds wrong with a relayed body: the addressee judges, the journal knows (D5).

    Raises:
        InvalidParameters: something is wrong, and the receiving platform is set to refuse such bodies.
    """
    if value is None or message.operation.response_url is ResponseUrl.QUERY:
        return ""
    found = found_wrong(message.operation, value)
    if found and receiver.bad_bodies is BadBodies.REFUSE:
        raise refusal(found)
    return refusal(found).message if found else ""
