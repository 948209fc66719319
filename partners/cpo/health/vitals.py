"""What the rules look at: how one connector, or a charger as a whole, was last seen. Values only."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from partners.cpo.charging.charging_events import ConnectorStatus
from partners.cpo.configuration import Plug

#: The error code that is none.
NO_ERROR: Final = "NoError"


@dataclass(frozen=True, slots=True)
class Link:
    """What is known of a charger as a whole; instants are ours."""

    #: None while there is a link.
    away_since: datetime | None
    #: When the present link came up, or the last one did.
    connected_at: datetime | None = None
    #: The last message; None since the node started.
    heard_at: datetime | None = None
    #: When cards were refused since one was accepted, oldest first.
    refused_at: tuple[datetime, ...] = ()
    accepted_at: datetime | None = None

    @property
    def is_up(self) -> bool:
        """Whether there is a link."""
        return self.away_since is None


@dataclass(frozen=True, slots=True)
class Vitals:
    """What is known of one connector; connector 0 is the charger as a whole."""

    plug: Plug
    link: Link
    #: None: it never told.
    status: ConnectorStatus | None = None
    status_since: datetime | None = None
    error_code: str | None = None
    #: Since when it tells that error code.
    error_since: datetime | None = None
    #: Since when there is a transaction.
    session_since: datetime | None = None
    #: Since when it says that energy flows.
    charging_since: datetime | None = None
    #: In the transaction: when a register was last told, and when it was last told higher than before.
    measured_at: datetime | None = None
    grew_at: datetime | None = None
    #: Energy that flowed while there was no transaction: since when it is known, and how much, Wh.
    unmetered_since: datetime | None = None
    unmetered_wh: Decimal = Decimal(0)
    #: When a register was last told unchanged without a transaction.
    idle_since: datetime | None = None
    #: The last signature that failed, and the last that was right.
    bad_signature_at: datetime | None = None
    good_signature_at: datetime | None = None
