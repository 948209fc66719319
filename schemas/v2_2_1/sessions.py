"""Sessions: what is charging now (2.2.1, chapter Sessions module)."""

from typing import Final, Self

from pydantic import model_validator

from schemas.cardinality import Many
from schemas.enumeration import OcpiEnum
from schemas.rules import broken
from schemas.text import NOT_AVAILABLE
from schemas.v2_2_1.cdrs import AuthMethod, CdrToken, ChargingPeriod
from schemas.v2_2_1.types import (
    Boolean,
    CiString2,
    CiString3,
    CiString36,
    Cost,
    DateTime,
    Number,
    String3,
    String255,
)
from schemas.wire_object import WireObject


class ChargingPreferencesResponse(OcpiEnum):
    """The answer to Charging Preferences; travels as a bare string (SES-17)."""

    ACCEPTED = "ACCEPTED"
    DEPARTURE_REQUIRED = "DEPARTURE_REQUIRED"
    ENERGY_NEED_REQUIRED = "ENERGY_NEED_REQUIRED"
    NOT_POSSIBLE = "NOT_POSSIBLE"
    PROFILE_TYPE_NOT_SUPPORTED = "PROFILE_TYPE_NOT_SUPPORTED"


class ProfileType(OcpiEnum):
    """How a driver wants to charge."""

    CHEAP = "CHEAP"
    FAST = "FAST"
    GREEN = "GREEN"
    REGULAR = "REGULAR"


class SessionStatus(OcpiEnum):
    """How far a session has come."""

    ACTIVE = "ACTIVE"
    COMPLETED = "COMPLETED"
    INVALID = "INVALID"
    PENDING = "PENDING"
    RESERVATION = "RESERVATION"

    @classmethod
    def tolerated(cls, text: str) -> str:
        """RESERVED, as the specification's prose has it, means RESERVATION (AM-23)."""
        return cls.RESERVATION if text == _RESERVATION_IN_PROSE else text


_RESERVATION_IN_PROSE: Final = "RESERVED"


class ChargingPreferences(WireObject):
    """What the driver told about time and energy."""

    profile_type: ProfileType
    departure_time: DateTime | None = None
    #: kWh.
    energy_need: Number | None = None
    #: Absent: it is not.
    discharge_allowed: Boolean | None = None


class Session(WireObject):
    """A charging session, or a reservation of one."""

    country_code: CiString2
    party_id: CiString3
    id: CiString36
    #: While PENDING, when it was created; then, when it became ACTIVE (SES-10).
    start_date_time: DateTime
    end_date_time: DateTime | None = None
    kwh: Number
    cdr_token: CdrToken
    auth_method: AuthMethod
    authorization_reference: CiString36 | None = None
    location_id: CiString36
    #: `#NA` for a reservation to which no EVSE is assigned yet; so too `connector_id` (SES-13).
    evse_uid: CiString36
    connector_id: CiString36
    meter_id: String255 | None = None
    #: ISO 4217.
    currency: String3
    charging_periods: Many[ChargingPeriod] = ()
    #: Absent is not free; 0.00 is (SES-14).
    total_cost: Cost | None = None
    status: SessionStatus
    last_updated: DateTime

    @model_validator(mode="after")
    def _a_charging_session_has_a_connector(self) -> Self:
        """SES-13."""
        if self.status == SessionStatus.ACTIVE:
            for name in ("evse_uid", "connector_id"):
                if getattr(self, name) == NOT_AVAILABLE:
                    raise broken(name, f"expected an id: {NOT_AVAILABLE} is for reservations only")
        return self
