"""What to send of several changes: pure.

A receiver that is behind by one change of an object gets it as it came. Behind by more, or if the object has
moved on since, it gets only the newest state, whole. So nothing stale is sent, and whatever is sent is the
newest that is known: sending something twice, after a crash, never takes an object back.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from hub.delivery.changes import Change
from hub.ocpi.description import ObjectKey


class Owed(NamedTuple):
    """What a receiver is to be told of one object."""

    #: The newest change that it was not told of.
    change: Change
    #: Whether it gets the object's newest state, and not the change as it came.
    is_whole: bool


def with_whole(owed: Mapping[ObjectKey, Owed], changes: Iterable[Change]) -> dict[ObjectKey, Owed]:
    """What is owed, and these objects whole, last."""
    found = dict(owed)
    for change in changes:
        newest = found[change.key].change if change.key in found else change
        found[change.key] = Owed(newest, is_whole=True)
    return found


def collapsed(
    changes: Iterable[Change], newest: Callable[[Change], int], doubtful: Collection[ObjectKey] = ()
) -> dict[ObjectKey, Owed]:
    """What is owed of each object, in the order in which they first changed.

    Args:
        changes: What the receiver was not told of, in order.
        newest: The number of the newest change of a change's object.
        doubtful: Objects of which the receiver refused something, so that a partial change may not fit.
    """
    owed: dict[ObjectKey, Owed] = {}
    for change in changes:
        is_only = change.key not in owed and change.key not in doubtful
        as_it_came = is_only and change.is_partial and newest(change) == change.seq
        owed[change.key] = Owed(change, is_whole=not as_it_came)
    return owed
