"""What the chargers tell the CPO node, and what it answers: the seam between OCPP and everything else.

Values and one Protocol, free of any OCPP version and of any wire format. The central system translates
frames into these; the CPO node stores them and turns them into OCPI.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, Protocol

from partners.cpo.charging.meter_values import MeterSample
from schemas.v2_2_1 import TokenType


class ConnectorStatus(StrEnum):
    """State of one connector, in OCPP 1.6's words; its OCPI meaning is the CPO's decision."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EVSE = "SuspendedEVSE"
    SUSPENDED_EV = "SuspendedEV"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"

    #: As the text that it is: `Enum` hashes in Python, at each look into a set or mapping.
    __hash__ = str.__hash__


class AuthorizationStatus(StrEnum):
    """Whether an id tag may charge, in OCPP 2.x's words; 1.6 has fewer of them."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    CONCURRENT_TX = "ConcurrentTx"
    NO_CREDIT = "NoCredit"
    NOT_AT_THIS_LOCATION = "NotAtThisLocation"
    UNKNOWN = "Unknown"


class DriverMessage(NamedTuple):
    """Some words of the eMSP."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class IdTagInfo:
    """The CPO's word about an id tag."""

    status: AuthorizationStatus
    parent_id_tag: str | None = None
    #: Until when a charger may remember this answer; None: as long as it likes.
    expires: datetime | None = None
    #: The driver's, ISO 639-1.
    language: str | None = None
    #: For the driver to read, in its own language (OCPP 2.x).
    message: DriverMessage | None = None


@dataclass(frozen=True, slots=True)
class BootInfo:
    """What a charge point says of itself when it starts."""

    vendor: str
    model: str
    serial_number: str | None = None
    firmware_version: str | None = None
    #: Of the main energy meter; a Session's `meter_id`.
    meter_serial_number: str | None = None
    meter_type: str | None = None


@dataclass(frozen=True, slots=True)
class StartedTransaction:
    """A transaction that a charge point has begun.

    `(charge_point, connector_id, id_tag, at, meter_start_wh)` seen twice is the same transaction told
    twice, and must get the same transaction id.
    """

    charge_point: str
    connector_id: int
    id_tag: str
    meter_start_wh: Decimal
    at: datetime
    reservation_id: int | None = None


class StartAnswer(NamedTuple):
    """The answer to a start: the number of the transaction, and whether its id tag is welcome."""

    #: Greater than 0, unique over all charge points, never used again; given even if the tag is refused.
    transaction_id: int
    id_tag_info: IdTagInfo


@dataclass(frozen=True, slots=True)
class StoppedTransaction:
    """The end of a transaction, as the charge point tells it.

    The id may be one that was never given (0, -1 after a start without a link): finding the
    transaction it belongs to is the receiver's task.
    """

    charge_point: str
    transaction_id: int
    meter_stop_wh: Decimal
    at: datetime
    #: OCPP's word: Local, Remote, EVDisconnected, …; Local where the charge point is silent.
    reason: str
    id_tag: str | None = None
    #: From `transactionData`: at its begin, during it, at its end.
    samples: tuple[MeterSample, ...] = ()


class Phase(StrEnum):
    """What a transaction event is about, in OCPP 2.x's words."""

    STARTED = "Started"
    UPDATED = "Updated"
    ENDED = "Ended"


class TransactionEvent(NamedTuple):
    """One thing told of a transaction that its station numbers itself (OCPP 2.x).

    Events may come late, in any order and more than once. Sequence numbers are what the station makes of
    them: some count, some say 0 for ever.
    """

    charge_point: str
    #: Unique at its station only.
    transaction_id: str
    phase: Phase
    sequence: int
    at: datetime
    #: None where the station does not say at which EVSE.
    connector_id: int | None = None
    id_tag: str | None = None
    token_type: TokenType = TokenType.RFID
    #: It happened while there was no link.
    is_offline: bool = False
    #: What the car does; None where nothing is said.
    state: ConnectorStatus | None = None
    #: The number of the remote start that it follows.
    remote_start_id: int | None = None
    reservation_id: int | None = None
    #: Of an end: OCPP's word; Local where the station is silent.
    reason: str = "Local"
    samples: tuple[MeterSample, ...] = ()


class Alarm(NamedTuple):
    """What a station says is wrong with one of its components, or that it is over (OCPP 2.x)."""

    #: Component and variable, as `Component[Instance].Variable[Instance]`.
    about: str
    #: In its words; None: it is over.
    told: str | None


class ChargingEvents(Protocol):
    """Receives what happens at the charge points.

    Every callback of one charge point is awaited before the next one of the same charge point begins,
    in the order in which the frames came. The answer leaves only after the callback has returned:
    whatever it must keep, it must have stored by then. If it raises, the charge point is told
    InternalError, and will say it again.
    """

    async def connected(self, charge_point: str) -> None:
        """A link is up. Neither a boot nor a status need follow when it was there before."""

    async def disconnected(self, charge_point: str) -> None:
        """The link is lost, and no newer one has taken its place."""

    async def booted(self, charge_point: str, boot: BootInfo) -> None:
        """The charge point has started, or says who it is."""

    async def status_changed(
        self,
        charge_point: str,
        connector_id: int,
        status: ConnectorStatus,
        error_code: str,
        at: datetime,
    ) -> None:
        """A connector changed; connector 0 is the charge point as a whole."""

    async def authorize(
        self, charge_point: str, id_tag: str, token_type: TokenType = TokenType.RFID
    ) -> IdTagInfo:
        """May this id tag charge here? Its type counts where nobody knows the token."""

    async def transaction_started(self, started: StartedTransaction) -> StartAnswer:
        """A transaction has begun; it has, even if the id tag is refused."""

    async def meter_values(
        self,
        charge_point: str,
        connector_id: int,
        transaction_id: int | None,
        samples: tuple[MeterSample, ...],
    ) -> None:
        """Measurements; without a transaction id they may still belong to one."""

    async def transaction_stopped(self, stopped: StoppedTransaction) -> IdTagInfo | None:
        """A transaction has ended; the answer is about its `id_tag`, if there is something to say."""

    async def transaction_event(self, event: TransactionEvent) -> IdTagInfo | None:
        """Something happened in a transaction of OCPP 2.x; the answer is about the event's `id_tag`."""

    async def reservation_ended(self, charge_point: str, number: int) -> None:
        """A station keeps a reservation no longer, though nobody used it (OCPP 2.x)."""

    async def alarmed(self, charge_point: str, connector_id: int, alarm: Alarm) -> None:
        """Something is wrong at a station, or over; connector 0 is the station as a whole (OCPP 2.x)."""

    async def signature_checked(
        self, charge_point: str, connector_id: int, what: str, *, is_right: bool
    ) -> None:
        """Whether something was signed as it should be; connector 0 is the charge point as a whole."""
