"""Locations: where one can charge, down to the connector (2.2.1, chapter Locations module)."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Self

from pydantic import ValidationInfo, model_validator

from schemas.cardinality import AtLeastOne, Many
from schemas.enumeration import OcpiEnum
from schemas.number import ExactNumber, WholeNumber
from schemas.rules import broken
from schemas.text import NOT_AVAILABLE, Format, OcpiString, or_not_available
from schemas.tolerance import is_tolerant
from schemas.v2_2_1.token_type import TokenType
from schemas.v2_2_1.types import (
    TIME_OF_DAY,
    Boolean,
    CiString2,
    CiString3,
    CiString4,
    CiString36,
    CiString48,
    DateTime,
    DisplayText,
    Int,
    Number,
    String3,
    String4,
    String10,
    String16,
    String20,
    String45,
    String64,
    String100,
    String255,
    Url,
)
from schemas.wire_object import WireObject

# The specification's expressions, narrowed to the degrees that exist.
_LATITUDE = Format(
    r"^-?(?:[0-8]?[0-9]\.[0-9]{5,7}|90\.0{5,7})$",
    'a latitude from -90 to 90 as text, with five to seven decimals, such as "50.770774"',
)
_LONGITUDE = Format(
    r"^-?(?:(?:0?[0-9]{1,2}|1[0-7][0-9])\.[0-9]{5,7}|180\.0{5,7})$",
    'a longitude from -180 to 180 as text, with five to seven decimals, such as "-126.104965"',
)
Latitude = Annotated[str, OcpiString(10, or_not_available(_LATITUDE))]
Longitude = Annotated[str, OcpiString(11, or_not_available(_LONGITUDE))]
#: Hours and minutes in a weekly plan, in the time zone of the Location.
PlannedTime = Annotated[str, OcpiString(5, or_not_available(TIME_OF_DAY))]
#: The size of an image in pixels.
Pixels = Annotated[int, WholeNumber(length=5, low=0)]


class Capability(OcpiEnum):
    """What an EVSE can do."""

    CHARGING_PROFILE_CAPABLE = "CHARGING_PROFILE_CAPABLE"
    CHARGING_PREFERENCES_CAPABLE = "CHARGING_PREFERENCES_CAPABLE"
    CHIP_CARD_SUPPORT = "CHIP_CARD_SUPPORT"
    CONTACTLESS_CARD_SUPPORT = "CONTACTLESS_CARD_SUPPORT"
    CREDIT_CARD_PAYABLE = "CREDIT_CARD_PAYABLE"
    DEBIT_CARD_PAYABLE = "DEBIT_CARD_PAYABLE"
    PED_TERMINAL = "PED_TERMINAL"
    REMOTE_START_STOP_CAPABLE = "REMOTE_START_STOP_CAPABLE"
    RESERVABLE = "RESERVABLE"
    RFID_READER = "RFID_READER"
    START_SESSION_CONNECTOR_REQUIRED = "START_SESSION_CONNECTOR_REQUIRED"
    TOKEN_GROUP_CAPABLE = "TOKEN_GROUP_CAPABLE"  # noqa: S105 - a value of the specification
    UNLOCK_CAPABLE = "UNLOCK_CAPABLE"


class ConnectorFormat(OcpiEnum):
    """A socket, or a cable that is attached."""

    SOCKET = "SOCKET"
    CABLE = "CABLE"


class ConnectorType(OcpiEnum):
    """The standard of a plug."""

    CHADEMO = "CHADEMO"
    CHAOJI = "CHAOJI"
    DOMESTIC_A = "DOMESTIC_A"
    DOMESTIC_B = "DOMESTIC_B"
    DOMESTIC_C = "DOMESTIC_C"
    DOMESTIC_D = "DOMESTIC_D"
    DOMESTIC_E = "DOMESTIC_E"
    DOMESTIC_F = "DOMESTIC_F"
    DOMESTIC_G = "DOMESTIC_G"
    DOMESTIC_H = "DOMESTIC_H"
    DOMESTIC_I = "DOMESTIC_I"
    DOMESTIC_J = "DOMESTIC_J"
    DOMESTIC_K = "DOMESTIC_K"
    DOMESTIC_L = "DOMESTIC_L"
    DOMESTIC_M = "DOMESTIC_M"
    DOMESTIC_N = "DOMESTIC_N"
    DOMESTIC_O = "DOMESTIC_O"
    GBT_AC = "GBT_AC"
    GBT_DC = "GBT_DC"
    IEC_60309_2_single_16 = "IEC_60309_2_single_16"
    IEC_60309_2_three_16 = "IEC_60309_2_three_16"
    IEC_60309_2_three_32 = "IEC_60309_2_three_32"
    IEC_60309_2_three_64 = "IEC_60309_2_three_64"
    IEC_62196_T1 = "IEC_62196_T1"
    IEC_62196_T1_COMBO = "IEC_62196_T1_COMBO"
    IEC_62196_T2 = "IEC_62196_T2"
    IEC_62196_T2_COMBO = "IEC_62196_T2_COMBO"
    IEC_62196_T3A = "IEC_62196_T3A"
    IEC_62196_T3C = "IEC_62196_T3C"
    NEMA_5_20 = "NEMA_5_20"
    NEMA_6_30 = "NEMA_6_30"
    NEMA_6_50 = "NEMA_6_50"
    NEMA_10_30 = "NEMA_10_30"
    NEMA_10_50 = "NEMA_10_50"
    NEMA_14_30 = "NEMA_14_30"
    NEMA_14_50 = "NEMA_14_50"
    PANTOGRAPH_BOTTOM_UP = "PANTOGRAPH_BOTTOM_UP"
    PANTOGRAPH_TOP_DOWN = "PANTOGRAPH_TOP_DOWN"
    TESLA_R = "TESLA_R"
    TESLA_S = "TESLA_S"


class EnergySourceCategory(OcpiEnum):
    """Where energy comes from."""

    NUCLEAR = "NUCLEAR"
    GENERAL_FOSSIL = "GENERAL_FOSSIL"
    COAL = "COAL"
    GAS = "GAS"
    GENERAL_GREEN = "GENERAL_GREEN"
    SOLAR = "SOLAR"
    WIND = "WIND"
    WATER = "WATER"


class EnvironmentalImpactCategory(OcpiEnum):
    """What making energy leaves behind."""

    NUCLEAR_WASTE = "NUCLEAR_WASTE"
    CARBON_DIOXIDE = "CARBON_DIOXIDE"


class Facility(OcpiEnum):
    """What else there is at a Location."""

    HOTEL = "HOTEL"
    RESTAURANT = "RESTAURANT"
    CAFE = "CAFE"
    MALL = "MALL"
    SUPERMARKET = "SUPERMARKET"
    SPORT = "SPORT"
    RECREATION_AREA = "RECREATION_AREA"
    NATURE = "NATURE"
    MUSEUM = "MUSEUM"
    BIKE_SHARING = "BIKE_SHARING"
    BUS_STOP = "BUS_STOP"
    TAXI_STAND = "TAXI_STAND"
    TRAM_STOP = "TRAM_STOP"
    METRO_STATION = "METRO_STATION"
    TRAIN_STATION = "TRAIN_STATION"
    AIRPORT = "AIRPORT"
    PARKING_LOT = "PARKING_LOT"
    CARPOOL_PARKING = "CARPOOL_PARKING"
    FUEL_STATION = "FUEL_STATION"
    WIFI = "WIFI"


class ImageCategory(OcpiEnum):
    """What an image shows."""

    CHARGER = "CHARGER"
    ENTRANCE = "ENTRANCE"
    LOCATION = "LOCATION"
    NETWORK = "NETWORK"
    OPERATOR = "OPERATOR"
    OTHER = "OTHER"
    OWNER = "OWNER"


class ParkingRestriction(OcpiEnum):
    """Who may park at an EVSE."""

    EV_ONLY = "EV_ONLY"
    PLUGGED = "PLUGGED"
    DISABLED = "DISABLED"
    CUSTOMERS = "CUSTOMERS"
    MOTORCYCLES = "MOTORCYCLES"


class ParkingType(OcpiEnum):
    """The kind of parking space."""

    ALONG_MOTORWAY = "ALONG_MOTORWAY"
    PARKING_GARAGE = "PARKING_GARAGE"
    PARKING_LOT = "PARKING_LOT"
    ON_DRIVEWAY = "ON_DRIVEWAY"
    ON_STREET = "ON_STREET"
    UNDERGROUND_GARAGE = "UNDERGROUND_GARAGE"


class PowerType(OcpiEnum):
    """Alternating current and its phases, or direct current."""

    AC_1_PHASE = "AC_1_PHASE"
    AC_2_PHASE = "AC_2_PHASE"
    AC_2_PHASE_SPLIT = "AC_2_PHASE_SPLIT"
    AC_3_PHASE = "AC_3_PHASE"
    DC = "DC"


class Status(OcpiEnum):
    """The state of an EVSE."""

    AVAILABLE = "AVAILABLE"
    BLOCKED = "BLOCKED"
    CHARGING = "CHARGING"
    INOPERATIVE = "INOPERATIVE"
    OUTOFORDER = "OUTOFORDER"
    PLANNED = "PLANNED"
    REMOVED = "REMOVED"
    RESERVED = "RESERVED"
    UNKNOWN = "UNKNOWN"


class GeoLocation(WireObject):
    """A point on the map, WGS 84, in decimal degrees written as text."""

    latitude: Latitude
    longitude: Longitude


class AdditionalGeoLocation(WireObject):
    """A point that helps to find the Location, such as the entrance of a garage."""

    latitude: Latitude
    longitude: Longitude
    name: DisplayText | None = None


class Image(WireObject):
    """Where an image can be fetched, and what it shows."""

    url: Url
    thumbnail: Url | None = None
    category: ImageCategory
    #: The kind of file: gif, jpeg, png, svg.
    type: CiString4
    width: Pixels | None = None
    height: Pixels | None = None


class BusinessDetails(WireObject):
    """A company, as it wants to be shown."""

    name: String100
    website: Url | None = None
    logo: Image | None = None


class EnergySource(WireObject):
    """A source of energy and its share."""

    source: EnergySourceCategory
    #: 0 to 100.
    percentage: Annotated[Decimal, ExactNumber(low=0, high=100)]


class EnvironmentalImpact(WireObject):
    """What making the energy leaves behind."""

    category: EnvironmentalImpactCategory
    #: Gram per kWh.
    amount: Number


class EnergyMix(WireObject):
    """Where the energy comes from."""

    is_green_energy: Boolean
    energy_sources: Many[EnergySource] = ()
    environ_impact: Many[EnvironmentalImpact] = ()
    supplier_name: String64 | None = None
    energy_product_name: String64 | None = None


class RegularHours(WireObject):
    """Opening hours on one day of every week, in local time."""

    #: 1 is Monday, 7 is Sunday.
    weekday: Annotated[int, WholeNumber(length=1, low=1, high=7)]
    period_begin: PlannedTime
    period_end: PlannedTime

    @model_validator(mode="after")
    def _a_period_ends_after_it_begins(self, info: ValidationInfo) -> Self:
        """Read tolerantly, `00:00` is the end of the day and an earlier end is of the next day (AM-22)."""
        known = NOT_AVAILABLE not in (self.period_begin, self.period_end)
        if known and self.period_end <= self.period_begin and not is_tolerant(info):
            raise broken("period_end", "expected a time later than period_begin")
        return self


class ExceptionalPeriod(WireObject):
    """A time in which the regular hours do not hold."""

    period_begin: DateTime
    period_end: DateTime


class Hours(WireObject):
    """When a Location is open."""

    twentyfourseven: Boolean
    regular_hours: Many[RegularHours] = ()
    #: In addition to the regular hours.
    exceptional_openings: Many[ExceptionalPeriod] = ()
    #: Beats both.
    exceptional_closings: Many[ExceptionalPeriod] = ()

    @model_validator(mode="after")
    def _regular_hours_if_not_always_open(self) -> Self:
        if self.twentyfourseven and self.regular_hours:
            raise broken("regular_hours", "expected no regular_hours, because twentyfourseven is true")
        if not self.twentyfourseven and not self.regular_hours:
            raise broken("regular_hours", "expected at least one element, because twentyfourseven is false")
        return self


class StatusSchedule(WireObject):
    """A status that an EVSE is planned to have; information only (LOC-17)."""

    period_begin: DateTime
    #: Absent: open end.
    period_end: DateTime | None = None
    status: Status


class PublishTokenType(WireObject):
    """Which tokens may see an unpublished Location: those that match all fields set (LOC-14)."""

    uid: CiString36 | None = None
    type: TokenType | None = None
    visual_number: String64 | None = None
    issuer: String64 | None = None
    group_id: CiString36 | None = None

    @model_validator(mode="after")
    def _a_token_is_named_unmistakably(self) -> Self:
        if self.uid is None and self.visual_number is None and self.group_id is None:
            raise broken((), "expected at least one of uid, visual_number and group_id")
        if self.uid is not None and self.type is None:
            raise broken("type", "expected the type of the token, because uid is given")
        if self.visual_number is not None and self.issuer is None:
            raise broken("issuer", "expected the issuer of the token, because visual_number is given")
        return self


class Connector(WireObject):
    """A socket or a cable."""

    #: Unique in its EVSE only.
    id: CiString36
    standard: ConnectorType
    format: ConnectorFormat
    power_type: PowerType
    #: Volt; line to neutral for AC_3_PHASE.
    max_voltage: Int
    #: Ampere.
    max_amperage: Int
    #: Watt.
    max_electric_power: Int | None = None
    tariff_ids: Many[CiString36] = ()
    terms_and_conditions: Url | None = None
    last_updated: DateTime


class EVSE(WireObject):
    """A place where one vehicle at a time can charge."""

    #: Never changes; unique in the CPO's platform (LOC-11).
    uid: CiString36
    #: As printed on the charger (eMI3).
    evse_id: CiString48 | None = None
    status: Status
    status_schedule: Many[StatusSchedule] = ()
    capabilities: Many[Capability] = ()
    connectors: AtLeastOne[Connector]
    floor_level: String4 | None = None
    coordinates: GeoLocation | None = None
    physical_reference: String16 | None = None
    directions: Many[DisplayText] = ()
    parking_restrictions: Many[ParkingRestriction] = ()
    images: Many[Image] = ()
    last_updated: DateTime

    @model_validator(mode="after")
    def _connectors_differ_by_id(self) -> Self:
        twin = _first_repeated(connector.id for connector in self.connectors)
        if twin is not None:
            raise broken(
                ("connectors", twin, "id"), "expected an id that no other Connector of this EVSE has"
            )
        return self


class Location(WireObject):
    """A group of EVSEs that belong together for a driver."""

    country_code: CiString2
    party_id: CiString3
    id: CiString36
    #: Whether it may be shown to everybody.
    publish: Boolean
    publish_allowed_to: Many[PublishTokenType] = ()
    name: String255 | None = None
    address: String45
    city: String45
    postal_code: String10 | None = None
    state: String20 | None = None
    #: ISO 3166-1 alpha-3.
    country: String3
    coordinates: GeoLocation
    related_locations: Many[AdditionalGeoLocation] = ()
    parking_type: ParkingType | None = None
    evses: Many[EVSE] = ()
    directions: Many[DisplayText] = ()
    #: Absent: the owner's business details hold (LOC-18).
    operator: BusinessDetails | None = None
    suboperator: BusinessDetails | None = None
    owner: BusinessDetails | None = None
    facilities: Many[Facility] = ()
    #: A name of the IANA time zone database.
    time_zone: String255
    opening_times: Hours | None = None
    #: Absent: it is.
    charging_when_closed: Boolean | None = None
    images: Many[Image] = ()
    energy_mix: EnergyMix | None = None
    last_updated: DateTime

    @model_validator(mode="after")
    def _only_an_unpublished_location_is_shown_to_some(self) -> Self:
        """LOC-14."""
        if self.publish and self.publish_allowed_to:
            raise broken("publish_allowed_to", "expected no publish_allowed_to, because publish is true")
        return self

    @model_validator(mode="after")
    def _evses_differ_by_uid(self) -> Self:
        twin = _first_repeated(evse.uid for evse in self.evses)
        if twin is not None:
            raise broken(("evses", twin, "uid"), "expected a uid that no other EVSE has")
        return self


def _first_repeated(ids: Iterable[str]) -> int | None:
    """The index of the first id that stood before, whatever its case."""
    seen = set[str]()
    for index, value in enumerate(ids):
        folded = value.lower()
        if folded in seen:
            return index
        seen.add(folded)
    return None
