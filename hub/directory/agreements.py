"""Agreements: who may exchange what with whom, and since when (design D6); values, and nothing else.

An agreement holds both ways. It is between two parties, either of which may be anybody, for some modules or
for all, from a moment on and until another one. Moments take effect by themselves: whoever asks says what
time it is.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from hub.ocpi.modules import MODULES
from hub.ocpi.party import Party
from hub.settings import PolicyMode

#: How anybody is written.
ANYBODY = "*"
#: What agreements can be about. The configuration modules are between a platform and the hub.
MODULES_OF_AGREEMENTS = tuple(sorted(module.id for module in MODULES.values() if module.is_routed))
#: Whom somebody may know is whom it has any agreement with (HCI-06).
CLIENT_INFO = "hubclientinfo"
CDRS = "cdrs"
BEGINNING = datetime.min.replace(tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)

#: A party as agreements are found by it; None is anybody.
_Side = tuple[str, str] | None
_Pair = frozenset[_Side]


class CdrTreatment(StrEnum):
    """What the hub does with a CDR whose verdict is bad, the mildest first (decision 0033)."""

    #: The verdict is recorded and offered; the CDR passes.
    RECORD = "record"
    #: With a finding of severity hold or refuse it waits for an operator.
    HOLD = "hold"
    #: With a finding of severity refuse it is refused, with one of severity hold it waits.
    REFUSE = "refuse"


class AgreementState(StrEnum):
    """Where an agreement stands."""

    #: It begins later.
    PLANNED = "planned"
    IN_FORCE = "in-force"
    #: Its time has passed.
    OVER = "over"
    #: An operator ended it.
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two parties that may exchange messages."""

    id: int
    #: None: anybody.
    parties: tuple[Party | None, Party | None]
    #: Empty: all.
    modules: frozenset[str]
    #: The first moment at which it holds; None: since it was signed.
    begins_at: datetime | None
    #: The first moment at which it holds no more; None: never, by itself.
    until: datetime | None
    signed_at: datetime
    #: When an operator ended it.
    ended_at: datetime | None = None
    cdrs: CdrTreatment = CdrTreatment.RECORD

    def state(self, now: datetime) -> AgreementState:
        """Where it stands at this moment."""
        if self.ended_at is not None:
            return AgreementState.ENDED
        if self.until is not None and self.until <= now:
            return AgreementState.OVER
        if self.begins_at is not None and now < self.begins_at:
            return AgreementState.PLANNED
        return AgreementState.IN_FORCE

    def is_in_force(self, now: datetime) -> bool:
        """Whether it holds at this moment."""
        return self.state(now) is AgreementState.IN_FORCE

    def is_about(self, module: str) -> bool:
        """Whether it lets a module's messages pass; one of any module lets its parties know of each other."""
        return not self.modules or module in self.modules or module == CLIENT_INFO

    def covers(self, one: Party, other: Party) -> bool:
        """Whether it is between these two."""
        first, second = self.parties
        return (_is(first, one) and _is(second, other)) or (_is(first, other) and _is(second, one))

    def names(self, party: Party) -> bool:
        """Whether the party is one of the two, or anybody is."""
        return any(_is(each, party) for each in self.parties)

    @property
    def terms(self) -> tuple[Any, ...]:
        """What was agreed, whoever signed first."""
        return self.pair, self.modules, self.begins_at, self.until, self.cdrs

    @property
    def boundaries(self) -> tuple[datetime, ...]:
        """The moments at which it begins or ends by itself."""
        ends = () if self.ended_at is not None else (self.begins_at, self.until)
        return tuple(each for each in ends if each is not None)

    @property
    def span(self) -> tuple[datetime, datetime]:
        """From when until when it holds or held."""
        begin = self.signed_at if self.begins_at is None else max(self.signed_at, self.begins_at)
        return begin, min(self.until or END, self.ended_at or END)

    @property
    def pair(self) -> _Pair:
        """What it is found by."""
        return frozenset(None if party is None else party.folded for party in self.parties)


class Acquaintance(NamedTuple):
    """Whether a party may be known to others, and since when it may, or may no more."""

    is_known: bool
    since: datetime


@dataclass(frozen=True, slots=True)
class Agreements:
    """Everything that was ever agreed, and whether the hub asks for agreements at all."""

    mode: PolicyMode = PolicyMode.OPEN
    #: Since when the hub runs in this mode.
    mode_since: datetime = BEGINNING
    #: Up to which moment agreements were looked at that begin and end by themselves.
    settled_at: datetime = BEGINNING
    all: tuple[Agreement, ...] = ()
    by_pair: Mapping[_Pair, tuple[Agreement, ...]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        mode: PolicyMode,
        mode_since: datetime,
        agreements: Iterable[Agreement],
        settled_at: datetime = BEGINNING,
    ) -> "Agreements":
        """These agreements, in the order of their numbers."""
        known = tuple(agreements)
        by_pair: dict[_Pair, tuple[Agreement, ...]] = {}
        for each in known:
            by_pair[each.pair] = (*by_pair.get(each.pair, ()), each)
        return cls(mode, mode_since, settled_at, known, MappingProxyType(by_pair))

    @property
    def is_open(self) -> bool:
        """Whether everybody may exchange everything with everybody."""
        return self.mode is PolicyMode.OPEN

    def allow(self, one: Party, other: Party, module: str, now: datetime) -> bool:
        """Whether the two may exchange messages of the module at this moment, whoever begins."""
        return self.is_open or any(self.letting(one, other, module, now))

    def letting(self, one: Party, other: Party, module: str, now: datetime) -> Iterator[Agreement]:
        """The agreements that let the two exchange messages of the module at this moment."""
        for each in self.between(one, other):
            if each.is_about(module) and each.is_in_force(now):
                yield each

    def treatment(self, one: Party, other: Party, now: datetime) -> CdrTreatment:
        """What the two want done with CDRs whose verdict is bad: the strictest that one of theirs says."""
        if self.is_open:
            return CdrTreatment.RECORD
        wanted = {each.cdrs for each in self.letting(one, other, CDRS, now)}
        return next(each for each in reversed(CdrTreatment) if each in wanted | {CdrTreatment.RECORD})

    def acquaintance(self, party: Party, others: Iterable[Party], now: datetime) -> Acquaintance:
        """Whether one of the others may know of the party, and since when: it may, or may no more."""
        if self.is_open:
            return Acquaintance(is_known=True, since=self.mode_since)
        agreed = {each.id: each.span for other in others for each in self.between(party, other)}
        spans = sorted((begin, end) for begin, end in agreed.values() if begin < end)
        since, ended = BEGINNING, BEGINNING
        for begin, end in spans:
            if now < begin:
                break
            if ended < begin:
                since = begin
            ended = max(ended, end)
        is_known = now < ended
        return Acquaintance(is_known, max(since if is_known else ended, self.mode_since))

    def next_boundary(self, after: datetime) -> datetime | None:
        """The next moment at which an agreement begins or ends by itself."""
        return min(
            (each for agreement in self.all for each in agreement.boundaries if after < each), default=None
        )

    def between(self, one: Party, other: Party) -> Iterator[Agreement]:
        """Every agreement that covers these two, in force or not."""
        for pair in {
            frozenset((one.folded, other.folded)),
            frozenset((one.folded, None)),
            frozenset((other.folded, None)),
            _ANYBODY_WITH_ANYBODY,
        }:
            yield from self.by_pair.get(pair, ())


_ANYBODY_WITH_ANYBODY: _Pair = frozenset((None,))
#: An open hub.
EVERYBODY = Agreements()


def _is(side: Party | None, party: Party) -> bool:
    return side is None or side == party
