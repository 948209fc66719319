"""HubClientInfo: who is connected to a hub (2.2.1, chapter HubClientInfo module)."""

from schemas.enumeration import OcpiEnum
from schemas.v2_2_1.types import CiString2, CiString3, DateTime, Role
from schemas.wire_object import WireObject


class ConnectionStatus(OcpiEnum):
    """Whether a party can be reached through the hub."""

    CONNECTED = "CONNECTED"
    OFFLINE = "OFFLINE"
    PLANNED = "PLANNED"
    SUSPENDED = "SUSPENDED"


class ClientInfo(WireObject):
    """A party behind the hub and its state."""

    party_id: CiString3
    country_code: CiString2
    role: Role
    status: ConnectionStatus
    last_updated: DateTime
