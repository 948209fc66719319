"""One functional message, from the caller's platform to its answer: read this file first.

whose message is it?          destination.sending_party
is the body JSON?             validation.decoded              no: 400
do URL and body agree?        identity.check_identity         no: 2001
where does it go?             destination.destination         nowhere: 2000, 4001, 4003
Direct                        forward.Forwarding.forward      now; the party's answer is the answer
Broadcast                     broadcast.Broadcasting.accept   kept in one transaction, then 1000
GetAll, GetOne                collect.Collecting              from what the hub keeps
"""

from dataclasses import dataclass, replace
from typing import Any

from hub.ocpi.description import ResponseUrl
from hub.ocpi.errors import InvalidParameters
from hub.ocpi.headers import Routing
from hub.ocpi.identity import check_identity, owner_in_path
from hub.ocpi.message import Message, Reply
from hub.ocpi.party import Party
from hub.ocpi.validation import decoded, found_wrong, refusal
from hub.registry.current import CurrentDirectory
from hub.registry.directory import BadBodies, Directory, Platform
from hub.relay.broadcast import Broadcasting
from hub.relay.collect import Collecting
from hub.relay.forward import Forwarding
from hub.routing.destination import (
    Broadcast,
    Direct,
    GetAll,
    GetOne,
    destination,
    sending_party,
    speaks_for,
)
from hub.routing.policy import MayExchange


@dataclass(frozen=True, slots=True)
class Exchange:
    """What an exchange stands on."""

    directory: CurrentDirectory
    may_exchange: MayExchange
    forwarding: Forwarding
    broadcasting: Broadcasting
    collecting: Collecting

    async def answer(self, message: Message, caller: Platform) -> Reply:
        """The answer to a message of a functional module.

        Raises:
            OcpiError: it is refused; the class and the message say why.
        """
        directory = self.directory.value
        sender = sending_party(message, caller, directory)
        message = replace(message, routing=Routing(message.routing.to, sender))
        value = _value(message)
        check_identity(message, value)
        _check_owner(message, sender, caller, directory)
        to = destination(message, sender, caller, directory, self.may_exchange)
        from_hub = Routing(to=sender, sender=directory.hub)
        match to:
            case Direct():
                note = _findings(message, value, to.platform)
                reply = await self.forwarding.forward(message, value, caller, to)
                return replace(reply, note="; ".join(part for part in (reply.note, note) if part))
            case Broadcast():
                return await self.broadcasting.accept(message, value, caller, to, from_hub)
            case GetAll():
                return await self.collecting.page(message, sender, caller, from_hub)
            case GetOne():
                return await self.collecting.one(message, sender, caller, from_hub)


def _value(message: Message) -> Any:
    """The decoded body, None where there is none.

    Raises:
        BodyIsNotJson: a body that should be JSON is not (TR-12).
    """
    operation = message.operation
    needs_body = operation.body is not None and operation.body_required
    if message.method in {"GET", "DELETE"} or not (message.body or needs_body):
        return None
    value = decoded(message.body)
    if not isinstance(value, dict):
        raise InvalidParameters(f"/: expected an object, got {type(value).__name__}")
    return value


def _check_owner(message: Message, sender: Party, caller: Platform, directory: Directory) -> None:
    """What is pushed belongs to the party that pushes it (AM-07); a hub speaks for others (RT-10)."""
    owner = owner_in_path(message)
    if owner is None or owner == sender:
        return
    if not caller.is_hub or not speaks_for(caller, owner, directory):
        raise InvalidParameters(f"URL: the object belongs to {owner}, the message is from {sender}")


def _findings(message: Message, value: Any, receiver: Platform) -> str:
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
