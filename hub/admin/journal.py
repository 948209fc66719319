"""The journal, asked: which legs there were, and all legs of one correlation id."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from aiohttp import web
from pydantic import AfterValidator, Field

from hub.admin.moments import instant_of
from hub.admin.parties import PartyText
from hub.admin.problems import FieldError, Unknown, WrongInput
from hub.admin.wire import Input, Output, Route, query_of
from hub.ocpi.modules import MODULES
from hub.ocpi.timestamps import Clock
from hub.store.database import Database
from hub.store.journal import Direction
from hub.store.journal_search import JournalFilter, UnknownOutcome, legs_of, newest_id, search
from hub.store.leg import Leg

#: Legs in one answer at most.
MOST = 1_000


def _module(name: str) -> str:
    if name not in MODULES:
        raise ValueError(f"expected one of {', '.join(MODULES)}, got {name!r}")
    return name


class JournalQuery(Input):
    """Which legs are wanted; the words are those of `JournalFilter`."""

    platform: str | None = None
    module: Annotated[str, AfterValidator(_module)] | None = None
    party: PartyText | None = None
    correlation_id: str | None = None
    direction: Direction | None = None
    outcome: str | None = None
    since: str | None = None
    until: str | None = None
    text: str | None = None
    after: Annotated[int, Field(ge=0)] | None = None
    limit: Annotated[int, Field(ge=1, le=MOST)] = 50


class TraceQuery(Input):
    """Which correlation id, and whether the bodies are wanted too."""

    correlation_id: str
    bodies: bool = False


class JournalLeg(Output):
    """One leg of an exchange; the words are those of the log."""

    id: int
    at: datetime
    correlation_id: str
    request_id: str
    #: `in`: the platform called the hub; `out`: the hub called it.
    direction: str
    purpose: str
    platform: str | None
    method: str
    url: str
    module: str | None
    to_party: str | None
    from_party: str | None
    http_status: int | None
    status_code: int | None
    milliseconds: int
    note: str
    #: Only in a trace with bodies.
    request_body: str | None = None
    reply_body: str | None = None


class JournalLegs(Output):
    """Legs, newest first, or oldest first where `after` was given."""

    legs: list[JournalLeg]
    #: Given as `after` it asks for what came since.
    next_after: int


class Trace(Output):
    """All legs of a correlation id, in the order in which they began."""

    correlation_id: str
    legs: list[JournalLeg]


@dataclass(frozen=True, slots=True)
class JournalPages:
    """Answers from the journal."""

    database: Database
    clock: Clock

    def routes(self) -> list[Route]:
        """What can be asked."""
        return [("GET", "/journal", self.found), ("GET", "/trace", self.trace)]

    async def found(self, request: web.Request) -> JournalLegs:
        """The legs that a filter finds."""
        query = query_of(request, JournalQuery)
        wanted = self._filter(query)
        # Asked first: what is stored in between comes twice rather than never.
        newest = await newest_id(self.database)
        try:
            legs = await search(self.database, wanted)
        except UnknownOutcome as error:
            raise WrongInput(FieldError("outcome", str(error))) from error
        shown = [_shown(leg, bodies=False) for leg in legs]
        if wanted.after is not None and len(shown) == wanted.limit:
            return JournalLegs(legs=shown, next_after=shown[-1].id)
        return JournalLegs(legs=shown, next_after=max([newest, *(leg.id for leg in shown)]))

    async def trace(self, request: web.Request) -> Trace:
        """All legs of a correlation id."""
        query = query_of(request, TraceQuery)
        legs = await legs_of(self.database, query.correlation_id)
        if not legs:
            raise Unknown(f"the journal has no leg of correlation id {query.correlation_id!r}")
        shown = [_shown(leg, bodies=query.bodies) for leg in legs]
        return Trace(correlation_id=query.correlation_id, legs=shown)

    def _filter(self, query: JournalQuery) -> JournalFilter:
        now = self.clock()
        instants = {name: instant_of(name, getattr(query, name), now) for name in ("since", "until")}
        return JournalFilter(**{**query.model_dump(), **instants})


def _shown(leg: Leg, *, bodies: bool) -> JournalLeg:
    fields = leg._asdict()
    if not bodies:
        fields = {**fields, "request_body": None, "reply_body": None}
    return JournalLeg.model_validate(fields, extra="ignore")
