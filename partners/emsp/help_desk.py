"""What the operator's help desk does for a driver, and no driver's app may do (CMD-20)."""

from dataclasses import dataclass

from hub.ocpi.party import Party
from partners.emsp.commands import Commands, Outcome
from partners.emsp.locations import Locations, check_connector, owner_of
from schemas.v2_2_1 import CommandType, UnlockConnector


@dataclass(frozen=True, slots=True)
class HelpDesk:
    """Commands that a person at the operator gives, after talking to the driver."""

    locations: Locations
    commands: Commands

    async def unlock(
        self, location_id: str, evse_uid: str, connector_id: str, *, owner: Party | None = None
    ) -> Outcome:
        """Have a stuck cable released.

        Raises:
            UnknownPlace: there is no such connector.
            NotSent, CallFailed, PeerRefused, PeerOffers: the command did not reach the CPO.
        """
        location = self.locations.find(location_id, owner)
        check_connector(location, evse_uid, connector_id)
        return await self.commands.send(
            CommandType.UNLOCK_CONNECTOR,
            lambda response_url: UnlockConnector(
                response_url=response_url,
                location_id=location.id,
                evse_uid=evse_uid,
                connector_id=connector_id,
            ),
            owner_of(location),
        )
