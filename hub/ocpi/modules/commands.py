"""Commands: what an eMSP asks of a charge point; the result comes later, to the response_url."""

from hub.ocpi.description import Clue, Module, Operation, ResponseUrl, receiver, sender
from schemas.v2_2_1 import (
    CancelReservation,
    CommandResponse,
    CommandResult,
    CommandResultType,
    DisplayText,
    ReserveNow,
    Role,
    StartSession,
    StopSession,
    UnlockConnector,
)
from schemas.wire_object import WireObject

#: What the specification calls no response in a reasonable time.
NO_RESULT = CommandResult(
    result=CommandResultType.TIMEOUT,
    message=(DisplayText(language="en", text="No result came in time. This is said by the hub."),),
)


def _command(name: str, body: type[WireObject], clue: Clue, teaches: Clue | None = None) -> Operation:
    return receiver(
        "POST",
        f"/{name}",
        body=body,
        answer=CommandResponse,
        response_url=ResponseUrl.BODY,
        no_result=NO_RESULT,
        clue=clue,
        teaches=teaches,
    )


MODULE = Module(
    id="commands",
    sender_roles=frozenset({Role.EMSP}),
    receiver_roles=frozenset({Role.CPO}),
    operations=(
        _command("CANCEL_RESERVATION", CancelReservation, Clue.RESERVATION),
        _command("RESERVE_NOW", ReserveNow, Clue.LOCATION, teaches=Clue.RESERVATION),
        _command("START_SESSION", StartSession, Clue.LOCATION),
        _command("STOP_SESSION", StopSession, Clue.SESSION),
        _command("UNLOCK_CONNECTOR", UnlockConnector, Clue.LOCATION),
        # The sender of the command chooses the response_url (CMD-05).
        sender("POST", "/*", body=CommandResult),
    ),
)
