"""Commands to CPOs and what became of them: the answer at once, the result later (CMD rows)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.ocpi.party import Party
from partners.emsp.later_results import Asked, LaterResults, unwrapped
from partners.exchange import Offer, offer
from partners.link import Link, path
from schemas.tolerance import TOLERANT
from schemas.v2_2_1 import (
    CommandResponse,
    CommandResponseType,
    CommandResult,
    CommandResultType,
    CommandType,
    InterfaceRole,
)
from schemas.wire_object import WireObject


@dataclass(frozen=True, slots=True)
class SentCommand:
    """A command and what is known of it."""

    id: str
    type: CommandType
    to: Party
    #: The decoded command object.
    body: dict[str, Any]
    sent_at: datetime
    #: None: there was no answer, `failure` says why.
    response: CommandResponse | None
    failure: str | None
    #: In the order in which they came.
    results: tuple[CommandResult, ...]

    @property
    def result(self) -> CommandResultType | None:
        """What the charge point said first, None where it has said nothing (yet)."""
        return self.results[0].result if self.results else None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended, as far as its sender waited."""

    command: SentCommand
    #: None: the CPO did not pass it on to the charge point.
    result: CommandResultType | None

    @property
    def is_accepted(self) -> bool:
        """Whether the charge point does as it was asked."""
        return self.result == CommandResultType.ACCEPTED


@dataclass(frozen=True, slots=True)
class Commands:
    """Sends commands and receives their results."""

    link: Link
    later: LaterResults
    new_id: Callable[[], str]
    #: The URL of our Sender interface.
    endpoint: Callable[[], str]

    def offer(self) -> Offer:
        """The Sender interface: where results come in."""
        return offer("commands", InterfaceRole.SENDER, {"POST /*": self.later.receive}, unwrapped)

    async def send(self, kind: CommandType, made: Callable[[str], WireObject], to: Party) -> Outcome:
        """Send a command and wait for its result, as long as the CPO said it would take.

        Args:
            kind: The command.
            made: Makes the command object with a response_url.
            to: The CPO.

        Raises:
            NotSent, CallFailed, PeerRefused, PeerOffers: there is no CommandResponse.
        """
        command_id = self.new_id()
        value = made(self.endpoint() + path(kind, command_id))
        self.later.remember(command_id, kind.value, to, value)
        sent = self.link.send("POST", "commands", InterfaceRole.RECEIVER, path(kind), value, to=to)
        response = await self.later.response(command_id, sent, CommandResponse)
        if response.result != CommandResponseType.ACCEPTED:
            return Outcome(self.get(command_id), None)
        if not await self.later.has_result(command_id, timedelta(seconds=response.timeout)):
            # It may still come; it is kept then, and the session may start all the same (CMD-06, AM-40).
            return Outcome(self.get(command_id), CommandResultType.TIMEOUT)
        command = self.get(command_id)
        return Outcome(command, command.result)

    def get(self, command_id: str) -> SentCommand:
        """A command that we sent.

        Raises:
            NotFound: we did not.
        """
        return _sent(self.later.get(command_id))

    def all(self) -> list[SentCommand]:
        """All commands that we sent, in order."""
        return [_sent(asked) for asked in self.later.all()]


def _sent(asked: Asked) -> SentCommand:
    response = asked.response
    return SentCommand(
        id=asked.id,
        type=CommandType(asked.name),
        to=asked.to,
        body=asked.body,
        sent_at=asked.sent_at,
        response=None if response is None else CommandResponse.model_validate(response, context=TOLERANT),
        failure=asked.failure,
        results=tuple(CommandResult.model_validate(each, context=TOLERANT) for each in asked.results),
    )
