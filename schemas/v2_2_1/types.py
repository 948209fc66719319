"""The basic types of OCPI 2.2.1 (chapter Types): what the fields of every object are made of."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Strict

from schemas.enumeration import OcpiEnum
from schemas.moment import Moment
from schemas.number import ExactNumber, WholeNumber
from schemas.rules import broken
from schemas.text import CiString, Format, HttpUrl, OcpiString
from schemas.wire_object import WireObject

CiString2 = Annotated[str, CiString(2)]
CiString3 = Annotated[str, CiString(3)]
CiString4 = Annotated[str, CiString(4)]
CiString32 = Annotated[str, CiString(32)]
CiString36 = Annotated[str, CiString(36)]
CiString39 = Annotated[str, CiString(39)]
CiString48 = Annotated[str, CiString(48)]

String = Annotated[str, OcpiString()]
String2 = Annotated[str, OcpiString(2)]
String3 = Annotated[str, OcpiString(3)]
String4 = Annotated[str, OcpiString(4)]
String10 = Annotated[str, OcpiString(10)]
String16 = Annotated[str, OcpiString(16)]
String20 = Annotated[str, OcpiString(20)]
String45 = Annotated[str, OcpiString(45)]
String64 = Annotated[str, OcpiString(64)]
String100 = Annotated[str, OcpiString(100)]
String255 = Annotated[str, OcpiString(255)]
String512 = Annotated[str, OcpiString(512)]
String5000 = Annotated[str, OcpiString(5000)]

Url = Annotated[str, HttpUrl()]
DateTime = Annotated[datetime, Moment()]
Boolean = Annotated[bool, Strict()]
Int = Annotated[int, WholeNumber()]
Number = Annotated[Decimal, ExactNumber()]
#: A number with at most one digit after the point (CHP-13).
Tenths = Annotated[Decimal, ExactNumber(decimals=1)]

#: Hours and minutes of a day, in the time zone of the Location.
TIME_OF_DAY = Format(r"^(?:[0-1][0-9]|2[0-3]):[0-5][0-9]$", 'a time of day such as "18:15"')


class DisplayText(WireObject):
    """A text for people, in one language."""

    #: ISO 639-1.
    language: String2
    #: No markup.
    text: String512


class Price(WireObject):
    """An amount of money; the currency stands in the object around it."""

    excl_vat: Number
    #: Absent: nothing is known about VAT.
    incl_vat: Number | None = None

    @property
    def is_negative(self) -> bool:
        """Whether money flows the other way: only the total of a Credit CDR may (CDR-06)."""
        return self.excl_vat < 0 or (self.incl_vat is not None and self.incl_vat < 0)


def _not_negative(price: Price) -> Price:
    if price.is_negative:
        at = "excl_vat" if price.excl_vat < 0 else "incl_vat"
        raise broken(at, "expected no negative amount: only total_cost of a Credit CDR may be negative")
    return price


#: A price that no Credit CDR turns around (AM-50).
Cost = Annotated[Price, AfterValidator(_not_negative)]


class Role(OcpiEnum):
    """What a party does in the market."""

    CPO = "CPO"
    EMSP = "EMSP"
    HUB = "HUB"
    NAP = "NAP"
    NSP = "NSP"
    OTHER = "OTHER"
    SCSP = "SCSP"
