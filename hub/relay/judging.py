"""The hub's verdict on each CDR that passes, and what it does with a bad one (decision 0033).

By default beside the message: the eMSP has the CDR when the hub begins to judge. Where an agreement says so,
a CDR is judged before it is relayed, and a bad one is refused, or held for an operator.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from hub.directory.agreements import CDRS, Agreements, CdrTreatment
from hub.ocpi.backoff import Backoff
from hub.ocpi.envelope import success
from hub.ocpi.errors import ClientError, InvalidParameters
from hub.ocpi.headers import Routing
from hub.ocpi.message import Message, Reply
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from hub.ocpi.waiting import Wait, wait_for
from hub.pricing.plausibility import Plausibility, Severity, Side, Verdict, judged
from hub.pricing.plausibility.shown import as_data, for_sides
from hub.relay.evidence import Evidence, ReadCdr, read_cdr
from hub.relay.keeping import Keeping, was_taken
from hub.store.cdr_state import CdrState
from hub.store.database import microseconds, moment
from hub.store.journal import Direction, Journal, JournalEntry, Purpose
from hub.store.judged_cdrs import WAITING, JudgedCdr
from hub.store.write_behind import CAPACITY, WriteBehind
from schemas import exact_json
from schemas.v2_2_1 import InterfaceRole

#: CDRs without a verdict that are judged at a time.
_AT_ONCE: Final = 100
#: Findings that an answer, or the journal, names.
_NAMED: Final = 5
_POST: Final = "POST"

log = logging.getLogger(__name__)


class CdrHeld(ClientError):
    """The CDR is held by the hub, and waits for its operator."""


class Passage(NamedTuple):
    """A CDR that came to the hub."""

    value: Any
    body: bytes
    sender: Party
    emsp: Party
    at: datetime
    correlation_id: str

    @property
    def cdr_id(self) -> str:
        """Folded; empty where it has none."""
        found = self.value.get("id") if isinstance(self.value, Mapping) else None
        return found.upper() if isinstance(found, str) else ""


@dataclass(frozen=True, slots=True)
class JudgingParts:
    """What judging stands on."""

    evidence: Evidence
    keeping: Keeping
    journal: Journal
    clock: Clock
    agreements: Callable[[], Agreements]
    measures: Plausibility
    chance: Callable[[], float]
    #: When what could not be judged is tried again.
    backoff: Backoff = field(default_factory=Backoff)
    wait: Wait = wait_for
    #: CDRs that wait for their verdict at most.
    capacity: int = CAPACITY


class Judging:
    """Judges what passes, while it is `running`. Somebody must `run` it for what was missed to be made up."""

    def __init__(self, parts: JudgingParts) -> None:
        self._parts = parts
        self._judged = parts.evidence.judged
        self._behind = WriteBehind(
            "verdicts on CDRs",
            self._judge_all,
            lose=self._miss,
            size=lambda each: 2 * len(each.body),
            capacity=parts.capacity,
        )
        #: Some CDR has passed and has no verdict, as far as is known.
        self._missed = asyncio.Event()
        #: One at a time: each is compared with those before it.
        self._alone = asyncio.Lock()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Judge until the end of the block, and then what still waits."""
        async with self._behind.running():
            yield

    async def caught_up(self) -> None:
        """Wait until there is a verdict on everything that has passed."""
        await self._behind.caught_up()

    async def before(self, message: Message, value: Any, to: Party) -> Reply | None:
        """Judge a CDR before it is relayed, if an agreement says so.

        Returns:
            The answer, if it passed earlier and nothing is to be relayed; None: it may pass.

        Raises:
            InvalidParameters: it is refused, or was dropped (2001).
            CdrHeld: it is held (2000).
        """
        sender = message.routing.sender
        if not is_cdr(message) or sender is None:
            return None
        treatment = self._parts.agreements().treatment(sender, to, self._parts.clock())
        if treatment is CdrTreatment.RECORD:
            return None
        passage = self._passage(message, value, sender, to)
        await self._parts.keeping.caught_up()
        await self._behind.caught_up()
        async with self._alone, self._judged.one_at_a_time():
            read = await asyncio.to_thread(read_cdr, value)
            earlier = await self._judged.find(sender, passage.cdr_id, read.digest)
            if earlier is not None and (known := self._as_before(earlier, message)) is not None:
                return known
            verdict = await self._verdict(passage, read)
            state = treated(verdict, treatment)
            if state is not CdrState.PASSED:
                await self._write(passage, read, verdict, state)
                raise _said(verdict, state)
        return None

    def passed(self, message: Message, value: Any, to: Party, reply: Reply) -> None:
        """A message was answered; if it was a CDR that its receiver took, it is judged soon. Never waits."""
        sender = message.routing.sender
        if is_cdr(message) and sender is not None and was_taken(reply):
            self._behind.offer(self._passage(message, value, sender, to))

    def _passage(self, message: Message, value: Any, sender: Party, to: Party) -> Passage:
        return Passage(value, message.body, sender, to, self._parts.clock(), message.ids.correlation_id)

    def _as_before(self, earlier: JudgedCdr, message: Message) -> Reply | None:
        """What is said of a CDR that came before, just like this, if it is for an operator to decide on."""
        if earlier.state in WAITING:
            raise CdrHeld("this CDR is held by the hub, and waits for its operator")
        if earlier.state is CdrState.DROPPED:
            raise InvalidParameters(f"this CDR was dropped by the hub's operator: {earlier.reason}")
        if earlier.state is CdrState.RELEASED:
            body = success(self._parts.clock())
            return Reply(200, body, Routing(message.routing.sender, earlier.emsp), note="passed on earlier")
        return None

    def look(self) -> None:
        """What another process should have judged may be without a verdict for ever."""
        self._missed.set()

    async def run(self) -> None:
        """Judge what is kept without a verdict, of former runs and of this one, until cancelled."""
        failures = 0
        while True:
            self._missed.clear()
            await self._make_up()
            failures = failures + 1 if self._missed.is_set() else 0
            if not failures:
                await self._missed.wait()
                failures = 1
            await self._parts.wait(asyncio.Event(), self._parts.backoff.delay(failures, self._parts.chance()))

    async def _make_up(self) -> None:
        after = 0
        try:
            await self._parts.keeping.caught_up()  # what was missed may be on its way to the disk
            while found := await self._judged.unjudged(after, _AT_ONCE):
                after = found[-1].seq
                for each in found:
                    body = each.body.encode()
                    value = exact_json.decode(body)
                    at = moment(each.kept_at)
                    self._behind.offer(Passage(value, body, each.owner, each.emsp, at, correlation_id=""))
                await self._behind.caught_up()
        except Exception:  # the loop must not die: verdicts are beside, and tried again
            log.exception("CDRs without a verdict could not be judged")
            self._missed.set()

    def _miss(self, _passage: Passage) -> None:
        self._missed.set()

    async def _judge_all(self, passages: Sequence[Passage]) -> None:
        await self._parts.keeping.caught_up()
        for each in passages:
            try:
                async with self._alone, self._judged.one_at_a_time():
                    await self._judge(each)
            except Exception:  # one CDR must not keep the verdicts from the others
                log.exception("there is no verdict on CDR %s of %s yet", each.cdr_id, each.sender)
                self._miss(each)

    async def _judge(self, passage: Passage) -> None:
        read = await asyncio.to_thread(read_cdr, passage.value)
        earlier = await self._judged.find(passage.sender, passage.cdr_id, read.digest)
        if earlier is not None and earlier.state in {CdrState.PASSED, CdrState.RELEASED}:
            return
        if earlier is not None and earlier.state is CdrState.RELEASING:
            return  # whoever sends it says when it has arrived
        await self._write(passage, read, await self._verdict(passage, read), CdrState.PASSED)

    async def _verdict(self, passage: Passage, read: ReadCdr) -> Verdict:
        known = await self._parts.evidence.known(read, passage.sender, passage.at)
        # In a thread, as reading is: a partner may send a CDR of megabytes, and messages go on meanwhile.
        return await asyncio.to_thread(judged, passage.value, known, self._parts.measures)

    async def _write(self, passage: Passage, read: ReadCdr, verdict: Verdict, state: CdrState) -> None:
        country_code, party_id = passage.sender.folded
        emsp_country_code, emsp_party_id = passage.emsp.folded
        await self._judged.write(
            JudgedCdr(
                country_code=country_code,
                party_id=party_id,
                emsp_country_code=emsp_country_code,
                emsp_party_id=emsp_party_id,
                cdr_id=passage.cdr_id,
                digest=read.digest,
                at=microseconds(passage.at),
                correlation_id=passage.correlation_id,
                state=state,
                severity=verdict.severity or "",
                verdict=exact_json.encode(as_data(verdict)).decode(),
                body=passage.body.decode() if state in WAITING else None,
                **read.footprint._asdict(),
            )
        )
        if verdict.findings or state is not CdrState.PASSED:
            self._note(passage, verdict, state)

    def _note(self, passage: Passage, verdict: Verdict, state: CdrState) -> None:
        """Say it in the journal, beside the legs of the exchange."""
        said = "; ".join(f"{each.severity} {each}" for each in verdict.findings[:_NAMED])
        more = len(verdict.findings) - _NAMED
        self._parts.journal.record(
            JournalEntry(
                at=self._parts.clock(),
                took=timedelta(0),
                direction=Direction.IN,
                purpose=Purpose.VERDICT,
                correlation_id=passage.correlation_id,
                request_id="",
                method=_POST,
                url="",
                module=CDRS,
                to_party=str(passage.emsp),
                from_party=str(passage.sender),
                note=f"CDR {passage.cdr_id}, {state}: {said}{f'; and {more} more' if more > 0 else ''}",
            )
        )


def is_cdr(message: Message) -> bool:
    """Whether it brings a CDR."""
    is_push = message.interface is InterfaceRole.RECEIVER and message.method == _POST
    return message.module.id == CDRS and is_push


def treated(verdict: Verdict, treatment: CdrTreatment) -> CdrState:
    """What becomes of a CDR with this verdict."""
    severity = verdict.severity
    if severity is Severity.REFUSE and treatment is CdrTreatment.REFUSE:
        return CdrState.REFUSED
    is_bad = severity in {Severity.REFUSE, Severity.HOLD}
    return CdrState.HELD if is_bad and treatment is not CdrTreatment.RECORD else CdrState.PASSED


def _said(verdict: Verdict, state: CdrState) -> ClientError:
    """The answer to the CPO, which names the findings as far as they are for it."""
    shown = for_sides(as_data(verdict), {Side.CPO})["findings"]
    grave = [each for each in shown if each["severity"] != Severity.NOTE]
    named = "; ".join(
        f"{each['pointer'] or '/'}: {each['message']} ({each['rule']})" for each in grave[:_NAMED]
    )
    more = f"; and {len(grave) - _NAMED} more" if len(grave) > _NAMED else ""
    if state is CdrState.REFUSED:
        return InvalidParameters(f"{named}{more}")
    return CdrHeld(f"held by the hub, it waits for its operator: {named}{more}")
