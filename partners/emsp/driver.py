"""What a driver does through the eMSP: start and stop charging, reserve. Never unlock (CMD-20)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.ocpi.party import Party
from partners.administration import NotPossible
from partners.emsp.authorization import authorization
from partners.emsp.commands import Commands, Outcome, SentCommand
from partners.emsp.inbox import Sessions
from partners.emsp.locations import Locations, check_connector, evse_of, owner_of
from partners.emsp.quoting import PlacedQuote
from partners.emsp.tokens import Tokens
from schemas.v2_2_1 import (
    AllowedType,
    CancelReservation,
    CommandType,
    Location,
    LocationReferences,
    ReserveNow,
    StartSession,
    StopSession,
    Token,
)


@dataclass(frozen=True, slots=True)
class Started:
    """A START_SESSION or RESERVE_NOW, and the reference by which its session will be known (AM-40)."""

    outcome: Outcome
    authorization_reference: str
    #: None for a START_SESSION.
    reservation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Driver:
    """Turns a driver's wishes into commands to the right CPO."""

    tokens: Tokens
    locations: Locations
    sessions: Sessions
    commands: Commands
    #: Keeps what the driver was quoted, by authorization reference.
    keep_quote: Callable[[str, PlacedQuote], None]
    new_id: Callable[[], str]

    async def start(
        self,
        token_uid: str,
        location_id: str,
        evse_uid: str | None = None,
        connector_id: str | None = None,
        *,
        owner: Party | None = None,
        quote: PlacedQuote | None = None,
    ) -> Started:
        """Start charging with one of our tokens (CMD-15, CMD-17).

        Args:
            token_uid: The token.
            location_id: Where.
            evse_uid: At which EVSE; None lets the CPO choose.
            connector_id: At which connector, where the EVSE wants to know.
            owner: Whose location it is, where several have one with this id.
            quote: What the driver was told that it will cost.

        Raises:
            UnknownToken, UnknownPlace, NotPossible: there is no such thing, or it is not allowed.
            NotSent, CallFailed, PeerRefused, PeerOffers: the command did not reach the CPO.
        """
        location = self.locations.find(location_id, owner)
        check_connector(location, evse_uid, connector_id)
        token = self._allowed(token_uid, location, evse_uid)
        reference = self.new_id()
        if quote is not None:
            self.keep_quote(reference, quote)
        given = _given(evse_uid=evse_uid, connector_id=connector_id)
        outcome = await self.commands.send(
            CommandType.START_SESSION,
            lambda response_url: StartSession(
                response_url=response_url,
                token=token,
                location_id=location.id,
                authorization_reference=reference,
                **given,
            ),
            owner_of(location),
        )
        return Started(outcome, reference)

    async def stop(self, session_id: str, *, owner: Party | None = None) -> Outcome:
        """Stop a session of one of our drivers.

        Raises:
            NotPossible: we know of no such session, or it has ended.
            NotSent, CallFailed, PeerRefused, PeerOffers: the command did not reach the CPO.
        """
        session = self.sessions.running(session_id, owner)
        return await self.commands.send(
            CommandType.STOP_SESSION,
            lambda response_url: StopSession(response_url=response_url, session_id=session.id),
            Party(session.country_code, session.party_id),
        )

    async def reserve(
        self,
        token_uid: str,
        location_id: str,
        expiry: datetime,
        evse_uid: str | None = None,
        *,
        owner: Party | None = None,
    ) -> Started:
        """Have an EVSE kept free until the expiry.

        Raises:
            UnknownToken, UnknownPlace, NotPossible: there is no such thing, or it is not allowed.
            NotSent, CallFailed, PeerRefused, PeerOffers: the command did not reach the CPO.
        """
        location = self.locations.find(location_id, owner)
        if evse_uid is not None:
            evse_of(location, evse_uid)
        token = self._allowed(token_uid, location, evse_uid)
        reference, reservation_id = self.new_id(), self.new_id()
        outcome = await self.commands.send(
            CommandType.RESERVE_NOW,
            lambda response_url: ReserveNow(
                response_url=response_url,
                token=token,
                expiry_date=expiry,
                reservation_id=reservation_id,
                location_id=location.id,
                authorization_reference=reference,
                **_given(evse_uid=evse_uid),
            ),
            owner_of(location),
        )
        return Started(outcome, reference, reservation_id)

    async def cancel(self, reservation_id: str) -> Outcome:
        """Give up a reservation that we made.

        Raises:
            NotPossible: we made no such reservation.
            NotSent, CallFailed, PeerRefused, PeerOffers: the command did not reach the CPO.
        """
        reservation = self._reservation(reservation_id)
        return await self.commands.send(
            CommandType.CANCEL_RESERVATION,
            lambda response_url: CancelReservation(response_url=response_url, reservation_id=reservation_id),
            reservation.to,
        )

    def _allowed(self, token_uid: str, location: Location, evse_uid: str | None) -> Token:
        """The token, after the same question that a CPO would ask (CMD-15)."""
        token = self.tokens.find(token_uid)
        asked = LocationReferences(location_id=location.id, evse_uids=() if evse_uid is None else (evse_uid,))
        allowed = authorization(token, self.tokens.standing(token), asked, self.new_id()).allowed
        if allowed != AllowedType.ALLOWED:
            raise NotPossible(f"token {token.uid} is {allowed} at location {location.id}")
        return token

    def _reservation(self, reservation_id: str) -> SentCommand:
        for command in self.commands.all():
            if command.type is CommandType.RESERVE_NOW and command.body["reservation_id"] == reservation_id:
                return command
        raise NotPossible(f"we made no reservation {reservation_id}")


def _given(**fields: Any) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}
