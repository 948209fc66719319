"""Charging profiles: how fast a session may charge, and when (2.2.1, chapter ChargingProfiles module)."""

from typing import Self

from pydantic import model_validator

from schemas.cardinality import Many
from schemas.enumeration import OcpiEnum
from schemas.rules import broken
from schemas.v2_2_1.types import DateTime, Int, Tenths, Url
from schemas.wire_object import WireObject


class ChargingRateUnit(OcpiEnum):
    """Watt in all, or ampere for each phase."""

    W = "W"
    A = "A"


class ChargingProfileResponseType(OcpiEnum):
    """The CPO's answer, at once."""

    ACCEPTED = "ACCEPTED"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    REJECTED = "REJECTED"
    TOO_OFTEN = "TOO_OFTEN"
    UNKNOWN_SESSION = "UNKNOWN_SESSION"


class ChargingProfileResultType(OcpiEnum):
    """The charge point's answer, later."""

    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"


class ChargingProfilePeriod(WireObject):
    """A limit that holds until the next period starts."""

    #: Seconds from the start of the profile.
    start_period: Int
    limit: Tenths


class ChargingProfile(WireObject):
    """Limits over time: ceilings, no promises (CHP-15)."""

    #: Absent: from the start of charging (CHP-14).
    start_date_time: DateTime | None = None
    #: Seconds. Absent: the last period stays open.
    duration: Int | None = None
    charging_rate_unit: ChargingRateUnit
    min_charging_rate: Tenths | None = None
    charging_profile_period: Many[ChargingProfilePeriod] = ()


class SetChargingProfile(WireObject):
    """Charge by this profile."""

    charging_profile: ChargingProfile
    response_url: Url


class ActiveChargingProfile(WireObject):
    """The profile that the charge point follows, of all that it was given."""

    start_date_time: DateTime
    charging_profile: ChargingProfile


class ChargingProfileResponse(WireObject):
    """Whether the request is on its way, and for how long to wait for its result."""

    result: ChargingProfileResponseType
    #: Seconds.
    timeout: Int


class ActiveChargingProfileResult(WireObject):
    """The active profile that was asked for."""

    result: ChargingProfileResultType
    profile: ActiveChargingProfile | None = None

    @model_validator(mode="after")
    def _a_profile_comes_with_success(self) -> Self:
        if self.profile is not None and self.result != ChargingProfileResultType.ACCEPTED:
            raise broken("profile", "expected no profile, because result is not ACCEPTED")
        return self


class ChargingProfileResult(WireObject):
    """What became of a profile that was to be set."""

    result: ChargingProfileResultType


class ClearProfileResult(WireObject):
    """What became of a profile that was to be removed."""

    result: ChargingProfileResultType
