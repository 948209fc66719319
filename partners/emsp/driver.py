"""What a driver does through the eMSP: start and stop charging, reserve, have a cable released."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.ocpi.party import Party
from partners.administration import NotPossible
from partners.emsp.authorization import authorization
from partners.emsp.commands import Commands, Outcome, SentCommand
from partners.emsp.inbox import FINAL, Sessions
from partners.emsp.locations import Locations, UnknownPlace, evse_of, owner_of
from partners.emsp.tokens import Tokens
from schemas.v2_2_1 import (
    AllowedType,
    CancelReservation,
    Capability,
    CommandType,
    Location,
    LocationReferences,
    ReserveNow,
    Session,
    StartSession,
    StopSession,
    Token,
    UnlockConnector,
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
    new_id: Callable[[], str]

    async def start(
        self,
        token_uid: str,
        location_id: str,
        evse_uid: str | None = None,
        connector_id: str | None = None,
        *,
        owner: Party | None = None,
    ) -> Started:
        """Start charging with one of our tokens (CMD-15, CMD-17).

        Args:
            token_uid: The token.
            location_id: Where.
            evse_uid: At which EVSE; None lets the CPO choose.
            connector_id: At which connector, where the EVSE wants to know.
            owner: Whose location it is, where several have one with this id.

        Raises:
            UnknownToken, UnknownPlace, NotPossible: there is no such thing, or it is not allowed.
            NotSent, CallFailed, PeerRefused, PeerOffers: the command did not reach the CPO.
        """
        location = self.locations.find(location_id, owner)
        self._check_connector(location, evse_uid, connector_id)
        token = self._allowed(token_uid, location, evse_uid)
        reference = self.new_id()
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
        session = self._running(session_id, owner)
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

    async def unlock(
        self, location_id: str, evse_uid: str, connector_id: str, *, owner: Party | None = None
    ) -> Outcome:
        """Have a stuck cable released; for the help desk, never for a driver's app (CMD-20).

        Raises:
            UnknownPlace: there is no such connector.
            NotSent, CallFailed, PeerRefused, PeerOffers: the command did not reach the CPO.
        """
        location = self.locations.find(location_id, owner)
        self._check_connector(location, evse_uid, connector_id)
        return await self.commands.send(
            CommandType.UNLOCK_CONNECTOR,
            lambda response_url: UnlockConnector(
                response_url=response_url,
                location_id=location.id,
                evse_uid=evse_uid,
                connector_id=connector_id,
            ),
            owner_of(location),
        )

    def _allowed(self, token_uid: str, location: Location, evse_uid: str | None) -> Token:
        """The token, after the same question that a CPO would ask (CMD-15)."""
        token = self.tokens.find(token_uid)
        asked = LocationReferences(location_id=location.id, evse_uids=() if evse_uid is None else (evse_uid,))
        allowed = authorization(token, self.tokens.standing(token), asked, self.new_id()).allowed
        if allowed != AllowedType.ALLOWED:
            raise NotPossible(f"token {token.uid} is {allowed} at location {location.id}")
        return token

    def _check_connector(self, location: Location, evse_uid: str | None, connector_id: str | None) -> None:
        if evse_uid is None:
            if connector_id is not None:
                raise NotPossible("a connector is named without its EVSE")
            return
        evse = evse_of(location, evse_uid)
        if connector_id is None:
            if Capability.START_SESSION_CONNECTOR_REQUIRED in evse.capabilities:
                raise NotPossible(f"EVSE {evse_uid} wants to know the connector")
            return
        if connector_id.upper() not in {connector.id.upper() for connector in evse.connectors}:
            raise UnknownPlace(f"EVSE {evse_uid} has no connector {connector_id}")

    def _running(self, session_id: str, owner: Party | None) -> Session:
        found = [
            session
            for session in self.sessions.with_id(session_id)
            if owner in (None, Party(session.country_code, session.party_id))
        ]
        if len(found) != 1:
            raise NotPossible(f"{len(found) or 'no'} sessions {session_id} are known")
        if found[0].status in FINAL:
            raise NotPossible(f"session {session_id} is {found[0].status}")
        return found[0]

    def _reservation(self, reservation_id: str) -> SentCommand:
        for command in self.commands.all():
            if command.type is CommandType.RESERVE_NOW and command.body["reservation_id"] == reservation_id:
                return command
        raise NotPossible(f"we made no reservation {reservation_id}")


def _given(**fields: Any) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}
