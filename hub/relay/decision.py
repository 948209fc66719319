"""What shall become of a message, as a value: nothing is sent and nothing is written to find it out.

whose message is it?          destination.sending_party       nobody's here: 2001
is the body JSON?             validation.decoded              no: 400
do URL and body agree?        identity.check_identity         no: 2001
whose is what it pushes?      the sender's, or 2001 (AM-07)
to whom, if it says nobody?   content.Contents                reads what the hub keeps
where does it go?             destination.destination         nowhere: 2000, 4000, 4001, 4003
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from hub.directory.current import CurrentDirectory
from hub.directory.directory import Directory, Platform
from hub.ocpi.body import SMALL_BODY, Body, glance
from hub.ocpi.errors import InvalidParameters
from hub.ocpi.headers import Routing
from hub.ocpi.identity import check_identity, owner_in_path
from hub.ocpi.message import Message
from hub.ocpi.party import Party
from hub.ocpi.validation import decoded
from hub.relay.content import Contents
from hub.routing.addressee import NOTHING_KNOWN, Content
from hub.routing.destination import Destination, destination, sending_party, speaks_for
from hub.routing.policy import MayExchange


class Decision(NamedTuple):
    """A message, understood."""

    #: With the party that it is from.
    message: Message
    #: None where there is none.
    body: Body | None
    caller: Platform
    sender: Party
    to: Destination
    #: The hub's own party.
    hub: Party

    @property
    def value(self) -> Any:
        """The decoded body, None where there is none."""
        return None if self.body is None else self.body.value


@dataclass(frozen=True, slots=True)
class Deciding:
    """What a decision stands on."""

    directory: CurrentDirectory
    may_exchange: MayExchange
    contents: Contents
    #: Whether all eMSPs may be asked about a token that nobody is known to own (AM-53).
    asks_all: bool

    async def decision(self, message: Message, caller: Platform) -> Decision:
        """What shall become of a message of a functional module, sent by this platform.

        Raises:
            OcpiError: it is refused; the class and the message say why.
        """
        directory = self.directory.value
        message, body, sender = self._understood(message, caller, directory)
        content = NOTHING_KNOWN
        if message.routing.to is None:
            content = await self.contents.of(message, None if body is None else body.value, sender)
        return self._decided(message, body, caller, sender, directory, content)

    def at_once(self, message: Message, caller: Platform) -> Decision:
        """The same for a message that names its addressee or is for everybody: it needs nothing that is kept.

        Raises:
            OcpiError: it is refused; the class and the message say why.
        """
        directory = self.directory.value
        message, body, sender = self._understood(message, caller, directory)
        return self._decided(message, body, caller, sender, directory, NOTHING_KNOWN)

    def _understood(
        self, message: Message, caller: Platform, directory: Directory
    ) -> tuple[Message, Body | None, Party]:
        """The message with the party that it is from, its body, and that party."""
        sender = sending_party(message, caller, directory)
        if message.routing.sender is not sender:
            message = message._replace(routing=Routing(message.routing.to, sender))
        named, body = _body(message, directory.hub)
        check_identity(message, named)
        _check_owner(message, sender, caller, directory)
        return message, body, sender

    def _decided(
        self,
        message: Message,
        body: Body | None,
        caller: Platform,
        sender: Party,
        directory: Directory,
        content: Content,
    ) -> Decision:
        to = destination(
            message, sender, caller, directory, self.may_exchange, content, asks_all=self.asks_all
        )
        return Decision(message, body, caller, sender, to, directory.hub)


def _body(message: Message, hub: Party) -> tuple[Any, Body | None]:
    """What names the object in the body, and the body; None where there is none.

    Raises:
        BodyIsNotJson: a body that should be JSON is not (TR-12).
    """
    operation = message.operation
    needs_body = operation.body is not None and operation.body_required
    if message.method in {"GET", "DELETE"} or not (message.body or needs_body):
        return None, None
    # What only goes through is decoded when its answer is out, if there is time for it (decision 0053).
    to = message.routing.to
    goes_through = to is not None and to != hub and not message.module.is_kept
    if goes_through and len(message.body) > SMALL_BODY:
        named = glance(message.body)
        if named is not None:
            return named, Body(message.body)
    value = decoded(message.body)
    if not isinstance(value, dict):
        raise InvalidParameters(f"/: expected an object, got {type(value).__name__}")
    return value, Body(message.body, value)


def _check_owner(message: Message, sender: Party, caller: Platform, directory: Directory) -> None:
    """What is pushed belongs to the party that pushes it (AM-07); a hub speaks for others (RT-10)."""
    owner = owner_in_path(message)
    if owner is None or owner == sender:
        return
    if not caller.is_hub or not speaks_for(caller, owner, directory):
        raise InvalidParameters(
            f"URL: the object belongs to {owner}, the message is from {sender}", rows=("AM-07",)
        )
