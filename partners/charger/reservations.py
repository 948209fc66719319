"""Which connectors are kept free, and for whom. No messages, no time."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from partners.charger.connector import Connector
from partners.charger.reservation import Reservation
from partners.charger.states import Outcome, Status, Token


@dataclass(slots=True)
class Reservations:
    """Those of one charge point: of a connector, or of any one of them (a seat)."""

    connectors: Mapping[int, Connector]
    _seats: dict[int, Reservation] = field(default_factory=dict)

    def why_not(self, connector_id: int, reservation_id: int, *, seats_allowed: bool) -> Outcome | None:
        """Why a connector (0: any) cannot be reserved; None: it can."""
        if connector_id == 0:
            if not seats_allowed:
                return Outcome.REJECTED
            others = len(self._seats.keys() - {reservation_id})
            return None if self._free > others else Outcome.OCCUPIED
        connector = self.connectors.get(connector_id)
        if connector is None:
            return Outcome.REJECTED
        if connector.status in {Status.FAULTED, Status.UNAVAILABLE}:
            return Outcome(connector.status.value)
        is_anothers = connector.reservation is not None and connector.reservation.id != reservation_id
        if is_anothers or not connector.is_free or connector.vehicle is not None:
            return Outcome.OCCUPIED
        return None

    def keep(self, connector_id: int, reservation: Reservation) -> None:
        """Keep a connector (0: any) free from now on."""
        if connector_id == 0:
            self._seats[reservation.id] = reservation
        else:
            self.connectors[connector_id].reservation = reservation

    def drop(self, reservation_id: int) -> Connector | None:
        """Keep it free no longer; the connector, if it was a certain one."""
        self._seats.pop(reservation_id, None)
        connector = self.connector(reservation_id)
        if connector is not None:
            connector.reservation = None
        return connector

    def current(self, reservation_id: int) -> Reservation | None:
        """The reservation with this id."""
        connector = self.connector(reservation_id)
        return self._seats.get(reservation_id) if connector is None else connector.reservation

    def connector(self, reservation_id: int) -> Connector | None:
        """The connector that a reservation is for, if it is for a certain one."""
        for each in self.connectors.values():
            if each.reservation is not None and each.reservation.id == reservation_id:
                return each
        return None

    def is_free(self, connector: Connector, token: Token) -> bool:
        """Whether this token could begin there: nobody reserved it, nor the last one that is free."""
        others = sum(not seat.is_for(token.id) for seat in self._seats.values())
        is_own = connector.reservation is not None
        return connector.is_free_for(token) and (is_own or self._free > others)

    def take_seat(self, connector: Connector, token: Token) -> None:
        """Let somebody who reserved any connector have this one."""
        if connector.reservation is None:
            seat = next((each.id for each in self._seats.values() if each.is_for(token.id)), None)
            connector.reservation = None if seat is None else self._seats.pop(seat)

    @property
    def _free(self) -> int:
        return sum(each.is_free and each.reservation is None for each in self.connectors.values())
