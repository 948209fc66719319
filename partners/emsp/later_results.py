"""Requests that are answered twice: at once, and later at a URL of ours (CMD and CHP rows).

OCPI has no retries: what has no result in time is lost, for all that its sender can do. A result that comes
all the same is kept, however late, and so is a second one: a reservation may be taken back (CMD-06, CMD-09).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pydantic import ValidationError

from hub.ocpi.client import Answer as PeerAnswer
from hub.ocpi.client import PeerOffers
from hub.ocpi.errors import NotFound
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock, format_timestamp, parse_timestamp
from hub.ocpi.validation import in_words, refusal
from partners.changes import Changes
from partners.database import Database
from partners.exchange import DONE, Answer, Request
from partners.link import NO_SUCCESS
from partners.link import in_words as why
from schemas import exact_json
from schemas.findings import findings
from schemas.tolerance import TOLERANT
from schemas.wire_object import WireObject

TABLES = """
CREATE TABLE IF NOT EXISTS asked (
    -- The last segment of the response_url: nobody can guess it.
    id TEXT PRIMARY KEY,
    -- The party of ours that asked.
    holder TEXT NOT NULL,
    module TEXT NOT NULL,
    -- Which request of the module it is.
    name TEXT NOT NULL,
    country_code TEXT NOT NULL,
    party_id TEXT NOT NULL,
    body TEXT NOT NULL,
    sent_at TEXT NOT NULL,
    -- What was answered at once; what kept it from being sent.
    response TEXT,
    failure TEXT
);
-- Several for one request: a reservation may be taken back later (CMD-09).
CREATE TABLE IF NOT EXISTS later_result (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    asked TEXT NOT NULL REFERENCES asked(id),
    received_at TEXT NOT NULL,
    text TEXT NOT NULL
);
"""

Model = TypeVar("Model", bound=WireObject)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that we sent, and what is known of it; objects are decoded."""

    id: str
    name: str
    to: Party
    body: dict[str, Any]
    sent_at: datetime
    #: None: there was no answer, `failure` says why.
    response: Any
    failure: str | None
    #: In the order in which they came.
    results: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class LaterResults:
    """The requests of one module that one party of ours sent, and their results."""

    party: Party
    module: str
    database: Database
    changes: Changes
    clock: Clock

    def __post_init__(self) -> None:
        self.database.define(TABLES)

    def remember(self, asked_id: str, name: str, to: Party, body: WireObject | dict[str, Any]) -> None:
        """Note a request before anybody hears of it, so that its result finds it whenever it comes."""
        value = body.to_wire() if isinstance(body, WireObject) else body
        self.database.execute(
            "INSERT INTO asked (id, holder, module, name, country_code, party_id, body, sent_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                asked_id,
                str(self.party),
                self.module,
                name,
                *to.folded,
                exact_json.encode(value).decode(),
                format_timestamp(self.clock()),
            ),
        )

    async def response(self, asked_id: str, answer: Awaitable[PeerAnswer], model: type[Model]) -> Model:
        """What was answered at once; it or what went wrong is noted.

        Raises:
            NotSent, CallFailed, PeerRefused, PeerOffers: there is no such answer.
        """
        try:
            response = _read(model, (await answer).data())
        except NO_SUCCESS as error:
            self.database.execute("UPDATE asked SET failure = ? WHERE id = ?", (why(error), asked_id))
            raise
        self.database.execute(
            "UPDATE asked SET response = ? WHERE id = ?", (response.to_json().decode(), asked_id)
        )
        self.changes.announce()
        return response

    async def has_result(self, asked_id: str, patience: timedelta) -> bool:
        """Whether a result came in time; if not, it counts as lost (CMD-06)."""
        try:
            await self.changes.until(lambda: self.get(asked_id).results, patience)
        except TimeoutError:
            return False
        return True

    async def receive(
        self, request: Request, model: Callable[[Asked], type[WireObject]] | None = None
    ) -> Answer:
        """A result that somebody posts to a URL of ours, in time or late.

        Args:
            request: With the URL and the result.
            model: What the result has to be, where the module's description does not say.

        Raises:
            NotFound: we sent no such request to the sender.
            InvalidParameters: it is no result of that request.
        """
        asked = self.get(request.tail.rstrip("/").rpartition("/")[2])
        if request.routing.sender not in (None, asked.to):
            raise NotFound("we sent no such request to you")
        if model is not None:
            try:
                model(asked).model_validate(request.value, context=TOLERANT)
            except ValidationError as error:
                raise refusal(findings(error)) from error
        self.database.execute(
            "INSERT INTO later_result (asked, received_at, text) VALUES (?, ?, ?)",
            (asked.id, format_timestamp(self.clock()), exact_json.encode(request.value).decode()),
        )
        self.changes.announce()
        return DONE

    def get(self, asked_id: str) -> Asked:
        """A request that we sent.

        Raises:
            NotFound: we did not.
        """
        row = self.database.row(
            "SELECT * FROM asked WHERE id = ? AND holder = ? AND module = ?",
            (asked_id, str(self.party), self.module),
        )
        if row is None:
            raise NotFound("we sent no such request")
        return self._read(row)

    def all(self) -> list[Asked]:
        """All requests that we sent, in order."""
        rows = self.database.rows(
            "SELECT * FROM asked WHERE holder = ? AND module = ? ORDER BY rowid",
            (str(self.party), self.module),
        )
        return [self._read(row) for row in rows]

    def _read(self, row: Any) -> Asked:
        results = self.database.rows(
            "SELECT text FROM later_result WHERE asked = ? ORDER BY id", (row["id"],)
        )
        return Asked(
            id=row["id"],
            name=row["name"],
            to=Party(row["country_code"], row["party_id"]),
            body=exact_json.decode(row["body"]),
            sent_at=parse_timestamp(row["sent_at"]),
            response=None if row["response"] is None else exact_json.decode(row["response"]),
            failure=row["failure"],
            results=tuple(exact_json.decode(each["text"]) for each in results),
        )


def unwrapped(value: Any) -> Any:
    """A result that was put into an envelope, which some do (AM-11)."""
    is_envelope = isinstance(value, dict) and "status_code" in value and "data" in value
    return value["data"] if is_envelope else value


def _read(model: type[Model], value: Any) -> Model:
    try:
        return model.model_validate(value, context=TOLERANT)
    except ValidationError as error:
        raise PeerOffers(f"expected a {model.__name__}: {in_words(findings(error))}") from error
