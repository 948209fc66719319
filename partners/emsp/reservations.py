"""Reservations that our drivers made, and what became of each: read from commands and their results."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hub.ocpi.party import Party
from hub.ocpi.timestamps import parse_timestamp
from partners.emsp.commands import SentCommand
from schemas.v2_2_1 import CommandResultType, CommandType


class ReservationState(StrEnum):
    """How a reservation stands."""

    #: Nothing was heard of the charge point (yet); after its time-out it counts as lost (CMD-06).
    ASKED = "ASKED"
    HELD = "HELD"
    REFUSED = "REFUSED"
    #: By us.
    GIVEN_UP = "GIVEN_UP"
    #: By the CPO, later, at the same response_url (CMD-09).
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Reservation:
    """A reservation of ours."""

    id: str
    cpo: Party
    location_id: str
    #: None: the CPO chose.
    evse_uid: str | None
    until: datetime
    state: ReservationState


def reservations(commands: Sequence[SentCommand], now: datetime) -> list[Reservation]:
    """The reservations that these commands made; a later one with the same id replaced it (CMD-18)."""
    made = {
        command.body["reservation_id"]: command
        for command in commands
        if command.type is CommandType.RESERVE_NOW
    }
    given_up = {
        command.body["reservation_id"]
        for command in commands
        if command.type is CommandType.CANCEL_RESERVATION and command.result == CommandResultType.ACCEPTED
    }
    return [_reservation(command, now, is_given_up=name in given_up) for name, command in made.items()]


def _reservation(command: SentCommand, now: datetime, *, is_given_up: bool) -> Reservation:
    until = parse_timestamp(command.body["expiry_date"])
    state = _state([result.result for result in command.results])
    if state is ReservationState.HELD and is_given_up:
        state = ReservationState.GIVEN_UP
    elif state is ReservationState.HELD and until <= now:
        state = ReservationState.EXPIRED
    return Reservation(
        id=command.body["reservation_id"],
        cpo=command.to,
        location_id=command.body["location_id"],
        evse_uid=command.body.get("evse_uid"),
        until=until,
        state=state,
    )


def _state(results: Iterable[CommandResultType]) -> ReservationState:
    """What the results say, the last one last."""
    state = ReservationState.ASKED
    for result in results:
        match result:
            case CommandResultType.ACCEPTED:
                state = ReservationState.HELD
            case CommandResultType.CANCELED_RESERVATION:
                state = ReservationState.CANCELED
            case _:
                state = ReservationState.REFUSED
    return state
