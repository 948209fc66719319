"""An instant of the session, with all that a restriction of a tariff may ask about it."""

from datetime import datetime
from typing import NamedTuple

from hub.pricing.exact import Exact
from hub.pricing.periods import ChargedPeriod


class Moment(NamedTuple):
    """What a restriction is a condition on."""

    #: On the clock at the location.
    local: datetime
    #: Since the charging session began, in the least unit of energy.
    energy: Exact
    #: Microseconds since the charging session began; before it, since the reservation was made.
    elapsed: Exact
    period: ChargedPeriod
