"""One round of a pump: what each receiver of a platform is to be told next, object by object."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hub.delivery.audience import Receiver
from hub.delivery.changes import Change
from hub.delivery.collapse import Owed
from hub.delivery.resyncs import Batch
from hub.delivery.sending import Attempt
from hub.delivery.verdict import Verdict
from hub.directory.directory import Platform
from hub.ocpi.description import ObjectKey
from hub.ocpi.party import Party
from hub.store.object_rows import KeptState

#: What the receivers of one platform are owed of one object. One after the other is told of it, so that a
#: platform which keeps it once for all its parties gets nothing out of order.
Group = list[tuple[Receiver, Owed]]
#: Somebody, and an object.
Subject = tuple[Receiver, ObjectKey]


class HandedOver:
    """What receivers got although their cursors are not there yet."""

    def __init__(self) -> None:
        self._seqs: dict[Receiver, dict[ObjectKey, int]] = {}

    def has(self, receiver: Receiver, change: Change) -> bool:
        """Whether the receiver got this change of the object, or a newer one."""
        seqs = self._seqs.get(receiver)
        return seqs is not None and seqs.get(change.key, 0) >= change.seq

    def add(self, attempt: Attempt) -> None:
        """The receiver has the object as of the change that its letter was as of."""
        seqs = self._seqs.setdefault(attempt.receiver, {})
        key = attempt.change.key
        seqs[key] = max(attempt.letter.as_of, seqs.get(key, 0))

    def passed(self, receiver: Receiver, position: int) -> None:
        """The receiver's cursor is here now: what lies behind needs not be remembered."""
        seqs = self._seqs.pop(receiver, None)
        if not seqs:
            return
        if ahead := {key: seq for key, seq in seqs.items() if seq > position}:
            self._seqs[receiver] = ahead

    def clear(self) -> None:
        """Forget everything."""
        self._seqs.clear()


@dataclass(slots=True)
class Round:
    """What is to be handed over, and what became of it."""

    platform: Platform
    hub: Party
    #: What the log has for each receiver, owed or not, in order.
    ahead: Mapping[Receiver, Sequence[Change]]
    #: What is left to hand over.
    waiting: deque[Group]
    #: The next objects that receivers are to be told of beside the log.
    batches: Mapping[Receiver, Batch]
    #: Who is to be told of which object, and was not yet.
    open: set[Subject]
    #: The newest states of objects that go out whole.
    states: dict[ObjectKey, KeptState]
    delivered: list[Attempt] = field(default_factory=list)
    refused: list[Attempt] = field(default_factory=list)
    #: Whether its first letter may go without another turn.
    has_turn: bool = True
    #: Whether it ended early because this process must not go on.
    is_cut: bool = False
    #: The failure that ended the round early.
    failure: Attempt | None = None

    def fail(self, attempt: Attempt) -> None:
        """End the round. That the platform cannot be reached says more than one bad answer."""
        if self.failure is None or self.failure.verdict is Verdict.FAULTY:
            self.failure = attempt


def told_places(current: Round, receiver: Receiver, batch: Batch) -> set[int]:
    """The places of a batch of which nothing is left to tell."""
    return {
        place
        for place, change in batch.places
        if place in batch.told or (receiver, change.key) not in current.open
    }


def subjects(groups: Mapping[ObjectKey, Group]) -> set[Subject]:
    """Who is to be told of which object."""
    return {(receiver, key) for key, group in groups.items() for receiver, _ in group}


def grouped(owed: Mapping[Receiver, Mapping[ObjectKey, Owed]]) -> dict[ObjectKey, Group]:
    """What is owed, object by object; if one receiver needs the whole object, all of the platform get it."""
    groups: dict[ObjectKey, Group] = {}
    for receiver, objects in owed.items():
        for key, each in objects.items():
            groups.setdefault(key, []).append((receiver, each))
    return {key: _in_step(group) for key, group in groups.items()}


def whole_keys(groups: Mapping[ObjectKey, Group]) -> list[ObjectKey]:
    """The objects of which the newest state is needed."""
    return [key for key, group in groups.items() if group[0][1].is_whole]


def position_after(position: int, ahead: Iterable[Change], is_open: Callable[[Change], bool]) -> int:
    """How far a cursor may move: up to the first change that is still owed."""
    for change in ahead:
        if is_open(change):
            break
        position = change.seq
    return position


def _in_step(group: Group) -> Group:
    if not any(owed.is_whole for _, owed in group):
        return group
    return [(receiver, owed._replace(is_whole=True)) for receiver, owed in group]
