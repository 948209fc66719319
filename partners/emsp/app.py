"""The eMSP node, put together: the only place that knows all of its parts."""

import random
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock, utc_now
from partners.addressee import offered_by_each
from partners.administration import AdminHandlers
from partners.emsp.administration import Counter, handlers_of_each
from partners.emsp.bills import Bill
from partners.emsp.commands import Commands, Outcome
from partners.emsp.driver import Driver, Started
from partners.emsp.help_desk import HelpDesk
from partners.emsp.in_step import InStep
from partners.emsp.inbox import Sessions
from partners.emsp.locations import Locations
from partners.emsp.provider import Provider
from partners.emsp.settings import EmspSettings
from partners.emsp.smart_charging import SmartCharging
from partners.emsp.tokens import Tokens
from partners.exchange import Offer
from partners.node import Node, new_id
from partners.platform import Platform
from partners.pull import Pulled
from schemas.v2_2_1 import CDR, InterfaceRole, Location, Role, Session, Token

#: Without these at the hub there is nothing to do for an eMSP (CR-16).
NEEDS = (
    ("locations", InterfaceRole.SENDER),
    ("tokens", InterfaceRole.RECEIVER),
    ("commands", InterfaceRole.RECEIVER),
)


class EmspNode(Platform):
    """An eMSP on two ports, from `async with` to its end.

    Where it has several parties, what is said here of drivers and their things is of the first one;
    `providers` has them all.

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
        self._clock = clock
        #: By party, the first one first.
        self.providers = {
            party: Provider(party, node, settings.pulling, settings.prices, clock, new_id)
            for party, _ in settings.node.parties
        }

    async def __aenter__(self) -> Self:
        """Issue the configured tokens and listen."""
        for party, tokens in {self.party: self.settings.tokens, **self.settings.more_tokens}.items():
            for fields, standing in tokens:
                self.providers[party].tokens.issue(fields, standing)
        await self.node.start(self._offers(), self._admin_handlers())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening and close the database."""
        await self.node.stop()

    def _offers(self) -> Sequence[Offer]:
        by_party = {party: provider.offers() for party, provider in self.providers.items()}
        return [
            offered_by_each(dict(zip(by_party, same, strict=True)))
            for same in zip(*by_party.values(), strict=True)
        ]

    def _admin_handlers(self) -> AdminHandlers:
        counters = {
            party: Counter(provider, self._clock, self.pull).handlers()
            for party, provider in self.providers.items()
        }
        return handlers_of_each(counters)

    # Keeping in step with the others.

    async def keep_in_step(self, chance: Callable[[], float] = random.random) -> None:
        """Register if the settings say where, then keep tokens and lists up to date, for ever (`InStep`)."""
        node = self.node
        await self.register_as_configured(self.settings.hub, self.settings.backoff, chance)
        in_step = InStep(
            peers=node.peers,
            clients=node.clients,
            changes=node.changes,
            push=self.push_tokens,
            pull=self.pull_changes,
            interval=self.settings.pulling.interval,
            backoff=self.settings.backoff,
            chance=chance,
        )
        await in_step.keep()

    async def push_tokens(self) -> int:
        """Send every token to all CPOs; how many."""
        return sum([await provider.tokens.push_all() for provider in self.providers.values()])

    async def pull(self) -> dict[str, Pulled]:
        """Read who is connected, and all lists whole; see `Provider.pull`."""
        return await self._pulled(whole=True)

    async def pull_changes(self) -> dict[str, Pulled]:
        """Read who is connected, and what changed since the last time; see `Provider.pull`."""
        return await self._pulled(whole=False)

    async def _pulled(self, *, whole: bool) -> dict[str, Pulled]:
        if self.node.link.offers("hubclientinfo", InterfaceRole.SENDER):
            await self.node.pull.client_infos()
        several = len(self.providers) > 1
        return {
            f"{what} for {party}" if several else what: pulled
            for party, provider in self.providers.items()
            for what, pulled in (await provider.pull(whole=whole)).items()
        }

    # The parts of the first party.

    @property
    def provider(self) -> Provider:
        """The first party."""
        return self.providers[self.party]

    @property
    def tokens(self) -> Tokens:
        """Its tokens."""
        return self.provider.tokens

    @property
    def places(self) -> Locations:
        """The locations and tariffs that it knows."""
        return self.provider.places

    @property
    def charging(self) -> Sessions:
        """Its drivers' sessions."""
        return self.provider.sessions

    @property
    def commands(self) -> Commands:
        """The commands that it sent."""
        return self.provider.commands

    @property
    def driver(self) -> Driver:
        """What its drivers do."""
        return self.provider.driver

    @property
    def smart_charging(self) -> SmartCharging:
        """How its drivers' sessions charge."""
        return self.provider.smart_charging

    @property
    def help_desk(self) -> HelpDesk:
        """What its operator does for drivers."""
        return self.provider.help_desk

    # What its drivers see and do.

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
        return self.provider.cdrs.all()

    def bills(self) -> list[Bill]:
        """A bill for each CDR."""
        return self.provider.bills()

    def issued(self) -> list[Token]:
        """All tokens of ours."""
        return self.tokens.all()
