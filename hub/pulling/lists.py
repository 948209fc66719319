"""Which lists there are to pull: pure (RT-52, TR-30).

A list is a module's, of one party of a platform: a platform that gives each of its parties a list of its own,
and one that gives all of them the same, are then both read to the full.
"""

from typing import NamedTuple

from hub.directory.directory import Platform
from hub.ocpi.modules import MODULES
from hub.ocpi.party import Party
from schemas.v2_2_1 import InterfaceRole

#: Tariffs come first: locations name them.
PULLED = ("tariffs", "locations", "tokens")


class List(NamedTuple):
    """One list that can be pulled."""

    platform_id: int
    module: str
    #: Whose list it is.
    party: Party

    def __str__(self) -> str:
        return f"{self.module} of {self.party}"


def lists(platform: Platform) -> tuple[List, ...]:
    """The lists that a platform offers; not another hub's, which would give us what it got from us."""
    if not platform.is_registered or platform.is_hub:
        return ()
    return tuple(
        dict.fromkeys(
            List(platform.id, module, registered.party)
            for module in PULLED
            if platform.endpoint(module, InterfaceRole.SENDER) is not None
            for registered in platform.roles
            if registered.role in MODULES[module].sender_roles
        )
    )
