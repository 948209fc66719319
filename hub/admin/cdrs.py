"""Verdicts on CDRs, and what an operator does with those that are held (decision 0033)."""

from dataclasses import dataclass
from typing import Annotated, Any

from aiohttp import web
from pydantic import Field

from hub.admin.parties import PartyText
from hub.admin.problems import Conflict, FieldError, Unknown, WrongInput
from hub.admin.wire import Input, Output, Route, body_of, query_of
from hub.ocpi.paging import MAX_OFFSET
from hub.ocpi.party import Party
from hub.pricing.plausibility import Severity
from hub.relay.held import Held, NotHeld
from hub.relay.offering import offered
from hub.store.cdr_state import CdrState
from hub.store.judged_cdrs import WAITING, JudgedCdr, JudgedCdrs, Wanted

#: Verdicts in one answer at most.
MOST = 1_000


class VerdictsQuery(Input):
    """Which verdicts are wanted."""

    #: With a finding as grave as this, or graver.
    severity: Severity | None = None
    state: CdrState | None = None
    owner: PartyText | None = None
    offset: Annotated[int, Field(ge=0, le=MAX_OFFSET)] = 0
    limit: Annotated[int, Field(ge=1, le=MOST)] = 50


class VerdictQuery(Input):
    """Which CDR is meant."""

    id: str
    owner: PartyText | None = None


class Release(VerdictQuery):
    """Which CDR is to go on."""


class Drop(VerdictQuery):
    """Which CDR is never to pass, and why."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]


class Verdicts(Output):
    """Verdicts, the newest first."""

    verdicts: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class CdrPages:
    """Answers about CDRs that were judged."""

    judged: JudgedCdrs
    held: Held

    def routes(self) -> list[Route]:
        """What can be asked and done."""
        return [
            ("GET", "/cdrs", self.some),
            ("GET", "/cdrs/verdicts", self.verdicts),
            ("POST", "/cdrs/release", self.release),
            ("POST", "/cdrs/drop", self.drop),
        ]

    async def some(self, request: web.Request) -> Verdicts:
        """The newest ones."""
        query = query_of(request, VerdictsQuery)
        wanted = Wanted(
            severities=None if query.severity is None else _as_grave_as(query.severity),
            states=None if query.state is None else (query.state,),
            owner=None if query.owner is None else Party.parse(query.owner),
        )
        return _shown(await self.judged.some(wanted, query.offset, query.limit))

    async def verdicts(self, request: web.Request) -> Verdicts:
        """Those on one CDR; there are several if it came with different content."""
        return _shown(await self._found(query_of(request, VerdictQuery)))

    async def release(self, request: web.Request) -> Verdicts:
        """Let a held CDR go on to its eMSP."""
        cdr = await self._waiting(await body_of(request, Release))
        try:
            await self.held.release(cdr)
        except NotHeld as error:
            raise Conflict(str(error)) from error
        return await self._again(cdr)

    async def drop(self, request: web.Request) -> Verdicts:
        """Let a held CDR never pass."""
        asked = await body_of(request, Drop)
        cdr = await self._waiting(asked)
        try:
            await self.held.drop(cdr, asked.reason)
        except NotHeld as error:
            raise Conflict(str(error)) from error
        return await self._again(cdr)

    async def _found(self, asked: VerdictQuery) -> tuple[JudgedCdr, ...]:
        owner = None if asked.owner is None else Party.parse(asked.owner)
        found = await self.judged.some(Wanted(owner=owner, cdr_id=asked.id), limit=MOST)
        if not found:
            raise Unknown(f"there is no verdict on a CDR {asked.id!r}{f' of {owner}' if owner else ''}")
        owners = sorted({str(each.owner) for each in found})
        if len(owners) > 1:
            raise WrongInput(
                FieldError("owner", f"several have a CDR {asked.id!r}: expected one of {', '.join(owners)}")
            )
        return found

    async def _waiting(self, asked: VerdictQuery) -> JudgedCdr:
        found = await self._found(asked)
        waiting = next((each for each in found if each.state in WAITING), None)
        if waiting is None:
            raise Conflict(f"CDR {asked.id!r} is not held: it is {found[0].state}")
        return waiting

    async def _again(self, cdr: JudgedCdr) -> Verdicts:
        now = await self.judged.find(cdr.owner, cdr.cdr_id, cdr.digest)
        return _shown(() if now is None else (now,))


def _shown(found: tuple[JudgedCdr, ...]) -> Verdicts:
    return Verdicts(verdicts=[offered(each) for each in found])


def _as_grave_as(severity: Severity) -> tuple[str, ...]:
    return tuple(str(each) for each in Severity if each.weight >= severity.weight)
