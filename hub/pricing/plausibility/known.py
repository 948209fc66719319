"""What is known beside the CDR: whoever judges says what he has, and what he looked for in vain."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple

from schemas.v2_2_1 import Location, Session, Tariff, Token


class Missing(Enum):
    """Why something is not there."""

    #: Nobody looked, or there was nothing to look in: no finding.
    NOT_ASKED = "not asked"
    #: Somebody looked where it should be.
    UNKNOWN = "unknown"


class TariffVersion(NamedTuple):
    """A tariff as it was from a moment on."""

    tariff_id: str
    since: datetime
    #: None: it was withdrawn.
    tariff: Tariff | None


class Charge(NamedTuple):
    """An earlier CDR, as far as it matters for others: who was where, from when until when."""

    cdr_id: str
    start: datetime
    end: datetime
    #: Decimal degrees; None where they could not be read.
    latitude: Decimal | None = None
    longitude: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """All that the rules may look at beside the CDR."""

    #: When the CDR came.
    now: datetime
    #: Country code and party id of who sent it; None: nobody is looked at.
    sender: tuple[str, str] | None = None
    #: In its last state.
    session: Session | Missing = Missing.NOT_ASKED
    token: Token | Missing = Missing.NOT_ASKED
    location: Location | Missing = Missing.NOT_ASKED
    #: Versions of the CPO's tariffs, in any order.
    tariffs: tuple[TariffVersion, ...] = ()
    #: Another CDR of the same id, decoded, if one came before with other content.
    same_id: Any = None
    #: The CDR that a Credit CDR takes back, decoded.
    original: Any = Missing.NOT_ASKED
    #: The ids of other Credit CDRs that take back the same one.
    other_credits: tuple[str, ...] = ()
    #: Earlier CDRs of the same EVSE, and of the same token, that nobody took back.
    at_evse: tuple[Charge, ...] = ()
    of_token: tuple[Charge, ...] = ()
