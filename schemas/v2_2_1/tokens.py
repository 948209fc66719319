"""Tokens: how drivers identify themselves, and whether they may charge (2.2.1, chapter Tokens module)."""

from typing import Self

from pydantic import ValidationInfo, model_validator

from schemas.cardinality import Many
from schemas.enumeration import OcpiEnum
from schemas.rules import broken
from schemas.tolerance import is_tolerant
from schemas.v2_2_1.sessions import ProfileType
from schemas.v2_2_1.token_type import TokenType
from schemas.v2_2_1.types import (
    Boolean,
    CiString2,
    CiString3,
    CiString36,
    DateTime,
    DisplayText,
    String2,
    String64,
)
from schemas.wire_object import WireObject

__all__ = [
    "AllowedType",
    "AuthorizationInfo",
    "EnergyContract",
    "LocationReferences",
    "Token",
    "TokenType",
    "WhitelistType",
]


class AllowedType(OcpiEnum):
    """The answer to "may this token charge?"."""

    ALLOWED = "ALLOWED"
    BLOCKED = "BLOCKED"
    EXPIRED = "EXPIRED"
    NO_CREDIT = "NO_CREDIT"
    NOT_ALLOWED = "NOT_ALLOWED"


class WhitelistType(OcpiEnum):
    """When a CPO may decide by its own list, without asking the eMSP (TOK-07)."""

    ALWAYS = "ALWAYS"
    ALLOWED = "ALLOWED"
    ALLOWED_OFFLINE = "ALLOWED_OFFLINE"
    NEVER = "NEVER"


class EnergyContract(WireObject):
    """The energy supplier that a driver wants to use at the charge point."""

    supplier_name: String64
    contract_id: String64 | None = None


class LocationReferences(WireObject):
    """A Location, and perhaps which of its EVSEs."""

    location_id: CiString36
    evse_uids: Many[CiString36] = ()


class Token(WireObject):
    """What a driver shows: a card, an app, a one-time code."""

    country_code: CiString2
    party_id: CiString3
    #: Unique together with `type` (TOK-03).
    uid: CiString36
    type: TokenType
    contract_id: CiString36
    visual_number: String64 | None = None
    issuer: String64
    group_id: CiString36 | None = None
    valid: Boolean
    whitelist: WhitelistType
    #: ISO 639-1.
    language: String2 | None = None
    default_profile_type: ProfileType | None = None
    energy_contract: EnergyContract | None = None
    last_updated: DateTime


class AuthorizationInfo(WireObject):
    """The eMSP's answer to a real-time authorization."""

    allowed: AllowedType
    token: Token
    #: Only the EVSEs at which the driver may charge (TOK-13).
    location: LocationReferences | None = None
    authorization_reference: CiString36 | None = None
    info: DisplayText | None = None

    @model_validator(mode="after")
    def _a_location_is_where_charging_is_allowed(self, info: ValidationInfo) -> Self:
        """TOK-13; partners that echo the location beside a refusal are understood when read tolerantly."""
        if self.location is not None and self.allowed != AllowedType.ALLOWED and not is_tolerant(info):
            raise broken("location", "expected no location, because charging is not allowed there")
        return self
