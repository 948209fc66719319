"""What the hub does now: it relays, and remembers what it needs to relay what comes next."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from hub.admin.platform_shown import Traffic
from hub.calling.circuits import Circuits
from hub.calling.rate_limits import RateLimits
from hub.directory.current import CurrentDirectory
from hub.relay.asking import Asking
from hub.relay.broadcast import Broadcasting
from hub.relay.collect import Collecting
from hub.relay.content import Contents
from hub.relay.decision import Deciding
from hub.relay.evidence import Evidence
from hub.relay.exchange import Exchange
from hub.relay.forward import Forwarding
from hub.relay.held import Held, HeldParts
from hub.relay.judging import Judging, JudgingParts
from hub.relay.keeping import Keeping
from hub.relay.learnt import LearntAddressees
from hub.relay.leg import Legs
from hub.relay.links import Links
from hub.relay.results import Results
from hub.relay.token_owners import TokenOwners
from hub.routing.policy import MayExchange
from hub.store.acceptance import AcceptedChange
from hub.store.announcements import Topic
from hub.store.journal import Direction, Journal, JournalEntry, Purpose
from hub.store.judged_cdrs import JudgedCdrs
from hub.store.leases import THE_HUB, Leases
from hub.store.objects import ObjectStore
from hub.web.composition.connected import Connected
from hub.web.composition.ground import Ground

#: How often it is looked for results that nobody awaits any more, because their process is gone.
TAKE_OVER_EVERY = timedelta(seconds=30)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Now:
    """The relay, and what it remembers of messages that passed."""

    exchange: Exchange
    traffic: Traffic
    links: Links
    learnt: LearntAddressees
    keeping: Keeping
    results: Results
    judging: Judging
    held: Held
    judged: JudgedCdrs

    def loops(self, directory: CurrentDirectory, leases: Leases) -> tuple[Coroutine[Any, Any, None], ...]:
        """What somebody must run."""
        return (
            self.links.run(),
            self.results.run(partial(self.exchange.forwarding.tell_no_result, directory)),
            self.judging.run(),
            self.held.run(),
            self._await_for_others(leases),
        )

    async def _await_for_others(self, leases: Leases) -> None:
        """What a process awaited that is gone is awaited by the one that does the hub's chores."""
        while leases.is_shared:
            await leases.wait_for(THE_HUB)
            try:
                await self.results.take_over()
            except (SQLAlchemyError, OSError) as error:
                log.warning("which results other processes await could not be read: %s", error)
            await asyncio.sleep(TAKE_OVER_EVERY.total_seconds())

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Write behind the messages until the end of the block."""
        async with self.keeping.running(), self.judging.running(), self.results.writing():
            yield


def what_happens_now(
    ground: Ground,
    connected: Connected,
    may_exchange: MayExchange,
    objects: ObjectStore,
    journal: Journal,
    wake: Callable[[], None],
) -> Now:
    """The relay.

    Args:
        ground: What it stands on.
        connected: Between whom.
        may_exchange: Who may send what to whom.
        objects: Where accepted objects are kept.
        journal: Where verdicts are said.
        wake: Called when something was accepted that is owed to others.
    """
    settings, clock, directory = ground.settings, ground.clock, connected.directory
    leases = connected.leases
    limits, public_url = settings.limits, connected.identity.public_url
    traffic = Traffic(
        RateLimits(limits.requests_per_second, clock),
        Circuits(clock, random.random, most_under_way=limits.relays_in_flight),
    )
    legs = Legs(connected.calls, limits.relay, connected.signs.unreachable, traffic.circuits)
    links = Links(ground.database, public_url, clock)
    learnt = LearntAddressees(ground.database, clock, limits)
    keeping = Keeping(objects, lost=lambda change: journal.record(_not_kept(change, clock())))
    results = Results(links, clock, limits)
    token_owners = TokenOwners(
        clock, owner=limits.token_owner, unknown=limits.unknown_token, most=limits.tokens_remembered
    )
    judged = JudgedCdrs(ground.database)
    judging = Judging(
        JudgingParts(
            Evidence(objects, judged),
            keeping,
            journal,
            clock,
            lambda: directory.value.agreements,
            settings.plausibility,
            random.random,
        )
    )
    forwarding = Forwarding(legs, links, may_exchange, clock, limits, results)
    exchange = Exchange(
        Deciding(directory, may_exchange, Contents(objects, learnt, token_owners, keeping), settings.ask_all),
        forwarding,
        Asking(token_owners, limits.ask_all, traffic.circuits.failed),
        learnt,
        Broadcasting(objects, clock, wake),
        Collecting(objects, may_exchange, clock, public_url, limits.page),
        keeping,
        judging,
    )
    held = Held(
        HeldParts(
            judged,
            forwarding,
            keeping,
            lambda: directory.value,
            may_exchange,
            ground.new_id,
            leases,
            random.random,
        )
    )

    def do_chores() -> None:
        if leases.is_shared and leases.has(THE_HUB):
            judging.look()
            held.wake()

    leases.heard_by(do_chores)
    ground.database.announcements.heard_by(Topic.CHORES, lambda _: held.wake())
    return Now(exchange, traffic, links, learnt, keeping, results, judging, held, judged)


def _not_kept(change: AcceptedChange, now: datetime) -> JournalEntry:
    """What the journal says of a message that has passed, and that GET All will lack."""
    key = change.key
    return JournalEntry(
        at=now,
        took=timedelta(0),
        direction=Direction.IN,
        purpose=Purpose.JOURNAL,
        correlation_id=change.correlation_id,
        request_id="",
        method=change.method,
        url="",
        module=key.module,
        to_party=None if change.addressee is None else str(change.addressee),
        from_party=f"{key.country_code}/{key.party_id}",
        note=f"{key.object_id} was handed on and is not kept here: it could not be stored",
    )
