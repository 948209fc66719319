"""Who is owed a change: pure (2.2.1, Message Routing, Broadcast Push; RT-31 to RT-34).

| what | goes to |
|---|---|
| a CPO's, EMSP's, NAP's or OTHER's object | each party in an opposite role, but never the sender itself |
| the same, for a NAP | locations and tariffs only (RT-33) |
| ClientInfo | each platform, but the one that it is about; without a party (HCI-07) |
| ClientInfo of a party that another hub reaches | the same, but no third hub (AM-56) |

Always: not to the platform that sent it (AM-58), only where the platform offers the Receiver interface of the
module, and only where the policy lets the two parties exchange it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from hub.delivery.changes import Change
from hub.directory.directory import Platform
from hub.ocpi.party import BROADCAST_RECEIVERS, Party, PartyRole
from schemas.v2_2_1 import InterfaceRole, Role

CLIENT_INFO = "hubclientinfo"
#: What a National Access Point is interested in.
NAP_MODULES = frozenset({"locations", "tariffs"})

#: Receivers of which there is one value each.
MOST_REMEMBERED = 100_000

#: Whether a party's objects of a module may go to another party.
MayExchange = Callable[[Party, Party, str], bool]


@dataclass(frozen=True, slots=True)
class Receiver:
    """Somebody with a place of its own in the log: a party in a role, or a platform for ClientInfo."""

    platform_id: int
    #: None: the platform as such.
    party_role: PartyRole | None = None
    #: Receivers are looked up often, and hash the same all the time.
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.platform_id, self.party_role)))

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return CLIENT_INFO if self.party_role is None else str(self.party_role)


@lru_cache(maxsize=MOST_REMEMBERED)
def platform_as_such(platform_id: int) -> Receiver:
    """The platform as such, the same value each time: what is looked up so often is found by identity."""
    return Receiver(platform_id)


@lru_cache(maxsize=MOST_REMEMBERED)
def party_on(platform_id: int, country_code: str, party_id: str, role: Role) -> Receiver:
    """A party, so spelled, in a role on a platform; the same value each time, as above."""
    return Receiver(platform_id, PartyRole(Party(country_code, party_id), role))


def receivers(platform: Platform) -> tuple[Receiver, ...]:
    """The receivers that live on a platform; none until it is registered."""
    if not platform.is_registered:
        return ()
    parties = [
        party_on(platform.id, each.party.country_code, each.party.party_id, each.role)
        for each in platform.roles
    ]
    return (platform_as_such(platform.id), *parties)


def is_owed(change: Change, receiver: Receiver, platform: Platform, may_exchange: MayExchange) -> bool:
    """Whether the receiver, who lives on this platform, is owed the change."""
    return concerns(change, receiver, platform) and may_see(change, receiver, platform, may_exchange)


class Hearing:
    """Who lives on a platform, and what concerns them: asked once a sort of change, while it is the same."""

    def __init__(self) -> None:
        self._platform: Platform | None = None
        self._receivers: tuple[Receiver, ...] = ()
        self._concerned: dict[tuple[Receiver, int], bool] = {}

    def receivers(self, platform: Platform) -> tuple[Receiver, ...]:
        """As the function."""
        self._look(platform)
        return self._receivers

    def concerns(self, change: Change, receiver: Receiver, platform: Platform) -> bool:
        """As the function."""
        self._look(platform)
        about = receiver, change.sort
        known = self._concerned.get(about)
        if known is None:
            known = self._concerned[about] = concerns(change, receiver, platform)
        return known

    def _look(self, platform: Platform) -> None:
        if platform is not self._platform:
            self._platform = platform
            self._receivers = receivers(platform)
            self._concerned = {}


def may_see(change: Change, receiver: Receiver, platform: Platform, may_exchange: MayExchange) -> bool:
    """Whether the policy lets the receiver see the change's object."""
    if receiver.party_role is not None:
        return may_exchange(change.owner, receiver.party_role.party, change.key.module)
    return any(may_exchange(change.owner, party, change.key.module) for party in platform.all_parties)


def concerns(change: Change, receiver: Receiver, platform: Platform) -> bool:
    """Whether the receiver, who lives on this platform, is owed the change if the policy lets it."""
    module = change.key.module
    if change.sender_platform_id == platform.id or platform.endpoint(module, InterfaceRole.RECEIVER) is None:
        return False
    if receiver.party_role is None:
        is_first_hand = change.sender_role is Role.HUB
        return module == CLIENT_INFO and (is_first_hand or not platform.is_hub)
    party, role = receiver.party_role
    return (
        module != CLIENT_INFO
        and role in BROADCAST_RECEIVERS.get(change.sender_role, frozenset())
        and (role is not Role.NAP or module in NAP_MODULES)
        and party != change.owner
    )
