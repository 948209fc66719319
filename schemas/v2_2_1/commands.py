"""Commands: what an eMSP asks a charge point to do (2.2.1, chapter Commands module)."""

from typing import Self

from pydantic import model_validator

from schemas.cardinality import Many
from schemas.enumeration import OcpiEnum
from schemas.rules import broken
from schemas.v2_2_1.tokens import Token
from schemas.v2_2_1.types import CiString36, DateTime, DisplayText, Int, Url
from schemas.wire_object import WireObject


class CommandType(OcpiEnum):
    """The commands; each is a part of the URL that it is posted to."""

    CANCEL_RESERVATION = "CANCEL_RESERVATION"
    RESERVE_NOW = "RESERVE_NOW"
    START_SESSION = "START_SESSION"
    STOP_SESSION = "STOP_SESSION"
    UNLOCK_CONNECTOR = "UNLOCK_CONNECTOR"


class CommandResponseType(OcpiEnum):
    """The CPO's answer, at once: can the command be sent to the charge point?"""

    NOT_SUPPORTED = "NOT_SUPPORTED"
    REJECTED = "REJECTED"
    ACCEPTED = "ACCEPTED"
    UNKNOWN_SESSION = "UNKNOWN_SESSION"


class CommandResultType(OcpiEnum):
    """The charge point's answer, later."""

    ACCEPTED = "ACCEPTED"
    CANCELED_RESERVATION = "CANCELED_RESERVATION"
    EVSE_OCCUPIED = "EVSE_OCCUPIED"
    EVSE_INOPERATIVE = "EVSE_INOPERATIVE"
    FAILED = "FAILED"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    REJECTED = "REJECTED"
    TIMEOUT = "TIMEOUT"
    UNKNOWN_RESERVATION = "UNKNOWN_RESERVATION"


class StartSession(WireObject):
    """Start charging for this token."""

    response_url: Url
    token: Token
    location_id: CiString36
    evse_uid: CiString36 | None = None
    connector_id: CiString36 | None = None
    authorization_reference: CiString36 | None = None

    @model_validator(mode="after")
    def _a_connector_belongs_to_an_evse(self) -> Self:
        """CMD-17."""
        if self.connector_id is not None and self.evse_uid is None:
            raise broken("evse_uid", "expected the uid of the EVSE, because connector_id is given")
        return self


class StopSession(WireObject):
    """Stop this session."""

    response_url: Url
    session_id: CiString36


class ReserveNow(WireObject):
    """Keep an EVSE free for this token."""

    #: Called once more if the CPO cancels the reservation later (CMD-09).
    response_url: Url
    token: Token
    expiry_date: DateTime
    #: Unique for the eMSP; the same id on the same Location replaces the reservation (CMD-18).
    reservation_id: CiString36
    location_id: CiString36
    evse_uid: CiString36 | None = None
    authorization_reference: CiString36 | None = None


class CancelReservation(WireObject):
    """Give a reservation up."""

    response_url: Url
    reservation_id: CiString36


class UnlockConnector(WireObject):
    """Release a cable that is stuck; for an operator's help desk only (CMD-20)."""

    response_url: Url
    location_id: CiString36
    evse_uid: CiString36
    connector_id: CiString36


class CommandResponse(WireObject):
    """Whether the command is on its way, and for how long to wait for its result."""

    result: CommandResponseType
    #: Seconds.
    timeout: Int
    message: Many[DisplayText] = ()


class CommandResult(WireObject):
    """What became of the command; posted bare, without an envelope (AM-11)."""

    result: CommandResultType
    message: Many[DisplayText] = ()
