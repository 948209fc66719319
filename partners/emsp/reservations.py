"""Reservations that our drivers made, and what became of each: read from commands and their results."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hub.ocpi.party import Party
from hub.ocpi.timestamps import parse_timestamp
from partners.emsp.commands import SentCommand
from schemas.v2_2_1 import CommandResponseType, CommandResultType, CommandType


class ReservationState(StrEnum):
    """How a reservation stands."""

    #: Nothing was heard of the charge point (yet); after its time-out it counts as lost (CMD-06).
    ASKED = "ASKED"
    #: The request did not reach the CPO, or nobody can say; it is not sent again (TR-31): the driver decides.
    FAILED = "FAILED"
    HELD = "HELD"
    #: By the CPO at once, or by the charge point.
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
    #: Why it failed, or was refused; None where it was not, or nobody said.
    reason: str | None = None


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
    state = _state(command)
    if state is ReservationState.HELD and is_given_up:
        state = ReservationState.GIVEN_UP
    elif state in {ReservationState.HELD, ReservationState.ASKED} and until <= now:
        state = ReservationState.EXPIRED
    return Reservation(
        id=command.body["reservation_id"],
        cpo=command.to,
        location_id=command.body["location_id"],
        evse_uid=command.body.get("evse_uid"),
        until=until,
        state=state,
        reason=_reason(command) if state in {ReservationState.FAILED, ReservationState.REFUSED} else None,
    )


def _state(command: SentCommand) -> ReservationState:
    """What the results say, the last one last; without any, what came of the request."""
    state = _asked(command)
    for result in command.results:
        match result.result:
            case CommandResultType.ACCEPTED:
                state = ReservationState.HELD
            case CommandResultType.CANCELED_RESERVATION:
                state = ReservationState.CANCELED
            case _:
                state = ReservationState.REFUSED
    return state


def _asked(command: SentCommand) -> ReservationState:
    if command.failure is not None:
        return ReservationState.FAILED
    is_refused = command.response is not None and command.response.result != CommandResponseType.ACCEPTED
    return ReservationState.REFUSED if is_refused else ReservationState.ASKED


def _reason(command: SentCommand) -> str | None:
    if command.results:
        return str(command.results[-1].result)
    return command.failure if command.response is None else str(command.response.result)
