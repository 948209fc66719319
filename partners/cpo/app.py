"""The CPO node, put together: the only place that knows all of its parts.

charge points == OCPP => CentralSystem -> Chargings -> Bookkeeping -> Outbox -> Handover == OCPI => hub
              <= OCPP == CentralSystem <- Commands <------------------------------------ OCPI == hub
"""

import asyncio
import logging
import random
import ssl
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self

from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock, utc_now
from partners.changes import DEFAULT_PATIENCE
from partners.cpo.administration import Administration
from partners.cpo.billing.bookkeeping import Bookkeeping
from partners.cpo.billing.contracts import Contracts
from partners.cpo.billing.corrections import Corrections
from partners.cpo.billing.early_sessions import EarlySessions
from partners.cpo.billing.outbox import Outbox, StoredCdr, StoredSession
from partners.cpo.billing.reckoning import Reckoning
from partners.cpo.charging.charging_log import ChargingLog
from partners.cpo.charging.event_log import EventLog
from partners.cpo.charging.preparing import Preparing
from partners.cpo.charging.presence import Presence
from partners.cpo.commands import Commands
from partners.cpo.configuration import Plug
from partners.cpo.energy.administration import EnergyAdministration
from partners.cpo.energy.sites import Sites
from partners.cpo.handing_over.broadcast import Broadcast
from partners.cpo.handing_over.handover import Handover
from partners.cpo.handing_over.lane import Lane
from partners.cpo.handing_over.outcome import Unreachable
from partners.cpo.handing_over.sending import Sending
from partners.cpo.health.administration import HealthAdministration
from partners.cpo.health.care import Care
from partners.cpo.health.charger_log import WHOLE, Kind
from partners.cpo.interfaces import Interfaces
from partners.cpo.locations import Locations
from partners.cpo.profiles.charging_profiles import ChargingProfiles
from partners.cpo.profiles.preferences import Preferences
from partners.cpo.profiles.profile_book import ProfileBook
from partners.cpo.profiles.profile_calls import ProfileCalls
from partners.cpo.promises.promises import Promises
from partners.cpo.promises.remote_starts import RemoteStarts
from partners.cpo.promises.reservations import Reservations
from partners.cpo.quirks import USUAL
from partners.cpo.reports.administration import ReportAdministration
from partners.cpo.reports.exclusions import Exclusions
from partners.cpo.reports.reading import Reports
from partners.cpo.security.administration import SecurityAdministration
from partners.cpo.security.doorkeeper import doorkeeper
from partners.cpo.security.security_settings import tls_context
from partners.cpo.settings import CpoSettings
from partners.cpo.stations.central_system import CentralSystem
from partners.cpo.stations.timekeeper import Timekeeper
from partners.cpo.tokens.authorization import Authorization
from partners.cpo.tokens.grants import Grants
from partners.cpo.tokens.id_tags import IdTags
from partners.cpo.tokens.local_lists import LocalLists
from partners.cpo.transactions.chargings import Chargings
from partners.cpo.transactions.entries import Entries
from partners.cpo.transactions.forgotten import Forgotten
from partners.cpo.transactions.transactions import Transactions
from partners.cpo.transactions.unplugging import Unplugging
from partners.link import NO_SUCCESS
from partners.listening import listen_with
from partners.node import Node, new_id
from partners.platform import Platform
from partners.pull_marks import PullMark, PullMarks
from schemas.v2_2_1 import InterfaceRole, Role

log = logging.getLogger(__name__)

#: A list is asked for a little more than what changed since: a hub may have got it late (AM-09).
_OVERLAP: Final = timedelta(minutes=5)
#: Of the interval between whole lists, which varies by a tenth.
_NEARLY: Final = 0.9

#: Without these there is nothing to do at a hub (CR-16).
NEEDS: Final = (
    ("tokens", InterfaceRole.SENDER),
    ("locations", InterfaceRole.RECEIVER),
    ("sessions", InterfaceRole.RECEIVER),
    ("cdrs", InterfaceRole.RECEIVER),
)


class CpoNode(Platform):
    """A CPO that runs as long as the context is open.

    Args:
        settings: Who it is and what it runs.
        clock: Tells the time.
        new_id: Makes ids of Sessions, CDRs and messages.
        chance: From 0 to 1; spreads attempts to reach somebody.
    """

    def __init__(
        self,
        settings: CpoSettings,
        *,
        clock: Clock = utc_now,
        new_id: Callable[[], str] = new_id,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings
        configuration, party = settings.configuration, settings.node.party
        node = Node(settings.node, Role.CPO, needs=NEEDS, clock=clock, new_id=new_id)
        super().__init__(node)
        self.charging_log = ChargingLog(node.database)
        self.contracts = Contracts(node.database)
        self.outbox = Outbox(node.database)
        self.id_tags = IdTags(node.database, node.objects)
        self.presence = Presence(configuration.charge_points, clock, settings.offline_grace)
        self.preparing = Preparing(node.database, settings.preparing, settings.blocked_after, clock)
        self.locations = Locations(
            configuration,
            party,
            node.objects,
            self.charging_log,
            self.presence,
            clock,
            self.preparing,
        )
        sending = Sending(node.link)
        self.broadcast = Broadcast(sending, node.objects, node.changes, settings.settle)
        self.handover = Handover(
            self.outbox,
            self.broadcast,
            sending,
            node.changes,
            clock=clock,
            chance=chance,
            backoff=settings.backoff,
            # What was pushed to us meanwhile is lost (TR-32).
            recovered=self._catch_up,
            pace=settings.pace,
        )
        grants = Grants(node.database)
        bookkeeping = Bookkeeping(
            self.charging_log,
            self.contracts,
            self.outbox,
            clock,
            new_id,
            settings.pace,
            settings.longest_period,
        )
        self.promises = Promises(
            database=node.database,
            early=EarlySessions(node.database),
            reservations=Reservations(node.database),
            locations=self.locations,
            bookkeeping=bookkeeping,
            handover=self.handover,
            link=node.link,
            changes=node.changes,
            clock=clock,
            new_id=new_id,
            start_within=settings.start_within,
            spawn=self._do_later,
        )
        self.corrections = Corrections(
            database=node.database,
            outbox=self.outbox,
            contracts=self.contracts,
            charging_log=self.charging_log,
            bookkeeping=bookkeeping,
            clock=clock,
            owe=self.handover.owe,
        )
        self.reckoning = Reckoning(node.database, self.charging_log, bookkeeping, self.handover.owe)
        self.entries = Entries(
            configuration=configuration,
            locations=self.locations,
            charging_log=self.charging_log,
            contracts=self.contracts,
            authorization=Authorization(
                self.id_tags, grants, node.link, clock, settings.authorize_within, settings.trust_clock
            ),
            bookkeeping=bookkeeping,
            reckoning=self.reckoning,
            handover=self.handover,
            promises=self.promises,
            changes=node.changes,
            new_id=new_id,
        )
        remote_starts = RemoteStarts(node.database, clock)
        self.transactions = Transactions(
            database=node.database,
            charging_log=self.charging_log,
            event_log=EventLog(node.database),
            remote_starts=remote_starts,
            entries=self.entries,
            corrections=self.corrections,
            changes=node.changes,
            clock=clock,
            patience=settings.gap_patience,
        )
        self.local_lists = LocalLists(
            database=node.database,
            objects=node.objects,
            id_tags=self.id_tags,
            spawn=self._do_later,
            settle=settings.central_system.settle,
            calm=settings.settle,
            is_on=settings.local_lists,
        )
        self.unplugging = Unplugging(
            node.database,
            self.charging_log,
            self.entries,
            clock,
            settings.unplug_within if settings.bill_until_unplug else None,
        )
        self.chargings = Chargings(
            database=node.database,
            presence=self.presence,
            charging_log=self.charging_log,
            entries=self.entries,
            transactions=self.transactions,
            local_lists=self.local_lists,
            unplugging=self.unplugging,
        )
        self.care = Care(
            database=node.database,
            configuration=configuration,
            charging_log=self.charging_log,
            early=self.promises.early,
            inner=self.chargings,
            thresholds=settings.health,
            clock=clock,
            backoff=settings.backoff,
            chance=chance,
        )
        self.doorkeeper = doorkeeper(
            node.database,
            settings.security,
            settings.onboarding,
            configuration.charge_points,
            settings.node.name,
            clock,
            spawn=self._do_later,
            noted=lambda charge_point, what: self.care.log.put(
                Plug(charge_point, WHOLE), clock(), Kind.SECURITY, what=what
            ),
            is_free=lambda charge_point: self.care.is_free(charge_point, settings.onboarding.free_for),
        )
        self.sites = Sites(settings.sites, node.database, self.charging_log, clock, spawn=self._do_later)
        self.timekeeper = Timekeeper(
            self.sites.watching(self.care.witness),
            node.database,
            clock,
            settings.trust_clock,
            noted=lambda charge_point, off: self.care.log.put(
                Plug(charge_point, WHOLE), clock(), Kind.CLOCK, corrected_by=str(off)
            ),
        )
        self.central_system = CentralSystem(
            self.timekeeper,
            heard=self.care.witness.heard,
            noted=self.care.witness.noted,
            clock=clock,
            settings=settings.central_system,
            relaxed=self.doorkeeper.relaxed,
            reception=self.doorkeeper,
            wiring=configuration.wiring,
            quirks=lambda charge_point: settings.quirks.get(charge_point, USUAL),
        )
        self.forgotten = Forgotten(
            database=node.database,
            charging_log=self.charging_log,
            entries=self.entries,
            end_now=self.transactions.end_now,
            stations=self.central_system,
            clock=clock,
            free_for=settings.free_for,
            silent_for=settings.silent_for,
        )
        exclusions = Exclusions(node.database)
        self.reports = Reports(node.database, configuration, self.care.log, exclusions, clock)
        self.doorkeeper.serves(self.central_system)
        self.local_lists.begin(self.central_system, self.doorkeeper.is_accepted)
        self.rounds = self.care.rounds(self.central_system, node.changes, self._do_later)
        self._commands = Commands(
            configuration=configuration,
            charge_points=self.central_system,
            charging_log=self.charging_log,
            contracts=self.contracts,
            id_tags=self.id_tags,
            grants=grants,
            remote_starts=remote_starts,
            promises=self.promises,
            link=node.link,
            clock=clock,
            answer_within=settings.central_system.answer_within,
            spawn=self._do_later,
            begun=self.transactions.begun,
        )
        book = ProfileBook(node.database)
        self.charging_profiles = ChargingProfiles(
            profiles=ProfileCalls(self.central_system, clock),
            book=book,
            charging_log=self.charging_log,
            contracts=self.contracts,
            link=node.link,
            clock=clock,
            answer_within=settings.central_system.answer_within,
            pause=settings.profile_pause,
            spawn=self._do_later,
            steer=self.sites.steer,
        )
        self.sites.begin(self.central_system, book, self.charging_profiles.steered)
        self._preferences = Preferences(
            database=node.database,
            contracts=self.contracts,
            charging_log=self.charging_log,
            bookkeeping=bookkeeping,
            clock=clock,
            charge_by=self.charging_profiles.prefer,
            owe=self.handover.owe,
            plan_by=self.sites.plan_by,
        )
        self._lists = Lane("the hub's lists", self._pull, backoff=settings.backoff, chance=chance)
        self._marks = PullMarks(node.database, party)
        self._greeted: int | None = None
        #: How often the tokens were pulled since the start.
        self.pulls = 0
        self._chance = chance
        self._ocpp_url = self._ocpp_tls_url = ""
        self._running = AsyncExitStack()
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Listen for the hub and for charge points, and begin to hand over what is owed.

        Raises:
            CannotListen: A port is taken.
        """
        self.locations.publish()
        interfaces = Interfaces(
            owner=self.settings.node.party,
            objects=self.node.objects,
            locations=self.locations,
            outbox=self.outbox,
            changes=self.node.changes,
            page_limit=self.settings.node.page_limit,
            seen=self._seen,
        )
        offers = interfaces.offers(
            commands=self._commands.handlers(),
            charging_profiles=self.charging_profiles.handlers(),
            charging_preferences=self._preferences.put,
        )
        security = SecurityAdministration(self.doorkeeper, self.charging_log)
        health = HealthAdministration(self.care, self.rounds, self.node.clock)
        reports = ReportAdministration(self.reports)
        energy = EnergyAdministration(self.sites, self.node.clock)
        admin = {**Administration(self).handlers(), **health.handlers(), **reports.handlers()}
        await self.node.start(offers, {**admin, **security.handlers(), **energy.handlers()})
        self._running.push_async_callback(self.node.stop)
        try:
            await self._group.__aenter__()
            self._running.push_async_callback(self._end_tasks)
            # Last in, first out: the links of the charge points close before anything they rely on.
            await self.central_system.open()
            self._running.push_async_callback(self.central_system.close)
            self._ocpp_url = await self._listen()
            # Nobody hears of a node that cannot listen.
            for work in (
                self.handover.run(),
                self._lists.run(),
                self._greet(),
                self.presence.watch(self.entries.refresh),
                self.preparing.watch(self.entries.refresh),
                self.promises.watch(),
                self.transactions.watch(),
                self.forgotten.watch(),
                self.unplugging.watch(),
                self.reckoning.run(),
                self.rounds.run(),
                self.doorkeeper.watch(),
                self.care.notices.run(),
                self.sites.run(),
            ):
                self._spawn(work)
        except BaseException:
            await self._running.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; what is owed stays on disk."""
        await self._running.aclose()

    @property
    def ocpp_tls_url(self) -> str:
        """The same, by TLS; empty where there is none."""
        return self._ocpp_tls_url

    @property
    def ocpp_url(self) -> str:
        """Where charge points connect: this, a slash and their identity."""
        return self._ocpp_url

    async def until_introduced(self, patience: timedelta = DEFAULT_PATIENCE) -> None:
        """Wait until the hub has our tariffs and locations, and we have the eMSPs' tokens.

        Raises:
            TimeoutError: It did not happen in time.
        """
        await self.until(
            lambda: self._greeted is not None and self.pulls > 0 and self.broadcast.is_settled, patience
        )

    def sessions(self) -> list[StoredSession]:
        """All Sessions, oldest first."""
        return list(self.outbox.sessions())

    def cdrs(self) -> list[StoredCdr]:
        """All CDRs, oldest first."""
        return list(self.outbox.cdrs())

    async def cancel_reservation(self, number: int) -> None:
        """Give up a reservation that cannot be kept; its eMSP hears CANCELED_RESERVATION.

        Args:
            number: As charge points know it.

        Raises:
            KeyError: There is no such open reservation.
        """
        reservation = self.promises.reservations.by_number(number)
        waiting = None if reservation is None else self.promises.early.get(reservation.session_id)
        if reservation is None or waiting is None:
            raise KeyError(number)
        self.promises.broken(reservation)
        outcome = await self.central_system.cancel_reservation(waiting.plug.charge_point, number)
        log.info("reservation %s was cancelled at %s: %s", number, waiting.plug.charge_point, outcome)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _do_later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something once, after an answer; if it fails, nothing else does."""
        self._spawn(_survived(work))

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(None, None, None)

    async def _listen(self) -> str:
        settings = self.settings
        if settings.security.tls_port is not None:
            context = tls_context(settings.security, self.doorkeeper.authority.pem)
            place = await self._listen_on(settings.security.tls_port, "security.tls_port", context)
            self._ocpp_tls_url = f"wss://{place}/ocpp"
        return f"ws://{await self._listen_on(settings.ocpp_port, 'cpo.ocpp_port')}/ocpp"

    async def _listen_on(self, port: int, name: str, tls: ssl.SSLContext | None = None) -> str:
        protocol, host = self.central_system.link, self.settings.ocpp_host
        return await listen_with(protocol, host, port, name, self._running, tls=tls)

    # The hub.

    async def _greet(self) -> None:
        """For ever: when there is a new registration, tell that platform everything."""
        await self.register_as_configured(self.settings.hub, self.settings.backoff, self._chance)
        while True:
            self._greeted = await self.node.changes.until(self._new_peer, None)
            for key in self.locations.published():
                self.handover.owe_whole(key)
            for key in self.locations.withdrawn_tariffs():
                self.handover.owe_withdrawal(key)
            self._lists.owe()
            self._seen(None)

    def _new_peer(self) -> int | None:
        """The number of a peer that is to be greeted."""
        if not self.node.link.is_up:
            return None
        peer = self.node.peers.partner().id
        return None if peer == self._greeted else peer

    async def _pull(self) -> timedelta | None:
        """Read who is there and what tokens there are (TOK-05); how long until it is time again (TR-33).

        Raises:
            Unreachable: The hub cannot be reached.
        """
        link = self.node.link
        if not link.is_up:
            return None
        try:
            if link.offers("hubclientinfo", InterfaceRole.SENDER):
                await self.node.pull.client_infos()
            for party in link.everybody(Role.EMSP):
                await self._read_tokens(party)
        except NO_SUCCESS as error:
            raise Unreachable(str(error), is_hub_away=True) from error
        self.pulls += 1
        self.node.changes.announce()
        jitter: timedelta = self.settings.pull_interval * (0.9 + self._chance() / 5)
        return jitter

    def _catch_up(self) -> None:
        """The hub was away, and is back."""
        self._lists.owe()

    async def _read_tokens(self, to: Party) -> None:
        """Read a list of tokens: after an outage what changed since the last time, else all of it (TR-32)."""
        began, registration = self.node.clock(), self.node.peers.partner().id
        mark = self._marks.get(registration, "tokens", to)
        is_whole = mark is None or began - mark.whole_at >= self.settings.pull_interval * _NEARLY
        since = None if is_whole or mark is None else mark.read_at - _OVERLAP
        await self.node.pull.owned("tokens", to=to, since=since)
        whole_at = began if is_whole or mark is None else mark.whole_at
        self._marks.put(registration, "tokens", to, PullMark(began, whole_at))

    def _seen(self, party: Party | None) -> None:
        """Somebody at the hub, and with it the hub, is alive."""
        self.handover.seen(party)
        self._lists.revive()


async def _survived(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:  # one request that goes wrong must not end the node
        log.exception("what was to be done after an answer failed")
