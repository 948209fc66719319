"""Who may send what to whom: the one place that decides (design D6)."""

from collections.abc import Callable

from hub.directory.directory import Directory
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock

#: Whether a party may exchange a module's messages with another.
MayExchange = Callable[[Party, Party, str], bool]


def policy(directory: Callable[[], Directory], clock: Clock) -> MayExchange:
    """What the Directory in force says at the moment of asking."""

    def may_exchange(sender: Party, receiver: Party, module: str) -> bool:
        agreements = directory().agreements
        return agreements.is_open or agreements.allow(sender, receiver, module, clock())

    return may_exchange
