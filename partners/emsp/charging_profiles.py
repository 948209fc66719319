"""Charging profiles at CPOs: set, asked for, cleared; results later, news of the active one (CHP rows)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from hub.ocpi.errors import NotFound
from hub.ocpi.party import Party
from hub.ocpi.timestamps import format_timestamp
from partners.emsp.inbox import Sessions
from partners.emsp.later_results import Asked, LaterResults, unwrapped
from partners.exchange import DONE, Answer, Offer, Request, offer
from partners.link import Link, path
from schemas import exact_json
from schemas.tolerance import TOLERANT
from schemas.v2_2_1 import (
    ActiveChargingProfile,
    ActiveChargingProfileResult,
    ChargingProfile,
    ChargingProfileResponse,
    ChargingProfileResponseType,
    ChargingProfileResult,
    ChargingProfileResultType,
    ClearProfileResult,
    InterfaceRole,
    Session,
    SetChargingProfile,
)
from schemas.wire_object import WireObject

TABLES = """
CREATE TABLE IF NOT EXISTS active_profile (
    holder TEXT NOT NULL,
    country_code TEXT NOT NULL,
    party_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    received_at TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (holder, country_code, party_id, session_id)
);
"""

#: What the result of each request is (CHP-04).
RESULTS: dict[str, type[WireObject]] = {
    "GET": ActiveChargingProfileResult,
    "PUT": ChargingProfileResult,
    "DELETE": ClearProfileResult,
}


@dataclass(frozen=True, slots=True)
class ProfileOutcome:
    """How a request about a charging profile ended, as far as we waited."""

    response: ChargingProfileResponse
    #: None: the CPO did not pass it on, or there was no result in time; then it is lost (CHP-03).
    result: ChargingProfileResultType | None
    #: What was asked for, where the charge point told it.
    profile: ActiveChargingProfile | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether the charge point does as it was asked."""
        return self.result == ChargingProfileResultType.ACCEPTED


@dataclass(frozen=True, slots=True)
class ChargingProfiles:
    """Sends requests about the profiles of our drivers' sessions, and keeps what CPOs tell of them."""

    link: Link
    later: LaterResults
    sessions: Sessions
    new_id: Callable[[], str]
    #: The URL of our Sender interface.
    endpoint: Callable[[], str]

    def __post_init__(self) -> None:
        self.later.database.define(TABLES)

    def offer(self) -> Offer:
        """The Sender interface: where results and active profiles come in."""
        handlers = {"POST /*": self._receive, "PUT /{session_id}": self._put}
        return offer("chargingprofiles", InterfaceRole.SENDER, handlers, unwrapped)

    async def set(self, session: Session, profile: ChargingProfile) -> ProfileOutcome:
        """Have a session charge by this profile: a ceiling, no promise (CHP-15).

        Raises:
            NotSent, CallFailed, PeerRefused, PeerOffers: there is no ChargingProfileResponse.
        """
        asked_id, url = self._addressed("PUT")
        value = SetChargingProfile(charging_profile=profile, response_url=url)
        return await self._asked(asked_id, "PUT", session, value, {})

    async def active(self, session: Session, duration: timedelta) -> ProfileOutcome:
        """Ask for the profile that the charge point follows, for so long from now.

        Raises:
            NotSent, CallFailed, PeerRefused, PeerOffers: there is no ChargingProfileResponse.
        """
        asked_id, url = self._addressed("GET")
        given = {"duration": str(int(duration.total_seconds())), "response_url": url}
        outcome = await self._asked(asked_id, "GET", session, None, given)
        if outcome.profile is not None:
            self._keep(session, outcome.profile.to_wire())
        return outcome

    async def clear(self, session: Session) -> ProfileOutcome:
        """Have a session charge without a profile of ours again.

        Raises:
            NotSent, CallFailed, PeerRefused, PeerOffers: there is no ChargingProfileResponse.
        """
        asked_id, url = self._addressed("DELETE")
        return await self._asked(asked_id, "DELETE", session, None, {"response_url": url})

    def known(self, session: Session) -> ActiveChargingProfile | None:
        """The active profile that we were told of last, None where we were told of none."""
        row = self.later.database.row(
            "SELECT text FROM active_profile WHERE holder = ? AND country_code = ? AND party_id = ?"
            " AND session_id = ?",
            self._row_key(session),
        )
        return None if row is None else ActiveChargingProfile.read(row["text"], tolerant=True)

    def _addressed(self, verb: str) -> tuple[str, str]:
        """The id of a new request and its response_url."""
        asked_id = self.new_id()
        return asked_id, self.endpoint() + path(verb, asked_id)

    async def _asked(
        self, asked_id: str, verb: str, session: Session, value: WireObject | None, given: dict[str, str]
    ) -> ProfileOutcome:
        """The outcome of one request; `given` goes into the query, each value percent-encoded (CHP-02)."""
        to = Party(session.country_code, session.party_id)
        noted = {"session_id": session.id, **given, **({} if value is None else value.to_wire())}
        self.later.remember(asked_id, verb, to, noted)
        receiver = InterfaceRole.RECEIVER
        tail, query = path(session.id), urlencode(given)
        sent = self.link.send(verb, "chargingprofiles", receiver, tail, value, to=to, query=query)
        response = await self.later.response(asked_id, sent, ChargingProfileResponse)
        if response.result != ChargingProfileResponseType.ACCEPTED:
            return ProfileOutcome(response, None)
        if not await self.later.has_result(asked_id, timedelta(seconds=response.timeout)):
            return ProfileOutcome(response, None)
        return _outcome(response, self.later.get(asked_id))

    async def _receive(self, request: Request) -> Answer:
        return await self.later.receive(request, lambda asked: RESULTS[asked.name])

    async def _put(self, request: Request) -> Answer:
        """The active profile of a session has changed, through no request of ours (CHP-05)."""
        session_id, sender = request.parameters["session_id"], request.routing.sender
        found = [
            session
            for session in self.sessions.with_id(session_id)
            if sender in (None, Party(session.country_code, session.party_id))
        ]
        if len(found) != 1:
            raise NotFound(f"{len(found) or 'no'} sessions {session_id} of yours are known")
        self._keep(found[0], request.value)
        return DONE

    def _keep(self, session: Session, value: dict[str, Any]) -> None:
        self.later.database.execute(
            "INSERT OR REPLACE INTO active_profile"
            " (holder, country_code, party_id, session_id, received_at, text) VALUES (?, ?, ?, ?, ?, ?)",
            (
                *self._row_key(session),
                format_timestamp(self.later.clock()),
                exact_json.encode(value).decode(),
            ),
        )
        self.later.changes.announce()

    def _row_key(self, session: Session) -> tuple[str, str, str, str]:
        owner = Party(session.country_code, session.party_id)
        return (str(self.later.party), *owner.folded, session.id.upper())


def limit_at(profile: ChargingProfile, began: datetime, moment: datetime) -> Decimal | None:
    """The ceiling at an instant, in the unit of the profile; None where the profile says nothing.

    Args:
        profile: The profile.
        began: When the session began to charge: from there a profile without a start counts (CHP-14).
        moment: The instant.
    """
    start = profile.start_date_time or began
    passed = (moment - start).total_seconds()
    # Without a duration the last period runs on (CHP-14).
    if passed < 0 or (profile.duration is not None and passed >= profile.duration):
        return None
    limits = [each.limit for each in profile.charging_profile_period if each.start_period <= passed]
    return limits[-1] if limits else None


def _outcome(response: ChargingProfileResponse, asked: Asked) -> ProfileOutcome:
    result = RESULTS[asked.name].model_validate(asked.results[0], context=TOLERANT)
    if isinstance(result, ActiveChargingProfileResult):
        return ProfileOutcome(response, result.result, result.profile)
    if isinstance(result, ChargingProfileResult | ClearProfileResult):
        return ProfileOutcome(response, result.result)
    raise TypeError(f"{asked.name} has no result")
