"""The Directory: a value that says who is who, and who can be reached where (design D6, D7).

Routing and policy read it; it is swapped whole when something changes, so that no request sees half a change.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from hub.directory.agreements import EVERYBODY, Agreements
from hub.directory.quirks import (
    EVERYWHERE,
    NO_QUIRKS,
    VERSIONS,
    Quirk,
    Quirks,
    about,
    with_slash,
)
from hub.directory.tokens import TokenPurpose, token_hash
from hub.ocpi.headers import TokenEncoding
from hub.ocpi.party import Party, PartyRole
from hub.ocpi.transport import joined_url
from schemas.v2_2_1 import ConnectionStatus, InterfaceRole, Role

Endpoint = tuple[str, InterfaceRole]
#: Newer than all.
ANY_RESYNC = 2**62


class WhenUnreachable(StrEnum):
    """What happens to changes while a platform cannot be reached (design D3)."""

    #: It gets the newest state of what changed when it is back.
    STATE = "state"
    #: It is owed nothing, and pulls; OCPI's letter (TR-31, TR-32).
    NONE = "none"


class BadBodies(StrEnum):
    """What happens to a body for a platform that breaks the schema (design D5)."""

    #: It goes on; the platform judges.
    RELAY = "relay"
    #: The hub answers 2001.
    REFUSE = "refuse"


class Pull(StrEnum):
    """When the hub pulls the lists of a platform (2.2.1, Pull and Push; TR-30, TR-32)."""

    #: At connecting and after an outage; in between only if it does not push.
    AUTO = "auto"
    #: Also in between.
    ALWAYS = "always"
    #: Only when an operator says so.
    NEVER = "never"


class HubRole(StrEnum):
    """Whether a platform may be another hub, which speaks for parties that are not here (RT-10)."""

    #: It registers the parties that it speaks for, as everybody does.
    REFUSED = "refused"
    #: It may register in the role HUB.
    ALLOWED = "allowed"


@dataclass(frozen=True, slots=True)
class RegisteredRole:
    """A party in a role, with what it says of its business."""

    party: Party
    role: Role
    #: BusinessDetails as JSON, as it came.
    business_details: str

    @property
    def key(self) -> PartyRole:
        """The party and role alone."""
        return PartyRole(self.party, self.role)


class DistantParty(NamedTuple):
    """A party in a role that another hub reaches, as that hub told (RT-10)."""

    party: Party
    role: Role
    status: ConnectionStatus
    #: By the other hub's clock.
    last_updated: datetime


@dataclass(frozen=True, slots=True)
class Platform:
    """A connected system, as routing needs to know it."""

    id: int
    name: str
    status: ConnectionStatus
    is_blocked: bool = False
    versions_url: str | None = None
    version: str | None = None
    #: The token that we show it.
    outbound_token: str | None = field(default=None, repr=False)
    #: The one that we showed it before, while it may still want that one (AM-15).
    previous_outbound_token: str | None = field(default=None, repr=False)
    token_encoding: TokenEncoding = TokenEncoding.BASE64
    when_unreachable: WhenUnreachable = WhenUnreachable.STATE
    bad_bodies: BadBodies = BadBodies.RELAY
    #: Requests a second of each module, None for the hub's own limit.
    rate_limit: int | None = None
    pull: Pull = Pull.AUTO
    hub_role: HubRole = HubRole.REFUSED
    #: A fingerprint of what it has seen of this hub (VE-09).
    seen_of_hub: str | None = None
    #: From which place in the change log on its new receivers are told what comes; None for the end.
    since_change: int | None = None
    roles: tuple[RegisteredRole, ...] = ()
    endpoints: Mapping[Endpoint, str] = field(default_factory=dict)
    #: Whom it reaches, if it is another hub.
    distant: tuple[DistantParty, ...] = ()
    #: Where it does otherwise than OCPI says, as far as that was found out.
    quirks: Quirks = NO_QUIRKS
    #: Its own, whatever their roles.
    parties: frozenset[Party] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Find once what each message asks for."""
        object.__setattr__(self, "parties", frozenset(registered.party for registered in self.roles))

    @property
    def is_registered(self) -> bool:
        """Whether the handshake is done and was not undone."""
        return self.outbound_token is not None

    @property
    def is_connected(self) -> bool:
        """Whether requests may be sent to it now (HCI-11 to HCI-14)."""
        return self.status is ConnectionStatus.CONNECTED and self.is_registered

    def has_party(self, party: Party) -> bool:
        """Whether the party is one of its own (RT-11)."""
        return party in self.parties

    def spelled(self, party: Party) -> Party:
        """One of its own parties, in its own spelling."""
        return next((registered.party for registered in self.roles if registered.party == party), party)

    @property
    def is_hub(self) -> bool:
        """Whether it is another hub, which speaks for parties that it does not list (RT-10)."""
        is_allowed = self.hub_role is HubRole.ALLOWED
        return is_allowed and any(registered.role is Role.HUB for registered in self.roles)

    @property
    def all_parties(self) -> frozenset[Party]:
        """Its own parties and, if it is another hub, those that it reaches (RT-10)."""
        return self.parties | {each.party for each in self.distant} if self.is_hub else self.parties

    @property
    def only_party(self) -> Party | None:
        """Its party, None where it has several or none (RT-05)."""
        return next(iter(self.parties)) if len(self.parties) == 1 else None

    def roles_of(self, party: Party) -> tuple[Role, ...]:
        """The roles in which it registered the party."""
        return tuple(registered.role for registered in self.roles if registered.party == party)

    def endpoint(self, module: str, interface: InterfaceRole) -> str | None:
        """The URL of a module's interface, None where the platform does not offer it.

        It is the one that the platform registered, or the one where it really is.
        """
        registered = self.endpoints.get((module, interface))
        if registered is None or not self.quirks.known:
            return registered
        return self.quirks.url(registered, about(module, interface))

    def url(self, module: str, interface: InterfaceRole, tail: str = "", query: str = "") -> str | None:
        """The URL of something below an interface; None where the platform does not offer it."""
        endpoint = self.endpoint(module, interface)
        if endpoint is None:
            return None
        url = joined_url(endpoint, tail, query)
        slash = self.quirks.value(Quirk.TRAILING_SLASH, about(module, interface))
        return with_slash(url) if slash == EVERYWHERE else url

    @property
    def versions_at(self) -> str | None:
        """Where its versions really are."""
        return None if self.versions_url is None else self.quirks.url(self.versions_url, VERSIONS)


@dataclass(frozen=True, slots=True)
class InboundToken:
    """Whose a token is that was shown to us, and what it is good for."""

    platform_id: int
    purpose: TokenPurpose
    #: A newer one was given, which must be shown before this moment, or this one may stay (AM-15).
    retires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """The platform that made a request, and the token that it showed."""

    platform: Platform
    token: str = field(repr=False)
    purpose: TokenPurpose
    encoding: TokenEncoding
    #: The token that it showed decides which of several stays: `rotation.settle` has to be called (AM-15).
    ends_rotation: bool = False

    @property
    def is_registered(self) -> bool:
        """Whether the token opens the functional modules."""
        return self.purpose is TokenPurpose.CREDENTIALS


@dataclass(frozen=True, slots=True)
class Directory:
    """Everybody who is known to the hub, at one moment."""

    #: The hub's own party.
    hub: Party
    platforms: Mapping[int, Platform] = field(default_factory=dict)
    #: By the hash of the token.
    inbound_tokens: Mapping[str, InboundToken] = field(default_factory=dict, repr=False)
    by_party: Mapping[Party, tuple[tuple[Platform, Role], ...]] = field(default_factory=dict, repr=False)
    #: The hubs that reach a party.
    by_distant_party: Mapping[Party, tuple[tuple[Platform, DistantParty], ...]] = field(
        default_factory=dict, repr=False
    )
    #: Platforms with more than one token that works.
    rotating: frozenset[int] = frozenset()
    #: Who may exchange what with whom.
    agreements: Agreements = EVERYBODY
    #: The newest resync that was owed when it was read: what is owed since is by an agreement not in it.
    last_resync: int = ANY_RESYNC

    @classmethod
    def of(
        cls,
        hub: Party,
        platforms: Iterable[Platform],
        inbound_tokens: Mapping[str, InboundToken],
        agreements: Agreements = EVERYBODY,
        *,
        last_resync: int = ANY_RESYNC,
    ) -> "Directory":
        """The directory of these platforms."""
        known = {platform.id: platform for platform in platforms}
        by_party: dict[Party, list[tuple[Platform, Role]]] = {}
        beyond: dict[Party, list[tuple[Platform, DistantParty]]] = {}
        for platform in known.values():
            for distant in platform.distant if platform.is_hub else ():
                beyond.setdefault(distant.party, []).append((platform, distant))
            for registered in platform.roles:
                by_party.setdefault(registered.party, []).append((platform, registered.role))
        return cls(
            hub,
            MappingProxyType(known),
            MappingProxyType(dict(inbound_tokens)),
            MappingProxyType({party: tuple(found) for party, found in by_party.items()}),
            MappingProxyType({party: tuple(found) for party, found in beyond.items()}),
            frozenset(token.platform_id for token in inbound_tokens.values() if token.retires_at),
            agreements,
            last_resync,
        )

    def caller(self, shown: Iterable[tuple[str, TokenEncoding]], now: datetime) -> Caller | None:
        """The platform that one of these readings of its token names, None if nobody's (AM-02)."""
        for token, encoding in shown:
            found = self.inbound_tokens.get(token_hash(token))
            if found is not None:
                platform = self.platforms[found.platform_id]
                return Caller(platform, token, found.purpose, encoding, self._ends_rotation(found, now))
        return None

    def _ends_rotation(self, shown: InboundToken, now: datetime) -> bool:
        is_one_of_several = shown.platform_id in self.rotating and shown.purpose is TokenPurpose.CREDENTIALS
        return is_one_of_several and (shown.retires_at is None or shown.retires_at <= now)

    def named(self, name: str) -> Platform | None:
        """The platform of this name."""
        return next((each for each in self.platforms.values() if each.name == name), None)

    def holders(self, party: Party) -> tuple[tuple[Platform, Role], ...]:
        """The platforms that registered the party, each with the role."""
        return self.by_party.get(party, ())

    def reaching(self, party: Party) -> tuple[tuple[Platform, DistantParty], ...]:
        """The other hubs that reach a party, each with what it told of it (RT-10)."""
        return self.by_distant_party.get(party, ())
