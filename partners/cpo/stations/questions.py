"""What charge points are asked: the same questions in every version of OCPP, each in its own words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple, Protocol

from partners.cpo.quirks import Quirks
from schemas.v2_2_1 import ChargingProfile, TokenType


class Question(NamedTuple):
    """A CALL, without its message id."""

    action: str
    payload: Mapping[str, Any]


class Setting(NamedTuple):
    """Something that can be read and often changed at a charge point."""

    #: Configuration key of OCPP 1.6.
    key: str
    #: Of OCPP 2.x's device model.
    component: str
    variable: str
    #: Where a variable is there several times, such as one a message; empty: the only one.
    instance: str = ""


#: Whether any connector can be reserved, not only a given one.
RESERVES_ANY: Final = Setting("ReserveConnectorZeroSupported", "ReservationCtrlr", "NonEvseSpecific")
#: Units of charging profiles, with commas.
RATE_UNITS: Final = Setting("ChargingScheduleAllowedChargingRateUnit", "SmartChargingCtrlr", "RateUnit")
MOST_PERIODS: Final = Setting("ChargingScheduleMaxPeriods", "SmartChargingCtrlr", "PeriodsPerSchedule")
MOST_IN_LOCAL_LIST: Final = Setting("SendLocalListMaxLength", "LocalAuthListCtrlr", "ItemsPerMessage")
#: Seconds.
CONNECTION_TIMEOUT: Final = Setting("ConnectionTimeOut", "TxCtrlr", "EVConnectionTimeOut")
#: The CPO's name, for requests for a certificate.
ORGANISATION: Final = Setting("CpoName", "SecurityCtrlr", "OrganizationName")
HEARTBEAT_INTERVAL: Final = Setting("HeartbeatInterval", "OCPPCommCtrlr", "HeartbeatInterval")


class TransactionRef(NamedTuple):
    """A transaction, by our number and by the name that its station knows it by."""

    number: int
    name: str


class CompositeSchedule(NamedTuple):
    """What a charge point is going to give, as it says; `limit` may be negative for none."""

    start: str
    #: Seconds; None where it does not say.
    duration: int | None
    unit: str
    #: Seconds from the start, and the limit from there on.
    periods: Sequence[tuple[int, Decimal]]


@dataclass(frozen=True, slots=True)
class ListedToken:
    """An entry of a local authorization list; no status: it is to be taken off."""

    id_tag: str
    token_type: TokenType
    status: str | None = None
    expires: datetime | None = None
    parent: str | None = None


class Questions(Protocol):
    """The questions, in the words of one version; connectors are numbered as everywhere in the CPO."""

    @property
    def quirks(self) -> Quirks:
        """In what the charge point differs from others."""

    @property
    def longest_id_tag(self) -> int:
        """How many characters an id tag may have."""

    def remote_start(
        self, connector_id: int | None, id_tag: str, token_type: TokenType, number: int
    ) -> Question:
        """Start a transaction for this id tag; `number` comes back with it (2.x)."""

    def remote_stop(self, transaction: str) -> Question:
        """Stop this transaction."""

    def unlock(self, connector_id: int) -> Question:
        """Let go of the cable."""

    def reserve(
        self, connector_id: int, id_tag: str, token_type: TokenType, number: int, expires: datetime
    ) -> Question:
        """Keep a connector (0: any) for this id tag."""

    def cancel_reservation(self, number: int) -> Question:
        """Keep it no longer."""

    def trigger(self, message: str, connector_id: int | None = None) -> Question:
        """Send this message now."""

    def availability(self, connector_id: int, *, operative: bool) -> Question:
        """Be in use, or out of use; connector 0 is the whole charge point."""

    def reset(self, *, hard: bool) -> Question:
        """Start anew; without `hard` running transactions are ended properly, or awaited (2.x)."""

    def read(self, setting: Setting) -> Question:
        """Tell a setting."""

    def value(self, setting: Setting, answer: Mapping[str, Any]) -> str | None:
        """The setting in the answer to `read`."""

    def write(self, setting: Setting, value: str) -> Question:
        """Change a setting."""

    def written(self, answer: Mapping[str, Any]) -> str:
        """The status in the answer to `write`."""

    def set_profile(
        self, connector_id: int, transaction: TransactionRef, profile: ChargingProfile
    ) -> Question:
        """Follow this profile in a transaction; its id is our number of the transaction."""

    def limit(self, profile_id: int, watt: int, now: datetime) -> Question:
        """Keep the whole charge point within a limit, W."""

    def default_profile(self, profile_id: int, profile: ChargingProfile) -> Question:
        """Follow this profile, counted from its start, in every transaction that has none of its own."""

    def clear_profile(self, profile_id: int) -> Question:
        """Forget a profile."""

    def composite(self, connector_id: int, seconds: int, unit: str) -> Question:
        """Tell what is going to be given at a connector."""

    def schedule(self, answer: Mapping[str, Any]) -> CompositeSchedule | None:
        """The schedule in the answer to `composite`; None where there is none."""

    def local_list_version(self) -> Question:
        """Tell the version of the local authorization list."""

    def listed_version(self, answer: Mapping[str, Any]) -> int:
        """The version in the answer; 0 or less: there is no list."""

    def send_local_list(self, version: int, tokens: Sequence[ListedToken], *, whole: bool) -> Question:
        """Take over the local authorization list, or changes of it."""


def timestamp(at: datetime) -> str:
    """An instant as OCPP's text: UTC, milliseconds, `Z`."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
