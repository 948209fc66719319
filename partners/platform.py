"""What others see of a CPO or an eMSP: where it is reached, and how one registers with it."""

import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final, TypeVar

from hub.ocpi.backoff import Backoff
from hub.ocpi.client import PeerRefused
from hub.ocpi.headers import TokenEncoding
from hub.ocpi.party import Party
from hub.ocpi.transport import CallFailed, UrlNotAllowed
from partners.changes import DEFAULT_PATIENCE
from partners.link import NO_SUCCESS
from partners.node import Node
from partners.peers import Peer

log = logging.getLogger(__name__)

Found = TypeVar("Found")

_BACKOFF: Final = Backoff()
_TOO_MANY: Final = 429
_CLIENT_ERROR: Final = 400
_SERVER_ERROR: Final = 500
#: The hub could not do its part, which is no judgement of ours: it could not call us back, as a rule.
_SERVER_ERRORS: Final = range(3000, 4000)


def may_pass(error: Exception) -> bool:
    """Whether the same attempt may succeed later: there was no answer, or the fault is on the other side."""
    if isinstance(error, PeerRefused):
        is_busy = error.status == _TOO_MANY or error.status >= _SERVER_ERROR
        is_no_ocpi = error.status_code is None and error.status < _CLIENT_ERROR
        return is_busy or is_no_ocpi or error.status_code in _SERVER_ERRORS
    return isinstance(error, CallFailed) and not isinstance(error, UrlNotAllowed)


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

    async def register_as_configured(
        self,
        hub: tuple[str, str] | None,
        backoff: Backoff = _BACKOFF,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Register where the settings say, unless it has been done; a hub that is away is tried again.

        Who is registered and has changed since, in its URLs, interfaces or parties, says so (VE-09). What the
        hub refuses is for the operator to mend; a registration by hand, or by the hub, ends the attempts.

        Args:
            hub: Its versions URL and token A; None: somebody else registers.
            backoff: How long it is left in peace after a failure.
            chance: Makes a random number from 0 to 1.
        """
        failures = 0
        while (attempt := self._what_is_due(hub)) is not None:
            try:
                await attempt()
            except NO_SUCCESS as error:
                if not may_pass(error):
                    log.warning("the hub refuses us, register by hand: %s", error)
                    return
                failures += 1
                pause = backoff.delay(failures, chance())
                log.warning("the hub cannot be reached, again in %.1f s: %s", pause.total_seconds(), error)
                await self._registered_within(pause)

    def _what_is_due(self, hub: tuple[str, str] | None) -> Callable[[], Awaitable[object]] | None:
        """What is left to do so that the hub knows us as we are."""
        if self.node.link.is_up:
            return (
                None if self.node.peers.knows_us(self.node.peers.partner()) else self.node.update_credentials
            )
        return None if hub is None else lambda: self.register(*hub)

    async def _registered_within(self, pause: timedelta) -> None:
        was_up = self.node.link.is_up
        with suppress(TimeoutError):
            await self.node.changes.until(lambda: self.node.link.is_up and not was_up, pause)

    def issue_token_a(self) -> str:
        """A token with which a platform may register with us, once."""
        return self.node.issue_token_a()

    async def until(
        self, predicate: Callable[[], Found | None], patience: timedelta | None = DEFAULT_PATIENCE
    ) -> Found:
        """Wait until something is true of this node; see `Changes.until`."""
        return await self.node.until(predicate, patience)
