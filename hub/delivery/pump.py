"""One pump for each platform: reads on from its receivers' cursors, sends, and moves the cursors.

A *round* takes the next changes of each receiver, leaves out what it is not owed, collapses the rest and
hands it over: several objects at the same time, but never two letters about one object. A cursor moves up to
the first change that is still owed. What was handed over beyond that is remembered, so that it is not sent
twice while the pump lives; after a crash it is, which does no harm: whatever is sent is the newest known.

If the platform fails, the round ends and the platform is left in peace for a while. The next round plans anew
from the cursors; so a platform that was away gets the newest states, once.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from hub.delivery.addresses import Addresses
from hub.delivery.audience import CLIENT_INFO, Hearing, MayExchange, Receiver, may_see, receivers
from hub.delivery.changes import Change, ChangeLog
from hub.delivery.collapse import Owed, collapsed, with_whole
from hub.delivery.cursors import Cursors
from hub.delivery.dead_letters import DeadLetter, DeadLetters
from hub.delivery.letter import Letter
from hub.delivery.partial import Patches
from hub.delivery.resyncs import Batch, Resyncs
from hub.delivery.round import (
    Group,
    HandedOver,
    Round,
    grouped,
    position_after,
    subjects,
    told_places,
    whole_keys,
)
from hub.delivery.sending import Attempt, Sending, as_it_came, shown_to, whole
from hub.delivery.turns import Turns
from hub.delivery.verdict import Verdict
from hub.directory.directory import Directory, Platform, WhenUnreachable
from hub.ocpi.backoff import Backoff
from hub.ocpi.description import ObjectKey
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from hub.store.leases import Lease, LeaseLost
from hub.store.object_rows import DELETABLE, KeptState
from schemas import exact_json

#: Perhaps the platform wants the token in another encoding: whoever asks it finds out.
UNAUTHORIZED = 401

#: What is said of a platform whose lease ended before it could be renewed.
NOT_OURS = "this process may not go on: the database is away, or another process looks after the platform"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PumpParts:
    """What all pumps stand on."""

    directory: Callable[[], Directory]
    log: ChangeLog
    cursors: Cursors
    dead_letters: DeadLetters
    resyncs: Resyncs
    sending: Sending
    may_exchange: MayExchange
    clock: Clock
    #: A random number from 0 to 1.
    chance: Callable[[], float]
    #: Told of a platform to which no connection could be made.
    unreachable: Callable[[int], None]
    backoff: Backoff
    #: Deliveries that one platform gets at the same time.
    in_flight: int = 8
    #: Faulty answers to the delivery of one object, after which it becomes a dead letter.
    attempts: int = 8
    #: Changes that each receiver takes in one round.
    largest_round: int = 200
    #: When a pump may begin with something.
    turns: Turns = field(default_factory=Turns)


class PumpStatus(StrEnum):
    """What a pump is doing."""

    #: Everything is delivered.
    IDLE = "idle"
    DELIVERING = "delivering"
    #: The platform failed; the next attempt comes later.
    BACKING_OFF = "backing off"
    #: The platform is not connected: nothing is sent (HCI-12 to HCI-14).
    NOT_CONNECTED = "not connected"


@dataclass(frozen=True, slots=True)
class PumpReport:
    """How a pump is, for whoever asks."""

    status: PumpStatus
    #: When the platform is tried again, None where it is not backed off from.
    retry_at: datetime | None = None
    #: What went wrong last; empty if nothing did.
    last_failure: str = ""

    def written(self) -> str:
        """As it is read by `read`."""
        retry_at = None if self.retry_at is None else self.retry_at.isoformat()
        return exact_json.encode([self.status, retry_at, self.last_failure]).decode()

    @classmethod
    def read(cls, text: str) -> "PumpReport":
        """What another process wrote, perhaps of another version; one that said nothing is idle."""
        try:
            status, retry_at, last_failure = exact_json.decode(text)
            moment = None if retry_at is None else datetime.fromisoformat(retry_at)
            return cls(PumpStatus(status), moment, last_failure)
        except (exact_json.NotJson, ValueError, TypeError):
            return cls(PumpStatus.IDLE)


class NotDeliverable(Exception):
    """The dead letter cannot be sent now; the message says why."""


class Pump:
    """Delivers to the receivers of one platform, as long as this process looks after it."""

    def __init__(self, platform_id: int, parts: PumpParts, lease: Lease) -> None:
        self._platform_id = platform_id
        self._parts = parts
        self._lease = lease
        self._is_stopping = False
        self._news = asyncio.Event()
        self._life = asyncio.Event()
        self._sending = asyncio.Lock()
        self._addresses = Addresses(parts.sending.calls)
        self._hearing = Hearing()
        #: Whether it was woken, and waits for its turn; whether it is its turn.
        self._is_called = False
        self._has_turn = False
        self._handed_over = HandedOver()
        self._patches = Patches()
        #: Faulty answers, by receiver and object.
        self._faults: dict[tuple[Receiver, ObjectKey], int] = {}
        self._failures = 0
        #: For how long the platform has asked to be left in peace (Retry-After).
        self._peace = timedelta()
        #: Whether the last failure was a wrong answer.
        self._is_faulty = False
        self.status = PumpStatus.IDLE
        self.retry_at: datetime | None = None
        self.last_failure = ""

    @property
    def report(self) -> PumpReport:
        """How it is."""
        return PumpReport(self.status, self.retry_at, self.last_failure)

    def wake(self) -> None:
        """There may be something to deliver, or the platform is another one now: look in turn."""
        if not self._is_called:
            self._is_called = True
            self._parts.turns.later(self._called)

    def _called(self) -> None:
        self._is_called = False
        self._has_turn = True
        self._news.set()

    def alive(self) -> None:
        """The platform gave a sign of life: if it could not be reached, it is tried again now.

        A platform that answers, but wrongly, is alive all the same: its back-off stays.
        """
        if not self._is_faulty:
            self._life.set()

    def renewed(self) -> None:
        """The platform has other endpoints, another token or another status: it is tried again now."""
        self._life.set()
        self._news.set()

    async def stop(self) -> None:
        """Begin nothing more; what is under way has ended when this returns."""
        self._is_stopping = True
        async with self._sending:
            return

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            if not self._has_turn:
                await self._parts.turns.take()
            self._news.clear()
            self._life.clear()
            self._has_turn = False
            try:
                await self._round()
            except LeaseLost:
                self._fail(NOT_OURS, is_faulty=True)
            except Exception as error:  # a pump must not die; whatever it was, it is tried again later
                log.exception("delivering to platform %d failed", self._platform_id)
                self._fail(repr(error), is_faulty=True)
            if self.status is PumpStatus.BACKING_OFF:
                await self._rest()
            elif self.status is not PumpStatus.DELIVERING:
                await self._news.wait()

    async def send_again(self, dead_letter: DeadLetter) -> Attempt:
        """Send the newest state of a dead letter's object; if it is taken, the dead letter is gone.

        Raises:
            NotDeliverable: the platform is not connected, or the receiver is gone.
            LeaseLost: another process looks after the platform by now.
        """
        async with self._sending:
            platform = self._platform()
            if platform is None or not platform.is_connected:
                raise NotDeliverable("the platform is not connected")
            if dead_letter.receiver not in receivers(platform):
                raise NotDeliverable(f"the platform has no receiver {dead_letter.receiver} any more")
            change = dead_letter.change
            states = await self._states([change.key])
            letter = self._whole(platform, dead_letter.receiver, change, states.get(change.key))
            if letter is None:
                raise NotDeliverable(f"{dead_letter.receiver} has no agreement with {change.owner} any more")
            hub = self._parts.directory().hub
            attempt = await self._sent(hub, platform, dead_letter.receiver, change, letter)
            if attempt.verdict is Verdict.DELIVERED:
                await self._parts.dead_letters.forget([attempt.subject])
            elif attempt.verdict is Verdict.REFUSED:
                await self._parts.dead_letters.keep([attempt])
            return attempt

    def _platform(self) -> Platform | None:
        return self._parts.directory().platforms.get(self._platform_id)

    async def _round(self) -> None:
        async with self._sending:
            platform = self._platform()
            if platform is None or not platform.is_connected:
                self._pause(platform)
                return
            self.status = PumpStatus.DELIVERING
            current = await self._planned(platform)
            await self._hand_over(current)
            await self._settle(current)
            self._conclude(current)

    def _pause(self, platform: Platform | None) -> None:
        self.status = PumpStatus.NOT_CONNECTED
        self.retry_at = None
        self._failures = 0
        self._skip_if_nothing_is_kept(platform)

    def _skip_if_nothing_is_kept(self, platform: Platform | None) -> None:
        """Under the policy `none` a platform that cannot be reached is owed nothing: it pulls (TR-31)."""
        if platform is None or platform.when_unreachable is not WhenUnreachable.NONE:
            return
        for receiver in receivers(platform):
            self._parts.cursors.move(receiver, self._parts.log.end)
        self._parts.resyncs.drop(receivers(platform))
        self._handed_over.clear()
        self._faults.clear()

    async def _planned(self, platform: Platform) -> Round:
        parts, most = self._parts, self._parts.largest_round
        ahead: dict[Receiver, Sequence[Change]] = {}
        batches: dict[Receiver, Batch] = {}
        for receiver in self._hearing.receivers(platform):
            position = parts.cursors.position(receiver)
            if position is None:
                continue
            if parts.resyncs.count(receiver):
                batch = await parts.resyncs.next(receiver, most)
                batches |= {} if batch is None else {receiver: batch}
            at_hand = parts.log.at_hand(position, most)
            ahead[receiver] = await parts.log.after(position, most) if at_hand is None else at_hand
        # No await from here: all receivers are planned for by the same end of the log.
        groups = self._grouped(platform, ahead, batches)
        to_tell, hub = subjects(groups), parts.directory().hub
        states = await self._states(whole_keys(groups))
        return Round(platform, hub, ahead, deque(groups.values()), batches, to_tell, states)

    def _grouped(
        self,
        platform: Platform,
        ahead: Mapping[Receiver, Sequence[Change]],
        batches: Mapping[Receiver, Batch],
    ) -> dict[ObjectKey, Group]:
        """What is owed now, object by object."""
        parts = self._parts
        owed: dict[Receiver, dict[ObjectKey, Owed]] = {}
        for receiver, changes in ahead.items():
            new = [each for each in changes if self._is_open(each, receiver, platform)]
            if new:
                owed[receiver] = collapsed(new, parts.log.newest, parts.dead_letters.of(receiver))
            if (batch := batches.get(receiver)) is not None:
                resynced = self._resynced(batch, receiver, platform)
                owed[receiver] = with_whole(owed.get(receiver, {}), resynced)
        if len(owed) > 1:
            return grouped(owed)
        # Mostly one receiver of a platform is owed something, and so there is nothing to be kept in step.
        return {key: [(receiver, each)] for receiver, of in owed.items() for key, each in of.items()}

    def _resynced(self, batch: Batch, receiver: Receiver, platform: Platform) -> Iterable[Change]:
        """The objects of a batch that the receiver is to be told of."""
        for place, change in batch.places:
            is_open = place not in batch.told and self._hearing.concerns(change, receiver, platform)
            if is_open and (
                _can_be_taken_back(change) or may_see(change, receiver, platform, self._parts.may_exchange)
            ):
                yield change

    def _is_open(self, change: Change, receiver: Receiver, platform: Platform) -> bool:
        """Whether the receiver is owed the change, and has not got it."""
        return (
            self._hearing.concerns(change, receiver, platform)
            and not self._handed_over.has(receiver, change)
            and may_see(change, receiver, platform, self._parts.may_exchange)
        )

    async def _states(self, keys: Collection[ObjectKey]) -> dict[ObjectKey, KeptState]:
        kept = self._parts.log.states_at_hand(keys)
        return await self._parts.log.states(keys) if kept is None else kept

    async def _hand_over(self, current: Round) -> None:
        workers = min(self._parts.in_flight, len(current.waiting))
        if workers <= 1:
            await self._work(current)
            return
        async with asyncio.TaskGroup() as tasks:
            for _ in range(workers):
                tasks.create_task(self._work(current))

    async def _work(self, current: Round) -> None:
        while current.waiting and self._goes_on(current):
            for receiver, owed in current.waiting.popleft():
                await self._turn(current)
                if self._goes_on(current):
                    try:
                        attempt = await self._attempt(current, receiver, owed)
                    except LeaseLost:
                        current.is_cut = True
                        return
                    if attempt is None:
                        current.open.discard((receiver, owed.change.key))
                    else:
                        self._note(current, attempt)

    async def _turn(self, current: Round) -> None:
        """Wait until it may begin with something; the first time, the turn is that of the round."""
        if current.has_turn:
            current.has_turn = False
        else:
            await self._parts.turns.take()

    def _goes_on(self, current: Round) -> bool:
        """Whether something more may be sent in this round."""
        current.is_cut = current.is_cut or self._is_stopping
        return current.failure is None and not current.is_cut

    async def _sent(
        self, hub: Party, platform: Platform, receiver: Receiver, change: Change, letter: Letter
    ) -> Attempt:
        """Send a letter, and wait for its answer no longer than this process looks after the platform.

        Raises:
            LeaseLost: that is over, and nothing was sent.
        """
        rest = self._lease.rest
        if rest <= 0:
            raise LeaseLost(self._platform_id)
        within = timedelta.max if rest == math.inf else timedelta(seconds=rest)
        address = self._addresses.of(hub, platform, receiver, change.key.module)
        return await self._parts.sending.send(address, change, letter, within)

    async def _attempt(self, current: Round, receiver: Receiver, owed: Owed) -> Attempt | None:
        """The attempt that counts: a receiver that lacks the object is sent it whole (RT-41).

        None where there is nothing to say: an agreement has ended.
        """
        change, is_whole = owed
        hub, platform, send = current.hub, current.platform, self._sent
        is_allowed = may_see(change, receiver, platform, self._parts.may_exchange)
        part: Attempt | None = None
        if not is_whole and is_allowed and change.key not in current.states:
            if change.method != "PATCH" or platform.quirks.takes_patch:
                part = await send(hub, platform, receiver, change, as_it_came(change))
                if part.verdict is not Verdict.LACKS_OBJECT:
                    self._patches.taken(part)
                    return part
            current.states.update(await self._states([change.key]))
        elif self._is_old(change, current.states.get(change.key)):
            current.states.update(await self._states([change.key]))
        letter = self._whole(platform, receiver, change, current.states.get(change.key))
        if letter is None:
            return None
        attempt = await send(hub, platform, receiver, change, letter)
        if part is not None and (seen := self._patches.failed(part, attempt)) is not None:
            self._parts.sending.calls.observe(platform.id, seen)
        return attempt

    def _is_old(self, change: Change, kept: KeptState | None) -> bool:
        """Whether the object has changed since its state was read: the round may have waited for long."""
        return kept is not None and (kept.change_seq or 0) < self._parts.log.newest(change)

    def _whole(
        self, platform: Platform, receiver: Receiver, change: Change, kept: KeptState | None
    ) -> Letter | None:
        """The newest state of the change's object, as the receiver may know it; None where there is no such.

        What it may not see any more it is told to delete, where OCPI has a DELETE. Everything else only its
        owner can take back, and nobody speaks in its name.
        """
        parts = self._parts
        if receiver.party_role is None:
            return whole(change, kept and shown_to(platform, change, kept, parts.directory(), parts.clock()))
        if may_see(change, receiver, platform, parts.may_exchange):
            return whole(change, kept)
        return whole(change, None) if _can_be_taken_back(change) else None

    def _note(self, current: Round, attempt: Attempt) -> None:
        if attempt.verdict is Verdict.FAULTY:
            self._faults[attempt.subject] = self._faults.get(attempt.subject, 0) + 1
        if attempt.verdict is Verdict.DELIVERED:
            self._handed_over.add(attempt)
            current.delivered.append(attempt)
        elif attempt.verdict is Verdict.REFUSED or self._faults.get(attempt.subject) == self._parts.attempts:
            current.refused.append(attempt)
        else:
            current.fail(attempt)

    async def _settle(self, current: Round) -> None:
        """Move the cursors. What was refused is on disk before, so that a crash in between loses nothing."""
        await self._parts.dead_letters.keep(current.refused)
        for attempt in current.refused:
            self._handed_over.add(attempt)
        await self._parts.dead_letters.forget(attempt.subject for attempt in current.delivered)
        for attempt in (*current.delivered, *current.refused):
            subject = attempt.subject
            self._faults.pop(subject, None)
            current.open.discard(subject)
        for receiver, batch in current.batches.items():
            await self._parts.resyncs.told(batch, told_places(current, receiver, batch))
        for receiver, changes in current.ahead.items():
            if changes:
                self._move(receiver, changes, current)

    def _move(self, receiver: Receiver, changes: Sequence[Change], current: Round) -> None:
        position = self._parts.cursors.position(receiver)
        if position is None:
            return
        if current.open:
            platform = current.platform
            position = position_after(position, changes, lambda each: self._is_open(each, receiver, platform))
        else:
            position = changes[-1].seq
        self._parts.cursors.move(receiver, position)
        self._handed_over.passed(receiver, position)

    def _conclude(self, current: Round) -> None:
        failure = current.failure
        if failure is None and current.is_cut:
            self._fail(NOT_OURS, is_faulty=True)
            return
        if failure is None:
            self._failures = 0
            self._is_faulty = False
            self.retry_at = None
            self.status = PumpStatus.DELIVERING if self._is_more(current) else PumpStatus.IDLE
            return
        if failure.verdict is Verdict.NOT_REACHED or failure.http_status == UNAUTHORIZED:
            self._parts.unreachable(self._platform_id)
        is_faulty = failure.verdict is Verdict.FAULTY
        if not is_faulty:
            self._skip_if_nothing_is_kept(current.platform)
        self._fail(failure.reason, is_faulty=is_faulty)
        self._peace = failure.retry_after

    def _is_more(self, current: Round) -> bool:
        cursors, end, resyncs = self._parts.cursors, self._parts.log.end, self._parts.resyncs
        return any(
            (cursors.position(receiver) or 0) < end or resyncs.count(receiver) for receiver in current.ahead
        )

    def _fail(self, reason: str, *, is_faulty: bool) -> None:
        self._failures += 1
        self._peace = timedelta()
        self._is_faulty = is_faulty
        self.last_failure = reason
        self.status = PumpStatus.BACKING_OFF

    async def _rest(self) -> None:
        """Leave the platform in peace, until it is time or it gives a sign of life.

        The least pause stays, and so does the one that the platform has asked for.
        """
        backoff = self._parts.backoff
        least = max(backoff.least, self._peace)
        delay = max(least, backoff.delay(self._failures, self._parts.chance()))
        self.retry_at = self._parts.clock() + delay
        await asyncio.sleep(least.total_seconds())
        try:
            async with asyncio.timeout((delay - least).total_seconds()):
                await self._life.wait()
            self._failures = 0
        except TimeoutError:
            if not self._is_faulty:
                self._skip_if_nothing_is_kept(self._platform())


def _can_be_taken_back(change: Change) -> bool:
    """Whether the hub has words for an object that somebody may not see any more."""
    return change.key.module in DELETABLE or change.key.module == CLIENT_INFO
