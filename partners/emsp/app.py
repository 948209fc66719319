"""The eMSP node, put together: the only place that knows all of its parts."""

import random
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self

from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock, utc_now
from partners.emsp.administration import Counter
from partners.emsp.bills import Bill, bill
from partners.emsp.commands import Commands, Outcome
from partners.emsp.driver import Driver, Started
from partners.emsp.in_step import InStep
from partners.emsp.inbox import Cdrs, Sessions
from partners.emsp.locations import Locations, UnknownPlace
from partners.emsp.settings import EmspSettings
from partners.emsp.tokens import Tokens
from partners.node import Node, new_id
from partners.platform import Platform
from partners.pull import Pulled
from schemas.v2_2_1 import CDR, InterfaceRole, Location, Role, Session, Tariff, Token

SENDER, RECEIVER = InterfaceRole.SENDER, InterfaceRole.RECEIVER

#: Without these at the hub there is nothing to do for an eMSP (CR-16).
NEEDS = (("locations", SENDER), ("tokens", RECEIVER), ("commands", RECEIVER))
#: What it has copies of.
PULLED = ("tariffs", "locations")


class EmspNode(Platform):
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
        node = Node(settings.node, Role.EMSP, needs=NEEDS, clock=clock, new_id=new_id)
        super().__init__(node)
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

    # Keeping in step with the others.

    async def keep_in_step(self, chance: Callable[[], float] = random.random) -> None:
        """Register if the settings say where, then keep tokens and lists up to date, for ever (`InStep`)."""
        node = self.node
        await self.register_as_configured(self.settings.hub)
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
