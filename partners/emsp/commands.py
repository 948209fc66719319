"""Commands to CPOs and what became of them: the answer at once, the result later (CMD rows)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from hub.ocpi.client import PeerOffers
from hub.ocpi.errors import NotFound
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock, format_timestamp, parse_timestamp
from hub.ocpi.validation import refusal
from partners.changes import Changes
from partners.database import Database
from partners.exchange import DONE, Answer, Offer, Request, offer
from partners.link import NO_SUCCESS, Link, path
from schemas import exact_json
from schemas.findings import findings
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

TABLES = """
CREATE TABLE IF NOT EXISTS command (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    country_code TEXT NOT NULL,
    party_id TEXT NOT NULL,
    body TEXT NOT NULL,
    sent_at TEXT NOT NULL,
    -- What was answered at once; what kept it from being sent.
    response TEXT,
    failure TEXT
);
-- Several for one command: a reservation may be taken back later (CMD-09).
CREATE TABLE IF NOT EXISTS command_result (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    command TEXT NOT NULL REFERENCES command(id),
    received_at TEXT NOT NULL,
    text TEXT NOT NULL
);
"""


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

    database: Database
    changes: Changes
    link: Link
    clock: Clock
    new_id: Callable[[], str]
    #: The URL of our Sender interface.
    endpoint: Callable[[], str]

    def __post_init__(self) -> None:
        self.database.define(TABLES)

    def offer(self) -> Offer:
        """The Sender interface: where results come in."""
        return offer("commands", InterfaceRole.SENDER, {"POST /*": self._receive}, unwrapped)

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
        self._remember(command_id, kind, value, to)
        response = await self._response(command_id, kind, value, to)
        if response.result != CommandResponseType.ACCEPTED:
            return Outcome(self.get(command_id), None)
        try:
            await self.changes.until(
                lambda: self.get(command_id).results, timedelta(seconds=response.timeout)
            )
        except TimeoutError:
            # It may still come; it is kept then, and the session may start all the same (CMD-06, AM-40).
            return Outcome(self.get(command_id), CommandResultType.TIMEOUT)
        command = self.get(command_id)
        return Outcome(command, command.result)

    def get(self, command_id: str) -> SentCommand:
        """A command that we sent.

        Raises:
            NotFound: we did not.
        """
        row = self.database.row("SELECT * FROM command WHERE id = ?", (command_id,))
        if row is None:
            raise NotFound("we sent no such command")
        return self._read(row)

    def all(self) -> list[SentCommand]:
        """All commands that we sent, in order."""
        return [self._read(row) for row in self.database.rows("SELECT * FROM command ORDER BY rowid")]

    async def _response(
        self, command_id: str, kind: CommandType, value: WireObject, to: Party
    ) -> CommandResponse:
        try:
            answer = await self.link.send(
                "POST", "commands", InterfaceRole.RECEIVER, path(kind), value, to=to
            )
            response = _command_response(answer.data())
        except NO_SUCCESS as error:
            self.database.execute("UPDATE command SET failure = ? WHERE id = ?", (str(error), command_id))
            raise
        self.database.execute(
            "UPDATE command SET response = ? WHERE id = ?", (response.to_json().decode(), command_id)
        )
        self.changes.announce()
        return response

    def _remember(self, command_id: str, kind: CommandType, value: WireObject, to: Party) -> None:
        self.database.execute(
            "INSERT INTO command (id, type, country_code, party_id, body, sent_at) VALUES (?, ?, ?, ?, ?, ?)",
            (command_id, kind.value, *to.folded, value.to_json().decode(), format_timestamp(self.clock())),
        )

    async def _receive(self, request: Request) -> Answer:
        """A result, in time or late; both are kept (CMD-04, CMD-06, CMD-09)."""
        command_id = request.tail.rstrip("/").rpartition("/")[2]
        command = self.get(command_id)
        if request.routing.sender not in (None, command.to):
            raise NotFound("we sent no such command to you")
        self.database.execute(
            "INSERT INTO command_result (command, received_at, text) VALUES (?, ?, ?)",
            (command_id, format_timestamp(self.clock()), exact_json.encode(request.value).decode()),
        )
        self.changes.announce()
        return DONE

    def _read(self, row: Any) -> SentCommand:
        results = self.database.rows(
            "SELECT text FROM command_result WHERE command = ? ORDER BY id", (row["id"],)
        )
        response = row["response"]
        return SentCommand(
            id=row["id"],
            type=CommandType(row["type"]),
            to=Party(row["country_code"], row["party_id"]),
            body=exact_json.decode(row["body"]),
            sent_at=parse_timestamp(row["sent_at"]),
            response=None if response is None else CommandResponse.read(response, tolerant=True),
            failure=row["failure"],
            results=tuple(CommandResult.read(each["text"], tolerant=True) for each in results),
        )


def unwrapped(value: Any) -> Any:
    """A CommandResult that was put into an envelope, which some do (AM-11)."""
    is_envelope = isinstance(value, dict) and "status_code" in value and "data" in value
    return value["data"] if is_envelope else value


def _command_response(value: Any) -> CommandResponse:
    try:
        return CommandResponse.model_validate(value, context=TOLERANT)
    except ValidationError as error:
        raise PeerOffers(f"expected a CommandResponse: {refusal(findings(error)).message}") from error
