"""The eMSP node, put together: the only place that knows all of its parts."""

import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self, TypeVar

from hub.ocpi.headers import TokenEncoding
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock, utc_now
from partners.changes import DEFAULT_PATIENCE
from partners.emsp.administration import Counter
from partners.emsp.bills import Bill, bill
from partners.emsp.commands import Commands, Outcome
from partners.emsp.driver import Driver, Started
from partners.emsp.in_step import InStep
from partners.emsp.inbox import Cdrs, Sessions
from partners.emsp.locations import Locations, UnknownPlace
from partners.emsp.settings import EmspSettings
from partners.emsp.tokens import Tokens
from partners.link import NO_SUCCESS
from partners.node import Node, new_id
from partners.peers import Peer
from partners.pull import Pulled
from schemas.v2_2_1 import CDR, InterfaceRole, Location, Role, Session, Tariff, Token

log = logging.getLogger(__name__)

SENDER, RECEIVER = InterfaceRole.SENDER, InterfaceRole.RECEIVER

#: Without these at the hub there is nothing to do for an eMSP (CR-16).
NEEDS = (("locations", SENDER), ("tokens", RECEIVER), ("commands", RECEIVER))
#: What it has copies of.
PULLED = ("tariffs", "locations")

Found = TypeVar("Found")


class EmspNode:
    """An eMSP on two ports, from `async with` to its end.

    Args:
        settings: Who it is and what it has.
        clock: Tells the time.
        new_id: Makes ids.
    """

    def __init__(
        self, settings: EmspSettings, *, clock: Clock = utc_now, new_id: Callable[[], str] = new_id
    ) -> None:
        self.settings = settings
        self.node = node = Node(settings.node, Role.EMSP, needs=NEEDS, clock=clock, new_id=new_id)
        party = settings.node.party
        self.tokens = Tokens(
            party,
            node.database,
            node.objects,
            node.changes,
            node.link,
            clock,
            new_id,
            settings.node.page_limit,
        )
        self.places = Locations(node.objects, node.changes)
        self.charging = Sessions(party, node.objects, node.changes)
        self.cdr_inbox = Cdrs(party, node.objects, node.changes)
        self.commands = Commands(
            node.database,
            node.changes,
            node.link,
            clock,
            new_id,
            lambda: node.module_url("commands", SENDER),
        )
        self.driver = Driver(self.tokens, self.places, self.charging, self.commands, new_id)
        self.counter = Counter(
            self.tokens, self.places, self.charging, self.commands, self.driver, self.bills, self.pull
        )

    async def __aenter__(self) -> Self:
        """Issue the configured tokens and listen."""
        for fields, standing in self.settings.tokens:
            self.tokens.issue(fields, standing)
        offers = [
            *self.places.offers(),
            self.tokens.offer(),
            self.charging.offer(),
            self.cdr_inbox.offer(),
            self.commands.offer(),
        ]
        await self.node.start(offers, self.counter.handlers())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening and close the database."""
        await self.node.stop()

    # Connecting.

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
        """Register at a platform that gave us a token A; see `Node.register`."""
        return await self.node.register(versions_url, token_a, encoding)

    def issue_token_a(self) -> str:
        """A token with which a platform may register with us, once."""
        return self.node.issue_token_a()

    async def until(
        self, predicate: Callable[[], Found | None], patience: timedelta | None = DEFAULT_PATIENCE
    ) -> Found:
        """Wait until something is true of this node; see `Changes.until`."""
        return await self.node.until(predicate, patience)

    # Keeping in step with the others.

    async def keep_in_step(self, chance: Callable[[], float] = random.random) -> None:
        """Register if the settings say where, then keep tokens and lists up to date, for ever (`InStep`)."""
        node = self.node
        if self.settings.hub is not None and not node.link.is_up:
            await self._register_as_configured(*self.settings.hub)
        in_step = InStep(
            peers=node.peers,
            changes=node.changes,
            push=self.push_tokens,
            pull=self.pull,
            interval=self.settings.pull_interval,
            backoff=self.settings.backoff,
            chance=chance,
        )
        await in_step.keep()

    async def _register_as_configured(self, versions_url: str, token_a: str) -> None:
        try:
            await self.register(versions_url, token_a)
        except NO_SUCCESS as error:
            log.warning("registration at %s failed, register by hand: %s", versions_url, error)

    async def push_tokens(self) -> int:
        """Send every token to all CPOs; how many."""
        return await self.tokens.push_all()

    async def pull(self, since: datetime | None = None) -> dict[str, Pulled]:
        """Read who is connected, and all tariffs and locations, or those that changed since an instant.

        Raises:
            NotSent, CallFailed, PeerRefused, PeerOffers: a list could not be read to its end.
        """
        if self.node.link.offers("hubclientinfo", SENDER):
            await self.node.pull.client_infos()
        pulled = {}
        for module_id in PULLED:
            for to in self.node.link.everybody(Role.CPO):
                pulled[f"{module_id} of {to}"] = await self.node.pull.owned(module_id, to=to, since=since)
        return pulled

    # What drivers see and do.

    def locations(self, token_uid: str | None = None) -> list[Location]:
        """Where one can charge, to the eyes of everybody or of the owner of this token."""
        return self.places.visible(None if token_uid is None else self.tokens.find(token_uid))

    async def start_session(
        self,
        token_uid: str,
        location_id: str,
        evse_uid: str | None = None,
        connector_id: str | None = None,
        *,
        owner: Party | None = None,
    ) -> Started:
        """Start charging; see `Driver.start`."""
        return await self.driver.start(token_uid, location_id, evse_uid, connector_id, owner=owner)

    async def stop_session(self, session_id: str, *, owner: Party | None = None) -> Outcome:
        """Stop charging; see `Driver.stop`."""
        return await self.driver.stop(session_id, owner=owner)

    def sessions(self) -> list[Session]:
        """All sessions of our drivers, oldest first."""
        return self.charging.all()

    def cdrs(self) -> list[CDR]:
        """All CDRs for our drivers, oldest first."""
        return self.cdr_inbox.all()

    def bills(self) -> list[Bill]:
        """A bill for each CDR."""
        return [self._bill(cdr) for cdr in self.cdrs()]

    def issued(self) -> list[Token]:
        """All tokens of ours."""
        return self.tokens.all()

    def _bill(self, cdr: CDR) -> Bill:
        owner = Party(cdr.country_code, cdr.party_id)
        try:
            time_zone = self.places.find(cdr.cdr_location.id, owner).time_zone
        except UnknownPlace:
            time_zone = None  # a home charger is never published (SES-21)
        tariffs = [
            Tariff.read(stored.text, tolerant=True)
            for stored in self.node.objects.all("tariffs", owner=owner)
        ]
        return bill(cdr, tariffs, time_zone)
