"""For whom a request is that names nobody in OCPI-to: pure (open routing, RT-44 to RT-51).

What decides is the operation's clue (`Clue`, in hub/ocpi/description.py), and what is known of it:

| the clue names | the request goes |
|---|---|
| one party that may be meant | to that party |
| several parties that may be meant | nowhere: 2001; two CPOs may have a location of one id (RT-50) |
| only parties that cannot be meant | nowhere: 4001 |
| nobody, and the request tells of a driver | nowhere: 4001; that is never tried on anybody (AM-26) |
| nobody, and it asks whether a token may charge | to who knew it before, else to all at once (RT-51) |
| nobody, and anything else | to the only party that can be meant, else nowhere: 4001 (2001 without clue) |

Who may be meant: a party in a role of the module's interface (RT-12), on another platform than the asker's or
by way of another hub (RT-10), with which the policy lets the asker exchange.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from hub.directory.directory import Directory, Platform
from hub.ocpi.description import Clue
from hub.ocpi.errors import InvalidParameters, UnknownReceiver
from hub.ocpi.message import Message
from hub.ocpi.party import Party
from hub.routing.policy import MayExchange
from schemas.v2_2_1 import Role

#: With these a request tells something of a driver, and goes to nobody whom its content does not name.
OF_A_DRIVER: Final = frozenset({Clue.CDR_TOKEN, Clue.SESSION_TOKEN, Clue.CHARGING_PROFILE})

#: Who is asked about a token that nobody is known to own (TOK-22).
EMSPS: Final = frozenset({Role.EMSP})


class Found(StrEnum):
    """How the addressee of an open request was found."""

    BY_CONTENT = "content"
    #: It knew the token when all were asked.
    LEARNT = "learnt"
    ONLY_CANDIDATE = "only candidate"


@dataclass(frozen=True, slots=True)
class Content:
    """What is known of a request's clue."""

    #: The parties that it names; several where several own something of that id.
    parties: frozenset[Party] = frozenset()
    #: Who knew the token when all were asked; what was pushed to the hub counts more.
    learnt: Party | None = None


NOTHING_KNOWN: Final = Content()


@dataclass(frozen=True, slots=True)
class Meant:
    """The one party that an open request is for."""

    party: Party
    found: Found


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The parties of which one, nobody knows which, may know the token."""

    parties: tuple[Party, ...]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Who may be meant by a message of this party of this platform."""

    message: Message
    sender: Party
    caller: Platform
    directory: Directory
    may_exchange: MayExchange
    #: Whether all eMSPs may be asked about a token of which nobody is known to own it (AM-53).
    asks_all: bool = True

    def all(self) -> tuple[Party, ...]:
        """Everybody here who may be meant, in a fixed order; about an unknown token, eMSPs alone.

        Who is reached by way of another hub is meant only if the content names it.
        """
        return self.among(
            self.directory.by_party, EMSPS if self.message.operation.clue is Clue.TOKEN else None
        )

    def among(self, parties: Iterable[Party], roles: frozenset[Role] | None = None) -> tuple[Party, ...]:
        """Those of these parties who may be meant, spelled as they registered; in one of these roles."""
        of_module = self.message.module.roles(self.message.interface)
        wanted = of_module if roles is None else of_module & roles
        meant = (self._meant(party, wanted) for party in set(parties))
        return tuple(sorted((party for party in meant if party is not None), key=str))

    def _meant(self, party: Party, roles: frozenset[Role]) -> Party | None:
        for platform, role in self.directory.holders(party):
            if role in roles and platform.id != self.caller.id:
                is_allowed = self.may_exchange(self.sender, party, self.message.module.id)
                return platform.spelled(party) if is_allowed else None
        return party if self._is_meant_elsewhere(party, roles) else None

    def _is_meant_elsewhere(self, party: Party, roles: frozenset[Role]) -> bool:
        """Whether another hub reaches it and the message may go there; what a hub sent on may not (AM-56)."""
        is_reached = any(
            distant.role in roles and platform.id != self.caller.id
            for platform, distant in self.directory.reaching(party)
        )
        is_here = bool(self.directory.holders(party))
        may_go = self.caller.has_party(self.sender) and is_reached and not is_here
        return may_go and self.may_exchange(self.sender, party, self.message.module.id)


def addressee(message: Message, content: Content, candidates: Candidates) -> Meant | AnyOf:
    """For whom a message is that names nobody.

    Raises:
        UnknownReceiver: for nobody who is known, or nobody who may be meant (RT-48).
        InvalidParameters: more than one party may be meant (RT-50).
    """
    clue = message.operation.clue
    if content.parties:
        return Meant(_only(clue, candidates.among(content.parties)), Found.BY_CONTENT)
    if content.learnt is not None and (known := candidates.among([content.learnt])):
        return Meant(known[0], Found.LEARNT)
    if clue in OF_A_DRIVER or (clue is Clue.TOKEN and not candidates.asks_all):
        raise _nobody(clue)
    everybody = candidates.all()
    if not everybody:
        raise UnknownReceiver(
            f"nobody whom you may address answers {message.module.id} as {message.interface}",
            rows=("RT-48",),
        )
    if len(everybody) == 1:
        return Meant(everybody[0], Found.ONLY_CANDIDATE)
    if clue is Clue.TOKEN:
        return AnyOf(everybody)
    if clue is None:
        raise InvalidParameters(
            "OCPI-to headers are missing, and more than one party may be meant", rows=("RT-50",)
        )
    raise _nobody(clue)


def _only(clue: Clue | None, parties: tuple[Party, ...]) -> Party:
    match parties:
        case [party]:
            return party
        case []:
            raise _nobody(clue)
    raise InvalidParameters(
        f"OCPI-to headers are missing, and more than one party is known by the {clue}: address one of them",
        rows=("RT-50",),
    )


def _nobody(clue: Clue | None) -> UnknownReceiver:
    # The same words whether nobody is known or nobody may be reached: not everybody shall know who is here.
    return UnknownReceiver(
        f"OCPI-to headers are missing, and nobody is known by the {clue}: name the addressee",
        rows=("AM-26",) if clue in OF_A_DRIVER else ("RT-48",),
    )
