"""The words for what happens at a charger, whatever version of OCPP it speaks.

Where all versions have a word it is theirs; the dialects translate the rest.
"""

from enum import StrEnum
from typing import NamedTuple


class Status(StrEnum):
    """How a connector is; the finer words of 1.6, since 2.x has one for all in which it is occupied."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class Verdict(StrEnum):
    """What becomes of somebody who shows a card; the words of 2.x, of which 1.6 has five."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    CONCURRENT_TX = "ConcurrentTx"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    NO_CREDIT = "NoCredit"
    NOT_ALLOWED_TYPE_EVSE = "NotAllowedTypeEVSE"
    NOT_AT_THIS_LOCATION = "NotAtThisLocation"
    NOT_AT_THIS_TIME = "NotAtThisTime"
    UNKNOWN = "Unknown"


class Cause(StrEnum):
    """Why a transaction is over."""

    DE_AUTHORIZED = "DeAuthorized"
    EMERGENCY_STOP = "EmergencyStop"
    EV_DISCONNECTED = "EVDisconnected"
    HARD_RESET = "HardReset"
    LOCAL = "Local"
    OTHER = "Other"
    POWER_LOSS = "PowerLoss"
    REBOOT = "Reboot"
    REMOTE = "Remote"
    SOFT_RESET = "SoftReset"
    TIMEOUT = "Timeout"
    UNLOCK_COMMAND = "UnlockCommand"


class Trigger(StrEnum):
    """Why there is something to say about a transaction; the words of 2.x."""

    ABNORMAL_CONDITION = "AbnormalCondition"
    AUTHORIZED = "Authorized"
    CABLE_PLUGGED_IN = "CablePluggedIn"
    CHARGING_STATE_CHANGED = "ChargingStateChanged"
    DEAUTHORIZED = "Deauthorized"
    EV_COMMUNICATION_LOST = "EVCommunicationLost"
    EV_CONNECT_TIMEOUT = "EVConnectTimeout"
    METER_VALUE_CLOCK = "MeterValueClock"
    METER_VALUE_PERIODIC = "MeterValuePeriodic"
    REMOTE_START = "RemoteStart"
    REMOTE_STOP = "RemoteStop"
    RESET_COMMAND = "ResetCommand"
    STOP_AUTHORIZED = "StopAuthorized"
    TRIGGER = "Trigger"
    UNLOCK_COMMAND = "UnlockCommand"


class Context(StrEnum):
    """On what occasion the meter was read."""

    BEGIN = "Transaction.Begin"
    CLOCK = "Sample.Clock"
    END = "Transaction.End"
    PERIODIC = "Sample.Periodic"
    TRIGGER = "Trigger"


class Outcome(StrEnum):
    """What a charger says to something that is wanted of it."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    SCHEDULED = "Scheduled"
    OCCUPIED = "Occupied"
    FAULTED = "Faulted"
    UNAVAILABLE = "Unavailable"
    UNLOCKED = "Unlocked"
    UNLOCK_FAILED = "UnlockFailed"
    NOT_SUPPORTED = "NotSupported"
    NOT_IMPLEMENTED = "NotImplemented"
    REBOOT_REQUIRED = "RebootRequired"
    UNKNOWN = "Unknown"


class BootReason(StrEnum):
    """Why a charger boots; 1.6 does not say it."""

    POWER_UP = "PowerUp"
    REMOTE_RESET = "RemoteReset"
    TRIGGERED = "Triggered"
    WATCHDOG = "Watchdog"


class TokenKind(StrEnum):
    """What sort of thing identifies a driver; 1.6 does not say it."""

    CENTRAL = "Central"
    EMAID = "eMAID"
    ISO14443 = "ISO14443"
    ISO15693 = "ISO15693"
    KEY_CODE = "KeyCode"
    LOCAL = "Local"
    MAC_ADDRESS = "MacAddress"
    NO_AUTHORIZATION = "NoAuthorization"


class Token(NamedTuple):
    """Who charges: a card, or what the central system has given out instead."""

    id: str
    kind: str = TokenKind.ISO14443

    def is_same(self, other: "Token | None") -> bool:
        """Whether it is the same card: identifiers are compared without regard to case."""
        return other is not None and self.id.upper() == other.id.upper()


class TxStart(StrEnum):
    """From when on 2.x counts something as a transaction; 1.6 knows only the last one."""

    EV_CONNECTED = "EVConnected"
    AUTHORIZED = "Authorized"
    POWER_PATH_CLOSED = "PowerPathClosed"


class TxStop(StrEnum):
    """Until when 2.x counts it as one; 1.6 knows only the first."""

    AUTHORIZED = "Authorized"
    EV_CONNECTED = "EVConnected"


class EnergyUnit(StrEnum):
    """Spelling of energies on the wire."""

    WH = "Wh"
    KWH = "kWh"
