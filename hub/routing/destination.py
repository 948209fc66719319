"""Where a message goes: to one party, to many, to the hub's own store, or nowhere.

How the modes are told apart (AM-04):

TO is      request                                goes
a party    any                                    to that party (Direct)
the hub    PUT, PATCH, DELETE of broadcast data   to everybody concerned (Broadcast)
the hub    GET of a Sender interface              to the hub's store (GetAll, GetOne)
the hub    anything else                          nowhere: 2000 (RT-38, RT-39, AM-54)
absent     a list                                 nowhere: 2001 (RT-56)
absent     PUT, PATCH, DELETE of broadcast data   to everybody concerned (Broadcast, RT-49)
absent     any other                              to whom its content means (Direct, AskAll; addressee.py)
"""

from dataclasses import dataclass
from typing import NamedTuple

from hub.directory.directory import Directory, Platform
from hub.ocpi.errors import (
    ClientError,
    InvalidParameters,
    ReceiverNotConnected,
    RoutingError,
    UnknownReceiver,
)
from hub.ocpi.message import Message
from hub.ocpi.party import Party
from hub.routing.addressee import NOTHING_KNOWN, AnyOf, Candidates, Content, Found, Meant, addressee
from hub.routing.policy import MayExchange
from schemas.v2_2_1 import ConnectionStatus, InterfaceRole, Role

#: Methods that change something.
PUSHES = frozenset({"PUT", "PATCH", "POST", "DELETE"})


class Direct(NamedTuple):
    """To one party, now; its answer is the answer."""

    platform: Platform
    party: Party
    #: The URL of the module's interface at the platform.
    endpoint: str
    #: How the party was found, None where OCPI-to names it.
    found: Found | None = None


@dataclass(frozen=True, slots=True)
class AskAll:
    """To all that may know a token, at the same time; the best answer is the answer (RT-51)."""

    receivers: tuple[Direct, ...]


@dataclass(frozen=True, slots=True)
class Broadcast:
    """To everybody concerned, soon."""

    sender_role: Role


@dataclass(frozen=True, slots=True)
class GetAll:
    """A page of what the hub has from all owners (RT-52)."""


@dataclass(frozen=True, slots=True)
class GetOne:
    """One object from the hub's store (RT-56)."""


Destination = Direct | AskAll | Broadcast | GetAll | GetOne


def sending_party(message: Message, caller: Platform, directory: Directory) -> Party:
    """The party that the message is from, for which the caller may speak (RT-11).

    Raises:
        InvalidParameters: another platform's party, or no party and the caller has several (RT-05).
    """
    sender = message.routing.sender or caller.only_party
    if sender is None:
        raise InvalidParameters(
            "OCPI-from headers are missing, and your platform has several parties", rows=("RT-05",)
        )
    if not speaks_for(caller, sender, directory):
        raise InvalidParameters(
            f"OCPI-from headers: {sender} is not a party of your platform", rows=("RT-11",)
        )
    return sender


def speaks_for(platform: Platform, party: Party, directory: Directory) -> bool:
    """Whether the party is the platform's own; another hub speaks for who is not here (RT-10)."""
    is_elsewhere = not directory.holders(party) and party != directory.hub
    return platform.has_party(party) or (platform.is_hub and is_elsewhere)


def destination(
    message: Message,
    sender: Party,
    caller: Platform,
    directory: Directory,
    may_exchange: MayExchange,
    content: Content = NOTHING_KNOWN,
    *,
    asks_all: bool = True,
) -> Destination:
    """Where a message from this party of this platform goes.

    Args:
        message: What goes.
        sender: Whom it is from.
        caller: The platform that sends it.
        directory: Who is known.
        may_exchange: Who may talk to whom.
        content: What its content says of the addressee, where OCPI-to names nobody.
        asks_all: Whether all eMSPs may be asked about a token that nobody is known to own.

    Raises:
        OcpiError: nowhere; the class and the message say why.
    """
    to = message.routing.to
    if to is None:
        return _open(message, content, Candidates(message, sender, caller, directory, may_exchange, asks_all))
    if to == directory.hub:
        return _hub(message, sender, caller)
    return direct(message, to, sender, caller, directory, may_exchange)


def direct(
    message: Message,
    to: Party,
    sender: Party,
    caller: Platform,
    directory: Directory,
    may_exchange: MayExchange,
) -> Direct:
    """The way to one party.

    Raises:
        RoutingError: unknown (4001), not connected (4003), or without that module (4000).
    """
    holders = directory.holders(to)
    is_known = holders or directory.reaching(to)
    if not is_known or not may_exchange(sender, to, message.module.id):
        raise UnknownReceiver(f"{to} is not known to this hub", rows=("RT-13",))
    if not holders:
        return _by_way_of_another_hub(message, to, sender, caller, directory)
    # One party may be CPO on one platform and eMSP on another: the module tells who is meant (RT-12).
    roles = message.module.roles(message.interface)
    in_role = [holder for holder, role in holders if role in roles] or [holders[0][0]]
    platform = next((holder for holder in in_role if holder.id != caller.id), in_role[0])
    if platform.id == caller.id:
        raise RoutingError(f"{to} is a party of your own platform", rows=("AM-56",))
    if not platform.is_connected:
        raise ReceiverNotConnected(f"{to} is {platform.status}", rows=("RT-14",))
    endpoint = platform.endpoint(message.module.id, message.interface)
    if endpoint is None:
        raise RoutingError(f"{to} does not offer {message.module.id} as {message.interface}", rows=("RT-18",))
    return Direct(platform, to, endpoint)


def _by_way_of_another_hub(
    message: Message, to: Party, sender: Party, caller: Platform, directory: Directory
) -> Direct:
    """The way to a party that another hub reaches (RT-10).

    It is for messages of our own platforms only. What another hub has sent on already goes to nobody but our
    own platforms, so that nothing can go in circles, whatever hubs tell of each other (AM-56).

    Raises:
        RoutingError: there is none from here (4001), or it cannot be gone now (4003, 4000).
    """
    roles = message.module.roles(message.interface)
    ways = [
        (platform, distant)
        for platform, distant in directory.reaching(to)
        if distant.role in roles and platform.id != caller.id and caller.has_party(sender)
    ]
    if not ways:
        raise UnknownReceiver(f"{to} is not known to this hub", rows=("RT-13",))
    open_ways = [
        platform
        for platform, distant in ways
        if platform.is_connected and distant.status is ConnectionStatus.CONNECTED
    ]
    if not open_ways:
        raise ReceiverNotConnected(f"{to} cannot be reached by way of another hub now", rows=("RT-14",))
    endpoint = open_ways[0].endpoint(message.module.id, message.interface)
    if endpoint is None:
        raise RoutingError(
            f"the hub of {to} does not offer {message.module.id} as {message.interface}", rows=("RT-18",)
        )
    return Direct(open_ways[0], to, endpoint)


def _hub(message: Message, sender: Party, caller: Platform) -> Broadcast | GetAll | GetOne:
    module, interface = message.module, message.interface
    is_list = interface is InterfaceRole.SENDER and message.method == "GET" and message.operation.paged
    if not module.is_broadcast and not (module.is_kept and is_list):
        raise ClientError(f"{module.id} are not for everybody: address a party, not the hub", rows=("RT-39",))
    if interface is InterfaceRole.SENDER and message.method == "GET":
        return GetAll() if message.operation.paged else GetOne()
    if is_push_to_everybody(message):
        return Broadcast(_broadcasting_role(message, sender, caller))
    raise ClientError(
        f"{message.method} of the {interface.lower()} interface cannot be addressed to the hub",
        rows=("RT-38", "AM-54"),
    )


def _broadcasting_role(message: Message, sender: Party, caller: Platform) -> Role:
    """The role in which the sender owns such objects."""
    roles = caller.roles_of(sender)
    owning = [role for role in roles if role in message.module.sender_roles]
    if not owning:
        wanted = ", ".join(sorted(message.module.sender_roles))
        raise ClientError(
            f"{sender} cannot broadcast {message.module.id}: expected a role among {wanted}", rows=("RT-32",)
        )
    return owning[0]


def is_push_to_everybody(message: Message) -> bool:
    """Whether the message changes an object that is meant for everybody (RT-28, RT-39)."""
    is_push = message.interface is InterfaceRole.RECEIVER and message.method in PUSHES
    return is_push and message.module.is_broadcast


def _open(message: Message, content: Content, candidates: Candidates) -> Direct | AskAll | Broadcast:
    if message.operation.paged:
        raise InvalidParameters(
            "OCPI-to headers are missing: a list is asked of a party, or of the hub", rows=("RT-56",)
        )
    if is_push_to_everybody(message):
        return Broadcast(_broadcasting_role(message, candidates.sender, candidates.caller))
    match addressee(message, content, candidates):
        case Meant(party, found):
            return _way(party, candidates)._replace(found=found)
        case AnyOf(parties):
            return _ask_all(parties, candidates)


def _ask_all(parties: tuple[Party, ...], candidates: Candidates) -> AskAll:
    """The ways to those who can be asked now.

    Raises:
        RoutingError: nobody can; the reason of one of them.
    """
    ways: list[Direct] = []
    refusals: list[RoutingError] = []
    for party in parties:
        try:
            ways.append(_way(party, candidates))
        except RoutingError as refusal:
            refusals.append(refusal)
    if not ways:
        raise max(refusals, key=lambda refusal: refusal.status_code)
    return AskAll(tuple(ways))


def _way(party: Party, candidates: Candidates) -> Direct:
    message, sender, caller, directory, may_exchange = (
        candidates.message,
        candidates.sender,
        candidates.caller,
        candidates.directory,
        candidates.may_exchange,
    )
    return direct(message, party, sender, caller, directory, may_exchange)
