"""CDRs: what a concluded session cost (2.2.1, chapter CDRs module)."""

from decimal import Decimal
from typing import Final, Self

from pydantic import model_validator

from schemas.cardinality import AtLeastOne, Many
from schemas.enumeration import OcpiEnum
from schemas.rules import broken
from schemas.v2_2_1.locations import ConnectorFormat, ConnectorType, GeoLocation, PowerType
from schemas.v2_2_1.tariffs import Tariff
from schemas.v2_2_1.token_type import TokenType
from schemas.v2_2_1.types import (
    Boolean,
    CiString2,
    CiString3,
    CiString32,
    CiString36,
    CiString39,
    CiString48,
    Cost,
    DateTime,
    Int,
    Number,
    Price,
    String3,
    String10,
    String20,
    String45,
    String255,
    String512,
    String5000,
)
from schemas.wire_object import WireObject

_LONGEST_ID: Final = 36


class AuthMethod(OcpiEnum):
    """How the driver was authorized."""

    AUTH_REQUEST = "AUTH_REQUEST"
    COMMAND = "COMMAND"
    WHITELIST = "WHITELIST"


class CdrDimensionType(OcpiEnum):
    """What a volume measures; some only make sense while a session runs (`SESSION_ONLY`)."""

    CURRENT = "CURRENT"
    ENERGY = "ENERGY"
    ENERGY_EXPORT = "ENERGY_EXPORT"
    ENERGY_IMPORT = "ENERGY_IMPORT"
    MAX_CURRENT = "MAX_CURRENT"
    MIN_CURRENT = "MIN_CURRENT"
    MAX_POWER = "MAX_POWER"
    MIN_POWER = "MIN_POWER"
    PARKING_TIME = "PARKING_TIME"
    POWER = "POWER"
    RESERVATION_TIME = "RESERVATION_TIME"
    STATE_OF_CHARGE = "STATE_OF_CHARGE"
    TIME = "TIME"


_STATE_OF_CHARGE: Final = CdrDimensionType.STATE_OF_CHARGE

#: Dimensions that a Session may report and a CDR may not (CDR-11, SES-19).
SESSION_ONLY: Final = frozenset(
    {
        CdrDimensionType.CURRENT,
        CdrDimensionType.ENERGY_EXPORT,
        CdrDimensionType.ENERGY_IMPORT,
        CdrDimensionType.POWER,
        CdrDimensionType.STATE_OF_CHARGE,
    }
)


class CdrDimension(WireObject):
    """A volume, in kWh, hours, ampere, kW or percent, as its type says."""

    type: CdrDimensionType
    volume: Number

    @model_validator(mode="after")
    def _a_battery_is_between_empty_and_full(self) -> Self:
        if self.type == _STATE_OF_CHARGE and not 0 <= self.volume <= Decimal(100):
            raise broken("volume", "expected a percentage from 0 to 100, because it is a STATE_OF_CHARGE")
        return self


class ChargingPeriod(WireObject):
    """A stretch of a session in which nothing that matters for its cost changed."""

    #: A period ends where the next one starts.
    start_date_time: DateTime
    dimensions: AtLeastOne[CdrDimension]
    #: Absent: no Tariff applies.
    tariff_id: CiString36 | None = None


class CdrToken(WireObject):
    """The token that a session was started with."""

    #: Of the eMSP, as is `party_id`: they say to whom a Session or CDR goes (AM-26).
    country_code: CiString2
    party_id: CiString3
    uid: CiString36
    type: TokenType
    contract_id: CiString36


class CdrLocation(WireObject):
    """The connector that was used, as it was when the session started (CDR-09).

    Of a reservation that never became a session, `evse_uid`, `evse_id` and `connector_id` may be `#NA`
    (CDR-15).
    """

    id: CiString36
    name: String255 | None = None
    address: String45
    city: String45
    postal_code: String10 | None = None
    state: String20 | None = None
    #: ISO 3166-1 alpha-3.
    country: String3
    coordinates: GeoLocation
    evse_uid: CiString36
    evse_id: CiString48
    connector_id: CiString36
    connector_standard: ConnectorType
    connector_format: ConnectorFormat
    connector_power_type: PowerType


class SignedValue(WireObject):
    """A meter value with its signature."""

    #: Start, End, Intermediate: an open list.
    nature: CiString32
    plain_data: String512
    #: Base64.
    signed_data: String5000


class SignedData(WireObject):
    """Meter values that a driver can check."""

    encoding_method: CiString36
    encoding_method_version: Int | None = None
    #: Base64.
    public_key: String512 | None = None
    signed_values: AtLeastOne[SignedValue]
    url: String512 | None = None


class CDR(WireObject):
    """The charge detail record: the only object that is billed."""

    country_code: CiString2
    party_id: CiString3
    #: At most 36 characters, unless this is a Credit CDR (CDR-05).
    id: CiString39
    start_date_time: DateTime
    end_date_time: DateTime
    session_id: CiString36 | None = None
    cdr_token: CdrToken
    auth_method: AuthMethod
    authorization_reference: CiString36 | None = None
    cdr_location: CdrLocation
    meter_id: String255 | None = None
    #: ISO 4217.
    currency: String3
    tariffs: Many[Tariff] = ()
    charging_periods: AtLeastOne[ChargingPeriod]
    signed_data: SignedData | None = None
    #: Negative in a Credit CDR, and only there.
    total_cost: Price
    total_fixed_cost: Cost | None = None
    #: kWh.
    total_energy: Number
    total_energy_cost: Cost | None = None
    #: Hours, charging or not.
    total_time: Number
    total_time_cost: Cost | None = None
    #: Hours, not charging.
    total_parking_time: Number | None = None
    total_parking_cost: Cost | None = None
    total_reservation_cost: Cost | None = None
    remark: String255 | None = None
    invoice_reference_id: CiString39 | None = None
    credit: Boolean | None = None
    #: The id of the CDR that this one takes back.
    credit_reference_id: CiString39 | None = None
    home_charging_compensation: Boolean | None = None
    last_updated: DateTime

    @model_validator(mode="after")
    def _a_credit_names_what_it_takes_back(self) -> Self:
        """CDR-08."""
        if self.credit and self.credit_reference_id is None:
            raise broken("credit_reference_id", "expected the id of the original CDR, because credit is true")
        if not self.credit and self.credit_reference_id is not None:
            raise broken("credit_reference_id", "expected no credit_reference_id, because credit is not true")
        return self

    @model_validator(mode="after")
    def _only_a_credit_has_a_long_id(self) -> Self:
        """CDR-05."""
        if not self.credit and len(self.id) > _LONGEST_ID:
            raise broken("id", f"expected at most {_LONGEST_ID} characters, because credit is not true")
        return self

    @model_validator(mode="after")
    def _only_a_credit_pays_back(self) -> Self:
        """AM-50."""
        if not self.credit and self.total_cost.is_negative:
            raise broken("total_cost", "expected no negative amount, because credit is not true")
        return self

    @model_validator(mode="after")
    def _no_dimension_of_running_sessions(self) -> Self:
        """CDR-11."""
        for place, period in enumerate(self.charging_periods):
            for index, dimension in enumerate(period.dimensions):
                if dimension.type in SESSION_ONLY:
                    at = ("charging_periods", place, "dimensions", index, "type")
                    raise broken(at, f"expected no {dimension.type}: it is for Sessions, not for CDRs")
        return self
