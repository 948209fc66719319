"""What others see of a CPO or an eMSP: where it is reached, and how one registers with it."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from hub.ocpi.headers import TokenEncoding
from hub.ocpi.party import Party
from partners.changes import DEFAULT_PATIENCE
from partners.link import NO_SUCCESS
from partners.node import Node
from partners.peers import Peer

log = logging.getLogger(__name__)

Found = TypeVar("Found")


class Platform:
    """A whole node; what it does beside is its own affair.

    Args:
        node: The parts that a CPO and an eMSP share.
    """

    def __init__(self, node: Node) -> None:
        self.node = node

    @property
    def party(self) -> Party:
        """Its party."""
        return self.node.settings.party

    @property
    def url(self) -> str:
        """Where others reach us, without a path."""
        return self.node.url

    @property
    def versions_url(self) -> str:
        """Our versions URL, for those who register with us."""
        return self.node.versions_url

    @property
    def admin_url(self) -> str:
        """Where the node's own API listens, opened by `admin_key`."""
        return self.node.admin_url

    @property
    def admin_key(self) -> str:
        """The key of the node's own API."""
        return self.node.admin_key

    async def register(
        self, versions_url: str, token_a: str, encoding: TokenEncoding = TokenEncoding.BASE64
    ) -> Peer:
        """Register at a platform that gave us its versions URL and a token A; see `Node.register`."""
        return await self.node.register(versions_url, token_a, encoding)

    async def register_as_configured(self, hub: tuple[str, str] | None) -> None:
        """Register where the settings say, unless it has been done; a failure is for the operator to mend.

        Who is registered and has changed since, in its URLs, interfaces or parties, says so (VE-09).
        """
        if self.node.link.is_up:
            await self._introduced_anew()
            return
        if hub is None:
            return
        try:
            await self.register(*hub)
        except NO_SUCCESS as error:
            log.warning("registration at %s failed, register by hand: %s", hub[0], error)

    async def _introduced_anew(self) -> None:
        partner = self.node.peers.partner()
        if self.node.peers.knows_us(partner):
            return
        try:
            await self.node.update_credentials()
        except NO_SUCCESS as error:
            log.warning("%s could not be told what changed here: %s", partner.versions_url, error)

    def issue_token_a(self) -> str:
        """A token with which a platform may register with us, once."""
        return self.node.issue_token_a()

    async def until(
        self, predicate: Callable[[], Found | None], patience: timedelta | None = DEFAULT_PATIENCE
    ) -> Found:
        """Wait until something is true of this node; see `Changes.until`."""
        return await self.node.until(predicate, patience)
