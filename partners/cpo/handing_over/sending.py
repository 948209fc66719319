"""One request to the Receiver interface of somebody who is owed something."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.ocpi.client import Answer
from hub.ocpi.party import Party
from partners.cpo.handing_over.outcome import Unreachable
from partners.link import NO_SUCCESS, Link, PartyNotConnected
from partners.peers import NotRegistered
from schemas.v2_2_1 import InterfaceRole


@dataclass(frozen=True, slots=True)
class Sending:
    """Requests over the node's link, with one name for every reason why there is no answer."""

    link: Link

    async def to_party(
        self, emsp: Party, method: str, module: str, tail: str, value: Mapping[str, Any]
    ) -> Answer:
        """A request to one party.

        Raises:
            Unreachable: No answer can be had.
        """
        return await self._sent(method, module, tail, value, emsp)

    async def to_all(self, method: str, module: str, tail: str, value: Mapping[str, Any] | None) -> Answer:
        """A request to the hub, which broadcasts it (RT-28), or to the other platform if that is no hub.

        Raises:
            Unreachable: No answer can be had.
        """
        try:
            hub = self.link.peers.partner().hub_party
        except NotRegistered as error:
            raise Unreachable(str(error), is_hub_away=True) from error
        return await self._sent(method, module, tail, value, hub)

    async def _sent(
        self, method: str, module: str, tail: str, value: Mapping[str, Any] | None, to: Party | None
    ) -> Answer:
        try:
            return await self.link.send(method, module, InterfaceRole.RECEIVER, tail, value, to=to)
        except PartyNotConnected as error:
            raise Unreachable(str(error)) from error
        except NO_SUCCESS as error:
            raise Unreachable(str(error), is_hub_away=True) from error
