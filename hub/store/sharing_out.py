"""Who looks after what, shared out evenly between the processes of a hub: pure (decision 0047)."""

from collections.abc import Collection, Mapping
from typing import NamedTuple


class Plan(NamedTuple):
    """What a process is to do so that everybody has as much as everybody else."""

    #: What nobody looks after, as far as there is room for it here.
    take: tuple[int, ...]
    #: What others have room for.
    give_back: tuple[int, ...]


def plan(me: str, processes: Collection[str], wanted: Collection[int], holders: Mapping[int, str]) -> Plan:
    """What a process takes and gives back.

    Args:
        me: The process.
        processes: All that live, by their names.
        wanted: What is to be looked after.
        holders: Who does so now, where somebody does.
    """
    mine = sorted(each for each, holder in holders.items() if holder == me and each in wanted)
    room = share(me, processes, len(wanted))
    free = sorted(each for each in wanted if each not in holders)
    superfluous = [each for each, holder in holders.items() if holder == me and each not in wanted]
    return Plan(tuple(free[: max(0, room - len(mine))]), (*mine[room:], *superfluous))


def share(me: str, processes: Collection[str], count: int) -> int:
    """How many of so many things are for this process: the shares of all add up to all of them."""
    everybody = sorted({*processes, me})
    least, rest = divmod(count, len(everybody))
    return least + (everybody.index(me) < rest)
