"""One eMSP party of the platform: its tokens, its copies of what others own, its drivers and its bills.

A platform may have several. Each has its own of everything here, so that what was sent to one is never shown
to another; they share the registration, the server and what the hub tells of who is connected.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from hub.ocpi.description import ObjectKey
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from hub.pricing import CannotBePriced, PriceStatement
from hub.pricing.plausibility import Plausibility
from hub.pricing.plausibility.history import valid_at
from partners.emsp.bills import Bill, bill
from partners.emsp.charging_profiles import ChargingProfiles
from partners.emsp.checks import Checks
from partners.emsp.commands import Commands
from partners.emsp.driver import Driver
from partners.emsp.help_desk import HelpDesk
from partners.emsp.inbox import Cdrs, Sessions
from partners.emsp.later_results import LaterResults
from partners.emsp.locations import Locations, UnknownPlace, connector_of
from partners.emsp.quoting import Quoting
from partners.emsp.running_cost import running_cost
from partners.emsp.smart_charging import SmartCharging
from partners.emsp.tariff_history import TariffHistory
from partners.emsp.tokens import Tokens
from partners.exchange import Offer
from partners.link import NO_SUCCESS
from partners.node import Node
from partners.objects import StoredObject
from partners.owned_objects import Guard, no_guard
from partners.pull import Pull, Pulled
from partners.pull_marks import PullMark, PullMarks
from schemas.v2_2_1 import CDR, InterfaceRole, Role, Session

log = logging.getLogger(__name__)

SENDER = InterfaceRole.SENDER
#: What everybody may have, and a hub lists for everybody.
PUBLIC = ("tariffs", "locations")
#: What each CPO has for us.
OURS = ("sessions", "cdrs")


class PullHabits(NamedTuple):
    """How lists of others are read."""

    #: How often what changed is read (TR-33).
    interval: timedelta = timedelta(hours=6)
    #: How often lists are read whole: only that shows what is gone (TR-39, AM-09).
    whole_interval: timedelta = timedelta(hours=24)
    #: How far `date_from` reaches back behind the last pull: a hub may get an old object late (AM-09).
    overlap: timedelta = timedelta(minutes=10)
    #: How far back sessions are asked for at first: their `date_from` is always given (SES-02).
    history: timedelta = timedelta(days=31)


class PriceHabits(NamedTuple):
    """How prices are remembered, and how CDRs are checked."""

    #: How long a tariff is kept after it was replaced: a CDR may come late, and be disputed later.
    retention: timedelta = timedelta(days=180)
    #: How far a CDR may be off.
    measures: Plausibility = Plausibility()


class Provider:
    """One eMSP party.

    Args:
        party: The party.
        node: The platform.
        habits: How lists of others are read.
        prices: How prices are remembered, and CDRs checked.
        clock: Tells the time.
        new_id: Makes ids.
    """

    def __init__(
        self,
        party: Party,
        node: Node,
        habits: PullHabits,
        prices: PriceHabits,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self.party = party
        self.habits = habits
        self.link = replace(node.link, party=party)
        self._node = node
        self._clock = clock
        self._objects = node.objects.held_by(party)
        self.tariff_history = TariffHistory(party, node.database, clock, prices.retention)
        self._objects.tell("tariffs", self.tariff_history.keep)
        self._pull = Pull(self.link, self._objects, node.clients, node.changes, clock)
        self._marks = PullMarks(node.database, party)
        later = partial(LaterResults, party, database=node.database, changes=node.changes, clock=clock)
        self.tokens = Tokens(
            party,
            node.database,
            self._objects,
            node.changes,
            self.link,
            clock,
            new_id,
            node.settings.page_limit,
        )
        self.places = Locations(self._objects, node.changes, node.peers, self._is_known)
        self.sessions = Sessions(party, self._objects, node.changes, self._is_known)
        self.checks = Checks(
            party,
            node.database,
            self._objects,
            self.places,
            self.tokens,
            self.tariff_history,
            clock,
            prices.measures,
        )
        self.cdrs = Cdrs(party, self._objects, node.changes, lambda key: self.checks.make(key, clock()))
        self.quoting = Quoting(party, node.database, self.places, self.tariff_history, clock)
        self.commands = Commands(
            self.link, later("commands"), new_id, lambda: node.module_url("commands", SENDER)
        )
        self.profiles = ChargingProfiles(
            self.link,
            later("chargingprofiles"),
            self.sessions,
            new_id,
            lambda: node.module_url("chargingprofiles", SENDER),
        )
        self.driver = Driver(
            self.tokens, self.places, self.sessions, self.commands, self.quoting.keep, new_id
        )
        self.smart_charging = SmartCharging(self.sessions, self.places, self.profiles, self.link)
        self.help_desk = HelpDesk(self.places, self.commands)

    def offers(self) -> list[Offer]:
        """The interfaces of an eMSP, each answering for this party."""
        return [
            *self.places.offers(),
            self.tokens.offer(),
            self.sessions.offer(),
            self.cdrs.offer(),
            self.commands.offer(),
            self.profiles.offer(),
        ]

    async def pull(self, *, whole: bool) -> dict[str, Pulled]:
        """Read lists: tariffs and locations of everybody, sessions and CDRs of each CPO that can be reached.

        A CPO that does not list its sessions or CDRs is for its operator to mend: the log says so, and the
        next pull reaches back to where the last good one began.

        Args:
            whole: Whether to read all of it; otherwise what changed since the last time, and all of it only
                when it is time for that.

        Raises:
            NotSent, CallFailed, PeerRefused, PeerOffers: tariffs or locations could not be read to their end.
        """
        pulled: dict[str, Pulled] = {}
        for module in PUBLIC:
            for to in self.link.everybody(Role.CPO):
                pulled[f"{module} of {to}"] = await self._read(module, to, whole=whole)
        for module in OURS:
            for to in self._cpos() if self.link.offers(module, SENDER) else ():
                try:
                    pulled[f"{module} of {to}"] = await self._read(module, to, whole=whole)
                except NO_SUCCESS as error:
                    log.warning("%s of %s could not be read: %s", module, to, error)
        await self.checks.catch_up()
        self.tariff_history.forget()
        return pulled

    def bills(self) -> list[Bill]:
        """A bill for each CDR."""
        return [self._bill(stored) for stored in self._objects.all("cdrs")]

    def bills_with_id(self, cdr_id: str) -> list[Bill]:
        """The bills for the CDRs with this id, one a CPO at most (AM-28)."""
        return [self._bill(stored) for stored in self._objects.with_id("cdrs", cdr_id)]

    def running_cost(self, session: Session) -> PriceStatement | CannotBePriced | None:
        """What a session has cost so far by the tariffs that were valid at its start; see `running_cost`."""
        owner = Party(session.country_code, session.party_id)
        ids = {each.tariff_id for each in session.charging_periods if each.tariff_id}
        time_zone = None
        try:
            location = self.places.find(session.location_id, owner)
            time_zone = location.time_zone
            ids = ids or set(connector_of(location, session.evse_uid, session.connector_id).tariff_ids)
        except UnknownPlace:
            pass  # a home charger is never published (SES-21)
        versions = [each.version for each in self.tariff_history.versions(owner, ids)]
        found = [valid_at(versions, each, session.start_date_time, timedelta()) for each in sorted(ids)]
        return running_cost(session, [each[-1] for each in found if each], time_zone)

    async def _read(self, module: str, to: Party, *, whole: bool) -> Pulled:
        """One list, from where it was read last; the next pull goes on from here if all of it came."""
        began, registration, habits = self._clock(), self.link.peers.partner().id, self.habits
        mark = self._marks.get(registration, module, to)
        is_whole = whole or mark is None or began - mark.whole_at >= habits.whole_interval
        since = None if is_whole or mark is None else mark.read_at - habits.overlap
        if since is None and (module == "sessions" or (module == "cdrs" and not whole and mark is not None)):
            since = began - habits.history  # what ended long ago does not change any more
        pulled = await self._pull.owned(module, to=to, since=since, guard=self._guard(module))
        whole_at = began if is_whole or mark is None else mark.whole_at
        self._marks.put(registration, module, to, PullMark(began, whole_at))
        return pulled

    def _guard(self, module: str) -> Guard:
        return {"sessions": self.sessions.check, "cdrs": self.cdrs.check}.get(module, no_guard)

    def _cpos(self) -> tuple[Party, ...]:
        """The CPOs that can be asked for what is ours: behind a hub, those that it says are CONNECTED."""
        if self.link.peers.partner().is_hub:
            return tuple(self._node.clients.connected(Role.CPO))
        return self.link.everybody(Role.CPO)

    async def _is_known(self, owner: Party) -> bool:
        """Whether the hub told us of a party, asked once more where it did not (RT-37, HCI-11)."""
        clients = self._node.clients
        if not clients.knows(owner) and self.link.offers("hubclientinfo", SENDER):
            try:
                await self._pull.client_infos()
            except NO_SUCCESS as error:
                log.warning("who is connected could not be read: %s", error)
        return clients.knows(owner)

    def _bill(self, stored: StoredObject) -> Bill:
        cdr = CDR.read(stored.text, tolerant=True)
        return bill(cdr, self.checks.of(stored), self.quoting.kept(self._reference(cdr)))

    def _reference(self, cdr: CDR) -> str | None:
        """By what the CDR, or else its session, says that we started it (AM-40)."""
        if cdr.authorization_reference is not None or cdr.session_id is None:
            return cdr.authorization_reference
        key = ObjectKey("sessions", *Party(cdr.country_code, cdr.party_id).folded, cdr.session_id.upper())
        stored = self._objects.get(key)
        return None if stored is None else Session.read(stored.text, tolerant=True).authorization_reference
