"""What became of a command to a charge point, whatever version of OCPP it speaks."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final


class RemoteOutcome(StrEnum):
    """What became of a command to a charge point."""

    ACCEPTED = "accepted"
    #: The charge point does not want to.
    REJECTED = "rejected"
    #: It does not offer this: UnlockConnector's NotSupported, CALLERROR NotSupported or NotImplemented.
    NOT_SUPPORTED = "not supported"
    #: It tried in vain (UnlockFailed), sent another CALLERROR, or an answer that cannot be understood.
    FAILED = "failed"
    #: No answer in time, or the link was lost after sending: it may have done it all the same.
    TIMED_OUT = "timed out"
    #: Somebody else is there.
    OCCUPIED = "occupied"
    #: Faulted, or taken out of use.
    INOPERATIVE = "inoperative"
    #: It does not know what it was asked about.
    UNKNOWN = "unknown"
    #: Nothing was sent.
    NOT_CONNECTED = "not connected"


_OF_STATUS: Final[Mapping[str, RemoteOutcome]] = {
    "Accepted": RemoteOutcome.ACCEPTED,
    "Unlocked": RemoteOutcome.ACCEPTED,
    # It will be done when nobody charges any more.
    "Scheduled": RemoteOutcome.ACCEPTED,
    "RebootRequired": RemoteOutcome.ACCEPTED,
    "Rejected": RemoteOutcome.REJECTED,
    "UnknownConnector": RemoteOutcome.REJECTED,
    "NotSupported": RemoteOutcome.NOT_SUPPORTED,
    "NotImplemented": RemoteOutcome.NOT_SUPPORTED,
    "Occupied": RemoteOutcome.OCCUPIED,
    "OngoingAuthorizedTransaction": RemoteOutcome.OCCUPIED,
    "Faulted": RemoteOutcome.INOPERATIVE,
    "Unavailable": RemoteOutcome.INOPERATIVE,
    "Unknown": RemoteOutcome.UNKNOWN,
    "UnlockFailed": RemoteOutcome.FAILED,
}

#: Reasons of OCPP 2.x that say more than the Rejected that they come with.
_OF_REASON: Final[Mapping[str, RemoteOutcome]] = {
    "TxInProgress": RemoteOutcome.OCCUPIED,
    "TxStarted": RemoteOutcome.OCCUPIED,
    "UnsupportedRequest": RemoteOutcome.NOT_SUPPORTED,
    "NotEnabled": RemoteOutcome.NOT_SUPPORTED,
}


def outcome_of(result: Mapping[str, Any]) -> RemoteOutcome:
    """What a CALLRESULT with a status says, as its `statusInfo` refines it (2.x)."""
    outcome = _OF_STATUS.get(result["status"], RemoteOutcome.FAILED)
    if outcome is RemoteOutcome.REJECTED:
        return _OF_REASON.get(result.get("statusInfo", {}).get("reasonCode", ""), outcome)
    return outcome
