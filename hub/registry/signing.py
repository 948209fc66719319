"""Signing and ending agreements, and what that means for the partners: each is one transaction (design D6).

An agreement may begin or end by itself, at a moment that was agreed on. From that moment on the policy says
otherwise; telling the partners is a matter of the watch, which wakes up then. What the hub was too late for,
because it did not run, is made up for when it starts.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.directory.agreement_rows import agreement, agreement_row, read_agreements
from hub.directory.agreements import (
    CDRS,
    MODULES_OF_AGREEMENTS,
    Agreement,
    Agreements,
    AgreementState,
    CdrTreatment,
)
from hub.directory.current import CurrentDirectory
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from hub.ocpi.waiting import Wait, wait_for
from hub.registry.counterparts import Standing, resyncs
from hub.registry.records import Records
from hub.settings import PolicyMode
from hub.store.resyncs import owe_resyncs
from hub.store.tables import AgreementRow, PolicyRow

#: The clock is looked at so often at least, since it may be set.
LONGEST_WAIT = timedelta(seconds=30)

log = logging.getLogger(__name__)


class AgreementError(Exception):
    """What was asked of the agreements cannot be done; the subclass and the message say why.

    AgreementError
    ├── NotAnAgreement      a field of it is wrong
    ├── SignedAlready       there is one like that
    ├── UnknownAgreement    none has the number
    └── NothingToEnd        it is over
    """


class NotAnAgreement(AgreementError):
    """It cannot be agreed like that."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class SignedAlready(AgreementError):
    """There is an agreement like that."""


class UnknownAgreement(AgreementError):
    """No agreement has the number."""


class NothingToEnd(AgreementError):
    """The agreement is over."""


class Signing:
    """The agreements, as an operator and time change them."""

    def __init__(
        self,
        records: Records,
        directory: CurrentDirectory,
        mode: PolicyMode,
        clock: Clock,
        new_id: Callable[[], str],
        wait: Wait = wait_for,
    ) -> None:
        """Wire up.

        Args:
            records: The one way to change tables.
            directory: Has the agreements in force.
            mode: Whether the hub asks for agreements at all.
            clock: Tells the time.
            new_id: Makes the correlation id of all that the partners are told of a change.
            wait: Waits for news.
        """
        self._records = records
        self._directory = directory
        self._mode = mode
        self._clock = clock
        self._new_id = new_id
        self._wait = wait
        self._news = asyncio.Event()

    async def sign(
        self,
        parties: tuple[Party | None, Party | None],
        modules: Collection[str] = (),
        begins_at: datetime | None = None,
        until: datetime | None = None,
        cdrs: CdrTreatment = CdrTreatment.RECORD,
    ) -> Agreement:
        """Let two parties exchange messages; the counterparts are told of each other and of what there is.

        Args:
            parties: Who; None is anybody.
            modules: About what; empty for all.
            begins_at: The first moment at which it holds; None for now.
            until: The first moment at which it holds no more; None for never.
            cdrs: What the hub does with a CDR whose verdict is bad.

        Raises:
            NotAnAgreement: a field is wrong.
            SignedAlready: the same is agreed, and not over.
        """
        now = self._clock()
        wanted = Agreement(0, parties, frozenset(modules), begins_at, until, signed_at=now, cdrs=cdrs)
        _check(wanted, now)
        async with self._changing() as session:
            _check_new(wanted, await read_agreements(session), now)
            row = agreement_row(wanted)
            session.add(row)
        signed = agreement(row)
        self._news.set()
        return signed

    async def end(self, number: int) -> Agreement:
        """End an agreement now; it stays written down.

        Raises:
            UnknownAgreement: none has the number.
            NothingToEnd: it is over, or was ended before.
        """
        now = self._clock()
        async with self._changing() as session:
            row = await session.get(AgreementRow, number)
            if row is None:
                raise UnknownAgreement(f"there is no agreement {number}")
            state = agreement(row).state(now)
            if state in {AgreementState.OVER, AgreementState.ENDED}:
                raise NothingToEnd(f"agreement {number} is {state} already")
            row.ended_at = now
        self._news.set()
        return agreement(row)

    async def settle(self) -> None:
        """Tell the partners what is otherwise since they were last told, and remember that they were told."""
        async with self._changing():
            pass

    async def watch(self) -> None:
        """Settle whenever an agreement begins or ends by itself, until cancelled."""
        while True:
            self._news.clear()
            if self._is_due():
                try:
                    await self.settle()
                except Exception:
                    # A loop that must not die: a database that fails for a moment is asked again later.
                    log.exception("agreements began or ended, and the partners could not be told")
            await self._wait(self._news, self._pause())

    def _is_due(self) -> bool:
        agreements = self._directory.value.agreements
        boundary = agreements.next_boundary(agreements.settled_at)
        return boundary is not None and boundary <= self._clock()

    def _pause(self) -> timedelta:
        now = self._clock()
        boundary = self._directory.value.agreements.next_boundary(now)
        return LONGEST_WAIT if boundary is None else min(boundary - now, LONGEST_WAIT)

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[AsyncSession]:
        """A transaction that also owes the partners what it changes for them."""
        correlation_id = self._new_id()
        async with self._records.changing(correlation_id) as session:
            before = await _told(session)
            yield session
            await session.flush()
            now = self._clock()
            await self._look_at_the_clock(session, now)
            if before is not None:
                owed = await resyncs(session, before, Standing(await read_agreements(session), now))
                await owe_resyncs(await session.connection(), owed, correlation_id)

    async def _look_at_the_clock(self, session: AsyncSession, now: datetime) -> None:
        """Write down as of when, and in which mode, the partners are told."""
        told = await session.get(PolicyRow, 1)
        if told is None:
            session.add(PolicyRow(mode=self._mode, mode_since=now, settled_at=now))
        else:
            if told.mode != self._mode:
                log.warning("the policy was %s, and is %s from now on", told.mode, self._mode)
                told.mode, told.mode_since = self._mode, now
            told.settled_at = now
        await session.flush()


async def _told(session: AsyncSession) -> Standing | None:
    """What the partners were told; None before the first start."""
    row = await session.get(PolicyRow, 1)
    return None if row is None else Standing(await read_agreements(session), row.settled_at)


def _check(wanted: Agreement, now: datetime) -> None:
    first, second = wanted.parties
    if first is not None and first == second:
        raise NotAnAgreement("parties", f"expected two: {first} needs no agreement with itself")
    unknown = sorted(wanted.modules - set(MODULES_OF_AGREEMENTS))
    if unknown:
        raise NotAnAgreement(
            "modules", f"expected some of {', '.join(MODULES_OF_AGREEMENTS)}; got {', '.join(unknown)}"
        )
    if wanted.cdrs is not CdrTreatment.RECORD and not wanted.is_about(CDRS):
        raise NotAnAgreement("cdrs", f"the agreement is not about {CDRS}: there is nothing to {wanted.cdrs}")
    if wanted.until is not None and wanted.until <= now:
        raise NotAnAgreement("until", "expected a moment that is still to come")
    if wanted.until is not None and wanted.begins_at is not None and wanted.until <= wanted.begins_at:
        raise NotAnAgreement("until", "expected a moment after the beginning")


def _check_new(wanted: Agreement, agreements: Agreements, now: datetime) -> None:
    """Refuse an agreement twice: who ends one of them would wonder why nothing happens."""
    for each in agreements.all:
        is_over = each.state(now) in {AgreementState.OVER, AgreementState.ENDED}
        if not is_over and each.terms == wanted.terms:
            raise SignedAlready(f"agreement {each.id} says the same")
