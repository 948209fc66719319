"""Agreements, as an operator signs, sees and ends them (design D6)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from aiohttp import web
from pydantic import AfterValidator, Field

from hub.admin.moments import moment_of
from hub.admin.parties import PartyText
from hub.admin.problems import Conflict, FieldError, Unknown, WrongInput
from hub.admin.wire import Input, Output, Route, body_of, query_of
from hub.directory.agreements import ANYBODY, Agreement, AgreementState, CdrTreatment
from hub.directory.current import CurrentDirectory
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from hub.registry.signing import NotAnAgreement, NothingToEnd, SignedAlready, Signing, UnknownAgreement


def _party_or_anybody(text: str) -> str:
    return text if text == ANYBODY else str(Party.parse(text))


#: `NL/TNM`, or `*` for anybody.
PartyOrAnybody = Annotated[str, AfterValidator(_party_or_anybody)]


class NewAgreement(Input):
    """What two parties agree on."""

    parties: tuple[PartyOrAnybody, PartyOrAnybody]
    #: Empty: all.
    modules: tuple[str, ...] = ()
    #: The first moment at which it holds; left out: now.
    begins: str | None = Field(default=None, alias="from")
    #: The first moment at which it holds no more; left out: it holds until it is ended.
    until: str | None = None
    #: What the hub does with a CDR whose verdict is bad: record, hold or refuse.
    cdrs: CdrTreatment = CdrTreatment.RECORD


class AgreementsQuery(Input):
    """Which agreements are wanted."""

    #: Only those that cover this party.
    party: PartyText | None = None
    #: Only those that stand so.
    state: AgreementState | None = None


class AgreementShown(Output):
    """An agreement."""

    id: int
    #: Two; `*` is anybody.
    parties: list[str]
    #: Empty: all.
    modules: list[str]
    #: planned, in-force, over or ended.
    state: str
    begins: datetime | None = Field(serialization_alias="from")
    until: datetime | None
    signed_at: datetime
    ended_at: datetime | None
    #: What the hub does with a CDR whose verdict is bad: record, hold or refuse.
    cdrs: str
    #: Those of its parties that no platform has registered.
    unknown_parties: list[str]
    #: Whether the hub asks for agreements at all: open or agreements.
    policy: str


class AgreementsShown(Output):
    """Agreements, in the order in which they were signed."""

    #: Whether the hub asks for agreements at all: open or agreements.
    policy: str
    agreements: list[AgreementShown]


@dataclass(frozen=True, slots=True)
class AgreementPages:
    """Answers about agreements, and what an operator does with them."""

    directory: CurrentDirectory
    signing: Signing
    clock: Clock

    def routes(self) -> list[Route]:
        """What can be asked and done."""
        one = "/agreements/{number:[0-9]{1,18}}"
        return [
            ("GET", "/agreements", self.some),
            ("POST", "/agreements", self.sign),
            ("GET", one, self.show),
            ("POST", f"{one}/end", self.end),
        ]

    async def some(self, request: web.Request) -> AgreementsShown:
        """Those that are asked for."""
        query = query_of(request, AgreementsQuery)
        party = None if query.party is None else Party.parse(query.party)
        agreements, now = self.directory.value.agreements, self.clock()
        wanted = [
            each
            for each in agreements.all
            if (party is None or each.names(party)) and query.state in {None, each.state(now)}
        ]
        return AgreementsShown(policy=agreements.mode, agreements=[self._shown(each) for each in wanted])

    async def sign(self, request: web.Request) -> AgreementShown:
        """Sign one."""
        asked = await body_of(request, NewAgreement)
        begins_at, until = moment_of("from", asked.begins), moment_of("until", asked.until)
        first, second = (None if each == ANYBODY else Party.parse(each) for each in asked.parties)
        with refused_in_words():
            signed = await self.signing.sign((first, second), asked.modules, begins_at, until, asked.cdrs)
        return self._shown(signed)

    async def show(self, request: web.Request) -> AgreementShown:
        """One of them."""
        number = _number(request)
        for each in self.directory.value.agreements.all:
            if each.id == number:
                return self._shown(each)
        raise Unknown(f"there is no agreement {number}")

    async def end(self, request: web.Request) -> AgreementShown:
        """End one now."""
        with refused_in_words():
            return self._shown(await self.signing.end(_number(request)))

    def _shown(self, agreement: Agreement) -> AgreementShown:
        directory = self.directory.value
        named = [each for each in agreement.parties if each is not None]
        return AgreementShown(
            id=agreement.id,
            parties=[ANYBODY if each is None else str(each) for each in agreement.parties],
            modules=sorted(agreement.modules),
            state=agreement.state(self.clock()),
            begins=agreement.begins_at,
            until=agreement.until,
            signed_at=agreement.signed_at,
            ended_at=agreement.ended_at,
            cdrs=agreement.cdrs,
            unknown_parties=[str(each) for each in named if not directory.holders(each)],
            policy=directory.agreements.mode,
        )


@contextmanager
def refused_in_words() -> Iterator[None]:
    """Turns what the registry refuses into problems."""
    try:
        yield
    except NotAnAgreement as error:
        raise WrongInput(FieldError(error.field, error.message)) from error
    except UnknownAgreement as error:
        raise Unknown(str(error)) from error
    except (SignedAlready, NothingToEnd) as error:
        raise Conflict(str(error)) from error


def _number(request: web.Request) -> int:
    return int(request.match_info["number"])
