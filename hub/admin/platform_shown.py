"""A platform as the administration API shows it: with everything but its tokens."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.admin.deliveries import ReceiverShown, receiver_shown
from hub.admin.quirks_shown import QuirkShown, quirks_shown
from hub.admin.wire import Output
from hub.calling.circuits import Circuits, CircuitState
from hub.calling.rate_limits import RateLimits
from hub.delivery.overview import ReceiverProgress
from hub.directory.directory import Platform
from hub.store.tables import QuirkRow
from schemas import exact_json


class RoleShown(Output):
    """A party in a role."""

    #: `NL/TNM`.
    party: str
    role: str
    #: BusinessDetails, as the platform gave them.
    business_details: Any


class EndpointShown(Output):
    """Where a platform offers a module's interface."""

    module: str
    interface: str
    url: str


class PeaceShown(Output):
    """A module for which a platform wants fewer requests."""

    module: str
    until: datetime


class TrafficShown(Output):
    """How much may be sent from and to a platform, and whether it answers."""

    #: Requests a second that it may send of each module.
    rate_limit: int
    #: closed: requests pass; open: it does not answer, and is left in peace; half open: one is let through.
    circuit: CircuitState
    circuit_open_until: datetime | None
    #: Where it has asked for fewer requests.
    peace: list[PeaceShown]


@dataclass(frozen=True, slots=True)
class Traffic:
    """Reads how much may be sent."""

    rates: RateLimits
    circuits: Circuits

    def of(self, platform: Platform) -> TrafficShown:
        """What holds for the platform now."""
        state, until = self.circuits.state(platform.id)
        return TrafficShown(
            rate_limit=self.rates.of(platform),
            circuit=state,
            circuit_open_until=until,
            peace=[
                PeaceShown(module=module, until=moment)
                for module, moment in self.circuits.peace(platform.id).items()
            ],
        )


class PlatformShown(Output):
    """A platform, with everything but its tokens."""

    name: str
    #: PLANNED, CONNECTED, OFFLINE or SUSPENDED.
    status: str
    #: By an operator; a sign of life does not end that.
    is_suspended: bool
    is_registered: bool
    version: str | None
    versions_url: str | None
    #: How it wants tokens in the Authorization header.
    token_encoding: str
    when_unreachable: str
    bad_bodies: str
    #: When its lists are pulled: auto, always or never.
    pull: str
    #: Whether it may be another hub: refused or allowed.
    hub_role: str
    traffic: TrafficShown
    #: Whether it sends what changes: unknown, yes or no.
    pushes: str
    #: Where it does otherwise than OCPI says.
    quirks: list[QuirkShown]
    roles: list[RoleShown]
    endpoints: list[EndpointShown]
    #: How far its receivers have come.
    deliveries: list[ReceiverShown]


class PlatformsShown(Output):
    """All platforms, by name."""

    platforms: list[PlatformShown]


class Invited(Output):
    """What a partner needs to register; the token is shown this once."""

    name: str
    token: str
    versions_url: str


class Removed(Output):
    """A platform that is gone."""

    name: str


def shown(
    platform: Platform, progress: Iterable[ReceiverProgress], traffic: Traffic, quirks: Iterable[QuirkRow]
) -> PlatformShown:
    """The platform without its tokens; of the receivers' progress, its own."""
    return PlatformShown(
        name=platform.name,
        status=platform.status,
        is_suspended=platform.is_blocked,
        is_registered=platform.is_registered,
        version=platform.version,
        versions_url=platform.versions_url,
        token_encoding=platform.token_encoding,
        when_unreachable=platform.when_unreachable,
        bad_bodies=platform.bad_bodies,
        pull=platform.pull,
        hub_role=platform.hub_role,
        traffic=traffic.of(platform),
        pushes=platform.quirks.pushes,
        quirks=quirks_shown(platform.quirks, quirks),
        roles=[
            RoleShown(
                party=str(each.party),
                role=each.role,
                business_details=exact_json.decode(each.business_details),
            )
            for each in platform.roles
        ],
        endpoints=[
            EndpointShown(module=module, interface=interface, url=url)
            for (module, interface), url in sorted(platform.endpoints.items())
        ],
        deliveries=[receiver_shown(each) for each in progress if each.platform_id == platform.id],
    )
