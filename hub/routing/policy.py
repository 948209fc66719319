"""Who may send what to whom: the one place that decides (design D6)."""

from collections.abc import Callable

from hub.ocpi.party import Party
from hub.settings import PolicyMode

#: Whether a party may exchange a module's messages with another.
MayExchange = Callable[[Party, Party, str], bool]


def policy(mode: PolicyMode) -> MayExchange:
    """The policy of a hub that runs in this mode."""
    match mode:
        case PolicyMode.OPEN:
            return _everybody


def _everybody(_sender: Party, _receiver: Party, _module: str) -> bool:
    return True
